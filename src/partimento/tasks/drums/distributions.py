"""Distributions of rhythm, and how far those of two sets of parts overlap (Dahale et al. 2022, thesis, chapter 6).

The paper's overlaps are those of its outputs after a filter that drops half of them; nothing is dropped here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from partimento.analysis.novelty import bar_distance, improvised_bars
from partimento.tokens.drum_kit import CLASSES
from partimento.tokens.drum_lines import STEPS

DISTANCE_BINS = 20
MOST_HITS = 128  # a bar; more are counted as so many

Histogram = Callable[[np.ndarray], np.ndarray]  # hits (bars, 32, 16) of a part -> (bins,) counts


def inter_onset_intervals(hits: np.ndarray) -> np.ndarray:
    """(32,) counts of the steps from a step with hits to the next one: 1, 2, ... 32 and more."""
    at = np.flatnonzero(np.asarray(hits, dtype=bool).any(-1))
    return np.bincount(np.minimum(np.diff(at), STEPS) - 1, minlength=STEPS)


def consistency(hits: np.ndarray) -> np.ndarray:
    """(20,) counts of the distances of consecutive bars, in bins of 0.05; the last has 1 in it."""
    distance = bar_distance(hits[1:], hits[:-1])
    return np.histogram(distance, bins=DISTANCE_BINS, range=(0, 1))[0]


def density(hits: np.ndarray) -> np.ndarray:
    """(129,) counts of the hits in a bar."""
    count = np.count_nonzero(np.asarray(hits, dtype=bool), axis=(1, 2))
    return np.bincount(np.minimum(count, MOST_HITS), minlength=MOST_HITS + 1)


def instrument_change(hits: np.ndarray, where: np.ndarray | None = None) -> np.ndarray:
    """(33,) counts of the change in the number of classes from the bar before to a fill, -16 to 16.

    Args:
        hits: (bars, 32, 16) of a song.
        where: (bars,) bool, the fills; by default the improvised bars of these hits.
    """
    where = improvised_bars(hits) if where is None else where
    classes = np.asarray(hits, dtype=bool).any(1).sum(1)
    change = np.diff(classes)[where[1:]]
    return np.bincount(change + len(CLASSES), minlength=2 * len(CLASSES) + 1)


def summed(histogram: Histogram, parts: Sequence[np.ndarray]) -> np.ndarray:
    """(bins,) counts of all parts together."""
    return np.sum([histogram(hits) for hits in parts], axis=0)


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Percent that two histograms (bins,) have in common once each adds up to 1; NaN if one is empty."""
    if not first.sum() or not second.sum():
        return float("nan")
    return 100 * float(np.minimum(first / first.sum(), second / second.sum()).sum())


def overlaps(generated: Sequence[np.ndarray], true: Sequence[np.ndarray]) -> dict[str, float]:
    """Percent overlap of each distribution of generated parts with that of the true ones.

    The paper's figures for the first, second and last: 93.2, 80.4 and 87.9.
    """
    histograms = {
        "inter_onset_overlap": inter_onset_intervals,
        "consistency_overlap": consistency,
        "density_overlap": density,
        "instrument_change_overlap": instrument_change,
    }
    return {name: overlap(summed(make, generated), summed(make, true)) for name, make in histograms.items()}
