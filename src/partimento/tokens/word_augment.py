"""Words drawn anew for training: transposed, on a coarser grid, in another bar."""

from __future__ import annotations

import numpy as np

from partimento.tokens.fields import Fields
from partimento.tokens.octuple import BAR_UNITS, COMMON_TIME, TIME_SIGNATURES

MELODIC = 128  # octuples' pitch ids below are MIDI numbers, those above are drums
SIXTEENTH = 4  # positions of OctupleMIDI
PIANO = (21, 108)  # MIDI numbers of the 88 keys


def transposed(words: np.ndarray, fields: Fields, semitones: int, bounds: tuple[int, int] | None = None) -> np.ndarray:
    """Words (T, F) moved by so many semitones, or by fewer where a note would leave the bounds; drums stay.

    Args:
        bounds: the lowest and highest pitch id; None is those of the 88 keys or, of compound words, all that there are.
    """
    column = fields.index("pitch")
    size = fields.sizes[column]
    bounds = bounds or (PIANO if size > MELODIC else (0, size - 1))
    pitch = words[:, column]
    pitched = pitch < min(MELODIC, size)
    if not pitched.any() or not semitones:
        return words
    low, high = int(pitch[pitched].min()), int(pitch[pitched].max())
    semitones = int(np.clip(semitones, min(0, bounds[0] - low), max(0, bounds[1] - high)))
    moved = words.copy()
    moved[pitched, column] += semitones
    return moved


def on_sixteenths(words: np.ndarray, fields: Fields) -> np.ndarray:
    """Octuples with every position moved to the nearest sixteenth, in their order again.

    What comes to the end of its bar, as long as the word's time signature says (4/4 if it is not known), begins the
    next one.
    """
    bar, position, signature = (fields.index(name) for name in ("bar", "position", "time_signature"))
    known = words[:, signature] < fields.sizes[signature]
    length = BAR_UNITS[np.where(known, words[:, signature], TIME_SIGNATURES.index(COMMON_TIME))]
    place = (words[:, position] + SIXTEENTH // 2) // SIXTEENTH * SIXTEENTH
    over = (place >= length) & (words[:, position] < length)
    coarse = words.copy()
    coarse[:, bar] += over
    # a signature that is written inside a bar does not shorten it: such a word may stand after its end
    coarse[:, position] = np.where(over, 0, np.minimum(place, fields.sizes[position] - SIXTEENTH))
    return coarse[np.lexsort(coarse.T[::-1])]


def fit_bars(words: np.ndarray, fields: Fields, generator: np.random.Generator | None = None) -> np.ndarray:
    """Octuples with their bars moved into the ids that there are, so that the first one is bar 0.

    With a generator it is any bar from which all fit (MusicBERT draws it too). A part of more bars than ids begins
    anew at 0 after the last.
    """
    column = fields.index("bar")
    if fields.sizes[column] <= 2 or not len(words):  # compound words say only that a bar is new
        return words
    bar = words[:, column] - words[:, column].min()
    room = max(0, fields.sizes[column] - 1 - int(bar.max()))
    start = int(generator.integers(0, room + 1)) if generator is not None else 0
    fitted = words.copy()
    fitted[:, column] = (bar + start) % fields.sizes[column]
    return fitted
