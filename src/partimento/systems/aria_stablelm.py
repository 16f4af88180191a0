"""Aria's language model as StableLM, a stock class of Hugging Face transformers, and back.

StableLM with all its options off is the same network: LayerNorms with bias before attention and SwiGLU, rotary
positions over whole heads, no other biases, an output layer of its own. Queries, keys and values are three matrices
there and one here; nothing else differs, so the logits are equal and whatever runs StableLM runs this.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from partimento import __version__
from partimento.checkpoint import (
    CARD,
    CONFIG,
    WEIGHTS,
    CheckpointError,
    check_shapes,
    read_config,
    read_shapes,
    read_state,
    write_checkpoint,
)
from partimento.hub import Source, licence_of, resolve
from partimento.networks.decoder import DecoderConfig
from partimento.networks.transformer import TransformerConfig
from partimento.systems.aria import network_of
from partimento.systems.aria_official import imported_config, is_official, open_official, shapes_of
from partimento.tokens.vocabulary import Vocabulary

GENERATION = "generation_config.json"
OUTER = {"embedding": "model.embed_tokens", "transformer.norm": "model.norm", "head": "lm_head"}
INNER = {
    "attention_norm": ("input_layernorm",),
    "attention.qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "attention.out": ("self_attn.o_proj",),
    "feedforward_norm": ("post_attention_layernorm",),
    "feedforward.gate": ("mlp.gate_proj",),
    "feedforward.up": ("mlp.up_proj",),
    "feedforward.down": ("mlp.down_proj",),
}
# What makes StableLM this network. Each is written out: readers differ in what they take a missing one for
# (transformers rotates a quarter of a head, llama.cpp lets attention and feed-forward run beside each other).
FIXED: dict[str, Any] = {
    "hidden_act": "silu",
    "partial_rotary_factor": 1.0,
    "use_parallel_residual": False,
    "use_qkv_bias": False,
    "qk_layernorm": False,
    "tie_word_embeddings": False,
}
DEFAULTS = {**FIXED, "partial_rotary_factor": 0.25}  # StableLM's own, where a configuration is silent
SAMPLING = {"do_sample": True, "temperature": 0.95, "min_p": 0.035}  # as the original program draws

logger = logging.getLogger("partimento")


def is_stablelm(config: Mapping[str, Any]) -> bool:
    """Whether a `config.json` is one of transformers' StableLM."""
    return "network" not in config and config.get("model_type") == "stablelm"


def stablelm_names(name: str) -> list[str]:
    """StableLM's tensors that ours is stacked of, in order.

    >>> stablelm_names("transformer.blocks.3.attention.out.weight")
    ['model.layers.3.self_attn.o_proj.weight']
    """
    part, _, kind = name.rpartition(".")
    if part.startswith("transformer.blocks."):
        index, _, inner = part.removeprefix("transformer.blocks.").partition(".")
        return [f"model.layers.{index}.{one}.{kind}" for one in INNER[inner]]
    return [f"{OUTER[part]}.{kind}"]


