"""Baselines without a network: what they read and what they find."""

from __future__ import annotations

import numpy as np
from toy_words import toy_task, word_rows

from partimento.tasks.words import note_baselines, skyline
from partimento.tokens.octuple import duration_ids


def test_majority_is_of_the_training_labels() -> None:
    task = toy_task([[1, 1, 0], [-1, -1], [0, 0]], ["a", "b", "c"], test=[2])
    assert [each.tolist() for each in note_baselines.majority(task, task.folds[0])] == [[1, 1]]


def test_neighbours_are_relative() -> None:
    words = word_rows([0, 60, 64], [60, 67, 55], [4, 5, 6])
    found = note_baselines.neighbour_features(words, neighbours=1)
    assert found[1].tolist() == [67, 60, 5, -7, -60, 4, -12, 4, 6]
    assert np.isnan(found[0, 3:6]).all()
    assert np.isnan(found[2, 6:]).all()


def test_trees_learn_what_the_neighbours_say() -> None:
    rng = np.random.default_rng(0)
    pitches = [rng.integers(40, 80, size=200) for _ in range(8)]
    labels = [(np.diff(pitch, append=60) > 0).astype(int).tolist() for pitch in pitches]
    words = [word_rows(list(range(0, 800, 4)), pitch.tolist()) for pitch in pitches]
    task = toy_task(labels, list("abcdefgh"), words=words, test=[7])
    (found,) = note_baselines.trees(task, task.folds[0], rounds=20)
    assert (found[:-1] == np.array(labels[7])[:-1]).mean() > 0.97


def test_order_alone_is_what_the_order_gives_away() -> None:
    onset = [0, 0, 4, 8, 8]
    labels = [0, 2, 1, 0, 2]
    words = [word_rows(onset, pitch) for pitch in ([60, 40, 50, 61, 41], [1, 2, 3, 4, 5])]
    task = toy_task([labels, labels], ["a", "b"], words=words, test=[1])
    assert note_baselines.by_order(task, task.folds[0])[0].tolist() == labels


def test_skyline_is_the_highest_of_each_onset() -> None:
    words = word_rows([0, 0, 4, 4, 4], [50, 62, 40, 72, 71])
    assert skyline.skyline(words).tolist() == [False, True, False, True, False]


def test_revised_skyline() -> None:
    eighth = int(duration_ids(np.array([8]))[0])
    words = word_rows([0, 1, 8, 16, 24, 32], [62, 70, 72, 61, 72, 50], [eighth] * 6)
    # 62 begins within the eighth of 70; 61 lies far below both its neighbours; 50 is below middle C
    assert skyline.revised_skyline(words).tolist() == [False, True, True, False, True, False]


def test_skyline_predicts_vocal_and_accompaniment() -> None:
    task = toy_task([[0, 2]], ["a"], words=[word_rows([0, 0], [72, 60], [8, 8])])
    assert skyline.predict(task, np.array([0]))[0].tolist() == [0, 2]
