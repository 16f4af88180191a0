"""Slices of a piece as the tokens of a piece of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from partimento.examples import example_paths
from partimento.midi import read_midi
from partimento.notes import Notes, from_ms
from partimento.tokens.performance import PerformanceTokenizer
from partimento.tokens.slices import WINDOW_NOTES, slice_ids, windows
from partimento.tokens.vocabulary import PIANO

TOKENIZER = PerformanceTokenizer(PIANO)
NO_LIMIT = 10**6


def piece(count: int, seed: int = 0) -> Notes:
    random = np.random.default_rng(seed)
    onset = np.sort(random.integers(0, 30 * count, count)) * 10
    return from_ms(onset, random.integers(5, 90, count) * 10, random.integers(30, 90, count), np.full(count, 70))


@pytest.mark.parametrize(("start", "stop"), [(0, 12), (7, 30), (59, 60), (0, 60), (50, 90)])
def test_is_what_the_tokenizer_gives_for_these_notes_alone(start: int, stop: int) -> None:
    """At whole steps of 10 ms nothing is rounded, so the slice may be moved to zero by hand."""
    notes = piece(60)
    onset, duration, pitch, velocity = (
        getattr(notes, name)[start:stop] for name in ("onset", "duration", "pitch", "velocity")
    )
    alone = from_ms(onset - onset[0], duration, pitch, velocity)
    ids = slice_ids(TOKENIZER, notes, start, stop, NO_LIMIT)
    np.testing.assert_array_equal(ids, TOKENIZER.encode(alone))
    assert (ids[0], ids[-1]) == (PIANO.start, PIANO.end)
    decoded = TOKENIZER.decode(ids)
    np.testing.assert_array_equal(decoded.pitch, pitch)
    np.testing.assert_array_equal(decoded.onset, onset - onset[0])


def test_tempo_and_pedal_are_those_of_the_piece() -> None:
    """Four notes a second, half as fast from the third on; the pedal is down from the second to the sixth."""
    tick = np.arange(8) * 250
    notes = replace(
        from_ms(tick, np.full(8, 100), np.arange(60, 68), np.full(8, 70)),
        tempo_tick=np.array([0, 500], np.int32),
        tempo_us=np.array([500_000, 1_000_000], np.int32),
        pedal_tick=np.array([300, 1300], np.int32),
        pedal_value=np.array([127, 0], np.int32),
        pedal_track=np.array([0, 0], np.int32),
    )
    whole = TOKENIZER.decode(TOKENIZER.encode(notes))
    decoded = TOKENIZER.decode(slice_ids(TOKENIZER, notes, 3, 8, NO_LIMIT))
    np.testing.assert_array_equal(decoded.pitch, np.arange(63, 68))
    np.testing.assert_array_equal(decoded.onset, np.arange(5) * 500)
    np.testing.assert_array_equal(decoded.duration, whole.duration[3:])
    assert decoded.duration[0] > 1000


@pytest.mark.parametrize("most", [5, 40, 181, 182, 183])
def test_what_is_over_the_limit_is_cut_off_before_the_end(most: int) -> None:
    notes = from_ms(np.arange(60) * 10, np.full(60, 50), np.full(60, 60), np.full(60, 70))
    whole = slice_ids(TOKENIZER, notes, 0, 60, NO_LIMIT)
    assert len(whole) == 182
    cut = slice_ids(TOKENIZER, notes, 0, 60, most)
    assert len(cut) == min(most, 182)
    assert cut[-1] == PIANO.end
    np.testing.assert_array_equal(cut[:-1], whole[: len(cut) - 1])


@pytest.mark.parametrize("count", [1, 299, 300, 301, 900, 1000])
def test_windows_have_every_note_once(count: int) -> None:
    notes = piece(count, seed=count)
    found = windows(TOKENIZER, notes, NO_LIMIT)
    weights = [weight for _, weight in found]
    assert weights == [300] * (count // 300) + [count % 300] * bool(count % 300)
    decoded = [TOKENIZER.decode(ids) for ids, _ in found]
    assert [len(part) for part in decoded] == weights
    np.testing.assert_array_equal(np.concatenate([part.pitch for part in decoded]), notes.pitch)
    for number, (ids, _) in enumerate(found):
        start = number * WINDOW_NOTES
        np.testing.assert_array_equal(ids, slice_ids(TOKENIZER, notes, start, start + WINDOW_NOTES, NO_LIMIT))


def test_a_piece_of_one_window_is_its_own_tokens() -> None:
    for path in example_paths():
        notes = read_midi(path)
        ids = [ids for ids, _ in windows(TOKENIZER, notes, 1024)]
        assert len(ids) == -(-len(notes) // WINDOW_NOTES)
        if len(ids) == 1:
            np.testing.assert_array_equal(ids[0], TOKENIZER.encode(notes))
