"""Notes: time, and transforms that change nothing in place."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.notes import NOTE_COLUMNS, Notes, from_ms, pedal_intervals


def some_notes(seed: int = 0, count: int = 50) -> Notes:
    rng = np.random.default_rng(seed)
    notes = from_ms(
        rng.integers(0, 60_000, count),
        rng.integers(1, 3000, count),
        rng.integers(0, 128, count),
        rng.integers(1, 128, count),
        rng.integers(0, 3, count) * 20,
        rng.random(count) < 0.2,
    )
    tempo_tick = np.array([0, 5000, 20_000], dtype=np.int32)
    return dataclasses.replace(
        notes, tempo_tick=tempo_tick, tempo_us=np.array([500_000, 250_000, 1_000_000], dtype=np.int32)
    )


TRANSFORMS: dict[str, Callable[[Notes], Notes]] = {
    "select": lambda notes: notes.select(notes.pitch > 60),
    "window": lambda notes: notes.window(5.0, 20.0),
    "transpose": lambda notes: notes.transpose(5),
    "stretch": lambda notes: notes.stretch(1.1),
    "louder": lambda notes: notes.louder(20),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms_leave_their_argument_alone(name: str) -> None:
    notes, before = some_notes(), some_notes()
    for column in dataclasses.fields(Notes):
        if isinstance(value := getattr(notes, column.name), np.ndarray):
            value.flags.writeable = False
    made = TRANSFORMS[name](notes)
    assert made is not notes
    for column in dataclasses.fields(Notes):
        np.testing.assert_array_equal(getattr(notes, column.name), getattr(before, column.name))


@pytest.mark.parametrize("name", ["select", "window"])
def test_choosing_twice_is_choosing_once(name: str) -> None:
    once = TRANSFORMS[name](some_notes())
    twice = TRANSFORMS[name](once)
    for column in NOTE_COLUMNS:
        np.testing.assert_array_equal(getattr(once, column), getattr(twice, column))


def test_neutral_transforms_change_nothing() -> None:
    notes = some_notes()
    for same in (notes.transpose(0), notes.stretch(1.0), notes.louder(0), notes.window(0.0, 1e9)):
        for column in dataclasses.fields(Notes):
            np.testing.assert_array_equal(getattr(same, column.name), getattr(notes, column.name))


def test_louder_stays_within_midi() -> None:
    assert set(some_notes().louder(200).velocity) == {127}
    assert set(some_notes().louder(-200).velocity) == {1}


def test_transpose_drops_what_leaves_the_keyboard_and_spares_drums() -> None:
    notes = some_notes()
    high = notes.transpose(100)
    assert high.is_drum.sum() == notes.is_drum.sum()
    assert len(high) == (notes.is_drum | (notes.pitch + 100 <= 127)).sum()


@settings(max_examples=40, deadline=None)
@given(st.floats(0.25, 4.0), st.integers(0, 10_000))
def test_stretch_scales_seconds(factor: float, seed: int) -> None:
    notes = some_notes(seed)
    assert notes.stretch(factor).seconds == pytest.approx(notes.seconds * factor, rel=1e-5)


@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan")])
def test_stretch_refuses_what_is_no_speed(factor: float) -> None:
    with pytest.raises(ValueError, match="must be greater than 0"):
        some_notes().stretch(factor)


def test_seconds_follow_the_tempo_map() -> None:
    # 500 ticks a quarter: 10 quarters at 0.5 s, then 30 at 0.25 s, then 1 s each.
    at = some_notes().seconds_at(np.array([0, 250, 5000, 5500, 20_000, 20_500]))
    np.testing.assert_allclose(at, [0.0, 0.25, 5.0, 5.25, 12.5, 13.5])


def test_seconds_is_the_last_end() -> None:
    notes = some_notes()
    assert notes.seconds == notes.seconds_at(notes.onset + notes.duration).max()
    assert notes.select(np.zeros(len(notes), dtype=bool)).seconds == 0.0


def test_longest_silence() -> None:
    notes = from_ms(np.array([2000, 2500, 12_000]), np.array([5000, 100, 10]), np.full(3, 60), np.full(3, 60))
    assert notes.longest_silence_s == pytest.approx(5.0)  # the long first note ends at 7 s
    assert notes.select(np.array([0])).longest_silence_s == pytest.approx(2.0)  # before the first note
    assert notes.select(np.array([], dtype=int)).longest_silence_s == 0.0


def test_milliseconds_go_in_and_out() -> None:
    onset, duration = np.array([0, 7, 90_001]), np.array([3, 999, 12])
    notes = from_ms(onset, duration, np.array([60, 61, 62]), np.array([1, 2, 3]))
    np.testing.assert_array_equal(notes.onset_ms, onset)
    np.testing.assert_array_equal(notes.duration_ms, duration)


def test_pedal_intervals_close_an_open_pedal_with_the_last_note() -> None:
    notes = dataclasses.replace(
        from_ms(np.array([0]), np.array([5000]), np.array([60]), np.array([60])),
        pedal_tick=np.array([10, 20, 30, 40, 50], dtype=np.int32),
        pedal_value=np.array([64, 127, 63, 0, 100], dtype=np.int32),
        pedal_track=np.zeros(5, dtype=np.int32),
    )
    np.testing.assert_array_equal(pedal_intervals(notes, 0), [[10, 30], [50, 5000]])
    assert len(pedal_intervals(notes, 1)) == 0
