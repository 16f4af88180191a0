"""Difficulty: the grade, 1 to 9, that the publisher Henle gives a work of CIPI (Ramoneda et al. 2024)."""

from __future__ import annotations

from pathlib import Path

from partimento.tasks.piano.folds import published_fold
from partimento.tasks.piano.sets import table
from partimento.tasks.task import Example, Task

GRADES = ("3", "4", "5", "6", "7", "8", "9")  # what the works with a score here have


def difficulty(root: Path) -> list[Task]:
    """291 movements of 199 works on CIPI's own five splits; a group is a work, and a movement has the work's grade.

    Raises:
        FileNotFoundError: if `difficulty` is not below `root`.
    """
    lines = table(root, "difficulty", "cipi_kern/labels.csv")
    examples = tuple(Example(root / "difficulty" / line["midi"], line["henle"], line["cipi_id"]) for line in lines)
    folds = tuple(
        published_fold([line[f"split{i}"] for line in lines], name=f"split {i}", valid="val") for i in range(5)
    )
    note = (
        "199 of CIPI's 652 works, so no published figure compares; rendered scores of flat velocity; "
        "pretraining on the open sets heard sequences of some of the works, without their labels"
    )
    return [Task("difficulty", "CIPI (Humdrum)", "CIPI", "grades", GRADES, examples, folds, note)]
