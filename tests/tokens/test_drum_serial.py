"""Drum bars as tokens and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.tokens.drum_serial import SHIFT, SILENCE, VOCABULARY_SIZE, decode, encode


def test_a_bar_as_tokens() -> None:
    hits = np.zeros((1, 32, 16), dtype=bool)
    hits[0, 0, [0, 2]] = hits[0, 2, 1] = True
    ids = encode(hits)
    assert ids[:7].tolist() == [0, 2, SHIFT, SILENCE, SHIFT, 1, SHIFT]
    assert ids[7:].tolist() == [SILENCE, SHIFT] * 29
    assert VOCABULARY_SIZE == 18


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 4), st.floats(0, 1), st.integers(0, 2**31))
def test_bars_come_back(bars: int, density: float, seed: int) -> None:
    hits = np.random.default_rng(seed).random((bars, 32, 16)) < density
    ids = encode(hits)
    assert (decode(ids) == hits).all()
    assert len(ids) == 32 * bars + np.maximum(hits.sum(-1), 1).sum()


def test_a_models_tokens_are_decoded_as_far_as_they_go() -> None:
    said = [5, SILENCE, 3, SHIFT, 3, 3]  # out of order, silence beside a hit, said twice, no last shift
    hits = decode(np.array(said))
    assert hits.shape == (1, 32, 16)
    assert [tuple(place) for place in np.argwhere(hits[0])] == [(0, 3), (0, 5), (1, 3)]
    assert decode(np.array(said), bars=3).sum() == 3
    beyond = np.array([SILENCE, SHIFT] * 40 + [1, SHIFT])
    assert decode(beyond, bars=1).sum() == 0
    assert decode(beyond).sum() == 1
    with pytest.raises(ValueError, match="token 18 is none of the 18"):
        decode(np.array([0, 18]))
