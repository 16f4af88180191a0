"""Packing: every token once an epoch, in an order that the seed decides and a position resumes."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.objectives.next_token import FILLER, PackedRows
from partimento.training.batches import PackedBatches, validation_rows


def numbered(lengths: list[int]) -> list[np.ndarray]:
    """Pieces whose ids all differ, so that a token says where it comes from."""
    edges = np.cumsum([0, *lengths])
    return [np.arange(a, b) for a, b in pairwise(edges)]


def stream(lengths: list[int], length: int = 7, seed: int = 0) -> PackedBatches:
    music = numbered(lengths)
    return PackedBatches(len(music), lambda index, _: music[index], length, seed)


def predictions(rows: PackedRows) -> list[tuple[int, int]]:
    """(token, its successor) of every pair inside a document, in order."""
    inside = (rows.documents[:, 1:] == rows.documents[:, :-1]) & (rows.documents[:, 1:] != FILLER)
    return list(zip(rows.ids[:, :-1][inside].tolist(), rows.ids[:, 1:][inside].tolist(), strict=True))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.integers(1, 12), st.integers(0, 9))
def test_every_token_is_predicted_once_an_epoch_from_its_own_piece(lengths: list[int], length: int, seed: int) -> None:
    batches, found = stream(lengths, length, seed), []
    while batches.position.epoch < 2:
        row = batches.rows(1)
        assert row.ids.shape == row.documents.shape == (1, length + 1)
        assert (torch.diff(row.documents) >= 0).all()
        found += predictions(row)
    expected = [(i, i + 1) for piece in numbered(lengths) for i in piece[:-1].tolist()]
    for epoch in range(2):
        part = found[epoch * len(expected) : (epoch + 1) * len(expected)]
        assert Counter(part) == Counter(expected)


def test_the_seed_decides_order_and_augmentation() -> None:
    lengths = [5, 9, 12, 3, 8, 20]
    music = numbered(lengths)

    def encode(index: int, generator: np.random.Generator | None) -> np.ndarray:
        assert generator is not None
        return music[index] + 1000 * generator.integers(1, 1000)

    def ids(seed: int) -> torch.Tensor:
        return PackedBatches(len(music), encode, 7, seed).rows(30).ids

    assert torch.equal(ids(1), ids(1))
    assert not torch.equal(ids(1) % 1000, ids(2) % 1000)
    batches, shifts = PackedBatches(len(music), encode, 7, 1), set()
    while batches.position.epoch < 3:
        row = batches.rows(1)
        shifts |= {i // 1000 for i in row.ids[0].tolist() if i % 1000 == 40}
    assert len(shifts) == 3  # the same piece, changed anew in each epoch


def test_the_last_epochs_may_go_without_augmentation() -> None:
    music = numbered([5, 9, 12])

    def encode(index: int, generator: np.random.Generator | None) -> np.ndarray:
        return music[index] + (1000 if generator else 0)

    batches, seen = (
        PackedBatches(len(music), encode, 6, 1, augmented_epochs=2),
        {0: set(), 1: set(), 2: set(), 3: set()},
    )
    while (epoch := batches.position.epoch) < 4:
        first = int(batches.rows(1).ids[0, 0])
        seen[epoch].add(first >= 1000)
    assert seen == {0: {True}, 1: {True}, 2: {False}, 3: {False}}


def test_the_order_changes_from_epoch_to_epoch() -> None:
    batches, firsts = stream([4] * 12, length=3), []
    while batches.position.epoch < 3:
        epoch = batches.position.epoch
        firsts += [(epoch, i // 4) for i, _ in predictions(batches.rows(1)) if i % 4 == 0]
    orders = [[piece for at, piece in firsts if at == epoch] for epoch in range(3)]
    assert all(sorted(order) == list(range(12)) for order in orders)
    assert orders[0] != orders[1] != orders[2]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(1, 9), st.integers(0, 40))
def test_a_restored_stream_goes_on_as_if_nothing_had_happened(lengths: list[int], length: int, before: int) -> None:
    one = stream(lengths, length)
    for _ in range(before):
        one.rows(1)
    other = stream(lengths, length)
    other.restore(one.state())
    a, b = one.rows(20), other.rows(20)
    assert torch.equal(a.ids, b.ids)
    assert torch.equal(a.documents, b.documents)


def test_rows_are_the_same_however_many_are_asked_for_at_once() -> None:
    one, other = stream([5, 17, 9]), stream([5, 17, 9])
    assert torch.equal(one.rows(12).ids, torch.cat([other.rows(3).ids for _ in range(4)]))


def test_an_empty_corpus_is_refused() -> None:
    with pytest.raises(ValueError, match="no pieces to train on"):
        stream([])
    with pytest.raises(ValueError, match="no pieces to validate on"):
        validation_rows([], lambda index, _: np.arange(5), 7, most=3)


def test_validation_predicts_every_token_of_its_pieces_once() -> None:
    music = numbered([20, 8, 1, 3, 50])
    rows = validation_rows([0, 1, 2, 3], lambda index, _: music[index], 7, most=99)
    expected = [(i, i + 1) for piece in music[:4] for i in piece[:-1].tolist()]
    assert predictions(rows) == expected
    assert len(rows) == 3 + 1 + 0 + 1


def test_validation_windows_are_spread_over_all_and_not_augmented() -> None:
    music = numbered([700])

    def encode(index: int, generator: np.random.Generator | None) -> np.ndarray:
        assert generator is None
        return music[index]

    rows = validation_rows([0], encode, 7, most=5)
    firsts = rows.ids[:, 0].tolist()
    assert len(rows) == 5
    assert firsts[0] == 0
    assert firsts[-1] == 693
    assert np.ptp(np.diff(firsts)) <= 7
