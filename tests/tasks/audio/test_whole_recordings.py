"""Philharmonia, ESC-10: labels, sides and what must not be on two of them."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from partimento.tasks.audio import philharmonia
from partimento.tasks.audio.esc10 import esc10
from partimento.tasks.audio.suite import sound_tasks
from partimento.tasks.task import Fold, Task


def groups(task: Task, side: np.ndarray) -> set[str]:
    return {task.examples[i].group for i in side}


def disjoint(task: Task, fold: Fold) -> bool:
    """Whether no group is on two sides."""
    sides = [groups(task, side) for side in (fold.train, fold.valid, fold.test)]
    return sum(map(len, sides)) == len(set.union(*sides))


def test_pitch_is_tested_on_other_instruments(raw: Callable[[str], Path]) -> None:
    task, by_chance = philharmonia.pitch(raw("philharmonia").parent)
    assert (len(task.examples), len(task.classes), len(task.folds)) == (5976, 80, 5)
    assert (task.classes[0], task.classes[-1]) == ("As0", "F7")
    tested = set()
    for fold in task.folds:
        assert disjoint(task, fold)
        assert [len(groups(task, side)) for side in (fold.train, fold.valid, fold.test)] == [7, 2, 3]
        tested |= groups(task, fold.test)
        learned = {task.examples[i].label for i in np.concatenate([fold.train, fold.valid])}
        assert {task.examples[i].label for i in fold.test} <= learned
    assert len(tested) == 12
    used = [len(fold.train) + len(fold.valid) + len(fold.test) for fold in task.folds]
    assert [5976 - count for count in used] == [40, 237, 0, 0, 0]
    assert "40, 237, 0, 0, 0 of 1492, 1550, 1663, 1271, 1421 notes" in task.note
    assert "by chance" in by_chance.split
    assert sum(len(fold.test) for fold in by_chance.folds) == 5976
    assert not disjoint(by_chance, by_chance.folds[0])


def test_instrument_and_dynamic_are_tested_on_other_pitches(raw: Callable[[str], Path]) -> None:
    root = raw("philharmonia").parent
    instrument, _ = philharmonia.instrument(root)
    by_pitch, by_player = philharmonia.dynamic(root)
    for task in (instrument, by_pitch, by_player):
        assert all(disjoint(task, fold) for fold in task.folds)
        assert task.draws
    assert len(instrument.classes) == 12
    assert np.array_equal(np.sort(np.concatenate([fold.test for fold in instrument.folds])), np.arange(5976))
    assert by_pitch.classes == philharmonia.DYNAMICS
    assert len(by_pitch.examples) == 5976 - 53
    note = instrument.examples[0].path
    assert note.is_file()
    assert note.stem.split("_")[:2] == [instrument.examples[0].label, instrument.examples[0].group]


def test_esc10_has_its_published_folds(raw: Callable[[str], Path]) -> None:
    [task] = esc10(raw("esc10").parent)
    assert len(task.classes) == 10
    assert len({example.group for example in task.examples}) == 304
    for number, fold in enumerate(task.folds, 1):
        assert disjoint(task, fold)
        assert [len(side) for side in (fold.train, fold.valid, fold.test)] == [240, 80, 80]
        assert {task.examples[i].path.name[0] for i in fold.test} == {str(number)}


def labels(root: Path, rows: list[tuple[str, str]]) -> None:
    (root / "philharmonia").mkdir()
    with (root / "philharmonia" / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "instrument", "pitch", "length", "dynamic", "articulation", "seconds"])
        for i, (instrument, pitch) in enumerate(rows):
            writer.writerow([f"notes/{i}.opus", instrument, pitch, "1", "forte", "normal", "1.0"])


def test_pitches_out_of_the_range_of_the_training_instruments_are_left_out(tmp_path: Path) -> None:
    names = [f"instrument {i}" for i in range(12)]
    common = [(name, pitch) for name in names for pitch in ("C4", "Ds4")]
    labels(tmp_path, [*common, ("instrument 3", "B0")])
    task, _ = philharmonia.pitch(tmp_path)
    assert task.classes == ("B0", "C4", "Ds4")
    for fold in task.folds:
        tested = {task.examples[i].label for i in fold.test}
        assert tested == {"C4", "Ds4"}
        assert ("instrument 3" in fold.name.split(", ")) == (len(fold.train) + len(fold.valid) + len(fold.test) == 24)


def test_names_of_tasks(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="tempo: there are pitch, instrument, dynamic, esc10, mdb-drums, rendered:F"):
        sound_tasks(tmp_path, ["pitch+tempo"])
    with pytest.raises(FileNotFoundError, match="unpack the data set esc10"):
        sound_tasks(tmp_path, ["esc10"])
    labels(tmp_path, [(f"instrument {i}", pitch) for i in range(12) for pitch in ("C4", "D4", "E4", "F4", "G4", "A4")])
    found = sound_tasks(tmp_path, ["instrument+esc10", "mdb-drums"])
    assert [task.name for task in found.whole] == ["instrument", "instrument"]
    assert [name for name, _ in found.missing] == ["esc10", "mdb-drums"]
