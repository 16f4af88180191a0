"""Probes: they learn what is there to be learned, nothing from noise, and choose on the validation side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import toy

from partimento.tasks import probe as probe_module
from partimento.tasks.linear_probe import learning_rate, linear_probe
from partimento.tasks.measure import class_indices
from partimento.tasks.probe import PENALTIES, Predict, Probe, Sides, fit

PROBES: tuple[Probe, ...] = ("logistic", "forest", "knn", "paper")


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_module, "TREES", 40)


def sides(noise: float, classes: int = 3, grades: bool = False) -> tuple[Sides, np.ndarray, np.ndarray]:
    task = toy.learned(360, classes, kind="grades" if grades else "classes")
    vectors = toy.vectors(task, noise)
    labels = class_indices(task, np.arange(360))
    fold = task.folds[0]
    seen = (vectors[fold.train], labels[fold.train], vectors[fold.valid], labels[fold.valid])
    return Sides(*seen, classes, grades=grades), vectors[fold.test], labels[fold.test]


@pytest.mark.parametrize("probe", PROBES)
def test_what_can_be_told_apart_is(probe: Probe) -> None:
    seen, test, labels = sides(noise=0.05)
    assert (fit(probe, seen, 0)(test) == labels).mean() > 0.9


@pytest.mark.parametrize("probe", PROBES)
def test_noise_gives_chance(probe: Probe) -> None:
    seen, test, labels = sides(noise=-1)
    assert (fit(probe, seen, 0)(test) == labels).mean() < 0.5


def test_the_majority_is_of_both_sides() -> None:
    vectors = np.zeros((5, 2), dtype=np.float32)
    seen = Sides(vectors[:3], np.array([0, 0, 1]), vectors, np.array([1, 1, 1, 2, 0]), 3)
    assert fit("majority", seen, 0)(vectors).tolist() == [1] * 5


@pytest.mark.parametrize("probe", PROBES)
def test_the_same_seed_gives_the_same_head(probe: Probe) -> None:
    seen, test, _ = sides(noise=0.8)
    assert (fit(probe, seen, 3)(test) == fit(probe, seen, 3)(test)).all()


def test_other_seeds_give_the_chance_ones_other_heads() -> None:
    seen, test, _ = sides(noise=2.0)
    for probe in ("forest", "paper"):
        assert (fit(probe, seen, 0)(test) != fit(probe, seen, 1)(test)).any()


def test_grades_are_predicted_in_their_order() -> None:
    """Grades in a line that a class at a time cannot follow well: the ridge is chosen."""
    seen, test, labels = sides(noise=0.6, classes=8, grades=True)
    predicted = fit("logistic", seen, 0)(test)
    assert predicted.dtype == np.int64
    assert predicted.min() >= 0
    assert predicted.max() <= 7
    assert (np.abs(predicted - labels) <= 1).mean() > 0.8


def test_the_penalty_is_chosen_in_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the validation labels have nothing to do with the vectors, the strongest is the best."""
    chosen = []
    fit_last = probe_module._logistic_predict

    def noted(penalty: float, vectors: np.ndarray, labels: np.ndarray) -> Predict:
        chosen.append((penalty, len(vectors)))
        return fit_last(penalty, vectors, labels)

    monkeypatch.setattr(probe_module, "_logistic_predict", noted)
    seen, test, _ = sides(noise=0.5)
    fit("logistic", seen, 0)(test)
    shuffled = np.random.default_rng(0).permutation(seen.valid_labels)
    fit("logistic", replace(seen, valid_labels=shuffled), 0)(test)
    assert chosen[0][0] > chosen[1][0] == min(PENALTIES)
    assert chosen[0][1] == len(seen.train) + len(seen.valid)


def test_features_of_unlike_units_are_standardised_for_the_papers_probe() -> None:
    task = toy.learned(120)
    vectors = toy.vectors(task, 0.02)
    vectors[:, 0] = 1e4 * np.random.default_rng(0).standard_normal(120)
    labels = class_indices(task, np.arange(120))
    raw, fair = (linear_probe(vectors, labels, 2, 0, standardise=s)(vectors) for s in (False, True))
    assert (fair == labels).mean() > 0.95
    assert (raw == labels).mean() < 0.7


def test_the_papers_schedule() -> None:
    assert learning_rate(0, 2000) == pytest.approx(0.01)
    assert learning_rate(99, 2000) == 1.0
    assert learning_rate(100, 2000) == 1.0
    assert learning_rate(1050, 2000) == pytest.approx(0.55)
    assert learning_rate(2000, 2000) == pytest.approx(0.1)


def test_one_class_alone_is_predicted() -> None:
    vectors = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)
    assert fit("logistic", Sides(vectors, np.ones(6, dtype=int), vectors, np.ones(6, dtype=int), 3), 0)(vectors).all()


def test_an_empty_side_is_an_error() -> None:
    nothing = np.zeros((0, 3), dtype=np.float32)
    with pytest.raises(ValueError, match="0 to validate on"):
        Sides(np.ones((4, 3)), np.zeros(4, dtype=int), nothing, np.zeros(0, dtype=int), 2)
