"""Onset F1 of drum parts, exactly and within a step, by class, by kind of bar and as REMI-z counts it.

Hits are bool arrays (bars, 32, 16), steps and classes as in `tokens.drumgrid`. Counts are (..., 3): hits that are
right, predicted and true; they add up over bars and songs before a score is made of them (micro average). Cells without
a hit count for nothing: 97 % of all cells of a bar that is copied from the one before are right.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from partimento.tasks.intervals import interval, song_weights
from partimento.tokens.drum_kit import CLASSES
from partimento.tokens.drum_lines import STEPS

RIGHT, PREDICTED, TRUE = range(3)
STEPS_A_SIXTEENTH = 2
DATA = "multitrack"


def onset_counts(predicted: np.ndarray, true: np.ndarray, tolerance: int = 0) -> np.ndarray:
    """(16, 3) int64 hits of each class that are right, predicted, true, in consecutive bars.

    Args:
        predicted, true: (bars, steps, 16) bool of one stretch of bars; a hit may match over a bar line.
        tolerance: 0, or 1 for a step to either side; then each hit matches at most one, and as many do as can.

    Raises:
        ValueError: if the shapes differ, or the tolerance is another one.
    """
    predicted, true = np.asarray(predicted, dtype=bool), np.asarray(true, dtype=bool)
    if predicted.shape != true.shape:
        raise ValueError(f"predicted bars {predicted.shape} and true bars {true.shape} differ in shape")
    if tolerance not in (0, 1):
        raise ValueError(f"a tolerance of {tolerance} steps; it must be 0 or 1")
    predicted, true = (hits.reshape(-1, hits.shape[-1]) for hits in (predicted, true))  # (T, 16)
    right = (predicted & true).sum(0) if not tolerance else _near_matches(predicted, true)
    return np.stack([right, predicted.sum(0), true.sum(0)], axis=-1)


def bar_counts(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(bars, 16, 3) int64 exact counts of each bar by itself, in whatever order they stand."""
    predicted, true = np.asarray(predicted, dtype=bool), np.asarray(true, dtype=bool)
    return np.stack([(predicted & true).sum(1), predicted.sum(1), true.sum(1)], axis=-1)


def precision_recall_f1(counts: np.ndarray) -> np.ndarray:
    """(..., 3) float64 of counts (..., 3); nothing predicted and nothing true is a score of 1."""
    right, predicted, true = np.moveaxis(np.asarray(counts, dtype=np.float64), -1, 0)
    none = (predicted + true) == 0

    def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
        return np.where(none, 1.0, np.divide(part, whole, out=np.zeros_like(part), where=whole > 0))

    return np.stack([share(right, predicted), share(right, true), share(2 * right, predicted + true)], axis=-1)


def f1(counts: np.ndarray) -> np.ndarray:
    """(...) F1 of counts (..., 3)."""
    return precision_recall_f1(counts)[..., 2]


def class_f1(counts: np.ndarray) -> dict[str, float]:
    """F1 by the name of the class, of counts (16, 3); classes that neither part has are left out."""
    scores = f1(counts)
    return {
        drum.name: float(scores[index])
        for index, drum in enumerate(CLASSES)
        if counts[index, PREDICTED] + counts[index, TRUE]
    }


def with_interval(
    song_counts: np.ndarray, songs: Sequence[str], name: str, data: str = "multitrack"
) -> dict[str, float]:
    """F1 of all songs together under a name, and the ends of its 95 % interval over songs.

    Args:
        song_counts: (songs, 3).
        songs: the group of each.
        name: of the metric.
        data: the set that the songs are of.
    """
    low, high = interval(f1(song_weights(data, songs) @ song_counts.astype(np.float64)))
    return {name: float(f1(song_counts.sum(0))), f"{name}_low": low, f"{name}_high": high}


def on_sixteenths(hits: np.ndarray) -> np.ndarray:
    """(bars, 16, 16) bool: hits of two steps as those of the sixteenth that they make up."""
    pairs = np.asarray(hits, dtype=bool).reshape(len(hits), STEPS // STEPS_A_SIXTEENTH, STEPS_A_SIXTEENTH, -1)
    return pairs[:, :, 0] | pairs[:, :, 1]


def sixteenth_counts(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(16, 3) counts on the sixteenth grid within a sixteenth: what REMI-z's "drum note F1" (2408.15176) counts.

    Its pitches are General MIDI's, of which the classes here merge some.
    """
    return onset_counts(on_sixteenths(predicted), on_sixteenths(true), tolerance=1)


def _near_matches(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(16,) int64: the most pairs of hits (T, 16) at most a step apart, each hit in one pair.

    The earliest hits that can be a pair are one: on a line that never costs a later pair.
    """
    pairs = np.zeros(predicted.shape[1], dtype=np.int64)
    for drum in range(len(pairs)):
        ours, theirs = np.flatnonzero(predicted[:, drum]).tolist(), np.flatnonzero(true[:, drum]).tolist()
        i = j = 0
        while i < len(ours) and j < len(theirs):
            apart = ours[i] - theirs[j]
            pairs[drum] += abs(apart) <= 1
            i, j = i + (apart <= 1), j + (apart >= -1)
    return pairs
