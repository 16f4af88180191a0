from __future__ import annotations

from dataclasses import replace

import numpy as np
from toy_songs import notes_of, together

from partimento.tasks.pairs.phrases import is_accompaniment, is_melody, on_steps, phrase_at, song_of, sounding, top_line


def rows(*notes: tuple[int, int, int, int]) -> np.ndarray:
    return np.array(notes, dtype=np.int64)


def test_notes_on_the_grid_without_drums() -> None:
    notes = together(notes_of(np.array([60, 62])), notes_of(np.array([40])))
    drums = np.array([pitch == 62 for pitch in notes.pitch])
    found = on_steps(replace(notes, is_drum=drums), np.ones(3, bool), 2)
    assert found.tolist() == [[0, 8, 42, 80], [0, 8, 62, 80]]
    short = replace(notes, duration=np.full(3, 3, np.int32))
    assert on_steps(short, notes.track == 0, 0)[:, 1].tolist() == [1, 1]  # never nothing


def test_the_top_line_has_one_note_at_a_time() -> None:
    notes = rows((0, 20, 60, 80), (0, 8, 67, 80), (8, 40, 50, 80), (16, 8, 72, 80))
    assert top_line(notes).tolist() == [[0, 8, 67, 80], [8, 8, 50, 80], [16, 8, 72, 80]]


def test_a_phrase_is_cut_out_of_its_part() -> None:
    notes = rows((96, 64, 60, 80), (128, 16, 62, 80), (250, 20, 64, 80), (256, 8, 65, 80))
    tied = phrase_at("a", "piano", notes, 4, tied=True)
    assert tied.notes.tolist() == [[0, 16, 62, 80], [0, 32, 60, 80], [122, 6, 64, 80]]
    untied = phrase_at("a", "melody", notes, 4, tied=False)
    assert untied.notes.tolist() == [[0, 16, 62, 80], [122, 6, 64, 80]]
    assert sounding(tied) == (32 + 6) / 128
    assert sounding(untied) == (16 + 6) / 128


def test_half_of_an_accompaniment_must_sound() -> None:
    assert is_accompaniment(phrase_at("a", "b", rows((0, 64, 60, 80)), 0, tied=True))
    assert not is_accompaniment(phrase_at("a", "b", rows((0, 63, 60, 80)), 0, tied=True))
    assert not is_accompaniment(phrase_at("a", "b", np.zeros((0, 4), np.int64), 0, tied=True))
    dense = np.array([(step, 1, pitch, 80) for step in range(128) for pitch in range(60, 64)])
    assert not is_accompaniment(phrase_at("a", "b", dense, 0, tied=True))


def test_a_melody_begins_notes_in_three_bars() -> None:
    assert is_melody(phrase_at("a", "b", rows((0, 1, 60, 80), (40, 1, 60, 80), (127, 1, 60, 80)), 0, tied=False))
    assert not is_melody(phrase_at("a", "b", rows((0, 40, 60, 80), (40, 88, 60, 80)), 0, tied=False))


def test_the_phrases_of_a_song() -> None:
    bars = [2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 16, 17]  # from bar 2 on: phrases at 2, 10 and 14, silence at 6
    melody = np.array([(32 * bar, 32, 60 + i, 80) for i, bar in enumerate(bars)])
    pad = rows((0, 32 * 14, 40, 80))
    song = song_of("a", "g", "test", melody, {"pad": pad})
    assert [phrase.bar for phrase in song.melody] == [2, 10, 14]
    assert [(first.bar, second.bar) for first, second in song.following()] == [(10, 14)]
    assert [(phrase.bar, phrase.part) for phrase in song.accompaniments] == [(2, "pad"), (10, "pad")]
    assert [(query.bar, len(parts)) for query, parts in song.accompanied()] == [(2, 1), (10, 1)]
