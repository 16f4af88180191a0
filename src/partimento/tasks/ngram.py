"""Uniform, unigram and 3-gram models of tokens: what a network has to beat.

Interpolated modified Kneser-Ney (Chen and Goodman 1998, section 3): what three discounts take from the seen successors
of a context goes to the order below, which counts in how many different contexts a token was seen; the last is uniform.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Level:
    """One order n of the model.

    Args:
        grams: (K,) int64 sorted keys of the n-grams seen in training.
        kept: (K,) float64 (count - discount) / count of the context.
        contexts: (C,) int64 sorted keys of their first n - 1 tokens.
        given: (C,) float64 probability that a context leaves to the order below.
    """

    grams: np.ndarray
    kept: np.ndarray
    contexts: np.ndarray
    given: np.ndarray


@dataclass(frozen=True, eq=False)
class NGram:
    """A model of token sequences; with no level at all it is the uniform one.

    Args:
        size: number of tokens V of the vocabulary.
        levels: order 1, order 2, ... up to the model's order.
    """

    size: int
    levels: tuple[Level, ...]

    def nats(self, ids: np.ndarray) -> np.ndarray:
        """(T - 1,) float64, -log p of each token of a piece (T,) but the first, given those before it."""
        probability = np.full(max(len(ids) - 1, 0), 1 / self.size)
        for order, level in enumerate(self.levels, 1):
            gram = _grams(ids, order, self.size)[1:]
            kept = _look_up(level.grams, level.kept, gram, missing=0.0)
            given = _look_up(level.contexts, level.given, gram // (self.size + 1), missing=1.0)
            probability = kept + given * probability
        return -np.log(probability)


def fit(pieces: Sequence[np.ndarray], size: int, order: int) -> NGram:
    """The n-gram model of an order (0 uniform, 1 unigram, 3 at most) from the ids (T,) of training pieces.

    Raises:
        ValueError: if there are no training pieces, or the order is not 0 to 3.
    """
    if not 0 <= order <= 3:
        raise ValueError(f"order is {order}; an n-gram model here has an order of 0 to 3")
    if order == 0:
        return NGram(size, ())
    if not any(len(ids) > 1 for ids in pieces):
        raise ValueError("no training pieces to count n-grams in; the corpus needs pieces labelled split=train")
    grams, counts = np.unique(np.concatenate([_grams(ids, order, size)[1:] for ids in pieces]), return_counts=True)
    levels = [_level(grams, counts, size)]
    for n in range(order - 1, 0, -1):
        # an n-gram counts once for each different token seen before it
        grams, counts = np.unique(grams % (size + 1) ** n, return_counts=True)
        levels.append(_level(grams, counts, size))
    return NGram(size, tuple(reversed(levels)))


def _grams(ids: np.ndarray, order: int, size: int) -> np.ndarray:
    """(T,) int64 key of the n-gram that ends at each token; places before the piece hold the id `size`."""
    padded = np.concatenate([np.full(order - 1, size, dtype=np.int64), ids])
    key = np.zeros(len(ids), dtype=np.int64)
    for place in range(order):
        key = key * (size + 1) + padded[place : place + len(ids)]
    return key


def _level(grams: np.ndarray, counts: np.ndarray, size: int) -> Level:
    discount = discounts(counts)[np.minimum(counts, 3)]
    contexts, inverse = np.unique(grams // (size + 1), return_inverse=True)
    total = np.bincount(inverse, weights=counts)
    given = np.bincount(inverse, weights=discount) / total
    return Level(grams, (counts - discount) / total[inverse], contexts, given)


def discounts(counts: np.ndarray) -> np.ndarray:
    """(4,) what an n-gram seen 0, 1, 2, 3 or more times gives away: Chen and Goodman 1998, equation 17.

    Half a count each where too few n-grams are seen once to four times for the estimate.
    """
    seen = [int((counts == times).sum()) for times in (1, 2, 3, 4)]
    if min(seen) == 0:
        return np.array([0.0, 0.5, 0.5, 0.5])
    share = seen[0] / (seen[0] + 2 * seen[1])
    estimate = [n - (n + 1) * share * seen[n] / seen[n - 1] for n in (1, 2, 3)]
    return np.array([0.0, *(min(max(d, 0.05), n - 0.05) for n, d in enumerate(estimate, 1))])


def _look_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray, missing: float) -> np.ndarray:
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], missing)
