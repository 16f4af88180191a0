"""What a drummer with two hands and two feet can hit at once."""

from __future__ import annotations

import numpy as np

from partimento.tokens.drum_kit import CLASSES

NAMES = tuple(drum.name for drum in CLASSES)
FEET = np.array([name in ("kick", "pedal hi-hat") for name in NAMES])
HANDS = 2
OPEN = NAMES.index("open hi-hat")
SHUT = [NAMES.index("closed hi-hat"), NAMES.index("pedal hi-hat")]  # an open hat sounds only while the pedal is up


def may_hit(hits: np.ndarray) -> np.ndarray:
    """(16,) bool, the drum classes that can be hit on a step beside those that are, (16,) bool."""
    may = ~hits
    if np.count_nonzero(hits & ~FEET) >= HANDS:
        may &= FEET
    if hits[OPEN]:
        may[SHUT] = False
    elif hits[SHUT].any():
        may[OPEN] = False
    return may


def violations(hits: np.ndarray) -> np.ndarray:
    """(...) bool, the steps of hits (..., 16) that cannot be played: three hands, or a hat open and shut at once."""
    hits = np.asarray(hits, dtype=bool)
    hands = np.count_nonzero(hits & ~FEET, axis=-1)
    return (hands > HANDS) | (hits[..., OPEN] & hits[..., SHUT].any(-1))
