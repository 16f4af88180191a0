"""Drum bars as a list of tokens: what is hit on a step, or SILENCE, then SHIFT to the next step.

The "serial grid" of Dahale et al. 2022: 18 tokens, no bar, beat or position. Bits a token flatter it, as SHIFT always
follows SILENCE; compare bits a bar.
"""

from __future__ import annotations

import numpy as np

from partimento.tokens.drum_kit import CLASSES
from partimento.tokens.drum_lines import STEPS

SILENCE, SHIFT = len(CLASSES), len(CLASSES) + 1
VOCABULARY_SIZE = len(CLASSES) + 2


def encode(hits: np.ndarray) -> np.ndarray:
    """(T,) int64 tokens of bars (bars, 32, 16) of hits; those of one step in the order of the classes."""
    hits = hits.reshape(-1, len(CLASSES)).astype(bool)
    table = np.empty((len(hits), VOCABULARY_SIZE), dtype=bool)  # what each step says, in the order of the ids
    table[:, : len(CLASSES)] = hits
    table[:, SILENCE] = ~hits.any(1)
    table[:, SHIFT] = True
    return np.nonzero(table)[1]


def decode(ids: np.ndarray, bars: int | None = None) -> np.ndarray:
    """(bars, 32, 16) bool hits of tokens (T,).

    Any order of ids can be decoded, such as a model's: a step may be told in any order, SILENCE beside a hit says
    nothing, and what comes after the last bar is passed over.

    Args:
        bars: how many; missing ones are silent. By default as many as the tokens have whole or begun.

    Raises:
        ValueError: if an id is none of the 18.
    """
    ids = np.asarray(ids)
    if len(ids) and (ids.min() < 0 or ids.max() >= VOCABULARY_SIZE):
        wrong = int(ids[(ids < 0) | (ids >= VOCABULARY_SIZE)][0])
        raise ValueError(f"token {wrong} is none of the {VOCABULARY_SIZE} of the serial drum grid")
    is_shift = ids == SHIFT
    step = np.cumsum(is_shift) - is_shift
    if bars is None:
        steps = int(is_shift.sum()) + (len(ids) > 0 and not is_shift[-1])
        bars = -(-steps // STEPS)
    hits = np.zeros((bars * STEPS, len(CLASSES)), dtype=bool)
    said = (ids < len(CLASSES)) & (step < len(hits))
    hits[step[said], ids[said]] = True
    return hits.reshape(bars, STEPS, len(CLASSES))
