"""The peer of the network: a Hugging Face Llama of the same size."""

from __future__ import annotations

from transformers import LlamaConfig, LlamaForCausalLM

from partimento.networks.decoder import DecoderConfig


def llama_of(config: DecoderConfig) -> LlamaForCausalLM:
    """Random weights of the same width, layers, heads, feed-forward, vocabulary and context; the output layer is untied
    and attention is torch's fused one."""
    sizes = config.transformer
    same = LlamaConfig(
        vocab_size=config.vocabulary,
        hidden_size=sizes.width,
        intermediate_size=sizes.feedforward,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        max_position_embeddings=config.context,
        tie_word_embeddings=False,
        bos_token_id=0,
        eos_token_id=1,
        attn_implementation="sdpa",
    )
    return LlamaForCausalLM(same)
