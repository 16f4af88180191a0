"""The hand-crafted statistics against loops, against closed forms, and under changes of a piece."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from partimento.midi import read_midi
from partimento.notes import Notes, from_ms
from partimento.tasks.statistics import STATISTIC_NAMES, piece_statistics

EXAMPLE = Path(__file__).parents[2] / "src/partimento/examples/mozart-ah-vous-dirai-je-maman-k-265.mid"


def named(notes: Notes) -> dict[str, float]:
    return dict(zip(STATISTIC_NAMES, piece_statistics(notes).tolist(), strict=True))


def piece(*notes: tuple[int, int, int, int]) -> Notes:
    """Notes as (onset ms, duration ms, pitch, velocity)."""
    return from_ms(*(np.array(column) for column in zip(*notes, strict=True)))


@pytest.fixture(scope="module")
def mozart() -> Notes:
    return read_midi(EXAMPLE)


def test_there_are_eighty_named_numbers(mozart: Notes) -> None:
    numbers = piece_statistics(mozart)
    assert len(set(STATISTIC_NAMES)) == len(STATISTIC_NAMES) == 80
    assert numbers.shape == (80,)
    assert numbers.dtype == np.float32


def test_a_triad_and_a_note() -> None:
    """C E G together for half a second, then for half a second a high C, louder."""
    found = named(piece((0, 500, 60, 40), (10, 490, 64, 40), (20, 480, 67, 40), (1000, 500, 72, 80)))
    assert found["pitch_class_c"] == pytest.approx(math.sqrt(2 / 4))
    assert found["pitch_class_e"] == found["pitch_class_g"] == pytest.approx(math.sqrt(1 / 4))
    assert found["pitch_class_d"] == 0
    assert found["pitch_range"] == 12
    assert found["pitch_class_entropy"] == pytest.approx(1.5)
    assert found["major_less_minor"] > 0
    assert found["melodic_interval_5"] == 1  # from G to C
    assert found["melodic_interval_mean"] == 5
    assert found["chord_interval_3"] == found["chord_interval_4"] == pytest.approx(math.sqrt(1 / 2))
    assert found["chord_of_1"] == found["chord_of_3"] == pytest.approx(math.sqrt(1 / 2))
    assert found["chord_span"] == pytest.approx(3.5)
    assert found["velocity_mean"] == 50
    assert found["velocity_change"] == pytest.approx(40 / 3)
    assert found["notes_a_second"] == pytest.approx(4 / 1.5)
    assert found["sounding_notes"] == pytest.approx((0.5 + 0.49 + 0.48 + 0.5) / 1.5)
    assert found["log_notes"] == pytest.approx(math.log(4))
    assert found["log_seconds"] == pytest.approx(math.log(1.5))


@pytest.mark.parametrize("duration_ms", [0, 1, 500])
def test_one_note_has_finite_statistics(duration_ms: int) -> None:
    found = named(piece((700, duration_ms, 61, 90)))
    assert np.isfinite(list(found.values())).all()
    assert found["pitch_class_c_sharp"] == 1
    assert found["pitch_mean"] == 61
    assert found["pitch_deviation"] == 0
    assert found["chord_of_1"] == 1
    assert found["velocity_by_pitch"] == 0


def test_no_pitched_note_is_refused() -> None:
    drum = from_ms(np.array([0]), np.array([100]), np.array([36]), np.array([90]), is_drum=True)
    with pytest.raises(ValueError, match="no pitched note"):
        piece_statistics(drum)


NOTES = st.lists(
    st.tuples(st.integers(0, 3000), st.integers(0, 1500), st.integers(30, 100), st.integers(1, 127)),
    min_size=1,
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(NOTES)
def test_chords_and_intervals_as_a_loop_finds_them(drawn: list[tuple[int, int, int, int]]) -> None:
    gaps = np.diff(np.unique([onset for onset, *_ in drawn]))
    assume(35 not in gaps)  # which side of the limit that is, the last bit of a float decides
    chords: list[list[int]] = []
    last = -math.inf
    for onset, _, pitch, _ in sorted(drawn, key=lambda note: (note[0], note[2])):
        if onset - last > 35:
            chords.append([])
        chords[-1].append(pitch)
        last = onset
    steps = [max(b) - max(a) for a, b in pairwise(chords)]
    inside = [b - a for chord in map(sorted, chords) for a, b in pairwise(chord)]
    inside = [size for size in inside if size > 0]
    found = named(piece(*drawn))
    for size in range(13):
        share = sum(abs(step) == size for step in steps) / max(len(steps), 1)
        assert found[f"melodic_interval_{size}"] == pytest.approx(math.sqrt(share), abs=1e-6)
    for size in range(1, 13):
        assert found[f"chord_interval_{size}"] == pytest.approx(
            math.sqrt(inside.count(size) / max(len(inside), 1)), abs=1e-6
        )
    for size in range(1, 5):
        share = sum(len(chord) == size for chord in chords) / len(chords)
        assert found[f"chord_of_{size}"] == pytest.approx(math.sqrt(share), abs=1e-6)
    assert found["chord_span"] == pytest.approx(np.mean([max(c) - min(c) for c in chords]), rel=1e-5)


def test_transposing_turns_the_pitch_classes_and_leaves_the_rest(mozart: Notes) -> None:
    before, after = piece_statistics(mozart), piece_statistics(mozart.transpose(2))
    assert after[:12] == pytest.approx(np.roll(before[:12], 2))
    assert abs(after[:12] - before[:12]).max() > 0.1
    moved = [name.startswith("pitch_") and name != "pitch_range" for name in STATISTIC_NAMES]
    same = ~np.array(moved)
    assert after[same] == pytest.approx(before[same], abs=1e-4)
    assert named(mozart.transpose(2))["pitch_mean"] == pytest.approx(named(mozart)["pitch_mean"] + 2)


def test_stretching_moves_the_logarithms_of_times(mozart: Notes) -> None:
    before, after = named(mozart), named(mozart.stretch(1.25))
    for name in ("log_time_between_onsets_median", "log_duration_mean", "log_seconds"):
        assert after[name] == pytest.approx(before[name] + math.log(1.25), abs=1e-3)
    assert after["notes_a_second"] == pytest.approx(before["notes_a_second"] / 1.25, rel=1e-3)
    assert after["pitch_class_c"] == before["pitch_class_c"]


def test_where_the_piece_starts_and_its_percussion_do_not_count(mozart: Notes) -> None:
    notes = [(0, 300, 60, 50), (400, 300, 62, 60), (900, 300, 64, 70)]
    alone = piece_statistics(piece(*notes))
    late = piece(*((onset + 5000, duration, pitch, velocity) for onset, duration, pitch, velocity in notes))
    assert piece_statistics(late) == pytest.approx(alone)
    more = piece(*notes, (1100, 2000, 36, 120))
    drummed = replace(more, is_drum=np.array([False, False, False, True]))
    assert piece_statistics(drummed) == pytest.approx(alone)
    assert piece_statistics(more) != pytest.approx(alone)


def test_the_pedal_is_down_for_a_share_of_the_time() -> None:
    notes = piece((0, 300, 60, 50), (1900, 100, 62, 60))  # a tick is a millisecond
    tick = np.array([0, 200, 1000, 1800], dtype=np.int32)
    pedalled = replace(
        notes, pedal_tick=tick, pedal_value=np.array([127, 0, 64, 63]), pedal_track=np.zeros(4, dtype=np.int32)
    )
    found = named(pedalled)
    assert found["pedal_share"] == pytest.approx(0.5)
    assert found["pedal_changes_a_second"] == pytest.approx(1)
    assert named(notes)["pedal_share"] == named(notes)["pedal_changes_a_second"] == 0
