"""When OctupleMIDI words begin: bar and position as one time."""

from __future__ import annotations

import numpy as np

from partimento.tokens.octuple import BAR, POSITION, TIME_SIGNATURE, TIME_SIGNATURES, UNITS_PER_WHOLE

_BAR_UNITS = np.array([numerator * UNITS_PER_WHOLE // denominator for numerator, denominator in TIME_SIGNATURES])


def onset_units(words: np.ndarray) -> np.ndarray:
    """(T,) int64 sixteenths of a quarter from the first bar line of words (T, 8), whose bars begin at 0 or later.

    A bar without a word has the length of the bar before; where the time signature is not known, it is 4/4.

    >>> onset_units(np.array([[0, 60, 0, 0, 0, 0, 254, 0], [1, 4, 0, 0, 0, 0, 254, 0]])).tolist()
    [60, 68]
    """
    bar, signature = words[:, BAR], words[:, TIME_SIGNATURE]
    known = signature < len(_BAR_UNITS)
    units = np.where(known, _BAR_UNITS[np.where(known, signature, 0)], UNITS_PER_WHOLE)
    bars, first = np.unique(bar, return_index=True)
    length = np.full(int(bar.max(initial=0)) + 1, UNITS_PER_WHOLE)
    for start, value in zip(bars.tolist(), units[first].tolist(), strict=True):
        length[start:] = value
    line = np.append(0, np.cumsum(length)[:-1])
    return line[bar] + words[:, POSITION]
