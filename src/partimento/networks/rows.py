"""Rows of words as networks over notes take them: several pieces may follow each other in a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from partimento.networks.packed import FILLER
from partimento.tokens.fields import PAD, Fields


@dataclass(frozen=True)
class PackedWords:
    """Rows of words.

    Args:
        words: (B, T, F) int64.
        documents: (B, T) int64, number of the piece at each position, rising along a row, or FILLER.
    """

    words: Tensor
    documents: Tensor

    @property
    def tokens(self) -> int:
        """Words that are read."""
        return self.documents.numel()

    def __len__(self) -> int:
        return len(self.words)

    def __getitem__(self, rows: slice) -> PackedWords:
        return PackedWords(self.words[rows], self.documents[rows])

    def to(self, device: torch.device) -> PackedWords:
        return PackedWords(self.words.to(device, non_blocking=True), self.documents.to(device, non_blocking=True))


def pack(rows: Sequence[Sequence[np.ndarray]], fields: Fields, length: int) -> PackedWords:
    """Rows of parts, each part a document, filled up to `length` words.

    Raises:
        ValueError: if the parts of a row are longer than that.
    """
    words = np.empty((len(rows), length, len(fields)), np.int64)
    words[:] = fields.special(PAD)
    documents = np.full((len(rows), length), FILLER)
    for row, parts in enumerate(rows):
        start = 0
        for number, part in enumerate(parts):
            stop = start + len(part)
            if stop > length:
                raise ValueError(
                    f"the parts of a row have {sum(map(len, parts))} words, and a row holds {length}; cut them, or "
                    "raise batch.length"
                )
            words[row, start:stop], documents[row, start:stop] = part, number
            start = stop
    return PackedWords(torch.from_numpy(words), torch.from_numpy(documents))
