"""The n-gram models against slow ones in dictionaries, and against closed forms."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.tasks import ngram

PIECES = st.lists(st.lists(st.integers(0, 4), min_size=2, max_size=30), min_size=1, max_size=6)


def slow_probability(pieces: list[list[int]], size: int, order: int, context: tuple[int, ...], token: int) -> float:
    """Interpolated modified Kneser-Ney by the book, with dictionaries; before a piece stands the id `size`."""
    tables: dict[int, Counter[tuple[int, ...]]] = {order: Counter()}
    for ids in pieces:
        padded = [size] * (order - 1) + ids
        tables[order].update(tuple(padded[i : i + order]) for i in range(1, len(ids)))
    for n in range(order - 1, 0, -1):
        before = defaultdict(set)
        for gram in tables[n + 1]:
            before[gram[1:]].add(gram[0])
        tables[n] = Counter({gram: len(firsts) for gram, firsts in before.items()})
    probability = 1 / size
    for n in range(1, order + 1):
        discount = ngram.discounts(np.array(list(tables[n].values())))
        history = context[len(context) - (n - 1) :]
        following = {gram[-1]: count for gram, count in tables[n].items() if gram[:-1] == history}
        if total := sum(following.values()):
            given_away = sum(discount[min(c, 3)] for c in following.values()) / total
            count = following.get(token, 0)
            probability = (count - discount[min(count, 3)]) / total + given_away * probability
    return probability


@given(PIECES, st.lists(st.integers(0, 4), min_size=2, max_size=12), st.integers(0, 3))
@settings(deadline=None, max_examples=40)
def test_equals_the_slow_model(pieces: list[list[int]], asked: list[int], order: int) -> None:
    model = ngram.fit([np.array(ids) for ids in pieces], 5, order)
    padded = [5] * max(order - 1, 0) + asked
    expected = []
    for i in range(1, len(asked)):
        context = tuple(padded[i : i + order - 1]) if order > 1 else ()
        expected.append(-math.log(slow_probability(pieces, 5, order, context, asked[i])))
    np.testing.assert_allclose(model.nats(np.array(asked)), expected, rtol=1e-12)


@given(PIECES, st.integers(0, 4), st.integers(0, 4))
@settings(deadline=None, max_examples=40)
def test_probabilities_add_up_to_one(pieces: list[list[int]], first: int, second: int) -> None:
    model = ngram.fit([np.array(ids) for ids in pieces], 5, 3)
    total = sum(math.exp(-model.nats(np.array([first, second, token]))[-1]) for token in range(5))
    assert total == pytest.approx(1.0, abs=1e-12)


def test_uniform_costs_the_logarithm_of_the_vocabulary() -> None:
    nats = ngram.fit([], 17727, 0).nats(np.array([6, 0, 827, 17227, 16774, 1]))
    np.testing.assert_allclose(nats, np.full(5, math.log(17727)), rtol=1e-15)


def test_unigram_costs_the_entropy_of_plentiful_tokens() -> None:
    ids = np.random.default_rng(0).choice(4, size=200_000, p=[0.5, 0.25, 0.125, 0.125])
    model = ngram.fit([ids], 4, 1)
    frequencies = np.bincount(ids[1:]) / (len(ids) - 1)
    entropy = -(frequencies * np.log(frequencies)).sum()
    assert model.nats(ids).mean() == pytest.approx(entropy, abs=1e-4)


def test_a_3gram_learns_what_two_tokens_before_decide() -> None:
    # 0 0 1 1 0 0 1 1 ...: one token before says nothing, two say all
    ids = np.tile([0, 0, 1, 1], 500)
    assert ngram.fit([ids], 2, 3).nats(ids)[10:].mean() < 0.01
    assert ngram.fit([ids], 2, 2).nats(ids)[10:].mean() == pytest.approx(math.log(2), abs=0.01)


def test_discounts_are_chen_and_goodmans() -> None:
    counts = np.repeat([1, 2, 3, 4], [10, 5, 3, 2])
    share = 10 / 20
    expected = [0.0, 1 - 2 * share * 5 / 10, 2 - 3 * share * 3 / 5, 3 - 4 * share * 2 / 3]
    np.testing.assert_allclose(ngram.discounts(counts), expected)


def test_orders_and_empty_training_sides_are_refused() -> None:
    with pytest.raises(ValueError, match="order of 0 to 3"):
        ngram.fit([np.arange(4)], 5, 4)
    with pytest.raises(ValueError, match="split=train"):
        ngram.fit([], 5, 3)
