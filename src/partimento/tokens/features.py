"""What tokens have in common: the same pitch, the same velocity, neighbouring times.

A network that knows it learns from every C4 about all C4s; see `networks.factored`.
"""

from __future__ import annotations

import numpy as np

from partimento.tokens.vocabulary import PITCHES, VELOCITIES, Vocabulary

TIME_SCALES = (4, 20, 100)  # grid steps of 10 ms between the knots of the three interpolations


def token_features(vocabulary: Vocabulary) -> np.ndarray:
    """(V, F) float32, rows of unit length: which features each token has.

    A note has its instrument, its pitch, its pitch class and its velocity; an onset or a duration has the knots on both
    sides of it at three scales; the other tokens have none.
    """
    blocks = [_note_features(vocabulary)]
    blocks += [
        _time_features(vocabulary.size, first, last, scale)
        for first, last in (
            (vocabulary.onset_first, vocabulary.onset_last),
            (vocabulary.duration_first, vocabulary.duration_last),
        )
        for scale in TIME_SCALES
    ]
    features = np.concatenate(blocks, axis=1)
    length = np.linalg.norm(features, axis=1, keepdims=True)
    return (features / np.maximum(length, 1e-9)).astype(np.float32)


def _note_features(vocabulary: Vocabulary) -> np.ndarray:
    ids = np.arange(vocabulary.note_first, vocabulary.note_last + 1)
    key, velocity = np.divmod(ids - vocabulary.note_first, VELOCITIES)
    instrument, pitch = np.divmod(key, PITCHES)
    parts = []
    for value, count in (
        (instrument, len(vocabulary.instruments)),
        (pitch, PITCHES),
        (pitch % 12, 12),
        (velocity, VELOCITIES),
    ):
        block = np.zeros((vocabulary.size, count))
        block[ids, value] = 1
        parts.append(block)
    return np.concatenate(parts, axis=1)


def _time_features(size: int, first: int, last: int, scale: int) -> np.ndarray:
    steps = np.arange(last - first + 1) / scale
    knots = int(steps[-1]) + 2
    block = np.zeros((size, knots))
    below, share = steps.astype(int), steps % 1
    block[np.arange(first, last + 1), below] = 1 - share
    block[np.arange(first, last + 1), below + 1] += share
    return block
