from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from labelled_music import CLASSES, piece, tiny_model

from partimento.midi import write_midi
from partimento.tasks import few_shot_curves
from partimento.tasks.few_shot import ALL, METHODS, FewShot, cells, drawn
from partimento.tasks.few_shot_curves import curves, plot, points, table, task_of
from partimento.tasks.results import Result, read
from partimento.tasks.task import Example, Fold, Task

TINY = FewShot(sizes=(4, ALL), seeds=2, steps=8, rows=4, notes=30, lr=3e-3, lora_lr=1e-2, rank=2)


def a_task(folder: Path, count: int = 40) -> Task:
    """Songs of two pieces each, half of them high; two folds."""
    examples = []
    for number in range(count):
        path = folder / f"{number}.mid"
        write_midi(piece(number), path)
        examples.append(Example(path, CLASSES[number % 2], f"song {number // 4}-{number % 2}"))
    half = np.arange(count // 2)
    folds = (
        Fold("first", half[:-4], half[-4:], half + count // 2),
        Fold("second", half[4:] + count // 2, half[:4] + count // 2, half),
    )
    return Task("register", "made", "2 folds", "classes", CLASSES, tuple(examples), folds)


def test_draws_are_spread_over_classes_and_songs_and_grow(tmp_path: Path) -> None:
    task = a_task(tmp_path)
    fold = task.folds[0]
    train, valid = drawn(task, fold, 10, seed=1)
    assert (len(train), len(valid)) == (8, 2)
    assert set(train) <= set(fold.train.tolist())
    assert set(valid) <= set(fold.valid.tolist())
    assert [sum(task.examples[i].label == label for i in train) for label in CLASSES] == [4, 4]
    assert len({task.examples[i].group for i in train}) == 8  # no song twice while others have not come
    smaller, _ = drawn(task, fold, 5, seed=1)
    assert smaller == train[:4]
    assert drawn(task, fold, 10, seed=1) == (train, valid)
    assert drawn(task, fold, 10, seed=2)[0] != train
    everything = drawn(task, fold, ALL, seed=1)
    assert [sorted(side) for side in everything] == [fold.train.tolist(), fold.valid.tolist()]
    assert tuple(map(len, drawn(task, fold, 20, seed=1))) == (16, 4)
    with pytest.raises(ValueError, match="21 labelled pieces: register, first has 20"):
        drawn(task, fold, 21, seed=1)


def test_curves_are_measured_once_and_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = a_task(tmp_path)
    tiny_model(tmp_path / "base")
    where = (str(tmp_path / "base"), TINY, tmp_path / "results")
    found = curves(task, *where, cache=tmp_path / "cache")
    assert len(found) == len(list(cells(TINY))) == 2 * 2 * len(METHODS)
    kept = read(tmp_path / "results")
    assert sorted(map(str, kept)) == sorted(map(str, found))
    assert {r.metrics["n"] for r in found} == {4, 20}
    assert {r.data for r in found} == {"register"}
    trained = {r.system: r.about.get("trained_parameters") for r in found}
    assert len(trained) == 4
    assert trained["tiny, full fine-tuning"] > 10 * trained["tiny, LoRA of rank 2"] > 0
    # 20 pieces of which the class can be heard in the mean pitch alone
    assert all(r.metrics["accuracy"] == 1.0 for r in found if r.system.startswith("hand") and r.metrics["n"] == 20)

    def nothing_left(*args: object) -> Result:
        raise AssertionError("a cell that is there was measured again")

    monkeypatch.setattr(few_shot_curves, "measured", nothing_left)
    again = curves(task, *where, cache=tmp_path / "cache")
    assert sorted(map(str, again)) == sorted(map(str, kept))
    with pytest.raises(AssertionError, match="measured again"):  # other settings are other cells
        curves(task, where[0], replace(TINY, steps=9), where[2], cache=tmp_path / "cache")

    text = table(found).splitlines()
    assert text[0] == "| labelled pieces | 4 | all |"
    assert len(text) == 2 + 4
    plot(found, tmp_path / "new" / "curves.png")
    assert (tmp_path / "new" / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_several_processes_give_the_same_and_sizes_that_a_fold_lacks_are_left_out(tmp_path: Path) -> None:
    task, base = a_task(tmp_path), str(tmp_path / "base")
    tiny_model(tmp_path / "base")
    found = [
        curves(task, base, replace(TINY, sizes=sizes, seeds=1), tmp_path / f"{jobs}", jobs=jobs, cache=tmp_path)
        for sizes, jobs in (((4, 300), 2), ((4,), 1))
    ]
    several, one = ({r.system: r.metrics for r in results} for results in found)
    assert {metrics["n"] for metrics in several.values()} == {4}
    assert several == one


def test_a_point_is_the_mean_of_the_seeds_with_students_interval() -> None:
    seeds = [
        Result("s", "", "few_shot", "d", "x", seed, {"n": 10, "accuracy": value}, about={"size": 10})
        for seed, value in enumerate((0.5, 0.6, 0.7, 0.6, 0.6))
    ]
    n, mean, low, high = points(seeds)["s"][10]
    assert (n, mean) == (10, pytest.approx(0.6))
    half = 2.776 * np.std([0.5, 0.6, 0.7, 0.6, 0.6], ddof=1) / 5**0.5
    assert (mean - low, high - mean) == (pytest.approx(half, rel=1e-3), pytest.approx(half, rel=1e-3))
    assert "60.0 [" in table(seeds)


def test_a_task_is_found_by_name_and_split(raw: object, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no task 'pianists'; there are pianist, emotion"):
        task_of(tmp_path, "pianists", "MIDI-BERT")
    root = raw("pianist8").parent  # type: ignore[operator]
    raw("midibert")  # type: ignore[operator]
    assert len(task_of(root, "pianist", "5 folds by song").folds) == 5
    with pytest.raises(ValueError, match="its splits are MIDI-BERT, 5 folds by song"):
        task_of(root, "pianist", "by chance")