def to_stablelm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A language model's tensors under StableLM's names."""
    found: dict[str, Tensor] = {}
    for name, tensor in state.items():
        names = stablelm_names(name)
        parts = tensor.chunk(len(names)) if len(names) > 1 else (tensor,)
        found |= {theirs: part.clone() for theirs, part in zip(names, parts, strict=True)}
    return found


def from_stablelm(theirs: Mapping[str, Tensor], network: DecoderConfig) -> dict[str, Tensor]:
    """The inverse of `to_stablelm`, for a network of these sizes."""
    return {name: torch.cat([theirs[part] for part in stablelm_names(name)]) for name in shapes_of(network)}


def export_stablelm(source: str | Path, folder: str | Path, dtype: torch.dtype = torch.float32) -> None:
    """Write a language model as a folder that `AutoModelForCausalLM.from_pretrained` opens.

    Args:
        source: one of our checkpoints or an official one; as `hub.resolve`.
        dtype: of the stored tensors, float32 or bfloat16.

    Raises:
        CheckpointError: if the checkpoint is not of Aria, or its head is for embeddings or classes.
        FileExistsError: if the folder exists and is not empty.
    """
    found, folder = resolve(source), Path(folder)
    config = read_config(found.folder)
    network, names = _open(found, config)
    if network.head != "next_token":
        raise CheckpointError(
            f"{found.name} has a head for {network.head!r}, for which StableLM has no place; "
            "export the language model that it was made from"
        )
    if network.condition:
        logger.warning(
            f"{found.name}: StableLM has no place for the adapter of a condition; the plain language model is exported"
        )
        names = {ours: name for ours, name in names.items() if not ours.startswith("adapter.")}
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty; give another folder")
    state = read_state(found.weights, dtype)
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / WEIGHTS
    save_file(to_stablelm({ours: state[name] for ours, name in names.items()}), weights, {"format": "pt"})
    weights.chmod(0o644)  # safetensors writes it for its owner alone
    sampling = {**_special_ids(), **SAMPLING, "max_length": network.context}
    for name, content in ((CONFIG, stablelm_config(network, dtype)), (GENERATION, sampling)):
        (folder / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    licence = licence_of(found.folder, config)
    (folder / CARD).write_text(_exported_card(found, network, licence), encoding="utf-8")


def import_stablelm(
    source: str | Path, folder: str | Path, licence: str | None = None, dtype: torch.dtype = torch.float32
) -> None:
    """Write a StableLM folder that `export_stablelm` made, or training elsewhere changed, as one of our checkpoints.

    Args:
        source: the folder, one safetensors file in it, or a Hugging Face repository; as `hub.resolve`.
        licence: of the weights; taken from the source's card if None.
        dtype: of the stored tensors.

    Raises:
        CheckpointError: if the configuration says another network than Aria's, or the tensors do not fit it.
    """
    found = resolve(source)
    config = read_config(found.folder)
    network = stablelm_network(config, found.folder / CONFIG)
    expected: dict[str, tuple[int, ...]] = {}
    for name, (rows, *rest) in shapes_of(network).items():
        parts = stablelm_names(name)
        expected |= {part: (rows // len(parts), *rest) for part in parts}
    check_shapes(read_shapes(found.weights), expected, found.weights)
    state = from_stablelm(read_state(found.weights, dtype), network)
    licence = licence or licence_of(found.folder, config)
    card = (
        f"# {found.name}\n\nAria (language model), converted from a StableLM folder. Vocabulary of "
        f"{network.vocabulary:,} tokens, context of {network.context:,}. Licence: {licence}.\n\n{_own_card(found)}"
    )
    write_checkpoint(folder, state, imported_config(found, config, network, licence), card)


def stablelm_config(network: DecoderConfig, dtype: torch.dtype = torch.float32) -> dict[str, Any]:
    """The `config.json` of StableLM for a language model of these sizes.

    The rotary base is at the top, where transformers before version 5, vLLM and llama.cpp look for it.
    """
    sizes = network.transformer
    return {
        "architectures": ["StableLmForCausalLM"],
        "model_type": "stablelm",
        "torch_dtype": str(dtype).removeprefix("torch."),
        **_special_ids(),
        "hidden_size": sizes.width,
        "intermediate_size": sizes.feedforward,
        "layer_norm_eps": sizes.norm_epsilon,
        "max_position_embeddings": network.context,
        "num_attention_heads": sizes.heads,
        "num_hidden_layers": sizes.layers,
        "num_key_value_heads": sizes.heads,
        "rope_theta": sizes.rope_base,
        "vocab_size": network.vocabulary,
        **FIXED,
    }


def stablelm_network(config: Mapping[str, Any], where: Path) -> DecoderConfig:
    """Sizes of the network that a StableLM configuration states, with the rotary base in either of its two places.

    Raises:
        CheckpointError: naming what is missing, or what is no option of Aria's network.
    """
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    stated = {**DEFAULTS, **config, **rope}
    wrong = [f"{key} {stated[key]!r} instead of {value!r}" for key, value in FIXED.items() if stated[key] != value]
    if rope.get("rope_type", "default") != "default":
        wrong.append(f"rope_type {rope['rope_type']!r} instead of 'default'")
    if stated.get("num_key_value_heads", stated.get("num_attention_heads")) != stated.get("num_attention_heads"):
        wrong.append(f"num_key_value_heads {stated['num_key_value_heads']} instead of one for each head")
    if wrong:
        raise CheckpointError(f"{where}: this StableLM is not Aria's network: {', '.join(wrong)}")

    def size(key: str) -> Any:
        value = stated.get(key)
        if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
            raise CheckpointError(f"{where}: {key} is {value!r}; it must be a number above 0")
        return value

    try:
        return DecoderConfig(
            TransformerConfig(
                width=size("hidden_size"),
                heads=size("num_attention_heads"),
                layers=size("num_hidden_layers"),
                feedforward=size("intermediate_size"),
                rope_base=float(size("rope_theta")),
                norm_epsilon=float(size("layer_norm_eps")),
            ),
            vocabulary=size("vocab_size"),
            context=size("max_position_embeddings"),
        )
    except CheckpointError:
        raise
    except ValueError as error:  # sizes that no network can have
        raise CheckpointError(f"{where}: {error}") from None


def _open(found: Source, config: dict[str, Any]) -> tuple[DecoderConfig, dict[str, str]]:
    """Sizes of a checkpoint's network, and from each of our tensor names the name in its file."""
    if is_stablelm(config):
        raise CheckpointError(f"{found.folder} is a StableLM folder already")
    if is_official(config):
        return open_official(found.weights, config)
    if config.get("system") != "aria":
        raise CheckpointError(f"{found.name} was made by {config.get('system')!r}; only Aria has StableLM's structure")
    try:
        network = network_of(config.get("network"))
    except ValueError as error:
        raise CheckpointError(f"{found.folder / CONFIG}: {error}") from None
    shapes = shapes_of(network)
    check_shapes(read_shapes(found.weights), shapes, found.weights)
    return network, {name: name for name in shapes}


