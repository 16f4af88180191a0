"""Rows of words: every word once an epoch, pieces apart, bars in range."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.networks.packed import FILLER
from partimento.networks.rows import PackedWords, pack
from partimento.tokens.compound import COMPOUND
from partimento.tokens.fields import PAD
from partimento.tokens.octuple import BAR, OCTUPLE, PITCH, POSITION
from partimento.training.words import WordBatches, validation_words


def piece(number: int, count: int) -> np.ndarray:
    """Octuples that say which piece they are of and which word, a bar each from 500 on."""
    words = np.zeros((count, len(OCTUPLE)), np.int32)
    words[:, BAR], words[:, POSITION], words[:, PITCH] = 500 + np.arange(count), number, np.arange(count)
    return words


def stream(lengths: list[int], length: int = 7, seed: int = 0) -> WordBatches:
    return WordBatches(len(lengths), lambda i, _: piece(i, lengths[i]), OCTUPLE, length, seed)


def names(rows: PackedWords) -> list[tuple[int, int]]:
    real = rows.documents != FILLER
    return [(int(word[POSITION]), int(word[PITCH])) for word in rows.words[real]]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(1, 12), st.integers(0, 9))
def test_every_word_is_read_once_an_epoch_and_pieces_stay_apart(lengths: list[int], length: int, seed: int) -> None:
    batches, found = stream(lengths, length, seed), []
    while batches.position.epoch < 2:
        rows = batches.rows(1)
        assert rows.words.shape == (1, length, 8)
        assert rows.words.dtype == rows.documents.dtype == torch.int64
        assert (torch.diff(rows.documents) >= 0).all()
        for number in rows.documents.unique():
            part = rows.words[rows.documents == number]
            assert len(part[:, POSITION].unique()) == 1
            assert (torch.diff(part[:, PITCH]) == 1).all()
            assert (torch.diff(part[:, BAR]) == 1).all()
        assert rows.words[..., BAR].min() >= 0
        assert rows.words[..., BAR].max() < 256
        found += names(rows)
    every = [(i, word) for i, count in enumerate(lengths) for word in range(count)]
    for epoch in range(2):
        assert Counter(found[epoch * len(every) : (epoch + 1) * len(every)]) == Counter(every)


def test_the_place_of_the_bars_is_drawn_for_each_part() -> None:
    batches = stream([40], length=5)
    firsts = batches.rows(30).words[:, 0, BAR].tolist()
    assert len(set(firsts)) > 15
    assert max(firsts) > 200


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=5), st.integers(1, 9), st.integers(0, 30))
def test_a_restored_stream_goes_on_to_the_last_drawn_bar(lengths: list[int], length: int, before: int) -> None:
    one, other = stream(lengths, length), stream(lengths, length)
    one.rows(before) if before else None
    other.restore(one.state())
    a, b = one.rows(10), other.rows(10)
    assert torch.equal(a.words, b.words)
    assert torch.equal(a.documents, b.documents)


def test_the_seed_decides() -> None:
    lengths = [5, 9, 12, 3]
    assert torch.equal(stream(lengths, seed=1).rows(20).words, stream(lengths, seed=1).rows(20).words)
    assert not torch.equal(stream(lengths, seed=1).rows(20).words, stream(lengths, seed=2).rows(20).words)


def test_compound_words_have_no_numbers_of_bars_to_move() -> None:
    words = np.array([[0, 3, 40, 7], [1, 4, 41, 7], [0, 0, 42, 7]])
    rows = WordBatches(1, lambda *_: words, COMPOUND, 3, 0).rows(2)
    np.testing.assert_array_equal(rows.words.numpy(), [words, words])


def test_validation_has_windows_of_one_piece_as_they_are() -> None:
    lengths = [20, 24, 15, 40]

    def encode(index: int, generator: np.random.Generator | None) -> np.ndarray:
        assert generator is None
        return piece(index, lengths[index])

    rows = validation_words([0, 1, 2], encode, OCTUPLE, 16, most=99, least=8)
    # windows of 20: 16 (4 are too few); of 24: 16 and 8; of 15: 15
    assert (rows.documents != FILLER).sum(1).tolist() == [16, 16, 8, 15]
    assert names(rows)[16:40] == [(1, word) for word in range(24)]
    assert rows.words[:, 0, BAR].tolist() == [0, 0, 0, 0]
    assert rows.documents.max() == 0
    filled = rows.words[rows.documents == FILLER]
    assert (filled == torch.from_numpy(OCTUPLE.special(PAD))).all()
    spread = validation_words([0, 3, 1], encode, OCTUPLE, 4, most=3, least=4)
    assert names(spread)[::4] == [(0, 0), (3, 20), (1, 20)]  # of 5, 10 and 6 windows


@pytest.mark.parametrize("lengths", [[], [3, 15]])
def test_without_a_window_there_is_no_validation(lengths: list[int]) -> None:
    with pytest.raises(ValueError, match="no pieces to validate on"):
        validation_words(range(len(lengths)), lambda i, _: piece(i, lengths[i]), OCTUPLE, 64, most=9)


def test_parts_that_do_not_fit_are_refused() -> None:
    assert pack([[piece(0, 3), piece(1, 4)]], OCTUPLE, 7).documents.tolist() == [[0, 0, 0, 1, 1, 1, 1]]
    with pytest.raises(ValueError, match="the parts of a row have 7 words, and a row holds 6; cut them, or raise"):
        pack([[piece(0, 3), piece(1, 4)]], OCTUPLE, 6)
