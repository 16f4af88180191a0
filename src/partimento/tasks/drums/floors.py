"""What costs nothing: bars copied from their context, features of one bar, counted frequencies.

A model of drums that does not beat these has learned nothing that they do not have.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from partimento.analysis.novelty import AROUND, bar_distance, sounding, window_novelty
from partimento.tasks.drums.drum_metrics import bar_counts, f1
from partimento.tokens.drum_kit import CLASSES
from partimento.tokens.drum_lines import STEPS
from partimento.tokens.drumgrid import DrumGrid

CONTEXT = [offset for offset in range(-AROUND, AROUND + 1) if offset]  # bars around the one that is asked for
MEAN_BARS = 4
PRIOR = 0.5  # of a hit and of none, added to what was counted

COPIES = ("copy previous", "copy next", "majority of ten", "best of ten (oracle)")
FEATURES = (
    "melody novelty",
    "melody distance to next bar",
    "melody contrast of 4-bar means",
    "4th of 4 bars",
    "8th of 8 bars",
)


def copied_counts(hits: np.ndarray, where: np.ndarray) -> dict[str, np.ndarray]:
    """(3,) counts of right, predicted and true hits of each of `COPIES` at some bars of a song.

    The majority has a hit where more than half of the ten bars around have it; the oracle takes of these ten the one
    with the best F1, which it can only know from the true bar.

    Args:
        hits: (bars, 32, 16).
        where: (bars,) bool; each has five bars on either side.
    """
    at = np.flatnonzero(where)
    true = hits[at]
    context = hits[at[:, None] + CONTEXT]  # (K, 10, 32, 16)
    majority = context.sum(1) > len(CONTEXT) / 2
    each = np.stack([bar_counts(context[:, place], true).sum(1) for place in range(len(CONTEXT))], axis=1)  # (K, 10, 3)
    best = f1(each).argmax(1)
    return {
        "copy previous": each[:, CONTEXT.index(-1)].sum(0),
        "copy next": each[:, CONTEXT.index(1)].sum(0),
        "majority of ten": bar_counts(majority, true).sum((0, 1)),
        "best of ten (oracle)": each[np.arange(len(at)), best].sum(0),
    }


def feature_scores(grid: DrumGrid) -> dict[str, np.ndarray]:
    """(bars,) float64 of each of `FEATURES`, higher where a fill is likelier; 0 outside the drum part.

    Melody is all that sounds of the other instruments. Phrases are counted from the first bar with drums.
    """
    part = sounding(grid.hits)
    others = grid.others[part, :, :, 1:]
    melody = others.reshape(len(others), STEPS, others.shape[2] * others.shape[3]) > 0
    bars = len(melody)
    number = np.arange(bars)
    values = (
        np.nan_to_num(window_novelty(melody)),
        np.append(bar_distance(melody[1:], melody[:-1]), 0.0)[:bars],
        _contrast(melody),
        (number % 4 == 3).astype(float),
        (number % 8 == 7).astype(float),
    )
    scores = {}
    for name, value in zip(FEATURES, values, strict=True):
        scores[name] = np.zeros(len(grid))
        scores[name][part] = value
    return scores


def _contrast(melody: np.ndarray) -> np.ndarray:
    """(bars,) distance of the mean of the four bars up to each from that of the four after it; 0 at the ends."""
    bars = len(melody)
    contrast = np.zeros(bars)
    if bars < 2 * MEAN_BARS:
        return contrast
    flat = melody.reshape(bars, -1).astype(np.float32)
    means = np.lib.stride_tricks.sliding_window_view(flat, MEAN_BARS, axis=0).mean(-1)  # of bars i .. i + 3
    before, after = means[:-MEAN_BARS], means[MEAN_BARS:]
    apart, total = np.abs(before - after).sum(1), (before + after).sum(1)
    contrast[MEAN_BARS - 1 : bars - MEAN_BARS] = np.divide(apart, total, out=np.zeros_like(total), where=total > 0)
    return contrast


def counted_bits(train: Sequence[np.ndarray], test: Sequence[np.ndarray]) -> dict[str, tuple[float, int]]:
    """Bits that counted frequencies need for the hits of the test songs, and for how many bars: two floors.

    "frequencies" knows how often a class is hit on a step; "frequencies given previous bar" also whether it was hit
    there in the bar before (the bar before the first is silent). Drum parts are judged from their first to their last
    bar with hits.

    Args:
        train, test: (bars, 32, 16) bool of each song.
    """
    bits = {"frequencies": 0.0, "frequencies given previous bar": 0.0}
    counts = np.full((2, 2, STEPS, len(CLASSES)), PRIOR)  # [hit before][hit now]
    for hits in train:
        counts += _transitions(hits[sounding(hits)])
    alone = counts.sum(0)
    bars = 0
    for hits in test:
        part = hits[sounding(hits)]
        found = _transitions(part)
        bars += len(part)
        bits["frequencies"] -= float((found.sum(0) * np.log2(alone / alone.sum(0))).sum())
        given = np.log2(counts / counts.sum(1, keepdims=True))
        bits["frequencies given previous bar"] -= float((found * given).sum())
    return {name: (value, bars) for name, value in bits.items()}


def _transitions(hits: np.ndarray) -> np.ndarray:
    """(2, 2, 32, 16) how often each cell went from the one state to the other, from a bar to the next."""
    before = np.concatenate([np.zeros_like(hits[:1]), hits[:-1]])
    kinds = [[~before & ~hits, ~before & hits], [before & ~hits, before & hits]]
    return np.array([[kind.sum(0) for kind in row] for row in kinds], dtype=np.float64)


def another_part(parts: Sequence[np.ndarray], bars: int, generator: np.random.Generator) -> np.ndarray:
    """(bars, 32, 16): the drum part of some other song, again from its beginning where it ends too soon."""
    hits = parts[int(generator.integers(len(parts)))]
    hits = hits[sounding(hits)]
    return hits[np.arange(bars) % len(hits)]
