"""A bidirectional transformer over notes: words of several fields in, a hidden sequence out.

Each field has its embedding; those of a word are concatenated and projected to the width of the transformer, as in
MusicBERT (Zeng et al. 2021, section 3.2) and MidiBERT. Positions are rotary.

Shapes: B batch, T words, F fields, E width of a field, D width of the transformer, N any number of words.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from partimento.networks.packed import packed_bidirectional
from partimento.networks.transformer import Transformer, TransformerConfig, initialise
from partimento.tokens.fields import SPECIALS, Fields

Table = Literal["fields", "shared"]

SHARED_SPECIALS = (1, -1, 0, 2)  # rows of PAD, MASK, START and END in a shared table; MASK has the last row
SHARED_BEFORE = 4  # start, pad, end and an unknown symbol that no field has


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes of an encoder.

    Args:
        transformer: the stack of blocks.
        fields: of its words.
        field_width: E, features of the embedding of one field.
        context: most words it was made for.
        table: whether the fields have specials and output layers of their own ("fields"), or share one vocabulary, the
            specials and one head tied to the embedding ("shared", as in MusicBERT: 1,237 symbols).
    """

    transformer: TransformerConfig
    fields: Fields
    field_width: int
    context: int
    table: Table = "fields"

    @property
    def width(self) -> int:
        """D, features of the hidden states."""
        return self.transformer.width


def table_rows(fields: Fields, table: Table) -> np.ndarray:
    """(F, most ids of a field) int64: the row of the embedding table of each id of each field."""
    size = max(fields.sizes) + SPECIALS
    rows = np.zeros((len(fields), size), np.int64)
    extra = SPECIALS if table == "fields" else 0
    before = 0 if table == "fields" else SHARED_BEFORE
    starts = [before, *accumulate((n + extra for n in fields.sizes), initial=before)][1:]
    for row, start, count in zip(rows, starts, fields.sizes, strict=False):
        row[: count + extra] = start + np.arange(count + extra)
        if table == "shared":
            row[count : count + SPECIALS] = np.array(SHARED_SPECIALS) % table_size(fields, table)
    return rows


def table_size(fields: Fields, table: Table) -> int:
    """Rows of the embedding table."""
    return sum(fields.sizes) + (SPECIALS * len(fields) if table == "fields" else SHARED_BEFORE + 1)


class FieldHeads(nn.Module):
    """One linear layer a field, in one matrix."""

    def __init__(self, width: int, fields: Fields) -> None:
        super().__init__()
        self.sizes = fields.sizes
        self.linear = nn.Linear(width, sum(fields.sizes))

    def forward(self, hidden: Tensor, field: int) -> Tensor:
        """Logits (N, size of the field) of hidden states (N, D)."""
        start = sum(self.sizes[:field])
        rows = slice(start, start + self.sizes[field])
        return nn.functional.linear(hidden, self.linear.weight[rows], self.linear.bias[rows])


class SharedHead(nn.Module):
    """MusicBERT's head: a slot a field from the state; on each dense, GELU, LayerNorm and the tied table."""

    def __init__(self, width: int, field_width: int, fields: int, vocabulary: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, fields * field_width)
        self.dense = nn.Linear(field_width, field_width)
        self.norm = nn.LayerNorm(field_width)
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        self.field_width = field_width

    def forward(self, hidden: Tensor, field: int, table: Tensor) -> Tensor:
        """Logits (N, V) over the whole shared vocabulary, of the field's slot."""
        part = slice(field * self.field_width, (field + 1) * self.field_width)
        slot = nn.functional.linear(hidden, self.up.weight[part], self.up.bias[part])
        slot = self.norm(nn.functional.gelu(self.dense(slot)))
        return nn.functional.linear(slot, table, self.bias)


class Encoder(nn.Module):
    """Words (B, T, F) in, hidden sequence (B, T, D) out; `logits` judges what may stand in a field of a word."""

    rows: Tensor

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        fields, width = config.fields, config.transformer.width
        self.register_buffer("rows", torch.from_numpy(table_rows(fields, config.table)), persistent=False)
        self.embedding = nn.Embedding(table_size(fields, config.table), config.field_width)
        self.project = nn.Linear(len(fields) * config.field_width, width)
        self.transformer = Transformer(config.transformer)
        self.head: FieldHeads | SharedHead
        if config.table == "fields":
            self.head = FieldHeads(width, fields)
        else:
            self.head = SharedHead(width, config.field_width, len(fields), len(self.embedding.weight))
        self.checkpointing = False

    def initialise(self) -> None:
        """Draw all weights anew."""
        initialise(self, self.config.transformer.layers)
        if self.config.table == "fields":  # a shared one is an output layer too, which must begin small
            # the sum over the fields of a word shall have the size of a token's embedding
            nn.init.normal_(self.embedding.weight, std=1.0)
            nn.init.normal_(self.project.weight, std=0.02 / self.project.in_features**0.5)

    def embed(self, words: Tensor) -> Tensor:
        """(B, T, D) what enters the transformer, for words (B, T, F)."""
        rows = self.rows[torch.arange(words.shape[-1], device=words.device), words]
        return self.project(self.embedding(rows).flatten(-2))

    def hidden(self, words: Tensor, documents: Tensor) -> Tensor:
        """Hidden sequence (B, T, D).

        Args:
            words: (B, T, F) int64.
            documents: (B, T) int64, number of the piece at each position, rising along a row; what only fills a row up
                has a number of its own. Pieces do not see each other.
        """
        attend = packed_bidirectional(documents)
        return self.transformer(self.embed(words), attend, checkpointing=self.checkpointing and self.training)

    def logits(self, hidden: Tensor, field: int) -> Tensor:
        """Logits of a field for hidden states (N, D): (N, its size), or (N, V) over a shared vocabulary."""
        if isinstance(self.head, SharedHead):
            return self.head(hidden, field, self.embedding.weight)
        return self.head(hidden, field)

    def targets(self, words: Tensor, field: int) -> Tensor:
        """Which of a field's logits is right, for words (N, F)."""
        return words[:, field] if self.config.table == "fields" else self.rows[field, words[:, field]]
