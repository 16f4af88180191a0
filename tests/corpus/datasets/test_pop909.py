"""POP909 on its beats: onsets on the grid, bars on the downbeats, the real time kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from partimento.corpus.datasets.pop909 import aligned, bars, nearest, note_beats, read_aligned, read_beats, rounded
from partimento.midi import read_midi, to_bytes
from partimento.notes import Notes


def notes_at(onset_ms: list[int], duration_ms: list[int], pitch: list[int] | None = None) -> Notes:
    """Notes whose ticks are milliseconds, on alternating tracks of two programs."""
    count = len(onset_ms)
    return Notes(
        np.array(onset_ms, dtype=np.int32),
        np.array(duration_ms, dtype=np.int32),
        np.array(pitch or range(60, 60 + count), dtype=np.int32),
        np.arange(1, count + 1, dtype=np.int32),
        np.arange(count, dtype=np.int32) % 2,
        np.zeros(count, dtype=bool),
        np.arange(count, dtype=np.int32) % 2,
        ("A", "B"),
        ticks_per_quarter=500,
        pedal_tick=np.array([1500], dtype=np.int32),
        pedal_value=np.array([127], dtype=np.int32),
        pedal_track=np.array([1], dtype=np.int32),
    )


def beats_at(seconds: list[float], downbeats: list[int]) -> np.ndarray:
    return np.stack([seconds, np.isin(np.arange(len(seconds)), downbeats)], axis=1)


def test_a_pickup_stands_before_the_first_downbeat() -> None:
    # A beat of half a second; the third one is the downbeat, so a bar began two beats before the first beat.
    beats = beats_at([1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5], [2, 6])
    moved = aligned(notes_at([1000, 1625, 2000, 4750], [500, 250, 1000, 500]), beats)
    # Beat 0 is at 1 s; time 0 is beat -2, itself a bar line (2 - 4): tick 0.
    assert moved.onset.tolist() == [960, 1560, 1920, 4560]
    assert moved.duration.tolist() == [480, 240, 960, 480]
    assert moved.pedal_tick.tolist() == [1440]
    assert (moved.ticks_per_quarter, moved.tempo_tick.tolist(), moved.tempo_us.tolist()) == (480, [0], [500_000])
    assert (moved.metre_numerator.tolist(), moved.metre_denominator.tolist()) == ([4], [4])


def test_ticks_are_linear_between_beats_of_unequal_length_and_keep_the_real_time() -> None:
    beats = beats_at([0.2, 0.7, 1.5, 2.0, 2.6, 3.0], [0, 4])
    notes = notes_at([0, 200, 450, 1100, 1500, 3400], [100, 250, 650, 400, 1100, 400])
    moved = aligned(notes, beats)
    first = 4 * 480  # the bar before the first beat holds what stands before it
    assert moved.onset.tolist() == [
        *(first - round(0.4 * 480), first, first + 240, first + 480 + 240),
        *(first + 2 * 480, first + 6 * 480),
    ]
    assert np.ptp(moved.seconds_at(moved.onset) - notes.seconds_at(notes.onset)) < 1e-3
    ends = [x.seconds_at(x.onset + x.duration) for x in (moved, notes)]
    assert np.ptp(ends[0] - ends[1]) < 2e-3
    assert (moved.tempo_us[0], moved.tempo_us[-1]) == (500_000, 400_000)


def test_tracks_velocities_and_programs_stay_with_their_notes() -> None:
    notes = notes_at([500, 501, 900], [400, 10, 5])  # two onsets become one tick: then the earlier end comes first
    moved = aligned(notes, beats_at([0.0, 1.0, 2.0, 3.0, 4.0], [0, 4]))
    assert moved.onset.tolist() == [240, 240, 432]
    assert moved.pitch.tolist() == [61, 60, 62]
    assert moved.velocity.tolist() == [2, 1, 3]
    assert moved.program.tolist() == moved.track.tolist() == [1, 0, 0]
    assert moved.track_names == ("A", "B")


def test_three_beats_a_bar_and_the_phase_of_most_downbeats() -> None:
    is_downbeat = np.zeros(30)
    is_downbeat[[0, 4, 7, 10, 13, 16, 19, 22]] = 1
    assert bars(is_downbeat) == (3, 1)
    moved = aligned(notes_at([4000], [500]), np.stack([np.arange(30.0), is_downbeat], axis=1))
    assert moved.metre_numerator.tolist() == [3]
    assert moved.onset.tolist() == [6 * 480]  # beat 4 is a downbeat; bars begin at beats -2, 1 and 4


@pytest.mark.parametrize(
    ("beats", "message"),
    [
        (beats_at([1.0], [0]), "at least two"),
        (beats_at([1.0, 1.0, 2.0], [0]), "increasing"),
        (beats_at([1.0, 2.0, 3.0], []), "downbeat"),
    ],
)
def test_beats_that_cannot_be_used_are_refused(beats: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        aligned(notes_at([0], [1]), beats)


def test_nearest_and_rounded() -> None:
    assert nearest(np.array([0.0, 1.0, 3.0]), np.array([-5.0, 0.4, 0.6, 1.9, 2.1, 9.0])).tolist() == [0, 0, 1, 1, 2, 2]
    notes = aligned(notes_at([125, 126, 250], [10, 190, 300]), beats_at([0.0, 1.0, 2.0, 3.0, 4.0], [0, 4]))
    assert notes.onset.tolist() == [60, 60, 120]
    on_grid = rounded(notes)
    assert on_grid.onset.tolist() == [0, 0, 120]  # half of a sixteenth goes to the earlier one
    assert on_grid.duration.tolist() == [120, 120, 120]


@pytest.fixture(scope="module")
def pop909(raw: Callable[[str], Path]) -> Path:
    return raw("pop909")


@pytest.mark.parametrize("song", ["001", "068", "104", "300", "806"])
def test_a_song_keeps_its_notes_and_its_times(pop909: Path, song: str) -> None:
    notes, moved = read_midi(pop909 / "mid" / f"{song}.mid"), read_aligned(pop909, song)
    named = [sorted(zip(x.pitch, x.velocity, x.program, x.track, strict=True)) for x in (notes, moved)]
    assert named[0] == named[1]
    shift = np.sort(moved.seconds_at(moved.onset)) - np.sort(notes.seconds_at(notes.onset))
    assert np.ptp(shift) < 3e-3
    assert 0 <= shift.min() < moved.seconds_at(np.array([480 * moved.metre_numerator[0]]))[0]
    again = read_midi(to_bytes(moved))
    assert sorted(zip(again.onset, again.pitch, again.velocity, strict=True)) == sorted(
        zip(moved.onset, moved.pitch, moved.velocity, strict=True)
    )


def test_onsets_stand_on_sixteenths_in_nearly_all_songs(pop909: Path) -> None:
    """Of the 909 songs 42 (5 %) do not: there the annotated beats are not those that the notes are played on."""
    onsets = [read_aligned(pop909, f"{song:03d}").onset for song in range(1, 910, 30)]
    off_ticks = np.array([np.abs(onset - 120 * np.rint(onset / 120)).mean() for onset in onsets])  # 30 if anywhere
    assert np.median(off_ticks) < 6
    assert (off_ticks < 15).mean() > 0.9


def test_songs_in_three_have_bars_of_three_beats(pop909: Path) -> None:
    assert read_aligned(pop909, "034").metre_numerator.tolist() == [3]


def test_beats_of_the_notes_are_at_the_level_of_the_recording(pop909: Path) -> None:
    for song in ("022", "033", "096", "104", "306"):
        beats = [note_beats(pop909, song), read_beats(pop909, song)]
        lengths = [np.median(np.diff(beat[:, 0])) for beat in beats]
        assert 0.9 < lengths[0] / lengths[1] < 1.1


def shares(notes: Notes, words: np.ndarray) -> float:
    """The share of (position in the bar, pitch) of published words that the notes have too."""
    mine = Counter(zip((notes.onset // 120 % 16).tolist(), (notes.pitch - 22).tolist(), strict=True))
    published = Counter(map(tuple, words[:, 1:3].tolist()))
    return sum((mine & published).values()) / len(words)


def test_the_published_arrays_stand_on_the_beats_of_the_recording(pop909: Path, raw: Callable[[str], Path]) -> None:
    folder = raw("midibert") / "cp"
    words, owner = np.load(folder / "pop909_test.npy"), np.load(folder / "pop909_test_song.npy")
    on_recording, on_notes = [], []
    for song in np.unique(owner)[::9]:
        mine = words[owner == song].reshape(-1, 4)
        mine = mine[mine[:, 0] < 2]  # without padding
        on_recording.append(shares(read_aligned(pop909, song, published=True), mine))
        on_notes.append(shares(rounded(read_aligned(pop909, song)), mine))
    assert min(on_recording) > 0.95
    assert np.mean(on_recording) > 0.99
    assert np.mean(on_notes) > 0.7  # the other sixteenth for songs whose recording is late by about half of one
