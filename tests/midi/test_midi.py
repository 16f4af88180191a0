"""MIDI in and out: what is kept, and what is refused with which reason."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
import raw_midi
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.midi import MAX_FILE_BYTES, MidiError, read_bytes, read_midi, to_score, write_midi
from partimento.notes import NOTE_COLUMNS, Notes


def assert_same(first: Notes, second: Notes) -> None:
    for column in dataclasses.fields(Notes):
        one, other = getattr(first, column.name), getattr(second, column.name)
        if isinstance(one, np.ndarray):
            assert one.dtype == other.dtype, column.name
        np.testing.assert_array_equal(one, other, err_msg=column.name)


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int32)


@st.composite
def pieces(draw: st.DrawFn) -> Notes:
    """Notes that a MIDI file can hold: the sounding notes of one pitch in one track do not overlap."""
    num_tracks = draw(st.integers(1, 4))
    programs = draw(st.lists(st.integers(0, 127), min_size=num_tracks, max_size=num_tracks))
    drums = draw(st.lists(st.booleans(), min_size=num_tracks, max_size=num_tracks))
    rows = []
    for track in range(num_tracks):
        for pitch in draw(st.lists(st.integers(0, 127), min_size=1, max_size=6, unique=True)):
            tick = 0
            for _ in range(draw(st.integers(1, 4))):
                tick += draw(st.integers(0, 2000))
                duration = draw(st.integers(1, 2000))
                rows.append((tick, track, pitch, duration, draw(st.integers(1, 127))))
                tick += duration
    rows.sort(key=lambda row: (row[0], row[1], row[0] + row[3]))
    onset, track, pitch, duration, velocity = np.array(rows, dtype=np.int32).T
    pedals = draw(
        st.lists(st.tuples(st.integers(0, num_tracks - 1), st.integers(0, 9000), st.integers(0, 127)), max_size=9)
    )
    pedals = sorted({(track, tick): (track, tick, value) for track, tick, value in pedals}.values())
    pedal_track, pedal_tick, pedal_value = np.array(pedals, dtype=np.int32).reshape(-1, 3).T
    changes = sorted({0, *draw(st.lists(st.integers(1, 9000), max_size=4))})
    tempo = st.lists(st.integers(1, 2**24 - 1), min_size=len(changes), max_size=len(changes))
    numerator = st.lists(st.integers(1, 32), min_size=len(changes), max_size=len(changes))
    denominator = st.lists(st.sampled_from([1, 2, 4, 8, 16, 32]), min_size=len(changes), max_size=len(changes))
    return Notes(
        onset,
        duration,
        pitch,
        velocity,
        ints(*programs)[track],
        np.array(drums)[track],
        track,
        track_names=tuple(draw(st.lists(st.text("abcé楽 ", max_size=8), min_size=num_tracks, max_size=num_tracks))),
        ticks_per_quarter=draw(st.sampled_from([24, 96, 480, 1024])),
        tempo_tick=ints(*changes),
        tempo_us=ints(*draw(tempo)),
        metre_tick=ints(*changes),
        metre_numerator=ints(*draw(numerator)),
        metre_denominator=ints(*draw(denominator)),
        pedal_tick=pedal_tick,
        pedal_value=pedal_value,
        pedal_track=pedal_track,
    )


@settings(max_examples=80, deadline=None)
@given(pieces())
def test_round_trip_keeps_every_column(notes: Notes) -> None:
    assert_same(read_midi(to_score(notes).dumps_midi()), notes)


def test_write_replaces_the_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "楽譜 é.mid"
    path.write_bytes(b"what was there")
    notes = read_midi(raw_midi.SOUND)
    write_midi(notes, path)
    assert_same(read_midi(path), notes)
    assert os.listdir(tmp_path) == [path.name]  # noqa: PTH208


@pytest.mark.parametrize("case", raw_midi.BAD)
def test_bad_input_has_its_reason(case: str) -> None:
    data, reason = raw_midi.BAD[case]
    with pytest.raises(MidiError) as raised:
        read_midi(data)
    assert str(raised.value).startswith(reason)


def test_sound_oddities_are_read() -> None:
    assert list(read_midi(raw_midi.RUNNING_STATUS).pitch) == [60, 62]
    assert list(read_midi(raw_midi.RUNNING_STATUS).duration) == [480, 16]
    assert len(read_midi(raw_midi.SYSTEM_EXCLUSIVE)) == 1
    assert read_midi(raw_midi.NAMED).track_names == ("楽譜",)
    assert read_midi(raw_midi.DRUMS).is_drum.all()


def test_of_endless_notes_the_others_are_kept() -> None:
    data = raw_midi.midi(raw_midi.track(raw_midi.NOTE_ON, raw_midi.NOTE_OFF, b"\x00\x90\x40\x40"))
    assert list(read_midi(data).pitch) == [60]


def test_silent_tracks_are_left_out() -> None:
    silent, sound = raw_midi.track(), raw_midi.track(raw_midi.NOTE_ON, raw_midi.NOTE_OFF)
    notes = read_midi(raw_midi.midi(silent, sound, silent, sound))
    assert notes.track_names == ("", "")
    assert list(notes.track) == [0, 1]


def test_a_file_without_maps_has_the_defaults() -> None:
    notes = read_midi(raw_midi.SOUND)
    assert notes.seconds == 0.5
    assert (list(notes.metre_numerator), list(notes.metre_denominator)) == ([4], [4])


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MidiError, match="a folder, not a file"):
        read_midi(tmp_path)
    os.mkfifo(tmp_path / "pipe.mid")
    with pytest.raises(MidiError, match="not a regular file"):
        read_bytes(tmp_path / "pipe.mid")
    with (tmp_path / "huge.mid").open("wb") as huge:
        huge.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(MidiError, match="file of 67,108,865 bytes; the limit is 67,108,864"):
        read_midi(tmp_path / "huge.mid")


def test_notes_of_one_onset_stand_by_track_and_end(raw) -> None:
    for path in sorted((raw("multitrack") / "freedoom").rglob("*.mid"))[:3]:
        notes = read_midi(path)
        order = np.lexsort((notes.onset + notes.duration, notes.track, notes.onset))
        for name in NOTE_COLUMNS:
            np.testing.assert_array_equal(getattr(notes, name)[order], getattr(notes, name))
