"""Performance tokens: the tie tables, the original's ids, round trips, and the cases with rules of their own."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.midi import read_midi
from partimento.notes import Notes, from_ms
from partimento.tokens.performance import (
    DURATION_STEP,
    ONSET_STEP,
    VELOCITY_STEP,
    PerformanceTokenizer,
    with_diminish,
)
from partimento.tokens.vocabulary import FULL, PEDAL, PIANO, Vocabulary

TOKENIZER = PerformanceTokenizer()


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int32)


def words(ids: np.ndarray, vocabulary: Vocabulary = FULL) -> list[tuple[str | int, ...]]:
    return [vocabulary.word(token) for token in ids]


@pytest.mark.parametrize(
    ("table", "ties", "up", "down", "unlike_half_even"),
    [(ONSET_STEP, 499, 244, 255, 219), (DURATION_STEP, 500, 245, 255, 249)],
)
def test_time_ties(table: np.ndarray, ties: int, up: int, down: int, unlike_half_even: int) -> None:
    tie = np.arange(5, ties * 10, 10)
    rounded = table[tie] * 10
    # What a duration of 5 ms goes to, 0, is raised to 10 like every 0; the search itself goes down.
    searched = np.where((tie == 5) & (table is DURATION_STEP), 0, rounded)
    assert (len(tie), int((searched > tie).sum()), int((searched < tie).sum())) == (ties, up, down)
    unlike = tie[searched != np.rint(tie / 10) * 10]
    assert (len(unlike), unlike[0]) == (unlike_half_even, 315)


@pytest.mark.parametrize("table", [ONSET_STEP, DURATION_STEP])
def test_times_that_are_no_ties_go_to_the_nearest(table: np.ndarray) -> None:
    time = np.arange(11, 4990)
    time = time[time % 10 != 5]
    np.testing.assert_array_equal(table[time], np.rint(time / 10))


def test_ends_of_the_time_tables() -> None:
    assert (len(ONSET_STEP), len(DURATION_STEP), len(VELOCITY_STEP)) == (5000, 5001, 128)
    assert ONSET_STEP[4996] == ONSET_STEP[4999] == 499
    assert ONSET_STEP[0] == 0
    assert list(DURATION_STEP[[0, 4, 5, 5000]]) == [1, 1, 1, 500]


def test_velocity_table() -> None:
    ties = {75: 7, 85: 9, 95: 9, 105: 11, 115: 11, 125: 12}
    assert {velocity: int(VELOCITY_STEP[velocity]) for velocity in ties} == ties
    assert set(VELOCITY_STEP[:5].tolist()) == {1}
    assert set(VELOCITY_STEP[121:].tolist()) == {12}
    tie = np.arange(5, 120, 10)
    searched = np.where(tie == 5, 0, VELOCITY_STEP[tie] * 10)
    assert int((searched != np.rint(tie / 10) * 10).sum()) == 5


@pytest.fixture(scope="module")
def conformance(shared: Path) -> list[dict]:
    with gzip.open(shared / "conformance" / "tokens.json.gz", "rt", encoding="utf-8") as file:
        return json.load(file)


@pytest.mark.shared
def test_ids_equal_the_originals(conformance: list[dict], raw: Callable[[str], Path]) -> None:
    differ = []
    for row in conformance:
        data_set, rest = row["path"].split("/", 1)
        notes = read_midi(raw(data_set) / rest)
        ids = TOKENIZER.encode(notes)
        if not np.array_equal(ids, row["aria_ids"]) or TOKENIZER.prefix(notes) != row["aria_prefix"]:
            differ.append(row["path"])
    assert len(conformance) == 48
    assert differ == []


@pytest.mark.shared
def test_original_ids_survive_decoding(conformance: list[dict]) -> None:
    for row in conformance:
        assert TOKENIZER.encode(TOKENIZER.decode(row["aria_ids"])).tolist() == row["aria_ids"], row["path"]


@st.composite
def pieces(draw: st.DrawFn) -> Notes:
    """Any notes at all, of two tracks, with a tempo map and pedals."""
    count = draw(st.integers(1, 30))
    column = {
        "onset": st.integers(0, 20_000),
        "duration": st.integers(0, 9000),
        "pitch": st.integers(0, 127),
        "velocity": st.integers(1, 127),
        "track": st.integers(0, 1),
    }
    onset, duration, pitch, velocity, track = (
        np.array(draw(st.lists(values, min_size=count, max_size=count)), dtype=np.int32) for values in column.values()
    )
    changes = sorted({0, *draw(st.lists(st.integers(1, 15_000), max_size=3))})
    tempos = draw(st.lists(st.integers(100_000, 1_500_000), min_size=len(changes), max_size=len(changes)))
    pedals = sorted(draw(st.lists(st.tuples(st.integers(0, 25_000), st.integers(0, 127)), max_size=6)))
    pedal_tick, pedal_value = np.array(pedals, dtype=np.int32).reshape(-1, 2).T
    programs = draw(st.lists(st.integers(0, 127), min_size=2, max_size=2))
    drums = draw(st.lists(st.booleans(), min_size=2, max_size=2))
    return Notes(
        np.sort(onset),
        duration,
        pitch,
        velocity,
        ints(*programs)[track],
        np.array(drums)[track],
        track,
        track_names=("", ""),
        ticks_per_quarter=draw(st.sampled_from([96, 480])),
        tempo_tick=ints(*changes),
        tempo_us=ints(*tempos),
        pedal_tick=pedal_tick,
        pedal_value=pedal_value,
        pedal_track=np.zeros(len(pedals), dtype=np.int32),
    )


@settings(max_examples=150, deadline=None)
@given(pieces(), st.sampled_from([FULL, PEDAL, PIANO]))
def test_decoding_and_encoding_again_gives_the_same_ids(notes: Notes, vocabulary: Vocabulary) -> None:
    tokenizer = PerformanceTokenizer(vocabulary)
    ids = tokenizer.encode(notes)
    assert ids.min() >= 0
    assert ids.max() < vocabulary.size
    np.testing.assert_array_equal(tokenizer.encode(tokenizer.decode(ids)), ids)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, FULL.size - 1), max_size=60))
def test_any_ids_decode(ids: list[int]) -> None:
    notes = TOKENIZER.decode(ids)
    again = TOKENIZER.encode(notes, keep_silence=True)
    np.testing.assert_array_equal(TOKENIZER.encode(TOKENIZER.decode(again), keep_silence=True), again)


def test_segments_and_silence() -> None:
    notes = from_ms([2000, 3000, 17_500], [500, 6000, 4], [60, 61, 62], [3, 64, 127])
    assert words(TOKENIZER.encode(notes)) == [
        ("<S>",),
        *(("piano", 60, 10), ("onset", 0), ("duration", 500)),
        *(("piano", 61, 60), ("onset", 1000), ("duration", 5000)),
        *(("<T>",), ("<T>",), ("<T>",)),
        *(("piano", 62, 120), ("onset", 500), ("duration", 10)),
        ("<E>",),
    ]
    assert words(TOKENIZER.encode(notes, keep_silence=True))[2] == ("onset", 2000)


def test_instruments_drums_and_families_without_tokens() -> None:
    programs = [0, 9, 16, 33, 88, 118, 0]
    drum = [False] * 6 + [True]
    notes = from_ms(np.arange(7) * 100, [100] * 7, [60] * 6 + [38], [80] * 7, programs, drum)
    said = words(TOKENIZER.encode(notes))
    assert [word[0] for word in said if word[0] in ("piano", "organ", "bass", "drum")] == [
        *("piano", "organ", "bass", "drum"),
    ]
    assert len(said) == 2 + 3 * 3 + 2
    assert [FULL.word(token)[1] for token in TOKENIZER.prefix(notes)] == ["piano", "organ", "bass", "drum"]
    only_piano = PerformanceTokenizer(PIANO)
    assert words(only_piano.encode(notes), PIANO)[1:-1] == [("piano", 60, 80), ("onset", 0), ("duration", 100)]
    assert only_piano.prefix(notes) == [6]


def test_a_drum_outside_the_vocabulary_is_unknown_and_stays() -> None:
    notes = from_ms([0, 100], [50, 50], [20, 38], [90, 90], 0, True)
    ids = TOKENIZER.encode(notes)
    assert words(ids)[1:3] == [("<U>",), ("onset", 0)]
    decoded = TOKENIZER.decode(ids)
    assert decoded.is_drum.all()
    assert decoded.velocity.tolist() == [60, 60]


def test_pedal_holds_notes_that_end_strictly_inside() -> None:
    # Down at 100 ms, up at 1000: ends at 100, 500, 1000 and 1200 ms.
    notes = from_ms([0, 0, 0, 0], [100, 500, 1000, 1200], [60, 61, 62, 63], [80] * 4)
    pedal = {"pedal_tick": ints(100, 1000), "pedal_value": ints(127, 0), "pedal_track": ints(0, 0)}
    held = TOKENIZER.encode(Notes(**{**vars(notes), **pedal}))
    assert [word[1] for word in words(held) if word[0] == "duration"] == [100, 1000, 1000, 1200]


def test_an_open_pedal_ends_with_the_last_note() -> None:
    notes = from_ms([0, 500], [100, 1500], [60, 61], [80] * 2)
    pedal = {"pedal_tick": ints(50), "pedal_value": ints(64), "pedal_track": ints(0)}
    held = TOKENIZER.encode(Notes(**{**vars(notes), **pedal}))
    assert [word[1] for word in words(held) if word[0] == "duration"] == [2000, 1500]


def test_durations_after_the_last_tempo_change_have_the_originals_error() -> None:
    notes = from_ms([0, 1500, 2000], [500] * 3, [60, 61, 62], [80] * 3)
    slower = Notes(**{**vars(notes), "tempo_tick": ints(0, 1000), "tempo_us": ints(500_000, 600_000)})
    # 600 ms by the clock; 100 ms more for each 500 ticks from the change to the onset.
    assert [word[1] for word in words(TOKENIZER.encode(slower)) if word[0] == "duration"] == [500, 700, 800]


def test_nothing_to_say() -> None:
    nothing = from_ms([], [], [], [])
    assert TOKENIZER.encode(nothing).tolist() == [0, 1]
    assert TOKENIZER.prefix(nothing) == []
    assert len(TOKENIZER.decode([])) == 0
    assert TOKENIZER.encode(from_ms([0], [9], [60], [80], 8)).tolist() == [0, 1]


def test_incomplete_notes_are_passed_over() -> None:
    ids = TOKENIZER.encode(from_ms([0, 100], [50, 50], [60, 62], [90, 90]))
    broken = [6, *ids[:3], *ids[4:6], 4, *ids[4:], 17_300]
    assert TOKENIZER.decode(broken).pitch.tolist() == [62]


def test_the_end_is_announced_a_hundred_tokens_before() -> None:
    notes = from_ms(np.arange(200) * 90, [80] * 200, [60] * 200, [80] * 200)
    plain = TOKENIZER.encode(notes)
    following = set()
    for seed in range(40):
        ids = TOKENIZER.encode(notes, diminish=np.random.default_rng(seed))
        place = int(np.flatnonzero(ids == FULL.diminish)[0])
        np.testing.assert_array_equal(np.delete(ids, place), plain)
        assert FULL.word(ids[place + 1])[0] in ("piano", "<T>")
        following.add(len(ids) - 2 - place)
    assert 86 <= min(following) < 95
    assert 105 < max(following) <= 110
    first = TOKENIZER.encode(notes, diminish=np.random.default_rng(1))
    np.testing.assert_array_equal(TOKENIZER.encode(notes, diminish=np.random.default_rng(1)), first)


def test_a_short_piece_is_not_announced() -> None:
    ids = TOKENIZER.encode(from_ms(np.arange(50) * 10, [80] * 50, [60] * 50, [80] * 50))
    assert len(ids) == 152
    assert with_diminish(ids, np.random.default_rng(0)) is ids
