"""Times as they are heard: the pedal holds notes, the same key ends them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from partimento.notes import from_ms
from partimento.report.heard import heard, share_pedal


def pedalled(onset: list[int], duration: list[int], pitch: list[int], pedal: list[tuple[int, int]]):
    count = len(onset)
    notes = from_ms(np.array(onset), np.array(duration), np.array(pitch), np.full(count, 80))
    ticks, values = np.array(pedal, dtype=np.int32).T
    return replace(notes, pedal_tick=ticks, pedal_value=values, pedal_track=np.zeros(len(ticks), dtype=np.int32))


def test_pedal_holds_notes_until_it_is_lifted():
    notes = pedalled([0, 500, 3000], [200, 200, 200], [60, 64, 67], [(100, 127), (2000, 0)])
    times = heard(notes)
    np.testing.assert_allclose(times.onset_s, [0, 0.5, 3])
    np.testing.assert_allclose(times.held_s, [0.2, 0.2, 0.2])
    np.testing.assert_allclose(times.sounding_s, [2.0, 1.5, 0.2])


def test_the_same_key_ends_a_note_that_the_pedal_holds():
    notes = pedalled([0, 1000], [200, 200], [60, 60], [(100, 127), (2000, 0)])
    np.testing.assert_allclose(heard(notes).sounding_s, [1.0, 1.0])


def test_a_key_held_over_the_next_stroke_keeps_its_own_length():
    notes = pedalled([0, 500], [2000, 200], [60, 60], [(0, 0)])
    np.testing.assert_allclose(heard(notes).sounding_s, [2.0, 0.2])


def test_both_hands_have_the_pedal_that_stands_in_one_track():
    notes = pedalled([0, 0], [200, 200], [48, 72], [(100, 127), (2000, 0)])
    notes = replace(notes, track=np.array([0, 1], dtype=np.int32), track_names=("left", "right"))
    np.testing.assert_allclose(heard(notes).sounding_s, [2.0, 2.0])
    other = replace(notes, program=np.array([0, 40], dtype=np.int32))
    np.testing.assert_allclose(heard(other).sounding_s, [2.0, 0.2])


def test_drums_are_not_held_by_a_pedal():
    notes = pedalled([0], [200], [38], [(100, 127), (2000, 0)])
    drums = replace(notes, is_drum=np.array([True]))
    np.testing.assert_allclose(heard(drums).sounding_s, [0.2])


def test_a_piece_without_pedal_stays_as_it_is():
    notes = from_ms(np.array([0, 100]), np.array([50, 60]), np.array([60, 61]), np.array([80, 80]))
    assert len(share_pedal(notes).pedal_tick) == 0
    np.testing.assert_allclose(heard(notes).sounding_s, [0.05, 0.06])
