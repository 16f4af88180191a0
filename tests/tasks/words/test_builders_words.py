"""Tasks by the names that a user gives them: what is learned together, forms and splits, and what there is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy_words import toy_task, word_rows

from partimento.tasks.words import builders
from partimento.tasks.words.builders import ALL, BUILDERS, task_groups
from partimento.tasks.words.task import WordsTask

FORMS = ("published order", "sorted")
SPLITS = ("MIDI-BERT", "5 folds by song")


def made(name: str, data: str = "toy", form: str = "", split: str = "") -> WordsTask:
    """A task of one sequence, of other words where the form differs."""
    words = [word_rows([0, 4, 8], [60 + len(form), 62, 64])]
    return replace(toy_task([[0, 1, 2]], ["a"], name, words=words), data=data, form=form, split=split)


def both_forms(name: str) -> Callable[[Path], list[WordsTask]]:
    return lambda root: [made(name, form=form) for form in FORMS]


def by_split(root: Path) -> list[WordsTask]:
    """Every form on every split."""
    return [made("pianist", form=form, split=split) for split in SPLITS for form in FORMS]


def of_harmony(data: str) -> Callable[[Path], list[WordsTask]]:
    """One builder makes several tasks, as those of chords and keys do."""
    return lambda root: [made(name, data) for name in ("chord root", "local key")]


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Builders of toys in the place of those of the sets; which of them were called."""
    called: list[str] = []

    def counted(name: str, build: Callable[[Path], list[WordsTask]]) -> Callable[[Path], list[WordsTask]]:
        def builder(root: Path) -> list[WordsTask]:
            called.append(name)
            return build(root)

        return builder

    made_by = {
        "melody": (counted("melody", both_forms("melody")),),
        "velocity": (counted("velocity", both_forms("velocity")),),
        "pianist": (counted("pianist", by_split),),
        "chord root": (counted("toy", of_harmony("toy")), counted("DCML", of_harmony("DCML"))),
        "local key": (counted("toy", of_harmony("toy")), counted("DCML", of_harmony("DCML"))),
        "beat": (counted("beat", lambda root: [made("beat", "DCML")]),),
    }
    monkeypatch.setattr(builders, "BUILDERS", made_by)
    return called


def named(groups: list[list[WordsTask]]) -> list[list[str]]:
    return [[str(task) for task in group] for group in groups]


@pytest.mark.usefixtures("toys")
def test_tasks_joined_by_plus_are_one_group_a_form(tmp_path: Path) -> None:
    assert named(list(task_groups(tmp_path, ["melody+velocity", "beat"]))) == [
        [f"{name} (toy, {form})" for name in ("melody", "velocity")] for form in FORMS
    ] + [["beat (DCML)"]]
    assert named(list(task_groups(tmp_path, ["velocity"]))) == [[f"velocity (toy, {form})"] for form in FORMS]
    for group in task_groups(tmp_path, ["melody+velocity"]):
        assert np.array_equal(group[0].words[0], group[1].words[0])


@pytest.mark.usefixtures("toys")
def test_forms_splits_and_sets_behind_a_colon(tmp_path: Path) -> None:
    def found(entry: str) -> list[list[str]]:
        return named(list(task_groups(tmp_path, [entry])))

    assert found("melody+velocity:sorted") == [["melody (toy, sorted)", "velocity (toy, sorted)"]]
    assert found("melody:published-order") == [["melody (toy, published order)"]]
    assert found("pianist:MIDI-BERT") == [[f"pianist (toy, MIDI-BERT, {form})"] for form in FORMS]
    assert found("pianist:sorted,5-folds-by-song") == [["pianist (toy, 5 folds by song, sorted)"]]
    assert found("chord-root+local-key:DCML") == [["chord root (DCML)", "local key (DCML)"]]


def test_what_there_is_not_is_said_before_anything_is_made(tmp_path: Path, toys: list[str]) -> None:
    for entry, name in (("colour", "colour"), ("melody+colour:sorted", "colour"), ("melody+", "")):
        with pytest.raises(ValueError, match=f"there is no task '{name}'; there are melody, .*chord-root"):
            task_groups(tmp_path, ["melody", entry])
    assert toys == []
    groups = task_groups(tmp_path, ["beat", "melody"])
    assert named([next(groups)]) == [["beat (DCML)"]]
    assert toys == ["beat"]  # each set is read when it is its turn


@pytest.mark.usefixtures("toys")
def test_forms_and_twins_that_there_are_not(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'melody:backwards' names no task; after the colon there may be published-o"):
        list(task_groups(tmp_path, ["melody:backwards"]))
    with pytest.raises(ValueError, match=r"'pianist:sorted,published-order' names no task; .* 5-folds-by-song, MIDI-B"):
        list(task_groups(tmp_path, ["pianist:sorted,published-order"]))
    with pytest.raises(ValueError, match=r"chord root \(toy\) has no twin of the same notes among beat \(DCML\)"):
        list(task_groups(tmp_path, ["chord-root+beat"]))


def test_all_of_them_are_known(tmp_path: Path) -> None:
    names = {name.replace("-", " ") for entry in ALL for name in entry.split("+")}
    assert names == set(BUILDERS)
    for name in BUILDERS:
        with pytest.raises(FileNotFoundError):
            next(task_groups(tmp_path, [name.replace(" ", "-")]))
