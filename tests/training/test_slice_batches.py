"""Pairs of slices: what a slice may be, and an order that a seed decides and a position resumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_pieces import toy_piece

from partimento.notes import Notes, from_ms
from partimento.objectives.contrastive import SlicePairs
from partimento.tokens.augment import Augmentation
from partimento.tokens.performance import PerformanceTokenizer, events_from_ids
from partimento.tokens.slices import slice_ids
from partimento.tokens.vocabulary import PIANO
from partimento.training.pretrain import AUGMENTATION
from partimento.training.slices import SliceBatches, Slicing, collate

TOKENIZER = PerformanceTokenizer(PIANO)
PLAIN = Slicing(TOKENIZER, notes=(5, 20), tokens=10**6, augmentation=None, one_key=0.0)


def batches(
    seed: int = 1, pieces: Sequence[int] = range(7), songs: Sequence[int] = range(7), slicing: Slicing = PLAIN
) -> SliceBatches:
    return SliceBatches(pieces, songs, toy_piece, slicing, seed)


def assert_same(one: SlicePairs, other: SlicePairs) -> None:
    assert torch.equal(one.songs, other.songs)
    assert torch.equal(one.lengths, other.lengths)
    assert torch.equal(one.ids, other.ids)


def numbered(count: int = 60) -> Notes:
    """A piece whose notes are told apart by their pitch, the first one 20."""
    return from_ms(np.arange(count) * 300, np.full(count, 200), 20 + np.arange(count), np.full(count, 70))


def test_a_slice_is_a_stretch_of_the_piece_of_an_allowed_length_anywhere() -> None:
    notes, starts, lengths, overlaps = numbered(), set(), set(), set()
    for seed in range(300):
        spans = []
        for ids in PLAIN.pair(notes, np.random.default_rng(seed)):
            pitch = events_from_ids(ids, PIANO).pitch
            start, stop = int(pitch[0]) - 20, int(pitch[-1]) - 19
            np.testing.assert_array_equal(ids, slice_ids(TOKENIZER, notes, start, stop, 10**6))
            spans.append((start, stop))
            starts.add(start)
            lengths.add(stop - start)
        (a, b), (c, d) = spans
        overlaps.add(a < d and c < b)
    assert lengths == set(range(5, 21))
    assert min(starts) == 0
    assert max(starts) == 55
    assert overlaps == {True, False}


@pytest.mark.parametrize("count", [1, 4, 5, 12])
def test_a_short_piece_is_taken_whole_where_a_slice_would_be_longer(count: int) -> None:
    notes = numbered(count)
    whole = TOKENIZER.encode(notes)
    for seed in range(20):
        for ids in replace(PLAIN, notes=(12, 20)).pair(notes, np.random.default_rng(seed)):
            np.testing.assert_array_equal(ids, whole)


@pytest.mark.parametrize("augmentation", [None, AUGMENTATION])
def test_the_limit_of_tokens_keeps_the_end(augmentation: Augmentation | None) -> None:
    """A slice of at most 20 notes, 1 s apart, has 65 tokens without and 66 with slower times."""
    notes = from_ms(np.arange(60) * 1000, np.full(60, 200), np.full(60, 60), np.full(60, 70))
    for most in (4, 30, 61, 63, 64, 65, 66):
        lengths = set()
        for seed in range(40):
            for ids in replace(PLAIN, tokens=most, augmentation=augmentation).pair(notes, np.random.default_rng(seed)):
                assert len(ids) <= most
                assert (ids[0], ids[-1]) == (PIANO.start, PIANO.end)
                assert (ids == PIANO.end).sum() == 1
                lengths.add(len(ids))
        assert most > 61 or max(lengths) >= most - 2  # a note that is cut in two is dropped by the augmentation


def changes(slicing: Slicing, seed: int) -> list[tuple[int, float, int]]:
    """Interval, factor of time and velocity of each slice of a piece of like notes."""
    notes = from_ms(np.arange(60) * 200, np.full(60, 1000), np.full(60, 60), np.full(60, 70))
    events = [events_from_ids(ids, PIANO) for ids in slicing.pair(notes, np.random.default_rng(seed))]
    assert all(len(set(e.pitch.tolist())) == len(set(e.velocity.tolist())) == 1 for e in events)
    return [(int(e.pitch[0]) - 60, float(e.duration_ms[0]) / 1000, int(e.velocity[0])) for e in events]


def test_in_one_key_both_slices_are_transposed_alike() -> None:
    def drawn(one_key: float) -> np.ndarray:
        slicing = replace(PLAIN, augmentation=AUGMENTATION, one_key=one_key)
        return np.array([changes(slicing, seed) for seed in range(120)])  # (120, 2, 3)

    alike, apart, mixed = drawn(1.0), drawn(0.0), drawn(0.5)
    assert (alike[:, 0, 0] == alike[:, 1, 0]).all()
    assert set(alike[:, 0, 0]) == set(range(-5, 6))
    for column in (1, 2):  # speed and loudness are drawn apart
        assert (alike[:, 0, column] != alike[:, 1, column]).mean() > 0.5
    assert (apart[:, 0, 0] != apart[:, 1, 0]).mean() > 0.8
    assert 0.3 < (mixed[:, 0, 0] != mixed[:, 1, 0]).mean() < 0.65
    for found in (alike, mixed):  # nothing else is different
        np.testing.assert_array_equal(apart[:, 0], found[:, 0])
        np.testing.assert_array_equal(apart[:, 1, 1:], found[:, 1, 1:])


def test_every_piece_comes_once_an_epoch_in_a_new_order_with_new_slices() -> None:
    stream = batches(songs=[10 + number for number in range(7)])
    epochs = [stream.rows(7) for _ in range(4)]
    orders = [epoch.songs.tolist() for epoch in epochs]
    assert all(sorted(order) == list(range(10, 17)) for order in orders)
    assert len({tuple(order) for order in orders}) > 1
    for song in range(10, 17):
        drawn = {
            tuple(epoch.ids[row, side, : epoch.lengths[row, side]].tolist())
            for epoch in epochs
            for row in [epoch.songs.tolist().index(song)]
            for side in (0, 1)
        }
        assert len(drawn) > 4


def test_a_row_is_made_of_the_piece_that_its_song_says() -> None:
    pieces = [30, 40, 50]
    rows = batches(pieces=pieces, songs=pieces).rows(6)
    for song, pair, lengths in zip(rows.songs.tolist(), rows.ids, rows.lengths, strict=True):
        allowed = set(toy_piece(song).pitch.tolist())
        for ids, length in zip(pair, lengths.tolist(), strict=True):
            assert set(events_from_ids(ids[:length].numpy(), PIANO).pitch.tolist()) <= allowed


@pytest.mark.parametrize("augmentation", [None, AUGMENTATION])
def test_the_stream_is_decided_by_its_seed_and_resumes(augmentation: Augmentation | None) -> None:
    slicing = replace(PLAIN, augmentation=augmentation)
    one, other = batches(slicing=slicing), batches(slicing=slicing)
    first = [one.rows(5) for _ in range(5)]
    assert_same(first[0], other.rows(5))
    assert not torch.equal(batches(seed=2, slicing=slicing).rows(5).ids, first[0].ids)
    for done, rows in enumerate(first):
        resumed = batches(slicing=slicing)
        resumed.restore({"drawn": 5 * done})
        assert_same(resumed.rows(5), rows)
    other.rows(7)
    again = batches(slicing=slicing)
    again.restore(other.state())
    assert_same(again.rows(9), other.rows(9))
    assert again.state() == other.state() == {"drawn": 21}


def test_pieces_of_one_song_have_nothing_to_be_told_from() -> None:
    with pytest.raises(ValueError, match="3 pieces of 1 songs to train on; pieces of two are needed"):
        batches(pieces=range(3), songs=[4, 4, 4])
    with pytest.raises(ValueError, match="0 pieces"):
        batches(pieces=[], songs=[])


def test_rows_are_padded_to_the_longest() -> None:
    pairs = [[np.arange(1, 4), np.arange(1, 6)], [np.arange(7, 9), np.arange(7, 8)]]
    rows = collate(pairs, [3, 8])
    assert rows.ids.tolist() == [[[1, 2, 3, 0, 0], [1, 2, 3, 4, 5]], [[7, 8, 0, 0, 0], [7, 0, 0, 0, 0]]]
    assert rows.lengths.tolist() == [[3, 5], [2, 1]]
    assert rows.songs.tolist() == [3, 8]
    assert rows.tokens == 11
