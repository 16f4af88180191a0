"""Single notes to render: every General MIDI program and percussion key, one note every few seconds.

A long clip holds notes of up to fifteen programs, or of percussion keys, in slots of equal length; each slot is an
example.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from partimento.corpus.datasets.rendered import ROLES, TimedLabels

SLOT_S = 4.0
GAP_S = 2.0  # rendered after each slot and cut out, so that no note rings into the next slot
LENGTHS_S = (0.5, 3.0)
PITCHES = (28, 96)  # E1 to C7; programs whose instrument is lower or higher stand in RANGES
RANGES = {
    **dict.fromkeys(range(0, 8), (21, 108)),
    **dict.fromkeys(range(8, 16), (48, 96)),
    **dict.fromkeys(range(24, 32), (40, 84)),
    **dict.fromkeys(range(32, 40), (28, 60)),
    **{40: (55, 96), 41: (48, 84), 42: (36, 76), 43: (28, 60), 47: (36, 60)},
    **dict.fromkeys((*range(56, 64), *range(64, 72)), (40, 84)),
    **dict.fromkeys(range(72, 80), (60, 96)),
    **dict.fromkeys(range(112, 128), (48, 84)),
    **{58: (40, 72), 67: (40, 72), 78: (60, 79)},  # silent above in one soundfont or in both
}
PERCUSSION_KEYS = range(35, 82)
GROUPS = 9  # of programs: a MIDI file has fifteen channels for them
SIDES = ("train", "train", "train", "train", "train", "train", "train", "train", "valid", "test")


def single_notes(notes_of_program: int, notes_of_key: int, seed: int) -> Iterator[tuple[str, str, TimedLabels]]:
    """Name, side and labels of clips; one in ten notes of each program is on the validation and on the test side.

    The sides of a program differ in pitch: no (program, pitch) is on two of them.
    """
    rng = np.random.default_rng(seed)
    drawn: dict[tuple[int, str], list[tuple[int, int]]] = {}
    for program in range(128):
        low, high = RANGES.get(program, PITCHES)
        pitches = rng.permutation(np.arange(low, high + 1))
        for i in range(notes_of_program):
            pitch = int(pitches[i % len(pitches)])
            side = SIDES[i % len(pitches) % len(SIDES)]
            drawn.setdefault((program % GROUPS, side), []).append((program, pitch))
    for key in PERCUSSION_KEYS:
        for i in range(notes_of_key):
            drawn.setdefault((GROUPS, SIDES[(i + key) % len(SIDES)]), []).append((-1, key))
    for (group, side), pairs in drawn.items():
        yield f"{side}-{group:02}", side, _slots(np.array(pairs)[rng.permutation(len(pairs))], rng)


def spread(labels: TimedLabels) -> TimedLabels:
    """The notes as they are rendered: with a gap after each slot."""
    return labels.on_clock(lambda time_s: time_s + time_s // SLOT_S * GAP_S)


def without_gaps(samples: np.ndarray, rate_hz: int, count: int, lead_s: float) -> np.ndarray:
    """(samples,) the slots of rendered notes one after another, each faded out over its last 20 ms."""
    slot, step, lead = (round(seconds * rate_hz) for seconds in (SLOT_S, SLOT_S + GAP_S, lead_s))
    padded = np.pad(samples, (0, max(0, lead + count * step - len(samples))))
    parts = np.stack([padded[lead + i * step : lead + i * step + slot] for i in range(count)])
    fade = round(0.02 * rate_hz)
    parts[:, -fade:] *= np.linspace(1, 0, fade, dtype=parts.dtype)
    return parts.reshape(-1)


def _slots(pairs: np.ndarray, rng: np.random.Generator) -> TimedLabels:
    program, pitch = pairs.T
    onset_s = np.round(np.arange(len(pairs)) * SLOT_S + rng.uniform(0, 0.2, len(pairs)), 3)
    role = np.where(program < 0, ROLES.index("drum"), ROLES.index("note"))
    return replace(
        TimedLabels(),
        note_onset_s=onset_s,
        note_offset_s=np.round(onset_s + rng.uniform(*LENGTHS_S, len(pairs)), 3),
        note_pitch=pitch,
        note_velocity=rng.integers(20, 128, len(pairs)),
        note_program=program,
        note_role=role,
    )
