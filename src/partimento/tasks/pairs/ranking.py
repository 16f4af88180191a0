"""How well groups are ranked: mean average precision and hits among the first, as MusicBERT's program counts them.

- MAP: of each group the precision at each right candidate, averaged; the mean over groups.
- HITS@k: of each group the share of its right candidates that stand among the first k; the mean over groups. With r
  right ones HITS@1 is at most 1 / r.

Of candidates with one score the wrong ones stand first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from partimento.tasks.intervals import interval, over_seeds, song_weights
from partimento.tasks.pairs.groups import Group, Pair

Scorer = Callable[[Sequence[Pair]], np.ndarray]  # N pairs -> (N,), higher where they belong together

HITS = (1, 5, 10, 25)
AT_ONCE = 20_000  # pairs


@dataclass(frozen=True)
class Figure:
    """A metric with its 95 % interval over songs, and over seeds where there are several."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f}-{self.high:.3f})"


def scores_of(groups: Sequence[Group], scorer: Scorer) -> list[np.ndarray]:
    """(candidates,) float64 a group."""
    found: list[np.ndarray] = []
    start = 0
    while start < len(groups):
        stop, count = start, 0
        while stop < len(groups) and (stop == start or count + len(groups[stop].candidates) <= AT_ONCE):
            count += len(groups[stop].candidates)
            stop += 1
        pairs = [pair for group in groups[start:stop] for pair in group.pairs()]
        scores = np.asarray(scorer(pairs), dtype=np.float64)
        edges = np.cumsum([len(group.candidates) for group in groups[start:stop]])[:-1]
        found += np.split(scores, edges)
        start = stop
    return found


def ranked(scores: np.ndarray, right: int) -> np.ndarray:
    """(N,) bool: whether the candidate at each rank is right; the first `right` of the scores (N,) are."""
    is_right = np.arange(len(scores)) < right
    return is_right[np.lexsort((is_right, -scores))]


def average_precision(is_right: np.ndarray) -> float:
    """The precision at each right candidate, averaged, for candidates in the order of their rank.

    >>> average_precision(np.array([True, False, True, False]))
    0.8333333333333333
    """
    ranks = np.flatnonzero(is_right) + 1
    return float((np.arange(1, len(ranks) + 1) / ranks).mean())


def hits(is_right: np.ndarray, first: int) -> float:
    """The share of the right candidates among the first ones."""
    return float(is_right[:first].sum() / is_right.sum())


def figures(groups: Sequence[Group], scores: Sequence[Sequence[np.ndarray]], data: str) -> Mapping[str, Figure]:
    """MAP and HITS@1, 5, 10, 25 of a system.

    Args:
        scores: of each seed, (candidates,) a group.
        data: the set, by which the songs' weights are drawn.
    """
    weights = song_weights(data, [group.song for group in groups])  # (draws, groups)
    weights /= weights.sum(1, keepdims=True)
    orders = [
        [ranked(score, group.right) for score, group in zip(each, groups, strict=True)] for each in scores
    ]  # seeds, groups
    found = {"MAP": _figure(np.array([[average_precision(order) for order in each] for each in orders]), weights)}
    for first in HITS:
        share = np.array([[hits(order, first) for order in each] for each in orders])
        found[f"HITS@{first}"] = _figure(share, weights)
    return found


def _figure(values: np.ndarray, weights: np.ndarray) -> Figure:
    """Of values (seeds, groups) and weights (draws, groups)."""
    return Figure(float(values.mean()), *interval(over_seeds(values @ weights.T)))
