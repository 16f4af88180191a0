"""Pianist and emotion: two forms of the same chunks, and folds that keep songs together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from partimento.tasks.words import chunks
from partimento.tasks.words.arrays import read_chunks
from partimento.tasks.words.task import WordsTask
from partimento.tokens.octuple import OCTUPLE, PITCH, VELOCITY


@pytest.fixture(scope="module")
def emotion(raw: Callable[[str], Path]) -> list[WordsTask]:
    """All forms and splits of the task."""
    raw("emopia")
    return chunks.emotion(raw("midibert").parent)


@pytest.fixture(scope="module")
def pianist(raw: Callable[[str], Path]) -> list[WordsTask]:
    """All forms and splits of the task."""
    raw("pianist8")
    return chunks.pianist(raw("midibert").parent)


def _disjoint(task: WordsTask) -> bool:
    sides = [[{task.songs[i] for i in side} for side in (f.train, f.valid, f.test)] for f in task.folds]
    return all(not (a & b or b & c or a & c) for a, b, c in sides)


def test_published_sides(pianist: list[WordsTask], emotion: list[WordsTask]) -> None:
    for task, sizes, test in (
        (pianist[0], [1186, 156, 126], [17, 11, 18, 28, 20, 9, 14, 9]),
        (emotion[0], [924, 114, 109], [26, 27, 25, 31]),
    ):
        (fold,) = task.folds
        assert [len(side) for side in (fold.train, fold.valid, fold.test)] == sizes
        assert np.bincount([task.labels[i] for i in fold.test]).tolist() == test


def test_both_forms_hold_the_same_notes(pianist: list[WordsTask], emotion: list[WordsTask]) -> None:
    for tasks in (pianist, emotion):
        cp, performance = tasks[:2]
        assert (cp.form, performance.form) == (chunks.CP, chunks.PERFORMANCE)
        for i in cp.folds[0].test:
            # an array holds pitches within 22-107 alone
            pitches = [np.sort(form.words[i][:, PITCH] % 12) for form in (cp, performance)]
            assert np.array_equal(*pitches)
        known = np.concatenate([performance.words[i][:, VELOCITY] for i in cp.folds[0].test])
        assert known.max() < OCTUPLE.sizes[VELOCITY]
        assert len(np.unique(known)) > 20


def test_song_disjoint_twins(pianist: list[WordsTask], emotion: list[WordsTask]) -> None:
    by_split = {(task.name, task.split): task for task in (*pianist, *emotion)}
    assert not _disjoint(by_split["emotion", "MIDI-BERT"])
    for name, split in (("pianist", chunks.BY_SONG), ("emotion", "EMOPIA_cls"), ("emotion", chunks.BY_SONG)):
        assert _disjoint(by_split[name, split])
    for name in ("pianist", "emotion"):
        task = by_split[name, chunks.BY_SONG]
        tested = np.sort(np.concatenate([fold.test for fold in task.folds]))
        assert np.array_equal(tested, np.arange(len(task.words)))


def test_statistics_of_chunks(raw: Callable[[str], Path]) -> None:
    root = raw("midibert").parent
    every = read_chunks(root, "emopia", ("ans",))
    few = chunks.Chunks(every.words[:20], {}, every.pieces[:20], every.fold)
    found = chunks.chunk_statistics(few, raw("emopia"))
    assert found.shape[0] == 20
    assert np.isfinite(found).all()


def test_other_notes_than_those_of_the_array_are_refused(raw: Callable[[str], Path]) -> None:
    every = read_chunks(raw("midibert").parent, "emopia", ("ans",))
    wrong = chunks.Chunks(every.words[:1], {}, every.pieces[1:2], every.fold)
    with pytest.raises(ValueError, match="not those of the array"):
        chunks.performances(wrong, raw("emopia"))
