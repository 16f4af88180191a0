"""The pieces that come with the package: their files, their notation and their playing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from partimento.examples import FOLDER, example_paths, example_titles
from partimento.examples.make import write_examples
from partimento.examples.notation import Piece, Voice, events, perform, pitch_number
from partimento.examples.pieces import PIECES
from partimento.midi import read_midi
from partimento.notes import pedal_intervals


def piece(*texts: str, **others: str) -> Piece:
    return Piece("test", "Nobody", "Test", ((1, 60),), tuple(Voice(text, gate=1.0) for text in texts), **others)


def test_collection() -> None:
    assert len(example_paths()) >= 8
    assert len({piece.composer for piece in PIECES}) >= 3
    assert {path.stem for path in example_paths()} == set(example_titles())
    assert sum(path.stat().st_size for path in example_paths()) < 100_000
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    for path in example_paths():
        assert path.name in readme


def test_shipped_files_are_what_the_script_writes(tmp_path: Path) -> None:
    for path in write_examples(tmp_path):
        assert path.read_bytes() == (FOLDER / path.name).read_bytes(), path.name


@pytest.mark.parametrize("path", example_paths(), ids=lambda path: path.stem)
def test_each_file_is_playable_piano_music(path: Path) -> None:
    notes = read_midi(path)
    assert 30 <= notes.seconds <= 120
    assert set(notes.program) == {0}
    assert not notes.is_drum.any()
    assert notes.pitch.min() >= 28
    assert notes.pitch.max() <= 96
    assert notes.velocity.min() >= 30
    assert np.ptp(notes.velocity) >= 20
    assert 1 <= len(notes) / notes.seconds <= 10
    assert notes.duration.min() > 0
    assert notes.tempo_us[-1] > notes.tempo_us[0]  # the end is slower than the beginning
    for pitch in set(notes.pitch):  # a key is released before it is struck again
        mine = notes.pitch == pitch
        assert (notes.onset[mine][:-1] + notes.duration[mine][:-1] <= notes.onset[mine][1:]).all()


@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece.name)
def test_every_line_fills_whole_bars_and_the_same_number_of_them(piece: Piece) -> None:
    lines = [voice.text for voice in piece.voices] + ([piece.pedal] if piece.pedal else [])
    ends = {sum(events(piece, line)[-1][:2]) for line in lines}
    assert len(ends) == 1
    assert (ends.pop() - piece.pickup_ticks) % piece.bar_ticks == 0


@pytest.mark.parametrize(
    ("name", "number"), [("c4", 60), ("a4", 69), ("f#3", 54), ("bb2", 46), ("b#1", 36), ("a0", 21), ("c8", 108)]
)
def test_pitch_names(name: str, number: int) -> None:
    assert pitch_number(name) == number


def test_values_chords_ties_and_staccato() -> None:
    notes = perform(piece("4. c4 8 d4 8t e4 f4 g4 4 a4+c5' | 2 c4~ 4 c4 r"))
    by_pitch = sorted(zip(notes.pitch.tolist(), notes.duration.tolist(), notes.onset.tolist(), strict=True))
    expected = [(60, 720, 0), (60, 1440, 1920), (62, 240, 720), (64, 160, 960), (65, 160, 1120), (67, 160, 1280)]
    expected += [(69, 480, 1440), (72, 240, 1440)]
    for (pitch, duration, onset), wanted in zip(by_pitch, expected, strict=True):
        assert pitch == wanted[0]
        assert abs(duration - wanted[1]) <= 20  # a key struck again may end its earlier note a little sooner
        assert abs(onset - wanted[2]) <= 12


def test_pickup_metre_and_pedal() -> None:
    notes = perform(piece("8 c4 | 4. d4 | 4. e4", metre="3/8", pickup="1/8", pedal="8 o | 4. P | 8 P - o"))
    assert notes.metre_tick.tolist() == [0, 240]
    assert notes.metre_numerator.tolist() == [1, 3]
    assert notes.metre_denominator.tolist() == [8, 8]
    assert pedal_intervals(notes, 0).tolist() == [[285, 960], [1005, 1440]]


def test_loudness_marks_are_followed() -> None:
    notes = perform(piece("p 4 c4 d4 e4 f4 | < c4 d4 e4 f4 | f 4 c4 d4 e4 f4"))
    bars = notes.velocity.reshape(3, 4)
    assert bars[0].max() < 60
    assert (np.diff(bars[1, 1:]) > 0).all()
    assert bars[2].min() > 75


def test_playing_is_the_same_every_time() -> None:
    first, second = perform(PIECES[0]), perform(PIECES[0])
    assert np.array_equal(first.onset, second.onset)
    assert np.array_equal(first.velocity, second.velocity)


@pytest.mark.parametrize(
    ("text", "message"),
    [("4 c4 d4 e4 | 1 c4", "bar 1 is -1"), ("1 h4", "no note"), ("1 c4~ | 1 d4", "tie leads nowhere")],
)
def test_slips_of_the_pen_are_named(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        perform(piece(text))
