"""How like the moments of a recording are to each other in a layer, and whether that follows labels or form.

Shapes: T moments, D features of each.
"""

from __future__ import annotations

import numpy as np


def self_similarity(tokens: np.ndarray, centre: bool = False) -> np.ndarray:
    """(..., T, T) float32 cosines between all moments of tokens (..., T, D).

    Args:
        tokens: of a recording, one or more layers of it.
        centre: subtract the mean over time first; what all moments share then hides no differences.
    """
    tokens = np.asarray(tokens, np.float32)
    if centre:
        tokens = tokens - tokens.mean(-2, keepdims=True)
    unit = tokens / np.maximum(np.linalg.norm(tokens, axis=-1, keepdims=True), 1e-12)
    return unit @ np.swapaxes(unit, -1, -2)


def nearness(moments: int) -> np.ndarray:
    """(T, T) float32 minus the distance in time: the control that hears nothing and knows that labels last."""
    place = np.arange(moments, dtype=np.float32)
    return -np.abs(place[:, None] - place)


def label_auc(similarity: np.ndarray, labels: np.ndarray, apart: int = 1) -> float:
    """How often two moments of one label are more alike than two of different labels: the ROC area, 0.5 by chance.

    Args:
        similarity: (T, T), symmetric.
        labels: (T,) integers, such as the chord, the beat's place in its bar or the section at each moment; a moment
            below 0 has none and is left out.
        apart: least distance of the moments of a pair. Neighbours are alike in any network and mostly share a label;
            beyond the length of a label they do not.

    Returns:
        NaN where all pairs have one label or none has.
    """
    from sklearn.metrics import roc_auc_score

    labels = np.asarray(labels)
    first, second = np.triu_indices(len(labels), max(apart, 1))
    known = (labels[first] >= 0) & (labels[second] >= 0)
    first, second = first[known], second[known]
    same = labels[first] == labels[second]
    if same.all() or not same.any():
        return float("nan")
    return float(roc_auc_score(same, similarity[first, second]))


def checkerboard_novelty(similarity: np.ndarray, half: int) -> np.ndarray:
    """(T,) float32: how much what comes before each moment differs from what comes after (Foote, ICME 2000).

    At t it is the mean similarity inside the past and inside the future of t minus that between them, with Gaussian
    weights around t. Towards the ends, where less is seen, it falls to 0.

    Args:
        similarity: (T, T), symmetric.
        half: moments of the past, and as many of the future, that are seen.

    Raises:
        ValueError: if half is below 1.
    """
    if half < 1:
        raise ValueError(f"half is {half}; at least one moment on each side must be seen")
    offset = (np.arange(-half, half) + 0.5) / half
    weight = np.exp(-2 * offset**2) * np.sign(offset)  # two standard deviations at the edge
    kernel = np.outer(weight, weight)
    kernel /= np.abs(kernel).sum() / 2  # each half of the checkerboard sums to 1
    moments = len(similarity)
    novelty = np.zeros(moments, np.float32)
    for t in range(1, moments):
        seen = min(half, t, moments - t)
        inside = slice(half - seen, half + seen)
        novelty[t] = np.sum(similarity[t - seen : t + seen, t - seen : t + seen] * kernel[inside, inside])
    return novelty
