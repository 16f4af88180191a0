"""Packed rows of tokens from the pieces of a corpus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from partimento.objectives.next_token import FILLER, PackedRows
from partimento.training.stream import Encode, PieceStream, Position


class PackedBatches(PieceStream):
    """The endless training stream, cut into rows.

    A piece is not cut at a row's end but goes on in the next row, so every token is predicted once an epoch.

    Args:
        length: tokens a row, without the one that is only predicted; the others as `PieceStream`.
    """

    def __init__(
        self,
        pieces: int,
        encode: Encode,
        length: int,
        seed: int,
        position: Position | None = None,
        augmented_epochs: int | None = None,
    ) -> None:
        super().__init__(pieces, encode, seed, position, augmented_epochs)
        self.length = length

    def rows(self, count: int) -> PackedRows:
        """The next `count` rows."""
        ids, documents = zip(*(self._row() for _ in range(count)), strict=True)
        return PackedRows(torch.from_numpy(np.stack(ids)), torch.from_numpy(np.stack(documents)))

    def _row(self) -> tuple[np.ndarray, np.ndarray]:
        parts = self.take(self.length + 1)
        self.step_back()  # the last token is predicted here and read in the next row
        documents = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        return np.concatenate(parts, dtype=np.int64), documents


def validation_rows(pieces: Sequence[int], encode: Encode, length: int, most: int) -> PackedRows:
    """Up to `most` rows from the given pieces, unaugmented: windows of one piece each, spread evenly over all windows.

    The last window of a piece is filled up with positions that are never predicted.
    """
    windows = list(_windows(pieces, encode, length))
    if not windows:
        raise ValueError("no pieces to validate on: the corpus is too small to hold any out; add pieces")
    chosen = [windows[i] for i in np.linspace(0, len(windows) - 1, min(most, len(windows))).astype(int)]
    ids = np.zeros((len(chosen), length + 1), np.int64)
    documents = np.full((len(chosen), length + 1), FILLER)
    for row, window in enumerate(chosen):
        ids[row, : len(window)] = window
        documents[row, : len(window)] = 0
    return PackedRows(torch.from_numpy(ids), torch.from_numpy(documents))


def _windows(pieces: Sequence[int], encode: Encode, length: int) -> Iterator[np.ndarray]:
    for piece in pieces:
        ids = encode(piece, None)
        for start in range(0, len(ids) - 1, length):
            yield ids[start : start + length + 1]
