"""Metrics of labelled words against counts by hand and against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau
from toy_words import toy_task

from partimento.tasks.words import note_metrics
from partimento.tasks.words.task import NO_LABEL

SIX = tuple("abcdef")


def test_notes_are_pooled_and_those_without_a_label_are_not_counted() -> None:
    task = toy_task([[0, 0, 1, 2], [2, NO_LABEL]], ["a", "b"])
    found = note_metrics.evaluate(task, {0: np.array([0, 1, 1, 0]), 1: np.array([2, 0])}, draws=5)
    assert found["accuracy"][0] == pytest.approx(3 / 5)
    assert found["two_class"][0] == pytest.approx(4 / 5)
    assert found["two_class_bridge_as_accompaniment"][0] == pytest.approx(3 / 5)
    assert found["macro_f1"][0] == pytest.approx((2 / 4 + 2 / 3 + 2 / 3) / 3)
    assert all(value.shape == (6,) for value in found.values())


def test_rank_correlation_is_within_songs() -> None:
    rng = np.random.default_rng(0)
    labels = [rng.integers(6, size=40).tolist() for _ in range(3)]
    guesses = {i: rng.integers(6, size=40) for i in range(3)}
    task = toy_task(labels, ["a", "a", "b"], name="velocity", classes=SIX)
    found = note_metrics.evaluate(task, guesses, draws=2)
    first = kendalltau(labels[0] + labels[1], np.concatenate([guesses[0], guesses[1]])).statistic
    second = kendalltau(labels[2], guesses[2]).statistic
    assert found["kendall_tau_in_song"][0] == pytest.approx((first + second) / 2)
    near = np.abs(np.concatenate(labels) - np.concatenate([guesses[i] for i in range(3)])) <= 1
    assert found["within_one"][0] == pytest.approx(near.mean())


def test_beats_are_scored_by_f1() -> None:
    task = toy_task([[0, 1, 1, 1, 0, 0]], ["a"], name="beat", classes=("off", "beat"))
    found = note_metrics.evaluate(task, {0: np.array([0, 1, 0, 1, 1, 0])}, draws=1)
    assert found["f1"][0] == pytest.approx(2 * 2 / (3 + 3))
    assert next(iter(found)) == "f1"


def test_a_prediction_has_the_shape_of_the_labels() -> None:
    task = toy_task([[0, 1]], ["a"])
    with pytest.raises(ValueError, match="sequence 0 has labels"):
        note_metrics.evaluate(task, {0: np.array([0])})


def test_seeds_have_values_and_one_interval() -> None:
    task = toy_task([[0, 1], [2, 2]], ["a", "b"])
    right, wrong = [np.array([0, 1]), np.array([2, 2])], [np.array([1, 0]), np.array([2, 2])]
    found = note_metrics.measured(task, task.folds, [[right], [wrong]])
    assert found.values["accuracy"].tolist() == [1.0, 0.5]
    assert found.draws["accuracy"].shape == (1000,)
    assert found.draws["accuracy"].std() > 0


def test_a_piece_votes_with_all_its_sequences() -> None:
    shares = np.log(np.array([[0.6, 0.4], [0.1, 0.9], [0.8, 0.2]]))
    assert note_metrics.votes(shares, ["a", "a", "b"]).tolist() == [1, 1, 0]


def test_a_vote_counts_a_piece_once() -> None:
    task = toy_task([[0], [0], [1]], ["a", "a", "b"], name="pianist", classes=("x", "y"))
    shares = {0: np.log([0.9, 0.1]), 1: np.log([0.4, 0.6]), 2: np.log([0.9, 0.1])}
    assert note_metrics.evaluate_votes(task, shares, draws=1)["accuracy"][0] == pytest.approx(0.5)
