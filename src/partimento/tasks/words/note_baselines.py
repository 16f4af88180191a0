"""Baselines for labels of notes that need no network: the commonest class, the order of the notes, and trees."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from partimento.tasks.task import Fold
from partimento.tasks.words.onsets import onset_units
from partimento.tasks.words.task import WordsTask
from partimento.tokens.octuple import DURATION, PITCH, POSITION

NEIGHBOURS = 6  # on each side
TREE_NOTES = 150_000  # to learn from: 24 s of three classes, 42 s of six on one core
TREE_ROUNDS = 200
MOST_TOGETHER = 16  # notes that begin together; a later one of more counts as the last of these


def majority(task: WordsTask, fold: Fold) -> list[np.ndarray]:
    """The class that is commonest among the training labels, for every label of each test sequence."""
    labels = np.concatenate([np.atleast_1d(task.labels[i]) for i in fold.train])
    common = np.bincount(labels[labels >= 0], minlength=len(task.classes)).argmax()
    return [np.full_like(task.labels[i], common) for i in fold.test]


def by_order(task: WordsTask, fold: Fold) -> list[np.ndarray]:
    """(T,) int64 classes of the notes of each test sequence from where they stand alone: no pitch, no duration.

    A note has the class that is commonest in the training labels among those that stand at the same place of as many
    notes that begin together. What it finds beyond the commonest class is what the order gives away.
    """
    count = np.zeros((MOST_TOGETHER, MOST_TOGETHER, len(task.classes)), dtype=np.int64)
    for i in fold.train:
        labelled = task.labels[i] >= 0
        place, together = (column[labelled] for column in _places(task.words[i]))
        np.add.at(count, (place, together, task.labels[i][labelled]), 1)
    chosen = np.where(count.any(-1), count.argmax(-1), count.sum((0, 1)).argmax())
    return [chosen[_places(task.words[i])] for i in fold.test]


def trees(
    task: WordsTask, fold: Fold, seed: int = 0, notes: int = TREE_NOTES, rounds: int = TREE_ROUNDS
) -> list[np.ndarray]:
    """(T,) int64 classes of the notes of each test sequence, by gradient-boosted trees.

    Args:
        task: of notes, in OctupleMIDI words.
        fold: the trees are grown on a random part of the notes of its training side; the valid side is not used.
        seed: of the part.
        notes: at most so many to learn from.
        rounds: of boosting, a tree a class each.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    rng = np.random.default_rng(seed)
    features, labels = _drawn(task, fold.train, notes, rng)
    grown = HistGradientBoostingClassifier(max_iter=rounds, early_stopping=False, random_state=seed)
    grown.fit(features, labels)
    test = [neighbour_features(task.words[i]) for i in fold.test]
    found = grown.predict(np.concatenate(test)).astype(np.int64)
    return np.split(found, np.cumsum([len(part) for part in test])[:-1])


def neighbour_features(words: np.ndarray, neighbours: int = NEIGHBOURS) -> np.ndarray:
    """(T, 3 + 6 · neighbours) float32 of OctupleMIDI words, NaN where there is no neighbour.

    Of the note its pitch, its position in the bar and the id of its duration; of the notes before and after it in the
    order of the words the pitch less its own, the onset less its own in sixteenths of a quarter, and the duration.
    """
    own = words[:, [PITCH, POSITION, DURATION]].astype(np.float32)
    moving = np.stack([words[:, PITCH], onset_units(words)], axis=1).astype(np.float32)
    columns = [own]
    for distance in (*range(-neighbours, 0), *range(1, neighbours + 1)):
        at = np.arange(len(words)) + distance
        outside = (at < 0) | (at >= len(words))
        other = np.where(outside, 0, at)
        found = np.concatenate([moving[other] - moving, own[other, 2:]], axis=1)
        found[outside] = np.nan
        columns.append(found)
    return np.concatenate(columns, axis=1)


def _places(words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(T,) place of each word among those that begin with it, and (T,) how many these are less one."""
    first = np.flatnonzero(np.diff(onset_units(words), prepend=-1))
    size = np.diff(np.append(first, len(words)))
    place = np.arange(len(words)) - np.repeat(first, size)
    return np.minimum(place, MOST_TOGETHER - 1), np.minimum(np.repeat(size, size), MOST_TOGETHER) - 1


def _drawn(
    task: WordsTask, which: Sequence[int] | np.ndarray, notes: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Features and labels of labelled notes drawn from all sequences alike, about `notes` of them."""
    total = sum(int((task.labels[i] >= 0).sum()) for i in which)
    share = min(1.0, notes / max(total, 1))
    features, labels = [], []
    for i in which:
        chosen = np.flatnonzero((task.labels[i] >= 0) & (rng.random(len(task.labels[i])) < share))
        features.append(neighbour_features(task.words[i])[chosen])
        labels.append(task.labels[i][chosen])
    return np.concatenate(features), np.concatenate(labels)
