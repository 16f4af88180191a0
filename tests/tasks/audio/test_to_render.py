"""What is rendered from POP909-CL and ASAP, and that the variations keep labels and notes together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from partimento.corpus.datasets.rendered import NO_CHORD, NO_ROOT, ROLES, UNKNOWN, TimedLabels
from partimento.corpus.frame_labels import chords, chroma
from partimento.notes import Notes, from_ms
from partimento.tasks.audio import to_render
from partimento.tasks.audio.to_render import LEAD_S, Source, excerpt, roles


def notes_of(onset: list[int], pitch: list[int], track: list[int], velocity: list[int]) -> Notes:
    """Notes of a quarter second on the three tracks of POP909."""
    notes = from_ms(np.array(onset), np.full(len(onset), 250), np.array(pitch), np.array(velocity))
    return replace(notes, track=np.array(track, dtype=np.int32), track_names=("MELODY", "BRIDGE", "PIANO"))


def test_roles_come_from_the_notes_of_the_same_pitch():
    original = notes_of([0, 240, 510, 740, 1000], [60, 72, 60, 72, 48], [0, 1, 2, 0, 2], [90, 80, 70, 60, 50])
    quantised = notes_of([0, 250, 500, 750, 1000], [60, 72, 60, 72, 48], [0, 0, 0, 0, 0], [90, 80, 70, 60, 50])
    found, known = roles(quantised, original)
    assert found.tolist() == [0, 1, 2, 0, 2]
    assert known == 1


def test_a_pitch_that_lost_a_note_is_matched_by_place():
    original = notes_of([0, 10, 500, 750, 1000], [48, 60, 48, 60, 48], [2, 0, 2, 1, 2], [90, 80, 70, 60, 50])
    quantised = notes_of([0, 500, 750, 1000], [48, 48, 60, 48], [0] * 4, [90, 70, 60, 50])
    found, known = roles(quantised, original)
    assert found.tolist() == [2, 2, 1, 2]
    assert known == 0.75


def test_beats_of_changing_metre():
    notes = replace(
        notes_of([0], [60], [0], [80]),
        ticks_per_quarter=4,
        metre_tick=np.array([0, 16]),
        metre_numerator=np.array([4, 6]),
        metre_denominator=np.array([4, 8]),
    )
    tick, position = to_render.beat_ticks(notes, 40)
    assert tick.tolist() == [0, 4, 8, 12, 16, 22, 28, 34]
    assert position.tolist() == [1, 2, 3, 4, 1, 2, 1, 2]


def test_chords_fill_gaps_with_none():
    onset, duration = np.array([500] * 3 + [1000] * 3), np.array([750] * 3 + [250] * 3)
    track = from_ms(onset, duration, np.array([60, 64, 67, 57, 60, 64]), np.full(6, 90))
    start, end, root, quality = to_render.chord_spans(track, 2000)
    assert start.tolist() == [0, 500, 1000, 1250]
    assert end.tolist() == [500, 1000, 1250, 2000]
    assert root.tolist() == [NO_ROOT, 0, 9, NO_ROOT]
    assert quality.tolist() == ["N", "maj", "min", "N"]


@pytest.mark.parametrize("pitches", [[60, 64, 67, 70], [62, 65, 69, 72], [57, 60, 64, 67], [59, 62, 65, 69]])
def test_sevenths_are_told(pitches: list[int]):
    found = to_render.chord_of(np.array(pitches))
    expected = {60: (0, "7"), 62: (2, "min7"), 57: (9, "min7"), 59: (11, "hdim7")}
    assert found == expected[pitches[0]]


@pytest.fixture(scope="module")
def song(raw: Callable[[str], Path]) -> Source:
    raw("pop909_cl")
    source = to_render.pop909_source(raw("pop909").parent, "004", "train")
    assert source is not None
    return source


def test_a_song_of_pop909_has_its_labels(song: Source):
    labels = song.labels
    assert len(labels.note_onset_s) == len(song.notes)
    assert {ROLES[role] for role in np.unique(labels.note_role)} == {"melody", "bridge", "accompaniment"}
    melody = labels.note_pitch[labels.note_role == ROLES.index("melody")]
    accompaniment = labels.note_pitch[labels.note_role == ROLES.index("accompaniment")]
    assert np.median(melody) > np.median(accompaniment) + 5
    np.testing.assert_array_equal(labels.chord_start_s[1:], labels.chord_end_s[:-1])
    assert (labels.key != UNKNOWN).all()
    assert labels.beat_position[:5].tolist() == [1, 2, 3, 4, 1]


def test_an_excerpt_keeps_chords_notes_and_beats_together(song: Source):
    for seed in range(3):
        found = excerpt(song, 30.0, True, np.random.default_rng(seed))
        labels = found.labels
        times = np.arange(0.05, 30, 0.1)
        chord, played = chords(labels, times), chroma(labels, times)
        triads = np.stack([chord % 12, (chord + np.where(chord < 12, 4, 3)) % 12, (chord + 7) % 12], axis=1)
        known = (chord >= 0) & (chord < NO_CHORD) & played.any(1)
        assert np.take_along_axis(played, triads, axis=1).any(1)[known].mean() > 0.9
        near_beat = np.abs(labels.onset_s[:, None] - labels.beat_s).min(1) < 0.1 * np.median(np.diff(labels.beat_s))
        assert near_beat.mean() > 0.3  # a fifth would be by chance
        assert float(found.about["bpm"]) == pytest.approx(60 / np.median(np.diff(labels.beat_s)), abs=0.01)
        sounded = found.notes
        order = np.lexsort((labels.note_pitch, labels.note_onset_s))
        again = np.lexsort((sounded.pitch, sounded.onset))
        sounded_s = sounded.seconds_at(sounded.onset)[again] - LEAD_S
        np.testing.assert_allclose(sounded_s, labels.note_onset_s[order], atol=1e-9)
        np.testing.assert_array_equal(sounded.pitch[again], labels.note_pitch[order])


def test_an_excerpt_of_a_test_song_is_not_transposed(song: Source):
    found = [excerpt(song, 30.0, False, np.random.default_rng(seed)) for seed in range(4)]
    assert {each.about["transposed"] for each in found} == {"0"}
    again = excerpt(song, 30.0, False, np.random.default_rng(3))
    np.testing.assert_array_equal(again.labels.note_onset_s, found[3].labels.note_onset_s)
    assert len({each.about["programs"] for each in found}) > 1


def test_an_instrument_has_all_notes_of_its_part():
    notes = from_ms(np.arange(0, 40_000, 500), np.full(80, 400), np.arange(80) % 40 + 60, np.full(80, 90))
    notes = replace(notes, track_names=("melody",))
    labels = TimedLabels(**to_render.note_columns(notes))
    source = Source("x", "train", notes, labels, shifts_tempo=False)
    programs = set()
    for seed in range(60):
        found = excerpt(source, 10.0, True, np.random.default_rng(seed))
        program = int(found.about["programs"].partition("=")[2])
        assert 60 + 39 + int(found.about["transposed"]) <= to_render.HIGHEST.get(program, 127)
        programs.add(program)
    assert len(programs) > 20


def test_sides_of_pop909(raw: Callable[[str], Path]):
    raw("pop909_cl")
    sides = to_render.pop909_songs(raw("pop909").parent)
    count = {side: list(sides.values()).count(side) for side in ("train", "valid", "test")}
    assert count["test"] <= 86
    assert count["valid"] <= 86
    assert count["train"] > 680
    assert not {"017", "518", "620", "043"} & set(sides)
    assert sides["018"] == "test"


def test_a_performance_of_asap_has_beats(raw: Callable[[str], Path]):
    root = raw("asap").parent
    path = root / "asap" / "Bach/Fugue/bwv_846/Shi05M.mid"
    source = to_render.asap_source(root, "Bach Fugue_bwv_846", path, to_render.asap_beats(root))
    assert source is not None
    np.testing.assert_allclose(source.labels.beat_s[:4] / 1e3, [1.0951, 2.3646, 3.6628, 4.9245])
    assert source.labels.beat_position[:8].tolist() == [0, 0, 0, 1, 2, 3, 4, 1]
    found = excerpt(source, 30.0, False, np.random.default_rng(0))
    assert not len(found.labels.key)
    assert len(found.labels.beat_s) > 10
