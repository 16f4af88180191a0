"""One system on one task: probes fitted without the test side, metrics with draws for an interval.

What a seed is. For a network at random weights: its weights. For every probe: which tenth of the training songs it
does without (for all representations the same one), and, where a probe has chance of its own, its first weights, the
order of its pieces or its trees. The published sides stay as they are. So the spread over seeds tells how far a figure
hangs on the training songs and the fitting, and for the random network on its draw; it says nothing of another
pretraining, for there is one checkpoint. Where nothing is learned and no weight is drawn, all seeds are equal. Of a
task whose folds are draws of one split, such as which instruments are tested on, a seed is a draw; then no song is left
out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from partimento.tasks import metrics, retrieval, score_metrics
from partimento.tasks.intervals import over_seeds, song_weights
from partimento.tasks.probe import Probe, Sides, fit
from partimento.tasks.results import COSINE
from partimento.tasks.target_probes import TargetSides, fit_targets
from partimento.tasks.task import Example, Fold, Task

SEEDS = 5
LEFT_OUT = 0.1  # share of the training songs that a seed does without


@dataclass(frozen=True, eq=False)
class System:
    """A representation as a row of the table.

    Args:
        name: of the row.
        checkpoint: hash of the weights, "" where there are none.
        vectors: (N, D) float32 of examples, for a seed; (N, L, D) of L layers for the probe "mixing".
        probes: what is fitted on them.
        seeded: whether each seed has vectors of its own.
        mixed_units: whether the features mean nothing beside each other until they are standardised.
        about: what else a result shall say, such as the parameters of the network.
    """

    name: str
    checkpoint: str
    vectors: Callable[[Sequence[Example], int], np.ndarray]
    probes: tuple[Probe, ...]
    seeded: bool = False
    mixed_units: bool = False
    about: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Measured:
    """What was found.

    Args:
        values: (seeds,) of each metric.
        draws: (draws,) of the mean over the seeds of each metric.
        seconds: how long it took.
    """

    values: dict[str, np.ndarray]
    draws: dict[str, np.ndarray]
    seconds: float


def measure(task: Task, system: System, seeds: int = SEEDS) -> dict[str, Measured]:
    """What each probe of a system finds; of a task where nothing is learned, what the vectors do by themselves.

    Of several folds whose test sides hold no piece twice the predictions are taken together; else the metric is
    averaged over the folds. The 95 % intervals are those of `partimento.tasks.intervals`.

    Raises:
        ValueError: if an example's label is not among the classes, or a fold has no train or valid side.
    """
    begun_s = time.perf_counter()
    vectors = [system.vectors(task.examples, seed) for seed in range(seeds if system.seeded else 1)]
    weights = song_weights(task.data, [example.group for example in task.examples])
    weights = np.concatenate([np.ones((1, weights.shape[1])), weights])  # first the test as it is
    if task.kind in ("retrieval", "duplicates"):
        each = [_found(task, some, weights, system.mixed_units) for some in vectors]
        return {COSINE: _measured([each[seed % len(each)] for seed in range(seeds)], begun_s)}
    found = {}
    for probe in system.probes:
        learned = [
            _learned(task, vectors[seed % len(vectors)], probe, seed, weights, system.mixed_units)
            for seed in range(seeds)
        ]
        found[str(probe)] = _measured(learned, begun_s)
        begun_s = time.perf_counter()
    return found


def predictions(
    task: Task, fold: Fold, vectors: np.ndarray, probe: Probe, seed: int, mixed_units: bool = False
) -> np.ndarray:
    """(N,) int64 class indices of a fold's test side, by a probe that has seen nothing of it.

    Of tags and values (N, K) float64 scores or numbers.
    """
    train = fold.train if task.draws else kept(fold.train, task, seed)
    if task.targets is not None:
        seen = (vectors[train], task.targets[train], vectors[fold.valid], task.targets[fold.valid])
        guess = fit_targets(probe, TargetSides(*seen, tags=task.kind == "tags"), seed)
        return np.asarray(guess(vectors[fold.test]), dtype=np.float64)
    sides = Sides(
        train=vectors[train],
        train_labels=class_indices(task, train),
        valid=vectors[fold.valid],
        valid_labels=class_indices(task, fold.valid),
        classes=len(task.classes),
        grades=task.kind == "grades",
        mixed_units=mixed_units,
    )
    return np.asarray(fit(probe, sides, seed)(vectors[fold.test]), dtype=np.int64)


def kept(train: np.ndarray, task: Task, seed: int) -> np.ndarray:
    """The training side without the tenth of its groups that a seed leaves out."""
    group = np.array([task.examples[i].group for i in train])
    names = np.unique(group)
    out = np.random.default_rng(seed).choice(names, round(LEFT_OUT * len(names)), replace=False)
    return train[~np.isin(group, out)]


def class_indices(task: Task, which: np.ndarray) -> np.ndarray:
    """(N,) int64 classes of some examples.

    Raises:
        ValueError: if a label is not among the task's classes.
    """
    try:
        return np.array([task.classes.index(task.examples[i].label) for i in which], dtype=np.int64)
    except ValueError as error:
        raise ValueError(f"{task.name}, {task.split}: a label is none of {', '.join(task.classes)} ({error})") from None


def _learned(
    task: Task, vectors: np.ndarray, probe: Probe, seed: int, weights: np.ndarray, mixed_units: bool
) -> dict[str, np.ndarray]:
    """(1 + draws,) of each metric for one seed."""
    folds = (task.folds[seed % len(task.folds)],) if task.draws else task.folds
    tests = [fold.test for fold in folds]
    predicted = [predictions(task, fold, vectors, probe, seed, mixed_units) for fold in folds]
    together = np.concatenate(tests)
    if len(np.unique(together)) == len(together):
        tests, predicted = [together], [np.concatenate(predicted)]
    if task.targets is not None:
        each = [
            score_metrics.METRICS[task.kind](task.targets[test], guess, weights[:, test], task.classes)
            for test, guess in zip(tests, predicted, strict=True)
        ]
        return {name: np.mean([values[name] for values in each], axis=0) for name in each[0]}
    tables = [
        metrics.tables(class_indices(task, test), guess, len(task.classes), weights[:, test])
        for test, guess in zip(tests, predicted, strict=True)
    ]
    return {
        name: np.mean([metric(table) for table in tables], axis=0)
        for name, metric in metrics.METRICS[task.kind].items()
    }


def _found(task: Task, vectors: np.ndarray, weights: np.ndarray, mixed_units: bool) -> dict[str, np.ndarray]:
    """(1 + draws,) of each metric of the vectors of one seed, standardised and, ending in _raw, as they are."""
    labels, groups = [e.label for e in task.examples], [e.group for e in task.examples]
    values: dict[str, np.ndarray] = {}
    for ending, some in (("", retrieval.standardised(vectors)), ("_raw", vectors)):
        if ending and mixed_units:
            continue
        similarity = retrieval.cosines(some)
        if task.kind == "retrieval":
            found = retrieval.find_metrics(similarity, labels, weights)
        else:
            found = retrieval.pair_metrics(similarity, labels, groups, weights)
        values |= {f"{name}{ending}": value for name, value in found.items()}
    return values


def _measured(seeds: list[dict[str, np.ndarray]], begun_s: float) -> Measured:
    stacked = {name: np.stack([values[name] for values in seeds]) for name in seeds[0]}  # (seeds, 1 + draws)
    return Measured(
        {name: value[:, 0] for name, value in stacked.items()},
        {name: over_seeds(value[:, 1:]) for name, value in stacked.items()},
        time.perf_counter() - begun_s,
    )
