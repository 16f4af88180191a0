"""Reading of events and their assembly into notes, where files say things in unusual ways."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import raw_midi

from partimento.midi import read_midi, to_bytes
from partimento.midi.events import MidiError, read_events
from partimento.notes import Notes


def events_of(*events: str) -> list[tuple[int, ...]]:
    read = read_events(raw_midi.midi(raw_midi.track(*(bytes.fromhex(event) for event in events))))
    columns = (read.tick, read.status, read.first, read.second)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_delta_times_of_one_to_four_bytes() -> None:
    read = events_of("7f 90 3c 40", "81 00 80 3c 40", "81 80 00 90 3c 40", "81 80 80 00 80 3c 40")
    assert [event[0] for event in read] == [127, 255, 16_639, 2_113_791]


def test_delta_times_that_look_like_odd_events() -> None:
    read = events_of("c0 00 90 3c 40", "ff 7f 80 3c 40", "f0 00 90 3e 01")
    assert read == [(8192, 0x90, 60, 64), (24_575, 0x80, 60, 64), (38_911, 0x90, 62, 1)]


def test_running_status_goes_on_across_odd_events() -> None:
    read = events_of("00 90 3c 40", "10 3c 00", "05 ff 01 02 c0 90", "05 3e 40", "00 c1 05", "08 06", "02 90 3e 00")
    assert read == [(0, 0x90, 60, 64), (16, 0x90, 60, 0), (26, 0x90, 62, 64), (36, 0x90, 62, 0)]


def test_program_changes_know_their_place() -> None:
    track = raw_midi.track(*(bytes.fromhex(e) for e in ("00 c0 05", "04 07", "00 90 3c 40", "06 c0 09", "00 80 3c 00")))
    changes = read_events(raw_midi.midi(raw_midi.track(), track)).program
    assert [(c.track, c.channel, c.tick, c.index, c.program) for c in changes] == [
        *((1, 0, 0, 0, 5), (1, 0, 4, 0, 7), (1, 0, 10, 1, 9)),
    ]


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        (["00 90 3c"], "cut short"),
        (["00 3c 40"], "begins without a status byte"),
        (["00 90 90 3c 40"], "two status bytes"),
        (["00 90 3c 90 40"], "between the data bytes"),
        (["81 81 81 81 00 90 3c 40"], "more than four bytes|no number of one to four bytes"),
        (["00 ff 01 7f 41"], "longer than the track"),
        (["00 90 3c 40", "00 c0"], "cut short"),
    ],
)
def test_damage_has_its_reason(events: list[str], reason: str) -> None:
    content = b"".join(bytes.fromhex(event) for event in events)
    data = raw_midi.midi(b"MTrk" + len(content).to_bytes(4, "big") + content)
    with pytest.raises(MidiError, match=reason):
        read_events(data)


def test_what_follows_the_last_track_is_not_looked_at() -> None:
    assert len(read_midi(raw_midi.SOUND + b"\0\0 by somebody\0")) == 1


def two_hands(right: int, left: int, port: int = 0) -> Notes:
    """Two track chunks of one note each; the second has the pedal and a late program change."""
    chunks = [
        raw_midi.track(bytes([0, 0x90 | right, 60, 64, 10, 0x80 | right, 60, 0])),
        raw_midi.track(
            bytes([0, 0xFF, 0x21, 1, port, 0, 0xB0 | left, 64, 127, 0, 0x90 | left, 40, 64, 10, 0x80 | left, 40, 0]),
            bytes([20, 0xB0 | left, 64, 0, 0, 0xC0 | left, 33]),
        ),
    ]
    return read_midi(raw_midi.midi(*chunks))


def test_the_pedal_of_a_channel_acts_on_all_its_tracks() -> None:
    notes = two_hands(0, 0)
    assert notes.pedal_track.tolist() == [0, 0, 1, 1]
    assert notes.pedal_tick.tolist() == [0, 30, 0, 30]
    assert notes.last_program == (33, 33)
    assert notes.program.tolist() == [0, 0]


@pytest.mark.parametrize("apart", [(0, 1, 0), (0, 0, 1), (9, 9, 0)])
def test_channels_ports_and_drums_keep_their_pedals_apart(apart: tuple[int, int, int]) -> None:
    notes = two_hands(*apart)
    assert notes.pedal_track.tolist() == [1, 1]
    assert notes.last_program == (() if apart[0] == 9 else (0, 33))


def test_more_tracks_than_channels_come_back_with_their_own_pedals() -> None:
    count = 40
    number = np.arange(count, dtype=np.int32)
    zero = np.zeros(count, dtype=np.int32)
    notes = Notes(
        zero,
        zero + 100,
        number + 30,
        zero + 64,
        number % 7,
        number % 5 == 0,
        number,
        track_names=("",) * count,
        pedal_tick=number,
        pedal_value=zero + 90,
        pedal_track=number,
    )
    again = read_midi(to_bytes(notes))
    np.testing.assert_array_equal(again.pedal_tick, notes.pedal_tick)
    np.testing.assert_array_equal(again.pedal_track, notes.pedal_track)
    np.testing.assert_array_equal(again.program, notes.program)
    assert again.last_program == ()


@pytest.mark.shared
def test_events_equal_those_of_mido(raw: Callable[[str], Path]) -> None:
    mido = pytest.importorskip("mido")
    files = sorted(path for path in raw("multitrack").rglob("*") if path.suffix.lower() == ".mid")
    compared = 0
    for path in random.Random(0).sample(files, 12):
        try:
            expected = [_two_byte_messages(track) for track in mido.MidiFile(path).tracks]
        except (OSError, EOFError, ValueError, KeyError):
            continue  # mido reads fewer files
        read = read_events(path.read_bytes())
        columns = (read.tick, read.status, read.first, read.second)
        rows = list(zip(*(column.tolist() for column in columns), strict=True))
        for number, track in enumerate(expected):
            assert rows[read.start[number] : read.start[number + 1]] == track, (path, number)
        compared += 1
    assert compared > 5


def _two_byte_messages(track: list) -> list[tuple[int, ...]]:
    now, found = 0, []
    for message in track:
        now += message.time
        if not message.is_meta and len(message.bytes()) == 3 and message.bytes()[0] < 0xF0:
            found.append((now, *message.bytes()))
    return found
