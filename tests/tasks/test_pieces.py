"""What is heard of an example: piano notes, changed as the task says, in windows end to end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import toy

from partimento.midi import MidiError, write_midi
from partimento.notes import Notes, from_ms
from partimento.tasks.pieces import heard
from partimento.tasks.task import Example
from partimento.tokens.performance import PerformanceTokenizer, events_of
from partimento.tokens.slices import slice_ids
from partimento.tokens.thinned import thinned


def long_piece(pedal: bool = False, notes: int = 1000) -> Notes:
    music = toy.piece(0, notes)
    if not pedal:
        return music
    tick = np.arange(0, int(music.onset[-1]), 1500, dtype=np.int32)
    value = np.where(np.arange(len(tick)) % 2, 0, 100).astype(np.int32)
    return replace(music, pedal_tick=tick, pedal_value=value, pedal_track=np.zeros(len(tick), dtype=np.int32))


def test_a_short_piece_is_whole() -> None:
    music = long_piece()
    assert thinned(music, 1000) is music
    with pytest.raises(ValueError, match="window has 300"):
        thinned(music, 200)


@pytest.mark.parametrize("most", [300, 600, 700, 900])
def test_windows_are_whole_and_spread_from_beginning_to_end(most: int) -> None:
    music = long_piece()
    short = thinned(music, most)
    count = most // 300
    assert len(short) == 300 * count
    starts = np.rint(np.linspace(0, 700, count)).astype(int)
    tokenizer = PerformanceTokenizer()
    for number, start in enumerate(starts):
        expected = slice_ids(tokenizer, music, start, start + 300, 4000)
        assert (slice_ids(tokenizer, short, 300 * number, 300 * number + 300, 4000) == expected).all()


def test_there_is_no_gap_where_notes_were_cut_out() -> None:
    music = long_piece()
    short = thinned(music, 600)
    assert np.diff(short.onset_ms).max() <= np.diff(music.onset_ms).max()
    assert short.onset_ms[300] - short.onset_ms[299] == music.onset_ms[300] - music.onset_ms[299]


def test_the_tempo_map_is_heard() -> None:
    music = replace(
        long_piece(), tempo_tick=np.array([0, 90_000], dtype=np.int32), tempo_us=np.array([500_000, 750_000])
    )
    short = thinned(music, 600)
    assert (np.diff(short.onset_ms[300:]) == np.diff(music.onset_ms[700:])).all()
    assert (short.duration_ms[300:] == music.duration_ms[700:]).all()


def test_the_pedal_is_as_it_was() -> None:
    music = long_piece(pedal=True)
    short = thinned(music, 900)
    whole, part = events_of(music), events_of(short)
    for number, start in enumerate((0, 350, 700)):
        # the last notes of a window may be held into what was cut out
        expected, found = whole.duration_ms[start : start + 280], part.duration_ms[300 * number : 300 * number + 280]
        assert (found == expected).all()
    assert (whole.duration_ms != music.duration_ms).mean() > 0.2


def test_an_example_is_changed_as_it_says(tmp_path: Path) -> None:
    music = toy.piece(1)
    path = tmp_path / "piece.mid"
    write_midi(music, path)
    plain = heard(Example(path, "a", "a"), None)
    changed = heard(Example(path, "a", "a", semitones=3, stretch=1.5), None)
    assert (changed.pitch == plain.pitch + 3).all()
    assert np.abs(changed.onset_ms - 1.5 * plain.onset_ms).max() <= 1


def test_other_instruments_are_left_out(tmp_path: Path) -> None:
    both = from_ms(np.arange(4) * 100, np.full(4, 90), np.full(4, 60), np.full(4, 80), program=np.array([0, 40, 0, 40]))
    write_midi(both, tmp_path / "both.mid")
    assert len(heard(Example(tmp_path / "both.mid", "a", "a"), None)) == 2
    write_midi(both.select(both.program == 40), tmp_path / "violin.mid")
    with pytest.raises(MidiError, match=r"violin.mid: it has no piano notes"):
        heard(Example(tmp_path / "violin.mid", "a", "a"), None)
    (tmp_path / "bad.mid").write_bytes(b"")
    with pytest.raises(MidiError, match=r"bad.mid: empty file"):
        heard(Example(tmp_path / "bad.mid", "a", "a"), None)
