"""Tasks of labelled words: what is refused, how pieces are cut, how folds are written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from toy_words import toy_task, word_rows

from partimento.tasks.task import Fold
from partimento.tasks.words.onsets import onset_units
from partimento.tasks.words.task import cut, folds_of, from_first_bar, write_folds
from partimento.tokens.octuple import BAR, POSITION, TIME_SIGNATURE, signature_id


def test_a_label_for_each_word() -> None:
    with pytest.raises(ValueError, match="sequence 0 has 3 words and labels"):
        toy_task([[0, 1]], ["a"], words=[word_rows([0, 4, 8], [60, 61, 62])])


def test_a_label_is_a_class() -> None:
    with pytest.raises(ValueError, match="sequence 1 has a label"):
        toy_task([[0, 1], [3]], ["a", "b"])


def test_columns_are_of_one_length() -> None:
    with pytest.raises(ValueError, match="as many labels, songs and pieces"):
        toy_task([[0], [1]], ["a"])


def test_pieces_are_cut_whole() -> None:
    parts = list(cut(np.zeros((1200, 8)), 512))
    assert [(part.start, part.stop) for part in parts] == [(0, 512), (512, 1024), (1024, 1200)]


def test_bars_begin_at_zero_and_stay_in_range() -> None:
    words = word_rows([64 * 300, 64 * 301, 64 * 900], [60, 61, 62])
    assert from_first_bar(words)[:, BAR].tolist() == [0, 1, 255]
    assert words[0, BAR] == 300


def test_folds_of_pieces_become_folds_of_their_sequences() -> None:
    fold = Fold("f", np.array([2]), np.array([0]), np.array([1]))
    (found,) = folds_of(["a", "b", "b", "c", "c"], [fold], ["a", "b", "c"])
    assert (found.train.tolist(), found.valid.tolist(), found.test.tolist()) == ([3, 4], [0], [1, 2])


def test_folds_are_written(tmp_path: Path) -> None:
    task = toy_task([[0], [1], [2], [0]], ["a", "a", "b", "c"], test=[2])
    write_folds(task, tmp_path / "new" / "folds.json")
    (fold,) = json.loads((tmp_path / "new" / "folds.json").read_text(encoding="utf-8"))["folds"]
    assert fold == {"name": "toy", "train": ["a", "c"], "valid": [], "test": ["b"]}


def test_onsets_follow_the_time_signatures() -> None:
    words = word_rows([0] * 4, [60] * 4)
    words[:, BAR], words[:, POSITION] = [0, 0, 1, 3], [0, 16, 4, 8]
    words[:, TIME_SIGNATURE] = [signature_id(3, 4)] * 2 + [signature_id(4, 4)] * 2
    assert onset_units(words).tolist() == [0, 16, 52, 184]
