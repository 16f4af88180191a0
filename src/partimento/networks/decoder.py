"""Aria's causal transformer over token ids, with one head: next token, embedding or class.

Bradshaw et al. 2025, section 3. The four kinds of the original are one module: what the head gives is its size, and a
conditioned model has an adapter that puts an embedding before the first token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from partimento.networks.packed import packed_causal
from partimento.networks.transformer import KeyValueCache, Transformer, TransformerConfig, causal, initialise

Head = Literal["next_token", "embedding", "classes"]

Pool = Literal["end", "mean"]

NOBODY = -2  # the document of a condition that its row does not see: no piece has this number


@dataclass(frozen=True)
class DecoderConfig:
    """Sizes of a decoder.

    Args:
        transformer: the stack of blocks.
        vocabulary: number of token ids V.
        context: most positions it was made for.
        head: what the output layer gives; "next_token" gives V logits.
        outputs: features of an "embedding" or "classes" head; ignored for "next_token".
        condition: features of the embedding that an adapter takes, None where there is no adapter.
        pool: what an "embedding" or "classes" head is given of a sequence: the hidden state of its last token, <E>, as
            in the paper, or the mean over all its tokens.
    """

    transformer: TransformerConfig
    vocabulary: int
    context: int
    head: Head = "next_token"
    outputs: int | None = None
    condition: int | None = None
    pool: Pool = "end"

    def __post_init__(self) -> None:
        if self.head != "next_token" and not self.outputs:
            raise ValueError(f"a decoder with a head for {self.head!r} needs `outputs`, its number of features")


class Decoder(nn.Module):
    """Token ids (B, T) in, head outputs (B, T, V or outputs) out; `hidden` gives the sequence before the head."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        width = config.transformer.width
        self.embedding = nn.Embedding(config.vocabulary, width)
        self.transformer = Transformer(config.transformer)
        outputs = config.vocabulary if config.head == "next_token" else config.outputs
        self.head = nn.Linear(width, outputs or 0, bias=False)
        self.adapter = nn.Linear(config.condition, width, bias=False) if config.condition else None
        self.checkpointing = False

    def initialise(self) -> None:
        """Draw all weights anew."""
        initialise(self, self.config.transformer.layers)

    def hidden(
        self,
        ids: Tensor,
        documents: Tensor | None = None,
        cache: KeyValueCache | None = None,
        condition: Tensor | None = None,
        seen: Tensor | None = None,
    ) -> Tensor:
        """Hidden sequence (B, T, D) of ids (B, T).

        Args:
            documents: (B, T) piece numbers of packed rows; None means one piece a row.
            cache: positions seen before; filled with these.
            condition: (B, condition) embedding put before the first token; its own position is dropped from the result.
            seen: (B,) bool, which rows see their condition; the others are as without one. None means all.

        Raises:
            ValueError: if a condition is given to a network without an adapter.
        """
        x = self.embedding(ids)
        if condition is not None:
            if self.adapter is None:
                raise ValueError("this network has no adapter for a condition; load a conditioned checkpoint")
            x = torch.cat([self.adapter(condition)[:, None], x], dim=1)
            if documents is None and seen is not None:
                documents = torch.zeros_like(ids)
            if documents is not None:  # the condition belongs to the first piece of its row, or to none
                first = documents[:, :1]
                slot = first if seen is None else torch.where(seen[:, None], first, NOBODY)
                documents = torch.cat([slot, documents], dim=1)
        attend = causal if documents is None else packed_causal(documents)
        x = self.transformer(x, attend, cache, self.checkpointing and self.training)
        return x if condition is None else x[:, 1:]

    def forward(
        self,
        ids: Tensor,
        documents: Tensor | None = None,
        cache: KeyValueCache | None = None,
        condition: Tensor | None = None,
    ) -> Tensor:
        """Head outputs (B, T, V or outputs) at every position; arguments as `hidden`."""
        return self.head(self.hidden(ids, documents, cache, condition))

    def pool(self, hidden: Tensor, lengths: Tensor) -> Tensor:
        """One vector a sequence, (R, D), of the hidden states (sum of lengths, D) of sequences one after another."""
        if self.config.pool == "end":
            return hidden[lengths.cumsum(0) - 1]
        sums = hidden.new_zeros(len(lengths), hidden.shape[1], dtype=torch.float32)
        rows = torch.arange(len(lengths), device=hidden.device).repeat_interleave(lengths)
        return (sums.index_add(0, rows, hidden.float()) / lengths[:, None]).to(hidden.dtype)

    def cache(self, batch: int, capacity: int) -> KeyValueCache:
        """An empty cache of this network's dtype and device."""
        weight = self.head.weight
        return KeyValueCache(self.config.transformer, batch, capacity, weight.dtype, weight.device)
