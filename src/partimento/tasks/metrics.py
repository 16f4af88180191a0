"""Metrics of predicted classes and grades, all from the table of true against predicted.

A table is (..., K, K): rows true, columns predicted, each cell the weight of the pieces in it. Axes before it, such as
the draws of a bootstrap, are computed at once. A metric is 0 where it is not defined.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from partimento.tasks.audio.music_metrics import key_scores

Metric = Callable[[np.ndarray], np.ndarray]  # tables (..., K, K) -> (...)
KEYS = 24


def tables(true: np.ndarray, predicted: np.ndarray, classes: int, weights: np.ndarray) -> np.ndarray:
    """(draws, K, K) tables of class indices (N,), each piece counted by its weight (draws, N)."""
    cells, cell = np.unique(true * classes + predicted, return_inverse=True)
    found = np.zeros((len(weights), classes * classes))
    found[:, cells] = weights @ np.eye(len(cells))[cell]
    return found.reshape(-1, classes, classes)


def accuracy(table: np.ndarray) -> np.ndarray:
    """Share of right predictions."""
    return np.trace(table, axis1=-2, axis2=-1) / table.sum((-2, -1))


def macro_f1(table: np.ndarray) -> np.ndarray:
    """Mean over the classes that there are of 2 · right / (true + predicted)."""
    right = np.diagonal(table, axis1=-2, axis2=-1)
    true, predicted = table.sum(-1), table.sum(-2)
    f1 = np.divide(2 * right, true + predicted, out=np.zeros_like(right), where=true > 0)
    return f1.sum(-1) / (true > 0).sum(-1)


def within_one(table: np.ndarray) -> np.ndarray:
    """Share of predictions that are at most one grade off."""
    grade = np.arange(table.shape[-1])
    near = np.abs(grade[:, None] - grade) <= 1
    return (table * near).sum((-2, -1)) / table.sum((-2, -1))


def kendall_tau(table: np.ndarray) -> np.ndarray:
    """Kendall's tau-b: pairs in the same order less pairs in opposite order, corrected for ties."""
    beyond = np.cumsum(table[..., ::-1, :], axis=-2)[..., ::-1, :]  # weight of this true grade and above
    above = np.zeros_like(table)
    above[..., :-1, :] = beyond[..., 1:, :]  # truly above
    right_of, left_of = np.zeros_like(table), np.zeros_like(table)
    right_of[..., :-1] = np.cumsum(above[..., ::-1], axis=-1)[..., ::-1][..., 1:]  # and predicted above
    left_of[..., 1:] = np.cumsum(above, axis=-1)[..., :-1]  # but predicted below
    order = (table * (right_of - left_of)).sum((-2, -1))
    total = table.sum((-2, -1))
    not_tied = [(total**2 - (table.sum(axis) ** 2).sum(-1)) / 2 for axis in (-1, -2)]
    scale = np.sqrt(np.maximum(not_tied[0], 0) * np.maximum(not_tied[1], 0))
    defined = scale > 1e-12 * total**2
    return np.divide(order, scale, out=np.zeros_like(order), where=defined)


def weighted_key(table: np.ndarray) -> np.ndarray:
    """Weighted score of keys (`music_metrics.key_scores`), the fifth above counted alone, as mir_eval does."""
    return _weighted_key(table, both_fifths=False)


def weighted_key_both_fifths(table: np.ndarray) -> np.ndarray:
    """Weighted score of keys, both fifths counted, as in MIREX since 2017."""
    return _weighted_key(table, both_fifths=True)


def _weighted_key(table: np.ndarray, both_fifths: bool) -> np.ndarray:
    key = np.arange(KEYS)
    score = key_scores(np.repeat(key, KEYS), np.tile(key, KEYS), both_fifths).reshape(KEYS, KEYS)
    return (table * score).sum((-2, -1)) / table.sum((-2, -1))


METRICS: Mapping[str, Mapping[str, Metric]] = {
    "classes": {"accuracy": accuracy, "macro_f1": macro_f1},
    "grades": {"kendall_tau": kendall_tau, "within_one": within_one, "accuracy": accuracy},
    "keys": {
        "weighted_key": weighted_key,
        "weighted_key_both_fifths": weighted_key_both_fifths,
        "accuracy": accuracy,
    },
}

# the one metric of each kind of task that the table shows and that the mean of all tasks is made of
MAIN = {
    "classes": "accuracy",
    "grades": "kendall_tau",
    "keys": "weighted_key",
    "tags": "average_precision",
    "values": "r2",
    "retrieval": "recall_at_1",
    "duplicates": "average_precision",
}
