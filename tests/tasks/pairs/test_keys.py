from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from toy_songs import SCALE, notes_of

from partimento.tasks.pairs.keys import semitones_to_c_or_a

MAJOR = 60 + np.concatenate([SCALE, [7, 4, 0, 0]])
MINOR = 57 + np.array([0, 2, 3, 5, 7, 8, 11, 12, 7, 3, 0, 0])


@pytest.mark.parametrize("tonic", range(12))
@pytest.mark.parametrize("tune", [MAJOR, MINOR])
def test_every_key_is_moved_to_c_or_a(tune: np.ndarray, tonic: int) -> None:
    semitones = semitones_to_c_or_a(notes_of(tune + tonic))
    assert (tonic + semitones) % 12 == 0
    assert -6 <= semitones <= 5


def test_length_and_loudness_count_and_drums_do_not() -> None:
    notes = notes_of(MAJOR)
    sharp = notes_of(MAJOR + 1)
    both = replace(notes, **{name: np.concatenate([getattr(notes, name), getattr(sharp, name)]) for name in COLUMNS})
    first = np.arange(len(both)) < len(notes)
    assert semitones_to_c_or_a(replace(both, velocity=np.where(first, 100, 5).astype(np.int32))) == 0
    assert semitones_to_c_or_a(replace(both, velocity=np.where(first, 5, 100).astype(np.int32))) == -1
    assert semitones_to_c_or_a(replace(both, duration=np.where(first, 480, 10).astype(np.int32))) == 0
    assert semitones_to_c_or_a(replace(both, is_drum=first)) == -1
    assert semitones_to_c_or_a(replace(both, is_drum=np.ones(len(both), bool))) == 0


COLUMNS = ("onset", "duration", "pitch", "velocity", "program", "is_drum", "track")
