"""Chords, keys and beats of POP909 and POP909-CL lie where the notes say they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from partimento.notes import Notes
from partimento.tasks.words import chord_labels, harmony
from partimento.tasks.words.labelled_pieces import NO_CHORD, Piece, pitch_class
from partimento.tokens.octuple import PITCH, POSITION

SONGS = ("011", "270", "641")


@pytest.fixture(scope="module")
def songs(raw: Callable[[str], Path]) -> dict[str, list[tuple[Piece, Piece]]]:
    """A few songs of each set: on their beats, on a clock."""
    root = raw("pop909").parent
    corrected = [harmony.cl_piece(root, song) for song in SONGS] if raw("pop909_cl") else []
    return {
        "POP909": [harmony.pop909_piece(root, song) for song in SONGS],
        "POP909-CL": [pair for pair in corrected if pair],
    }


@pytest.mark.parametrize("data", ["POP909", "POP909-CL"])
def test_most_notes_are_chord_tones_and_in_the_key(songs: dict[str, list[tuple[Piece, Piece]]], data: str) -> None:
    assert len(songs[data]) == len(SONGS)
    for piece, _ in songs[data]:
        pitch, root, key = piece.words[:, PITCH], piece.labels["chord root"], piece.labels["local key"]
        has = (root >= 0) & (root < NO_CHORD)
        assert has.mean() > 0.9
        above = (pitch - root)[has] % 12
        triad = np.isin(above, [0, 3, 4, 7]).mean()
        assert triad > 0.75
        assert triad > np.isin((above - 7) % 12, [0, 3, 4, 7]).mean() + 0.1  # no other root would do
        scale = np.where(key < 12, 1, 0)[:, None] * np.eye(12)[[0, 2, 4, 5, 7, 9, 11]].sum(0)
        scale = scale + np.where(key < 12, 0, 1)[:, None] * np.eye(12)[[0, 2, 3, 5, 7, 8, 10, 11]].sum(0)
        assert scale[np.arange(len(pitch)), (pitch - key) % 12].mean() > 0.9


@pytest.mark.parametrize("data", ["POP909", "POP909-CL"])
def test_beats_are_where_the_bars_say_but_the_clock_does_not(
    songs: dict[str, list[tuple[Piece, Piece]]], data: str
) -> None:
    for metrical, clock in songs[data]:
        nearest = np.rint(metrical.words[:, POSITION] / 4) % 16  # sixteenth of the bar
        if data == "POP909-CL":  # POP909's own bars are not always of four beats
            assert (nearest == 0).mean() == pytest.approx((clock.labels["downbeat"] == 1).mean(), abs=0.02)
        assert (nearest % 4 == 0).mean() == pytest.approx((clock.labels["beat"] == 1).mean(), abs=0.02)
        assert (clock.labels["beat"] >= clock.labels["downbeat"]).all()
        position, is_on = clock.words[:, POSITION], clock.labels["downbeat"] == 1
        share = np.bincount(position, is_on, minlength=64) / np.maximum(np.bincount(position, minlength=64), 1)
        told = share[position] > 0.5
        assert 2 * (told & is_on).sum() / (told.sum() + is_on.sum()) < 0.5


def test_songs_begin_at_a_random_moment_that_stays(raw: Callable[[str], Path]) -> None:
    root = raw("pop909").parent
    first, again = (harmony.pop909_piece(root, "011")[1] for _ in range(2))
    assert np.array_equal(first.words, again.words)
    starts = {int(harmony.pop909_piece(root, song)[1].words[0, POSITION]) for song in SONGS}
    assert len(starts) > 1


def test_flagged_songs_have_no_corrected_labels(raw: Callable[[str], Path]) -> None:
    root = raw("pop909_cl").parent
    assert all(harmony.cl_piece(root, song) is None for song in ("518", "620", "043", "367", "658"))


@pytest.mark.parametrize(
    ("pitches", "root"),
    [
        ((48, 52, 55), 0),  # C
        ((52, 55, 60), 0),  # C over E
        ((57, 60, 64, 67), 9),  # A minor seventh
        ((60, 64, 67, 69), 0),  # C with a sixth: its lowest note decides
        ((60, 65, 67), 0),  # suspended fourth
        ((59, 62, 65, 68), 11),  # diminished seventh
        ((60, 61, 62), -1),
    ],
)
def test_roots_of_chords(pitches: tuple[int, ...], root: int) -> None:
    assert chord_labels.chord_root(np.array(pitches)) == root


def test_beats_go_on_beyond_the_last() -> None:
    found = chord_labels.beat_at(np.array([1.0, 1.5, 2.5]), np.array([0.5, 1.25, 2.0, 3.5]))
    assert found.tolist() == [-1.0, 0.5, 1.5, 3.0]


def test_the_beat_of_compound_metres_is_dotted() -> None:
    onset = np.arange(0, 1440, 240, dtype=np.int32)
    flat = np.zeros(6, dtype=np.int32)
    notes = Notes(
        *(onset, flat + 240, flat + 60, flat + 64, flat, flat.astype(bool), flat),
        metre_numerator=np.array([6], dtype=np.int32),
        metre_denominator=np.array([8], dtype=np.int32),
    )
    found = harmony.metre_of(notes)
    assert found["beat"].tolist() == [True, False, False, True, False, False]
    assert found["downbeat"].tolist() == [True, False, False, False, False, False]


def test_names_of_notes() -> None:
    assert [pitch_class(name) for name in ("C", "Db", "F#", "Cb", "B#")] == [0, 1, 6, 11, 0]
    with pytest.raises(ValueError, match="no name of a note"):
        pitch_class("H")
