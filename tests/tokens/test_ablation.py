"""Octuples spelled out as CP-like and REMI-like sequences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.notes import from_ms
from partimento.tokens import octuple
from partimento.tokens.ablation import CP_LIKE, FIRST_ID, REMI_LIKE, encode_cp, encode_remi
from partimento.tokens.compound import as_octuple, encode
from partimento.tokens.fields import MASK
from partimento.tokens.octuple import OCTUPLE, PITCH

NOTHING = np.array(OCTUPLE.sizes)

# Three notes: two of one chord of the piano, then a drum in the next bar.
WORDS = np.array([[3, 4, 0, 60, 8, 20, 9, 35], [3, 4, 0, 64, 8, 20, 9, 35], [4, 4, 128, 166, 2, 25, 9, 35]])


def of(**values: int) -> list[int]:
    """A word that says only these."""
    word = NOTHING.copy()
    for name, value in values.items():
        word[OCTUPLE.index(name)] = value
    return word.tolist()


def test_cp_like_words_say_a_kind_each() -> None:
    words, which = encode_cp(WORDS)
    assert words.tolist() == [
        of(bar=3, time_signature=9),
        of(position=4, tempo=35),
        of(instrument=0),
        of(pitch=60, duration=8, velocity=20),
        of(pitch=64, duration=8, velocity=20),
        of(bar=4, time_signature=9),
        of(position=4, tempo=35),  # the same position, but of another bar
        of(instrument=128),
        of(pitch=166, duration=2, velocity=25),
    ]
    assert which.tolist() == [-1, -1, -1, 0, 1, -1, -1, -1, 2]
    assert (words < CP_LIKE.sizes).all()


def test_remi_like_ids_say_a_value_each() -> None:
    ids, which = encode_remi(WORDS)
    bar, position, instrument, pitch, duration, velocity, signature, tempo = FIRST_ID.tolist()
    assert ids.shape == (19, 1)
    assert ids[:9, 0].tolist() == [
        *(bar + 3, signature + 9, position + 4, tempo + 35, instrument),
        *(pitch + 60, duration + 8, velocity + 20),
        pitch + 64,
    ]
    assert which[[5, 8]].tolist() == [0, 1]
    assert (which >= 0).sum() == 3
    assert REMI_LIKE.sizes == (1232,)
    assert ids.max() < 1232


def test_an_instrument_is_said_again_at_each_position() -> None:
    words = WORDS[[0, 0]].copy()
    words[1, 1] = 8
    said = encode_cp(words)[0]
    assert (said[:, 2] == 0).sum() == 2


def test_what_is_not_known_is_masked_or_left_out() -> None:
    octuples = as_octuple(encode(from_ms([0], [500], [60], [64]))[0])
    words, which = encode_cp(octuples)
    assert words[which == 0][0, 5] == CP_LIKE.sizes[5] + MASK
    assert words[0].tolist() == of(bar=0, time_signature=CP_LIKE.sizes[6] + MASK)
    ids, which = encode_remi(octuples)
    assert len(ids) == 5  # bar, position, instrument, pitch, duration
    hidden = octuples.copy()
    hidden[0, PITCH] = OCTUPLE.sizes[PITCH] + MASK
    ids, which = encode_remi(hidden)
    assert ids[which == 0].tolist() == [[REMI_LIKE.sizes[0] + MASK]]


def test_a_bar_without_an_id_is_refused() -> None:
    words = WORDS.copy()
    words[2, 0] = 300
    for encode_ in (encode_cp, encode_remi):
        with pytest.raises(ValueError, match=r"bar 300 of note 2 has no id .*fit_bars"):
            encode_(words)
        assert len(encode_(words[:0])[0]) == 0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 127), st.sampled_from([0, 0, 33])), max_size=30))
def test_both_say_what_the_octuples_say(rows: list[tuple[int, int, int]]) -> None:
    onset, pitch, program = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    words, _ = octuple.encode(from_ms(onset, np.full(len(rows), 300), pitch, np.full(len(rows), 64), program))
    cp, which = encode_cp(words)
    assert which[which >= 0].tolist() == list(range(len(words)))
    held, notes = np.zeros(8, dtype=np.int64), []
    for word, note in zip(cp, which, strict=True):
        held = np.where(word < NOTHING, word, held)
        if note >= 0:
            notes.append(held.tolist())
    assert notes == words.tolist()
    ids, which = encode_remi(words)
    assert which[which >= 0].tolist() == list(range(len(words)))
    assert len(ids) == (cp < NOTHING).sum()
    field = np.searchsorted(FIRST_ID, ids[:, 0], side="right") - 1
    held, notes = np.zeros(8, dtype=np.int64), []
    for value, column in zip(ids[:, 0], field, strict=True):
        held[column] = value - FIRST_ID[column]
        if column == octuple.VELOCITY:
            notes.append(held.tolist())
    assert notes == words.tolist()
