"""Notes that end in the order in which they began."""

from __future__ import annotations

import numpy as np
import pytest
from raw_midi import BAD, NOTE_OFF, NOTE_ON, midi, track

from partimento.examples import example_paths
from partimento.midi import MidiError, read_midi, to_bytes
from partimento.midi.in_order import read_in_order
from partimento.notes import NOTE_COLUMNS, from_ms


def test_overlapping_notes_keep_their_lengths() -> None:
    second_on, off = bytes.fromhex("60 90 3c 50"), bytes.fromhex("60 80 3c 00")
    data = midi(track(NOTE_ON, second_on, off, NOTE_OFF))
    notes = read_in_order(data)
    assert notes.onset.tolist() == [0, 96]
    assert notes.duration.tolist() == [192, 576]
    assert read_midi(data).duration.tolist() == [192, 96]


def test_notes_of_no_length_are_kept() -> None:
    grace = bytes.fromhex("00 90 48 50 00 80 48 00")
    data = midi(track(grace, NOTE_ON, NOTE_OFF))
    assert read_in_order(data).pitch.tolist() == [72, 60]
    assert len(read_midi(data)) == 1


def test_elsewhere_both_readers_agree() -> None:
    for path in example_paths():
        ours, theirs = read_in_order(path), read_midi(path)
        rows = [np.stack([getattr(notes, name) for name in NOTE_COLUMNS[:5]]) for notes in (ours, theirs)]
        rows = [columns[:, np.lexsort(columns)] for columns in rows]
        np.testing.assert_array_equal(*rows)
        assert ours.pedal_tick.tolist() == theirs.pedal_tick.tolist()
        assert ours.onset_ms.tolist() == theirs.onset_ms.tolist()


def test_tracks_names_and_drums() -> None:
    notes = from_ms([0, 0, 500], [400] * 3, [60, 38, 40], [80] * 3, [0, 0, 33], [False, True, False])
    again = read_in_order(to_bytes(notes))
    assert (again.program.tolist(), again.is_drum.tolist()) == ([0, 0, 33], [False, True, False])
    assert len(again.track_names) == 3


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_refused_as_ever(name: str) -> None:
    data, reason = BAD[name]
    with pytest.raises(MidiError) as error:
        read_in_order(data)
    assert reason in str(error.value)
