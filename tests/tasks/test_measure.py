"""One system on one task: nothing of the test side reaches a head, and folds are joined as they should be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import toy

from partimento.tasks.measure import System, class_indices, kept, measure, predictions
from partimento.tasks.probe import Probe
from partimento.tasks.task import Example, Fold, Task


def on_task(task: Task, noise: float) -> System:
    vectors = toy.vectors(task, noise)
    return System("toy", "", lambda examples, seed: vectors, ("logistic",))


@pytest.mark.parametrize("probe", ["logistic", "forest", "knn", "paper"])
def test_test_labels_and_the_other_test_vectors_change_no_prediction(probe: Probe) -> None:
    task = toy.learned(80, 4)
    [fold] = task.folds
    vectors = toy.vectors(task, 0.8)
    expected = predictions(task, fold, vectors, probe, 0)
    examples = list(task.examples)
    for i in fold.test:
        examples[i] = replace(examples[i], label="a")
    other = vectors.copy()
    other[fold.test[1:]] = 1e3
    found = predictions(replace(task, examples=tuple(examples)), fold, other, probe, 0)
    assert found[0] == expected[0]
    assert (predictions(replace(task, examples=tuple(examples)), fold, vectors, probe, 0) == expected).all()


def test_a_seed_leaves_out_a_tenth_of_the_training_songs() -> None:
    task = toy.learned(160, 2)
    [fold] = task.folds
    songs = {task.examples[i].group for i in fold.train}
    sides = [kept(fold.train, task, seed) for seed in range(3)]
    for side in sides:
        missing = songs - {task.examples[i].group for i in side}
        assert len(missing) == round(0.1 * len(songs))
        assert {task.examples[i].group for i in fold.train if i not in side} == missing
    assert not np.array_equal(sides[0], sides[1])
    assert np.array_equal(sides[0], kept(fold.train, task, 0))


@pytest.mark.parametrize(("noise", "low", "high"), [(0.1, 0.97, 1.0), (-1, 0.2, 0.75)])
def test_a_value_lies_in_its_interval(noise: float, low: float, high: float) -> None:
    task = toy.learned(160)
    measured = measure(task, on_task(task, noise), seeds=3)["logistic"]
    accuracy = measured.values["accuracy"]
    assert accuracy.shape == (3,)
    assert low <= accuracy.mean() <= high
    draws = measured.draws["accuracy"]
    assert draws.shape == (1000,)
    assert np.percentile(draws, 2.5) <= accuracy.mean() <= np.percentile(draws, 97.5)


def test_disjoint_test_sides_are_taken_together() -> None:
    task = toy.learned(120, folds=4)
    assert len(np.unique(np.concatenate([fold.test for fold in task.folds]))) == 120
    system = on_task(task, 0.7)
    vectors = system.vectors(task.examples, 0)
    right = [predictions(task, fold, vectors, "logistic", 0) == class_indices(task, fold.test) for fold in task.folds]
    found = measure(task, system, seeds=1)["logistic"].values["accuracy"]
    assert found == pytest.approx(np.concatenate(right).mean())


def test_test_sides_that_overlap_are_averaged() -> None:
    task = toy.learned(120)
    [fold] = task.folds
    small = Fold("small", fold.train, fold.valid, fold.test[:8])
    system = on_task(task, 1.2)
    one, other = (
        measure(replace(task, folds=(f,)), system, seeds=1)["logistic"].values["macro_f1"] for f in (fold, small)
    )
    both = measure(replace(task, folds=(fold, small)), system, seeds=1)["logistic"].values["macro_f1"]
    assert both == pytest.approx((one + other) / 2)


def test_grades_have_their_metrics() -> None:
    task = toy.learned(160, 5, kind="grades")
    measured = measure(task, on_task(task, 0.4), seeds=2)["logistic"]
    assert measured.values["kendall_tau"].mean() > 0.6
    assert measured.values["within_one"].mean() > measured.values["accuracy"].mean()


@pytest.mark.parametrize("kind", ["retrieval", "duplicates"])
def test_nothing_is_fitted_where_pieces_find_each_other(kind: str) -> None:
    examples = tuple(Example(toy.Path(f"{i}.mid"), f"{i // 2}", f"{i // 2}") for i in range(40))
    task = Task("find", "toys", "all", kind, tuple(f"{i}" for i in range(20)), examples)  # type: ignore[arg-type]
    place = np.random.default_rng(0).standard_normal((20, 16)).astype(np.float32).repeat(2, 0)
    noise = 0.1 * np.random.default_rng(1).standard_normal((40, 16)).astype(np.float32)
    near = System("near", "", lambda some, seed: place + noise, ("logistic",))
    far = System("far", "", lambda some, seed: np.random.default_rng(seed).standard_normal((40, 16)), (), seeded=True)
    main = "recall_at_1" if kind == "retrieval" else "average_precision"
    found, chance = measure(task, near, 2)["cosine"], measure(task, far, 2)["cosine"]
    assert found.values[main].mean() > 0.95
    assert chance.values[main].mean() < 0.3
    assert f"{main}_raw" in found.values
    other = "mean_reciprocal_rank" if kind == "retrieval" else main
    assert chance.values[other][0] != chance.values[other][1]
    mixed = System("mixed", "", near.vectors, (), mixed_units=True)
    assert f"{main}_raw" not in measure(task, mixed, 1)["cosine"].values


def test_a_label_without_a_class_is_named() -> None:
    task = replace(toy.learned(80), classes=("a", "z"))
    with pytest.raises(ValueError, match="toy, 1 folds: a label is none of a, z"):
        measure(task, on_task(toy.learned(80), 0.1), 1)
