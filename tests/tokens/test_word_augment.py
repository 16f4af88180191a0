"""Words transposed, on a grid of sixteenths and in another bar."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_words import random_words

from partimento.tokens.compound import COMPOUND
from partimento.tokens.fields import MASK, START
from partimento.tokens.octuple import BAR, BAR_UNITS, OCTUPLE, PITCH, POSITION, TIME_SIGNATURE, TIME_SIGNATURES
from partimento.tokens.word_augment import MELODIC, PIANO, fit_bars, on_sixteenths, transposed

COMMON, WALTZ, SIX_FOUR = (TIME_SIGNATURES.index(signature) for signature in ((4, 4), (3, 4), (6, 4)))


def timed(places: list[tuple[int, int]], signature: int) -> np.ndarray:
    """Octuples at the (bar, position)s, of pitches that say which is which."""
    words = np.zeros((len(places), len(OCTUPLE)), np.int32)
    words[:, [BAR, POSITION]], words[:, TIME_SIGNATURE] = places, signature
    words[:, PITCH] = np.arange(len(places))
    return words


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 255), min_size=1, max_size=12), st.integers(-30, 30))
def test_transposition_keeps_intervals_drums_and_the_bounds(pitches: list[int], semitones: int) -> None:
    words = random_words(1, len(pitches))
    words[:, PITCH] = pitches
    words[0, PITCH] = OCTUPLE.special(START)[PITCH] if len(pitches) > 3 else words[0, PITCH]
    before = words.copy()
    found = transposed(words, OCTUPLE, semitones)
    np.testing.assert_array_equal(words, before)
    others = np.arange(len(OCTUPLE)) != PITCH
    np.testing.assert_array_equal(found[:, others], before[:, others])
    melodic = before[:, PITCH] < MELODIC
    np.testing.assert_array_equal(found[~melodic], before[~melodic])
    moved = np.unique((found - before)[melodic, PITCH])
    assert len(moved) <= 1
    if len(moved):
        low, high = before[melodic, PITCH].min(), before[melodic, PITCH].max()
        assert abs(moved[0]) <= abs(semitones)
        assert moved[0] * semitones >= 0
        assert low + moved[0] >= min(low, PIANO[0])
        assert high + moved[0] <= max(high, PIANO[1])
        if low + semitones >= PIANO[0] and high + semitones <= PIANO[1]:
            assert moved[0] == semitones


def test_compound_words_stay_among_their_ids() -> None:
    words = random_words(2, 20, COMPOUND)
    words[:, 2] = np.arange(60, 80)
    words[3] = COMPOUND.special(MASK)
    up = transposed(words, COMPOUND, 30)
    assert up[-1, 2] == 85  # as far as the highest note lets them
    np.testing.assert_array_equal(up[3], words[3])
    np.testing.assert_array_equal(transposed(words, COMPOUND, -5)[4:, 2], words[4:, 2] - 5)
    assert transposed(words, COMPOUND, -99)[:3, 2].tolist() == [0, 1, 2]


def test_sixteenths_of_common_time() -> None:
    words = timed([(0, 0), (0, 1), (0, 2), (0, 61), (0, 62), (1, 0), (255, 63)], COMMON)
    found = on_sixteenths(words, OCTUPLE)
    by_pitch = found[np.argsort(found[:, PITCH])]
    assert by_pitch[:, [BAR, POSITION]].tolist() == [[0, 0], [0, 0], [0, 4], [0, 60], [1, 0], [1, 0], [256, 0]]


@pytest.mark.parametrize("signature", [COMMON, WALTZ, SIX_FOUR, OCTUPLE.sizes[TIME_SIGNATURE] + MASK])
def test_sixteenths_move_no_note_by_more_than_two_units(signature: int) -> None:
    length = int(BAR_UNITS[signature]) if signature < OCTUPLE.sizes[TIME_SIGNATURE] else 64
    words = timed([(bar, position) for bar in range(2) for position in range(length)], signature)
    found = on_sixteenths(words, OCTUPLE)
    assert (found[:, POSITION] % 4 == 0).all()
    assert (found[:, POSITION] < length).all()
    assert Counter(map(tuple, found[:, PITCH:])) == Counter(map(tuple, words[:, PITCH:]))
    by_pitch = found[np.argsort(found[:, PITCH])]
    before, after = (w[:, BAR] * length + w[:, POSITION] for w in (words, by_pitch))
    assert np.abs(after - before).max() == 2
    np.testing.assert_array_equal(found, found[np.lexsort(found.T[::-1])])


def test_a_place_after_the_end_of_its_signatures_bar_stays_a_place() -> None:
    found = on_sixteenths(timed([(3, 60), (3, 127)], WALTZ), OCTUPLE)  # the signature changed inside the bar
    assert found[:, [BAR, POSITION]].tolist() == [[3, 60], [3, 124]]


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2000), st.integers(1, 255), st.integers(0, 9))
def test_bars_are_moved_together_into_range(first: int, span: int, seed: int) -> None:
    words = timed([(first, 0), (first + span // 2, 3), (first + span, 0)], COMMON)
    assert fit_bars(words, OCTUPLE)[:, BAR].tolist() == [0, span // 2, span]
    drawn = fit_bars(words, OCTUPLE, np.random.default_rng(seed))
    np.testing.assert_array_equal(np.diff(drawn[:, BAR]), np.diff(words[:, BAR]))
    assert drawn[:, BAR].min() >= 0
    assert drawn[:, BAR].max() < 256
    np.testing.assert_array_equal(drawn[:, 1:], words[:, 1:])


def test_any_bar_may_be_drawn_and_too_many_begin_anew() -> None:
    words = timed([(7, 0), (261, 0)], COMMON)
    firsts = {int(fit_bars(words, OCTUPLE, np.random.default_rng(seed))[0, BAR]) for seed in range(40)}
    assert firsts == {0, 1}
    words = timed([(7, 0), (262, 0), (263, 0), (300, 0)], COMMON)
    assert fit_bars(words, OCTUPLE, np.random.default_rng(0))[:, BAR].tolist() == [0, 255, 0, 37]


def test_words_without_numbers_of_bars_are_left_alone() -> None:
    words = random_words(0, 9, COMPOUND)
    np.testing.assert_array_equal(fit_bars(words, COMPOUND, np.random.default_rng(0)), words)
    assert fit_bars(np.zeros((0, 8), np.int32), OCTUPLE).shape == (0, 8)
