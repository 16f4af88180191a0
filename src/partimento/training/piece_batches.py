"""Rows of one piece each for generative fine-tuning, in an order that a seed decides and a position resumes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from partimento.corpus.store import Corpus
from partimento.objectives.next_token import FILLER, PackedRows
from partimento.objectives.piece_rows import PieceRows
from partimento.tokens.performance import PerformanceTokenizer, with_diminish
from partimento.training.batches import Encode
from partimento.training.pretrain import encode_piece

TOKENS_PER_NOTE = 3


def encode_with_ending(
    corpus: Corpus, tokenizer: PerformanceTokenizer, share: float, index: int, generator: np.random.Generator | None
) -> np.ndarray:
    """(T,) int64 ids of a piece as `encode_piece`, with <D> about a hundred tokens before its end if it is long enough.

    Without a generator <D> is always in the same place.
    """
    ids = encode_piece(corpus, tokenizer, share, index, generator)
    start = int(np.flatnonzero(ids == tokenizer.vocabulary.start)[0])
    body = with_diminish(ids[start:], generator or np.random.default_rng(index), tokenizer.vocabulary)
    return np.concatenate([ids[:start], body])


def windows_of(corpus: Corpus, pieces: Sequence[int], length: int, from_start: bool) -> np.ndarray:
    """(W, 3) int64, one row a window: place among `pieces`, number of the window, how many the piece has.

    Args:
        from_start: only the first window of each piece.
    """
    notes = corpus.note_counts[np.asarray(pieces, dtype=np.int64)]
    counts = np.ones_like(notes) if from_start else np.maximum(1, -(-TOKENS_PER_NOTE * notes // length))
    place = np.repeat(np.arange(len(counts)), counts)
    number = np.concatenate([np.arange(count) for count in counts])
    return np.stack([place, number, counts[place]], axis=1)


def window(ids: np.ndarray, number: int, count: int, length: int) -> np.ndarray:
    """One of `count` windows of at most length + 1 ids, spread evenly: the first has the start, the last the end."""
    beyond = max(0, len(ids) - length - 1)
    start = round(number * beyond / max(1, count - 1))
    return ids[start : start + length + 1]


class PieceBatches:
    """The endless training stream: every epoch all windows in a new order, each augmented anew.

    Args:
        pieces: indices of the pieces, as `encode` takes them.
        windows: (W, 3), as `windows_of`.
        encode: ids of a piece; draws its augmentation from the generator it is given.
        length: tokens a row, without the one that is only predicted.
        seed: decides order, augmentation and which rows see their condition.
        conditions: (len(pieces), C) embedding of each piece; None for a language model without a condition.
        dropout: share of the rows that do not see their condition, drawn for each anew.
        augmented_epochs: from this epoch on pieces are not augmented; None is never.
    """

    def __init__(
        self,
        pieces: Sequence[int],
        windows: np.ndarray,
        encode: Encode,
        length: int,
        seed: int,
        conditions: np.ndarray | None = None,
        dropout: float = 0.5,
        augmented_epochs: int | None = None,
    ) -> None:
        self.pieces, self.windows, self.encode, self.length, self.seed = pieces, windows, encode, length, seed
        self.conditions, self.dropout, self.augmented_epochs = conditions, dropout, augmented_epochs
        self.drawn = 0
        self._order: tuple[int, np.ndarray] = (-1, np.empty(0))

    def rows(self, count: int) -> PieceRows:
        """The next `count` rows."""
        parts, places, seen = [], [], []
        for number in range(self.drawn, self.drawn + count):
            epoch, at = divmod(number, len(self.windows))
            which = self._which(epoch, at)
            place, part, parts_of_piece = self.windows[which].tolist()
            generator = np.random.default_rng((self.seed, epoch, which))
            seen.append(bool(generator.random() >= self.dropout))
            plain = self.augmented_epochs is not None and epoch >= self.augmented_epochs
            ids = self.encode(self.pieces[place], None if plain else generator)
            parts.append(window(ids, part, parts_of_piece, self.length))
            places.append(place)
        self.drawn += count
        return piece_rows(parts, self.length, None if self.conditions is None else self.conditions[places], seen)

    def state(self) -> dict[str, int]:
        """What `restore` needs to go on from here."""
        return {"drawn": self.drawn}

    def restore(self, state: dict[str, int]) -> None:
        """Go on from a saved state."""
        self.drawn = state["drawn"]

    def _which(self, epoch: int, at: int) -> int:
        if self._order[0] != epoch:
            self._order = (epoch, np.random.default_rng((self.seed, epoch)).permutation(len(self.windows)))
        return int(self._order[1][at])


def validation_pieces(
    pieces: Sequence[int],
    windows: np.ndarray,
    encode: Encode,
    length: int,
    most: int,
    conditions: np.ndarray | None = None,
) -> PieceRows:
    """Up to `most` windows, unaugmented, spread evenly over all; of those with a condition every other one sees it."""
    chosen = windows[np.linspace(0, len(windows) - 1, min(most, len(windows))).astype(int)]
    parts = [window(encode(pieces[place], None), number, count, length) for place, number, count in chosen.tolist()]
    seen = [row % 2 == 0 for row in range(len(parts))]
    return piece_rows(parts, length, None if conditions is None else conditions[chosen[:, 0]], seen)


def piece_rows(
    parts: Sequence[np.ndarray], length: int, conditions: np.ndarray | None, seen: Sequence[bool]
) -> PieceRows:
    """Windows of at most length + 1 ids as one batch, filled up."""
    ids = np.zeros((len(parts), length + 1), np.int64)
    documents = np.full((len(parts), length + 1), FILLER)
    for row, part in enumerate(parts):
        ids[row, : len(part)] = part
        documents[row, : len(part)] = 0
    rows = PackedRows(torch.from_numpy(ids), torch.from_numpy(documents))
    if conditions is None:
        return PieceRows(rows, length)
    return PieceRows(rows, length, torch.from_numpy(np.asarray(conditions, np.float32)), torch.tensor(seen))
