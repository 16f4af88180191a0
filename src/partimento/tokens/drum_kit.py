"""Drum classes and the pitches that stand for them, and the families of the other instruments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class DrumClass:
    """One of the sixteen: the General MIDI pitches that are heard as it, and the one that it is played with."""

    name: str
    pitches: tuple[int, ...]
    pitch: int


CLASSES = (
    DrumClass("kick", (35, 36), 36),
    DrumClass("snare", (38, 40), 38),
    DrumClass("closed hi-hat", (42,), 42),
    DrumClass("open hi-hat", (46,), 46),
    DrumClass("pedal hi-hat", (44,), 44),
    DrumClass("ride", (51, 59), 51),
    DrumClass("crash", (49, 57), 49),
    DrumClass("low floor tom", (41,), 41),
    DrumClass("high floor tom", (43,), 43),
    DrumClass("low tom", (45, 47), 45),
    DrumClass("high-mid tom", (48,), 48),
    DrumClass("high tom", (50,), 50),
    DrumClass("cowbell", (56,), 56),
    DrumClass("tambourine", (54,), 54),
    DrumClass("cabasa", (69,), 69),
    DrumClass("maracas", (70,), 70),
)
KIT = tuple(drum.pitch for drum in CLASSES)
FAMILIES = ("piano", "guitar", "bass", "strings")
_PROGRAMS = ((0, 8), (24, 32), (32, 40), (40, 52))  # General MIDI, first and last + 1: those of Lakh Pianoroll's five


def pitch_table(more: Mapping[int, str] | None = None) -> np.ndarray:
    """(128,) int8, the class of each pitch of the drum channel, -1 for none.

    Args:
        more: names of classes by pitch, beside General MIDI's.
    """
    table = np.full(128, -1, dtype=np.int8)
    names = [drum.name for drum in CLASSES]
    for number, drum in enumerate(CLASSES):
        table[list(drum.pitches)] = number
    for pitch, name in (more or {}).items():
        table[pitch] = names.index(name)
    return table


def family_table() -> np.ndarray:
    """(128,) int8, the family of each General MIDI program, -1 for none."""
    table = np.full(128, -1, dtype=np.int8)
    for number, (first, stop) in enumerate(_PROGRAMS):
        table[first:stop] = number
    return table


GENERAL_MIDI = pitch_table()
# What Roland's TD-11, on which the Groove MIDI Dataset was played, sends beside General MIDI's pitches (Gillick et al.
# 2019, appendix): rims and edges. A side stick is a way to play the snare.
ROLAND_TD11 = pitch_table(
    {
        22: "closed hi-hat",
        26: "open hi-hat",
        37: "snare",
        52: "crash",
        53: "ride",
        55: "crash",
        58: "high floor tom",
    }
)
FAMILY = family_table()
