"""Packed rows of tokens from the pieces of a corpus, in an order that a seed decides and a position resumes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch

from partimento.objectives.next_token import FILLER, PackedRows

Encode = Callable[[int, np.random.Generator | None], np.ndarray]  # (piece, generator or None) -> ids (T,)


@dataclass(frozen=True)
class Position:
    """Where the next row begins in the endless stream: the epoch, the place of a piece in it, a token of the piece."""

    epoch: int = 0
    place: int = 0
    token: int = 0


class PackedBatches:
    """The endless training stream: every epoch all pieces in a new order, each augmented anew, cut into rows.

    A piece is not cut at a row's end but goes on in the next row, so every token is predicted once an epoch.

    Args:
        pieces: how many pieces there are.
        encode: ids of a piece; draws its augmentation from the generator it is given.
        length: tokens a row, without the one that is only predicted.
        seed: decides order and augmentation.
        augmented_epochs: from this epoch on pieces are not augmented; None is never.
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
        if not pieces:
            raise ValueError("no pieces to train on: the corpus, or the part of it that was selected, is empty")
        self.pieces, self.encode, self.length, self.seed = pieces, encode, length, seed
        self.position = position or Position()
        self.augmented_epochs = augmented_epochs
        self._cached: tuple[tuple[int, int], np.ndarray] = ((-1, -1), np.empty(0))
        self._order: tuple[int, np.ndarray] = (-1, np.empty(0))

    def rows(self, count: int) -> PackedRows:
        """The next `count` rows."""
        ids, documents = zip(*(self._row() for _ in range(count)), strict=True)
        return PackedRows(torch.from_numpy(np.stack(ids)), torch.from_numpy(np.stack(documents)))

    def state(self) -> dict[str, int]:
        """What `restore` needs to go on from here."""
        return asdict(self.position)

    def restore(self, state: dict[str, int]) -> None:
        """Go on from a saved state."""
        self.position = Position(**state)

    def _row(self) -> tuple[np.ndarray, np.ndarray]:
        ids, documents = np.empty(self.length + 1, np.int64), np.empty(self.length + 1, np.int64)
        filled, document = 0, 0
        while filled < self.length + 1:
            piece = self._piece(self.position.epoch, self.position.place)
            part = piece[self.position.token : self.position.token + self.length + 1 - filled]
            ids[filled : filled + len(part)], documents[filled : filled + len(part)] = part, document
            filled, document = filled + len(part), document + 1
            self._advance(len(part), len(piece))
        self._step_back()  # the last token is predicted here and read in the next row
        return ids, documents

    def _advance(self, tokens: int, piece_length: int) -> None:
        p = self.position
        if p.token + tokens < piece_length:
            self.position = Position(p.epoch, p.place, p.token + tokens)
        elif p.place + 1 < self.pieces:
            self.position = Position(p.epoch, p.place + 1, 0)
        else:
            self.position = Position(p.epoch + 1, 0, 0)

    def _step_back(self) -> None:
        p = self.position
        if p.token:
            self.position = Position(p.epoch, p.place, p.token - 1)

    def _piece(self, epoch: int, place: int) -> np.ndarray:
        if self._cached[0] != (epoch, place):
            if self._order[0] != epoch:
                order = np.random.default_rng((self.seed, epoch)).permutation(self.pieces)
                self._order = (epoch, order)
            index = int(self._order[1][place])
            plain = self.augmented_epochs is not None and epoch >= self.augmented_epochs
            generator = None if plain else np.random.default_rng((self.seed, epoch, index))
            self._cached = ((epoch, place), self.encode(index, generator))
        return self._cached[1]


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
