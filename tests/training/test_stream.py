"""The endless stream of pieces: parts in their order, and a position from which it goes on."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.training.stream import PieceStream


def numbered(lengths: list[int]) -> list[np.ndarray]:
    edges = np.cumsum([0, *lengths])
    return [np.arange(a, b) for a, b in pairwise(edges)]


def stream(lengths: list[int], seed: int = 0) -> PieceStream:
    music = numbered(lengths)
    return PieceStream(len(music), lambda index, _: music[index], seed)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.lists(st.integers(1, 25), min_size=1, max_size=8))
def test_what_is_taken_is_one_order_of_all_pieces_an_epoch(lengths: list[int], counts: list[int]) -> None:
    lengths = [3, *lengths]  # pieces without a token may be among them
    music, one, other = numbered(lengths), stream(lengths), stream(lengths)
    parts = [one.take(count) for count in counts]
    assert [sum(map(len, part)) for part in parts] == counts
    owners = [{int(np.searchsorted(np.cumsum(lengths), i, side="right")) for i in p} for part in parts for p in part]
    assert all(len(owner) == 1 for owner in owners)
    taken, rest = [i for part in parts for p in part for i in p.tolist()], sum(lengths)
    every = [i for p in other.take(sum(counts)) for i in p.tolist()]
    assert taken == every  # however much is taken at once
    for start in range(0, len(taken) - rest + 1, rest):
        assert sorted(taken[start : start + rest]) == list(range(rest))
    firsts = {piece[0] for piece in music if len(piece)}
    assert all(later == before + 1 or later in firsts for before, later in pairwise(taken))


def test_the_last_token_can_be_given_back_unless_its_piece_ended() -> None:
    pieces = stream([5])
    pieces.take(3)
    pieces.step_back()
    assert pieces.take(1)[0].tolist() == [2]
    pieces.take(2)
    pieces.step_back()
    assert pieces.take(1)[0].tolist() == [0]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(0, 60))
def test_a_restored_stream_goes_on(lengths: list[int], before: int) -> None:
    one, other = stream(lengths, seed=4), stream(lengths, seed=4)
    one.take(before)
    other.restore(one.state())
    for a, b in zip(one.take(30), other.take(30), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_piece_is_drawn_by_its_epoch_and_number_alone() -> None:
    def encode(index: int, generator: np.random.Generator | None) -> np.ndarray:
        assert generator is not None
        return np.array([index, generator.integers(1 << 30)])

    def draws(seed: int, at_once: int) -> dict[tuple[int, int], int]:
        pieces = PieceStream(5, encode, seed)
        found: dict[tuple[int, int], int] = {}
        while pieces.position.epoch < 2:
            epoch = pieces.position.epoch
            found |= {(epoch, int(index)): int(drawn) for index, drawn in pieces.take(2 * at_once)}
        return found

    assert draws(1, 1) == draws(1, 5)
    assert len(set(draws(1, 1).values())) == 10
    assert draws(1, 1) != draws(2, 1)


def test_without_pieces_there_is_no_stream() -> None:
    with pytest.raises(ValueError, match="no pieces to train on"):
        stream([])