def _special_ids() -> dict[str, int]:
    return {"bos_token_id": Vocabulary.start, "eos_token_id": Vocabulary.end, "pad_token_id": Vocabulary.pad}


def _own_card(found: Source) -> str:
    card = found.folder / CARD
    text = card.read_text(encoding="utf-8", errors="replace") if card.exists() else "The source has no card.\n"
    if text.startswith("---\n"):  # the hub reads what is between two lines of dashes from the head of a card alone
        text = text.partition("\n---\n")[2]
    return f"## The source's own card\n\n{text.lstrip()}"


def _exported_card(found: Source, network: DecoderConfig, licence: str) -> str:
    return f"""---
license: {licence.lower() if " " not in licence else "other"}
library_name: transformers
pipeline_tag: text-generation
tags: [music, midi, piano]
---
# {found.name} as StableLM

A language model of piano performance (Bradshaw et al. 2025) with {network.vocabulary:,} tokens and a context of
{network.context:,}, in the stock class `StableLmForCausalLM`: no remote code. Written by Partimento {__version__}.
Licence: {licence}.

Its tokens are notes, not text, so there is no tokenizer here. Ids of a MIDI file, and MIDI of ids:

```sh
partimento tokens PIECE.mid --vocabulary {network.vocabulary} --json > piece.json
```

```python
import json
from pathlib import Path

import torch
from partimento.midi import write_midi
from partimento.tokens.performance import PerformanceTokenizer
from partimento.tokens.vocabulary import vocabulary_of_size
from transformers import AutoModelForCausalLM

model = AutoModelForCausalLM.from_pretrained("FOLDER")
piece = json.loads(Path("piece.json").read_text())
prompt = piece["prefix"] + piece["ids"][:-1]  # without <E>, the end
ids = model.generate(torch.tensor([prompt]))[0].tolist()  # prompt and continuation, up to {network.context:,} tokens
write_midi(PerformanceTokenizer(vocabulary_of_size({network.vocabulary})).decode(ids), "continued.mid")
```

`generate` samples as Partimento does, but without its grammar: an illegal token is unlikely, not impossible.
vLLM has the class too and takes ids as they are: `LLM("FOLDER", skip_tokenizer_init=True)`, prompts as
`{{"prompt_token_ids": prompt}}`, `SamplingParams(stop_token_ids=[{Vocabulary.end}], detokenize=False)`.
`partimento import FOLDER -o OUT` turns the folder, fine-tuned elsewhere or not, back into a checkpoint of Partimento.

{_own_card(found)}"""
