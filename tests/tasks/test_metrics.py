"""Metrics of tables: the same as scikit-learn's and scipy's, one table or many at once."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau
from sklearn.metrics import accuracy_score, f1_score

from partimento.tasks import metrics


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("classes", [2, 5])
def test_metrics_are_those_of_the_libraries(seed: int, classes: int) -> None:
    generator = np.random.default_rng(seed)
    true = generator.integers(0, classes, 60)
    predicted = np.clip(true + generator.integers(-1, 2, 60), 0, classes - 1)
    weights = np.ones((1, 60))
    [table] = metrics.tables(true, predicted, classes, weights)
    assert metrics.accuracy(table) == pytest.approx(accuracy_score(true, predicted))
    assert metrics.macro_f1(table) == pytest.approx(f1_score(true, predicted, average="macro", labels=np.unique(true)))
    assert metrics.kendall_tau(table) == pytest.approx(kendalltau(true, predicted).statistic)
    assert metrics.within_one(table) == pytest.approx((np.abs(true - predicted) <= 1).mean())


def test_weights_are_as_pieces_said_so_many_times() -> None:
    generator = np.random.default_rng(0)
    true, predicted = generator.integers(0, 4, (2, 30))
    weights = generator.integers(0, 4, (50, 30)).astype(float)
    many = metrics.tables(true, predicted, 4, weights)
    for metric in (metrics.accuracy, metrics.macro_f1, metrics.kendall_tau, metrics.within_one):
        values = metric(many)
        assert values.shape == (50,)
        for weight, value in zip(weights[:5].astype(int), values, strict=False):
            [one] = metrics.tables(np.repeat(true, weight), np.repeat(predicted, weight), 4, np.ones((1, weight.sum())))
            assert value == pytest.approx(float(metric(one)))


def test_one_answer_to_everything_has_no_order() -> None:
    true = np.arange(10) % 5
    [table] = metrics.tables(true, np.full(10, 2), 5, np.ones((1, 10)))
    assert metrics.kendall_tau(table) == 0
    assert metrics.accuracy(table) == pytest.approx(0.2)
    assert metrics.macro_f1(table) == pytest.approx((2 * 2 / 12) / 5)


def test_a_class_that_is_not_in_the_test_does_not_count() -> None:
    [table] = metrics.tables(np.array([0, 0, 1]), np.array([0, 2, 1]), 3, np.ones((1, 3)))
    assert metrics.macro_f1(table) == pytest.approx((2 / 3 + 1) / 2)


def test_keys_are_scored_from_their_table() -> None:
    from partimento.tasks.audio.music_metrics import key_scores

    generator = np.random.default_rng(0)
    true, guess = generator.integers(24, size=(2, 400))
    guess[::3] = true[::3]
    weights = generator.exponential(size=(3, 400))
    table = metrics.tables(true, guess, 24, weights)
    for name, both in (("weighted_key", False), ("weighted_key_both_fifths", True)):
        expected = weights @ key_scores(true, guess, both) / weights.sum(1)
        assert metrics.METRICS["keys"][name](table) == pytest.approx(expected)
