"""OctupleMIDI words spelled out as CP-like and REMI-like sequences, for comparing encodings (MusicBERT, section 5.4).

All three say the same. Where the bar changes, a word says it with the time signature; where the position does, with the
tempo; where the instrument does, or is the first of its position, alone; and then each note is its pitch, duration and
velocity. CP-like, these words have the eight fields, and an id of its own where they say nothing (the original's
unknown word). REMI-like, each value is a position of its own, of one vocabulary.
"""

from __future__ import annotations

import numpy as np

from partimento.tokens.fields import MASK, Fields
from partimento.tokens.octuple import (
    BAR,
    DURATION,
    INSTRUMENT,
    OCTUPLE,
    PITCH,
    POSITION,
    TEMPO,
    TIME_SIGNATURE,
    VELOCITY,
)

SIZES = np.array(OCTUPLE.sizes)
CP_LIKE = Fields(OCTUPLE.names, tuple(size + 1 for size in OCTUPLE.sizes))  # the last id of each says nothing
REMI_LIKE = Fields(("token",), (sum(OCTUPLE.sizes),))
FIRST_ID = np.append(0, np.cumsum(SIZES)[:-1])  # of each field among REMI-like ids

KINDS = ((BAR, TIME_SIGNATURE), (POSITION, TEMPO), (INSTRUMENT,), (PITCH, DURATION, VELOCITY))
NOTE = len(KINDS) - 1
SPOKEN = tuple(field for kind in KINDS for field in kind)  # the order of a note's values, REMI-like


def encode_cp(words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """CP-like words of octuples in their order, and the note that each stands for.

    Args:
        words: (T, 8) octuples, bars from 0 to 255, without START, END and PAD; an unknown value is MASK.

    Returns:
        words (T', 8) int32 of CP_LIKE; which (T',) int64, a row of `words` where it is a note's word, else -1.

    Raises:
        ValueError: for a bar or another value that has no id.
    """
    said = _said(words)
    note, kind = np.nonzero(said)
    out = np.tile(SIZES.astype(np.int32), (len(note), 1))
    for number, fields in enumerate(KINDS):
        mine = np.flatnonzero(kind == number)
        for field in fields:
            value = words[note[mine], field]
            out[mine, field] = np.where(
                value < SIZES[field], value, value + 1
            )  # specials come after the id for nothing
    return out, np.where(kind == NOTE, note, -1)


def encode_remi(words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """REMI-like ids of octuples in their order, and the note that each position stands for: the pitch is the note.

    Values that are not known are not said, except that a pitch is then MASK.

    Args:
        words: as for `encode_cp`.

    Returns:
        words (T', 1) int32 of REMI_LIKE; which (T',) int64, a row of `words` where it is a pitch, else -1.

    Raises:
        ValueError: for a bar or another value that has no id.
    """
    said = _said(words)
    fields = np.array(SPOKEN)
    values = words[:, fields]
    known = values < SIZES[fields]
    column = np.concatenate(
        [np.repeat(said[:, [number]], len(kind), axis=1) for number, kind in enumerate(KINDS)], axis=1
    )
    column &= known | (fields == PITCH)
    ids = np.where(known, values + FIRST_ID[fields], REMI_LIKE.sizes[0] + MASK)
    note, place = np.nonzero(column)
    return ids[note, place].astype(np.int32)[:, None], np.where(fields[place] == PITCH, note, -1)


def _said(words: np.ndarray) -> np.ndarray:
    """(T, 4) bool: which kinds of words stand for and before each note."""
    if len(words):
        excess = words >= SIZES
        excess &= words != SIZES + MASK
        if excess.any():
            row, field = np.argwhere(excess)[0]
            name = OCTUPLE.names[field]
            raise ValueError(
                f"{name} {words[row, field]} of note {row} has no id (there are {SIZES[field]}); bars are brought into "
                "range by word_augment.fit_bars, START, END and PAD are added afterwards"
            )
    said = np.ones((len(words), len(KINDS)), dtype=bool)
    new = np.zeros(len(words), dtype=bool)
    new[:1] = True
    for number, field in enumerate((BAR, POSITION, INSTRUMENT)):
        new[1:] |= words[1:, field] != words[:-1, field]
        said[:, number] = new
    return said
