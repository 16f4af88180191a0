"""Metrics of labelled words, each with the draws of an interval over songs as `partimento.tasks.measure` has them.

Every metric is made of a table of true against predicted for each song, so a draw weights songs, never notes: notes of
one song are not independent. Figures of notes are over all labelled notes, not means of songs, except the rank
correlation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from partimento.tasks import metrics
from partimento.tasks.intervals import over_seeds, song_weights
from partimento.tasks.measure import Measured
from partimento.tasks.task import Fold
from partimento.tasks.words.task import WordsTask

# tables (S, K, K) of the songs, weights (draws, S) -> (draws,)
SongMetric = Callable[[np.ndarray, np.ndarray], np.ndarray]


def evaluate(task: WordsTask, predicted: Mapping[int, np.ndarray], draws: int = 1000) -> dict[str, np.ndarray]:
    """(1 + draws,) of each metric of the task: first of the test as it is, then of each draw of songs.

    Args:
        predicted: classes of the sequences that are judged, by their number: (T,) of notes, () of a sequence.
        draws: of the bootstrap.

    Raises:
        ValueError: if a prediction has not the shape of the labels, or nothing is labelled.
    """
    tables, songs = song_tables(task, predicted)
    weights = np.concatenate([np.ones((1, len(songs))), song_weights(task.data, songs, draws)])
    return {name: metric(tables, weights) for name, metric in metrics_of(task).items()}


def measured(task: WordsTask, folds: Sequence[Fold], seeds: Sequence[Sequence[Sequence[np.ndarray]]]) -> Measured:
    """What several seeds predicted: values by seed and draws of their mean.

    Test sides that share no sequence are taken together; else the metric is averaged over the folds.

    Args:
        task: what was asked.
        folds: whose test sides were predicted.
        seeds: of each seed, of each fold, the predictions in the order of the fold's test side.
    """
    tests = [fold.test for fold in folds]
    together = np.concatenate(tests)
    apart = len(np.unique(together)) == len(together)
    each = []
    for by_fold in seeds:
        found = [dict(zip(test.tolist(), guess, strict=True)) for test, guess in zip(tests, by_fold, strict=True)]
        if apart:
            found = [{number: guess for fold in found for number, guess in fold.items()}]
        values = [evaluate(task, fold) for fold in found]
        each.append({name: np.mean([value[name] for value in values], axis=0) for name in values[0]})
    stacked = {name: np.stack([values[name] for values in each]) for name in each[0]}
    return Measured(
        {name: value[:, 0] for name, value in stacked.items()},
        {name: over_seeds(value[:, 1:]) for name, value in stacked.items()},
        0.0,
    )


def song_tables(task: WordsTask, predicted: Mapping[int, np.ndarray]) -> tuple[np.ndarray, list[str]]:
    """(S, K, K) true against predicted of each song that is judged, notes without a label left out, and the songs.

    Raises:
        ValueError: if a prediction has not the shape of the labels, or nothing is labelled.
    """
    classes = len(task.classes)
    found: dict[str, np.ndarray] = {}
    for number, guess in predicted.items():
        true, guess = np.atleast_1d(task.labels[number]), np.atleast_1d(guess).astype(np.int64)
        if true.shape != guess.shape:
            raise ValueError(f"{task}: sequence {number} has labels {true.shape}, the predictions are {guess.shape}")
        labelled = true >= 0
        cells = np.bincount(true[labelled] * classes + guess[labelled], minlength=classes * classes)
        if labelled.any():
            song = task.songs[number]
            found[song] = found.get(song, 0) + cells.reshape(classes, classes)
    if not found:
        raise ValueError(f"{task}: none of {len(predicted)} sequences has a label")
    songs = sorted(found)
    return np.stack([found[song] for song in songs]).astype(np.float64), songs


def metrics_of(task: WordsTask) -> dict[str, SongMetric]:
    """Metrics of a task by name; the first is the one that tables show."""
    if task.name in ("beat", "downbeat"):
        return {"f1": _pooled(f1), "accuracy": _pooled(metrics.accuracy)}
    every: dict[str, SongMetric] = {"accuracy": _pooled(metrics.accuracy), "macro_f1": _pooled(metrics.macro_f1)}
    if task.name == "melody":
        for name, melodic in (("two_class", (0, 1)), ("two_class_bridge_as_accompaniment", (0,))):
            every[name] = _pooled(two_class(melodic))
    if task.name == "velocity":
        every |= {"within_one": _pooled(metrics.within_one), "kendall_tau_in_song": in_song(metrics.kendall_tau)}
    return every


def f1(table: np.ndarray) -> np.ndarray:
    """2 · right / (true + predicted) of the second of two classes; 0 where there is none."""
    positive = table[..., 1, 1]
    total = table[..., 1, :].sum(-1) + table[..., :, 1].sum(-1)
    return np.divide(2 * positive, total, out=np.zeros_like(positive), where=total > 0)


def two_class(melodic: Sequence[int]) -> metrics.Metric:
    """Share of notes rightly told to be of the melodic classes or not."""

    def accuracy(table: np.ndarray) -> np.ndarray:
        inside = np.isin(np.arange(table.shape[-1]), melodic)
        same = inside[:, None] == inside
        return (table * same).sum((-2, -1)) / table.sum((-2, -1))

    return accuracy


def in_song(metric: metrics.Metric) -> SongMetric:
    """The mean over songs of a metric of each song alone; songs weigh alike however long they are."""
    return lambda tables, weights: weights @ metric(tables) / weights.sum(-1)


def votes(log_probabilities: np.ndarray, pieces: Sequence[str]) -> np.ndarray:
    """(N,) int64 for each sequence the class that all sequences of its piece choose: the largest mean log-probability.

    Args:
        log_probabilities: (N, K) of the sequences.
        pieces: one a sequence.
    """
    names, index = np.unique(np.asarray(pieces), return_inverse=True)
    total = np.zeros((len(names), log_probabilities.shape[1]))
    np.add.at(total, index, log_probabilities)
    return total.argmax(1)[index]


def evaluate_votes(
    task: WordsTask, log_probabilities: Mapping[int, np.ndarray], draws: int = 1000
) -> dict[str, np.ndarray]:
    """(1 + draws,) of each metric of a sequence task with one vote a piece: every piece counts once.

    Args:
        log_probabilities: (K,) of the sequences that are judged, by their number.
        draws: of the bootstrap.
    """
    numbers = list(log_probabilities)
    pieces = [task.pieces[number] for number in numbers]
    chosen = votes(np.stack([log_probabilities[number] for number in numbers]), pieces)
    first = {piece: i for i, piece in reversed(list(enumerate(pieces)))}
    return evaluate(task, {numbers[i]: chosen[i] for i in first.values()}, draws)


def _pooled(metric: metrics.Metric) -> SongMetric:
    """A metric of the table of all songs together, each counted by its weight."""
    return lambda tables, weights: metric(np.tensordot(weights, tables, axes=1))
