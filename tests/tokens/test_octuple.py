"""OctupleMIDI words, beside the original's and back to notes."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.midi import read_midi, to_bytes
from partimento.midi.in_order import read_in_order
from partimento.notes import Notes, from_ms
from partimento.tokens.fields import END, MASK, PAD, START
from partimento.tokens.octuple import (
    BAR,
    DURATION,
    DURATION_UNITS,
    OCTUPLE,
    PITCH,
    POSITION,
    TEMPO,
    TIME_SIGNATURE,
    TIME_SIGNATURES,
    VELOCITY,
    decode,
    duration_ids,
    encode,
    signature_id,
    tempo_ids,
)

LATER_PROGRAM = "multitrack/openmsx/tttheme2.mid"  # two notes outlive a program change: which one is theirs


def piece(
    onset: list[int],
    metre: tuple[tuple[int, int, int], ...] = ((0, 4, 4),),
    tempo: tuple[tuple[int, int], ...] = ((0, 500_000),),
    duration: int = 120,
) -> Notes:
    """Piano notes at ticks, 480 a quarter."""
    count = len(onset)
    ticks = np.array(sorted(onset), dtype=np.int32)
    one, none = np.ones(count, dtype=np.int32), np.zeros(count, dtype=np.int32)
    at, numerator, denominator = np.array(metre, dtype=np.int32).T
    tempo_tick, tempo_us = np.array(tempo, dtype=np.int32).T
    return Notes(
        *(ticks, one * duration, one * 60, one * 64, none, none.astype(bool), none),
        tempo_tick=tempo_tick,
        tempo_us=tempo_us,
        metre_tick=at,
        metre_numerator=numerator,
        metre_denominator=denominator,
    )


def test_words_are_those_of_the_original(shared: Path, raw: Callable[[str], Path]) -> None:
    rows = json.loads(gzip.decompress((shared / "conformance" / "tokens.json.gz").read_bytes()))
    assert len(rows) == 48
    for row in rows:
        name, _, rest = row["path"].partition("/")
        words, which = encode(read_in_order(raw(name) / rest))
        wanted = np.array(row["octuple"])
        if row["path"] == LATER_PROGRAM:
            assert (words != wanted).any(axis=1).sum() <= 8  # two words and what they push aside in the order
            assert np.array_equal(np.sort(words[:, PITCH]), np.sort(wanted[:, PITCH]))
        else:
            np.testing.assert_array_equal(words, wanted, err_msg=row["path"])
        assert np.array_equal(np.sort(which), np.arange(len(words)))
        np.testing.assert_array_equal(encode(decode(words))[0], words, err_msg=row["path"])


def test_each_word_names_its_note() -> None:
    notes = from_ms([0, 0, 500, 250], [500, 250, 250, 250], [64, 60, 38, 62], [80, 90, 100, 110], [0, 40, 0, 0])
    words, which = encode(notes)
    assert words.dtype == np.int32
    assert which.dtype == np.int64
    np.testing.assert_array_equal(words[:, PITCH], notes.pitch[which])
    np.testing.assert_array_equal(words[:, VELOCITY], notes.velocity[which] // 4)
    assert words.tolist() == sorted(words.tolist())


def test_one_note_field_by_field() -> None:
    notes = from_ms([2250], [1000], [38], [101], [0], [True])
    ((bar, position, instrument, pitch, duration, velocity, signature, tempo),) = encode(notes)[0].tolist()
    assert (bar, position, instrument, pitch) == (1, 8, 128, 128 + 38)
    assert (DURATION_UNITS[duration], velocity, TIME_SIGNATURES[signature], tempo) == (32, 25, (4, 4), 35)


def test_a_metre_inside_a_bar_waits_for_the_bar_line() -> None:
    words, _ = encode(piece([0, 480, 960, 1920, 1920 + 3 * 480], metre=((0, 4, 4), (480, 3, 4))))
    assert words[:, BAR].tolist() == [0, 0, 0, 1, 2]
    assert words[:, POSITION].tolist() == [0, 16, 32, 0, 0]
    assert [TIME_SIGNATURES[number] for number in words[:, TIME_SIGNATURE]] == [(4, 4)] + [(3, 4)] * 4


def test_a_metre_that_lasts_less_than_the_rest_of_a_bar_leaves_no_bar() -> None:
    words, _ = encode(piece([480, 960, 1440, 1920], metre=((0, 4, 4), (480, 3, 8), (960, 4, 4))))
    assert words[:, BAR].tolist() == [0, 0, 0, 1]
    assert [TIME_SIGNATURES[number] for number in words[:2, TIME_SIGNATURE]] == [(3, 8), (4, 4)]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ((4, 4), (4, 4)),
        ((6, 128), (3, 64)),
        ((3, 128), (4, 4)),  # has no id: the original fails
        ((12, 4), (6, 4)),
        ((27, 8), (9, 8)),
        ((17, 8), (1, 8)),
    ],
)
def test_time_signatures_are_reduced_and_divided(given: tuple[int, int], wanted: tuple[int, int]) -> None:
    assert TIME_SIGNATURES[signature_id(*given)] == wanted


def test_tempos_are_clipped_and_durations_rounded_down() -> None:
    assert tempo_ids(np.array([60_000_000, 500_000, 1])).tolist() == [0, 35, 48]
    units = np.array([0, 15, 16, 17, 18, 47, 48, 4080, 10**6])
    assert duration_ids(units).tolist() == [0, 15, 16, 16, 17, 31, 32, 127, 127]


def test_music_after_the_original_ends_is_kept() -> None:
    words, _ = encode(piece([0, 1920 * 1500]))
    assert words[:, BAR].tolist() == [0, 1500]
    np.testing.assert_array_equal(encode(decode(words))[0], words)


def test_nothing_gives_nothing() -> None:
    words, which = encode(piece([]))
    assert (words.shape, which.shape) == ((0, 8), (0,))
    assert len(decode(words)) == 0


def test_decoded_notes_can_be_written() -> None:
    notes = from_ms([0, 500, 1000], [480, 2, 480], [60, 38, 40], [80, 90, 100], [0, 0, 33], [False, True, False])
    words, _ = encode(notes)
    assert words[1, DURATION] == 0
    again = read_in_order(to_bytes(decode(words)))
    np.testing.assert_array_equal(encode(again)[0], words)
    assert sorted(set(zip(again.program.tolist(), again.is_drum.tolist(), strict=True))) == [(0, 0), (0, 1), (33, 0)]


def test_what_is_not_known_is_guessed_and_what_is_no_note_is_left_out() -> None:
    words, _ = encode(piece([0, 480], tempo=((0, 300_000),)))
    hidden = words.copy()
    for field in (DURATION, VELOCITY, TIME_SIGNATURE, TEMPO):
        hidden[:, field] = OCTUPLE.sizes[field] + MASK
    around = np.stack([OCTUPLE.special(START), *hidden, OCTUPLE.special(END), OCTUPLE.special(PAD)])
    notes = decode(around)
    assert notes.onset.tolist() == [0, 480]
    assert (notes.duration.tolist(), notes.velocity.tolist()) == ([480, 480], [66, 66])
    assert (notes.tempo_us / 500_000).tolist() == pytest.approx([1.0], abs=0.01)
    one = words.copy()
    one[1, TEMPO] = OCTUPLE.sizes[TEMPO] + MASK
    np.testing.assert_array_equal(encode(decode(one))[0], words)  # the tempo goes on


metres = st.lists(
    st.tuples(st.integers(0, 8000), st.integers(1, 12), st.sampled_from([1, 2, 4, 8, 16, 64])), max_size=5
).map(lambda rows: ((0, 4, 4), *sorted(rows)))
tempos = st.lists(st.tuples(st.integers(0, 8000), st.integers(100_000, 5_000_000)), max_size=4)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 9000), max_size=30), metres, tempos, st.integers(0, 40_000))
def test_decoded_words_encode_to_themselves(
    onset: list[int],
    metre: tuple[tuple[int, int, int], ...],
    tempo: list[tuple[int, int]],
    duration: int,
) -> None:
    words, which = encode(piece(onset, metre, ((0, 500_000), *sorted(tempo)), duration))
    assert len(which) == len(onset)
    assert (words[:, 1:] < OCTUPLE.sizes[1:]).all()
    assert (words >= 0).all()
    np.testing.assert_array_equal(encode(decode(words))[0], words)


any_word = st.tuples(*(st.integers(0, size + 3) for size in OCTUPLE.sizes))


@settings(max_examples=60, deadline=None)
@given(st.lists(any_word, max_size=20))
def test_words_of_a_model_decode_whatever_they_are(rows: list[tuple[int, ...]]) -> None:
    words = np.array(rows, dtype=np.int32).reshape(-1, 8)
    notes = decode(words)
    kept = (words[:, POSITION] < 128) & (words[:, PITCH] < 256)
    assert len(notes) == kept.sum()
    assert (np.diff(notes.onset) >= 0).all()
    assert ((notes.pitch >= 0) & (notes.pitch < 128) & (notes.velocity > 0) & (notes.velocity < 128)).all()
    assert (notes.duration > 0).all()
    if len(notes):
        assert len(read_midi(to_bytes(notes)))
