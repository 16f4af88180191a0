"""The pieces of a corpus as one endless sequence, in an order that a seed decides and a position resumes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

Encode = Callable[[int, np.random.Generator | None], np.ndarray]  # (piece, generator or None) -> ids (T, ...)


@dataclass(frozen=True)
class Position:
    """Where the next part begins: the epoch, the place of a piece in it, a token of the piece."""

    epoch: int = 0
    place: int = 0
    token: int = 0


class PieceStream:
    """Every epoch all pieces in a new order, each augmented anew, one after another without an end.

    Args:
        pieces: how many pieces there are.
        encode: ids of a piece, along their first axis; draws its augmentation from the generator it is given.
        seed: decides order and augmentation.
        augmented_epochs: from this epoch on pieces are not augmented; None is never.
    """

    def __init__(
        self,
        pieces: int,
        encode: Encode,
        seed: int,
        position: Position | None = None,
        augmented_epochs: int | None = None,
    ) -> None:
        if not pieces:
            raise ValueError("no pieces to train on: the corpus, or the part of it that was selected, is empty")
        self.pieces, self.encode, self.seed = pieces, encode, seed
        self.position = position or Position()
        self.augmented_epochs = augmented_epochs
        self._cached: tuple[tuple[int, int], np.ndarray] = ((-1, -1), np.empty(0))
        self._order: tuple[int, np.ndarray] = (-1, np.empty(0))

    def take(self, count: int) -> list[np.ndarray]:
        """The next `count` tokens, as parts of one piece each."""
        parts: list[np.ndarray] = []
        while count:
            piece = self._piece(self.position.epoch, self.position.place)
            part = piece[self.position.token : self.position.token + count]
            if len(part):
                parts.append(part)
            count -= len(part)
            self._advance(len(part), len(piece))
        return parts

    def step_back(self) -> None:
        """Give the last token out again, unless its piece ended with it."""
        p = self.position
        if p.token:
            self.position = Position(p.epoch, p.place, p.token - 1)

    def state(self) -> dict[str, int]:
        """What `restore` needs to go on from here."""
        return asdict(self.position)

    def restore(self, state: dict[str, int]) -> None:
        """Go on from a saved state."""
        self.position = Position(**state)

    def _advance(self, tokens: int, piece_length: int) -> None:
        p = self.position
        if p.token + tokens < piece_length:
            self.position = Position(p.epoch, p.place, p.token + tokens)
        elif p.place + 1 < self.pieces:
            self.position = Position(p.epoch, p.place + 1, 0)
        else:
            self.position = Position(p.epoch + 1, 0, 0)

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
