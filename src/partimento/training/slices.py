"""Pairs of slices for contrastive learning, in an order that a seed decides and a position resumes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from partimento.notes import Notes
from partimento.objectives.contrastive import SlicePairs
from partimento.tokens.augment import Augmentation
from partimento.tokens.performance import PerformanceTokenizer
from partimento.tokens.slices import slice_ids


@dataclass(frozen=True)
class Slicing:
    """How two slices of a piece are drawn.

    Args:
        notes: fewest and most notes of a slice; a piece with fewer than the fewest is taken whole.
        tokens: most tokens of a slice.
        augmentation: what may change in a slice; None for none.
        one_key: chance that both slices of a piece are transposed by the same interval: 1 lets the vector know the
            key, 0 makes it forget it; tempo and loudness change on their own.
    """

    tokenizer: PerformanceTokenizer
    notes: tuple[int, int]
    tokens: int
    augmentation: Augmentation | None
    one_key: float

    def pair(self, notes: Notes, generator: np.random.Generator) -> list[np.ndarray]:
        """The ids of two slices, drawn on their own: they may overlap."""
        changes = [self.augmentation.draw(generator) if self.augmentation else None for _ in range(2)]
        if changes[0] and changes[1] and generator.random() < self.one_key:
            changes[1] = changes[1]._replace(semitones=changes[0].semitones)
        found = []
        for change in changes:
            length = int(generator.integers(self.notes[0], self.notes[1] + 1))
            start = int(generator.integers(0, max(0, len(notes) - length) + 1))
            ids = slice_ids(self.tokenizer, notes, start, start + length, self.tokens)
            if self.augmentation and change:
                ids = self.augmentation.ids(ids, generator, self.tokenizer.vocabulary, change)
                ids = ids if len(ids) <= self.tokens else np.append(ids[: self.tokens - 1], ids[-1])
            found.append(ids)
        return found


class SliceBatches:
    """The endless stream: every epoch one new pair of each piece, the pieces in a new order.

    Args:
        pieces: which pieces; `notes_of` gives the notes of one.
        songs: the song of each.
        seed: decides order, slices and augmentation.
    """

    def __init__(
        self,
        pieces: Sequence[int],
        songs: Sequence[int],
        notes_of: Callable[[int], Notes],
        slicing: Slicing,
        seed: int,
    ) -> None:
        if len(set(songs)) < 2:
            raise ValueError(f"{len(pieces)} pieces of {len(set(songs))} songs to train on; pieces of two are needed")
        self.pieces, self.songs, self.notes_of = pieces, songs, notes_of
        self.slicing, self.seed = slicing, seed
        self.drawn = 0
        self._order: tuple[int, np.ndarray] = (-1, np.empty(0))

    def rows(self, count: int) -> SlicePairs:
        """The next `count` pairs."""
        found = []
        for number in range(self.drawn, self.drawn + count):
            epoch, place = divmod(number, len(self.pieces))
            which = self._which(epoch, place)
            generator = np.random.default_rng((self.seed, epoch, which))
            found.append((which, self.slicing.pair(self.notes_of(self.pieces[which]), generator)))
        self.drawn += count
        return collate([pair for _, pair in found], [self.songs[which] for which, _ in found])

    def state(self) -> dict[str, int]:
        """What `restore` needs to go on from here."""
        return {"drawn": self.drawn}

    def restore(self, state: dict[str, int]) -> None:
        """Go on from a saved state."""
        self.drawn = state["drawn"]

    def _which(self, epoch: int, place: int) -> int:
        if self._order[0] != epoch:
            self._order = (epoch, np.random.default_rng((self.seed, epoch)).permutation(len(self.pieces)))
        return int(self._order[1][place])


def collate(pairs: Sequence[Sequence[np.ndarray]], songs: Sequence[int]) -> SlicePairs:
    """Pairs of ids as one batch, padded with zeros."""
    lengths = np.array([[len(ids) for ids in pair] for pair in pairs])
    padded = np.zeros((len(pairs), 2, int(lengths.max())), np.int64)
    for row, pair in enumerate(pairs):
        for side, ids in enumerate(pair):
            padded[row, side, : len(ids)] = ids
    return SlicePairs(torch.from_numpy(padded), torch.from_numpy(lengths), torch.tensor(songs))
