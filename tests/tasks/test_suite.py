"""The suite: a line for each seed, means over tasks, differences, and one table of it all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import toy

from partimento.tasks import results
from partimento.tasks.results import MEAN
from partimento.tasks.suite import Suite, run
from partimento.tasks.task import Example, Task


def tasks() -> list[Task]:
    first = replace(toy.learned(80), name="first", paper={"Theirs": "91.6 (other songs)"})
    second = replace(toy.learned(80, 4), name="second", note="")
    examples = tuple(Example(Path(f"{i}.mid"), f"{i // 2}", f"{i // 2}") for i in range(20))
    third = Task("third", "toys", "all", "retrieval", tuple(f"{i}" for i in range(10)), examples)
    return [first, second, third]


def test_lines_means_and_differences(tmp_path: Path) -> None:
    systems = [toy.system("good", 0.1, checkpoint="abc"), toy.system("bad", 5.0, seeded=True)]
    suite = Suite("toys", tmp_path, seeds=3, about={"most_notes": 600})
    found = run(suite, tasks(), systems, [("good", "bad")])
    assert results.read(tmp_path) == found
    assert [path.name for path in tmp_path.iterdir()] == ["toys.jsonl"]
    by_task = {(r.system, r.task, r.seed): r for r in found}
    assert len(found) == len(by_task) == 2 * 3 * 3 + 2 * 3 + 3
    mains = ("accuracy", "accuracy", "recall_at_1")
    for seed in range(3):
        parts = [by_task["good", name, seed] for name in ("first", "second", "third")]
        assert [part.main for part in parts] == list(mains)
        mean = by_task["good", MEAN, seed].metrics[MEAN]
        assert mean == pytest.approx(np.mean([part.metrics[part.main] for part in parts]))
        less = by_task["good − bad", MEAN, seed].metrics
        assert less[MEAN] == pytest.approx(mean - by_task["bad", MEAN, seed].metrics[MEAN])
        assert 0 < less[f"{MEAN}_low"] < less[f"{MEAN}_high"]
        assert by_task["good", MEAN, seed].about == {"most_notes": 600, "seeds": 3}


def test_the_table_has_a_row_for_each_probe_and_the_papers_figures(tmp_path: Path) -> None:
    good = toy.system("good", 0.1, checkpoint="abc")
    found = run(Suite("toys", seeds=2, about={"most_notes": 600}), tasks(), [replace(good, probes=("logistic", "knn"))])
    lines = results.suite_table(found).splitlines()
    assert lines[0] == (
        "| task | data | split | metric | good<br>logistic<br>abc | good<br>knn<br>abc "
        "| Theirs<br>published, other data |"
    )
    assert lines[2].startswith("| first | toys | 1 folds | accuracy | ")
    assert lines[2].endswith(" | 91.6 (other songs) |")
    third = lines[4].split(" | ")
    assert third[:4] == ["| third", "toys", "all", "recall_at_1"]
    assert third[4] == third[5]  # the retrieval belongs to both columns
    assert all(cell.count("[") == 1 for line in lines[2:] for cell in line.split(" | ")[4:6])
    assert lines[-1].startswith(f"| {MEAN} |")
    text = results.tables(found)
    assert "## toys, at most 600 notes a piece" in text
    assert "- first (toys; 1 folds): two styles" in text
    assert "- second" not in text
    assert "### toys, at most 600 notes a piece: macro_f1" in text


def test_the_last_evaluation_counts_with_its_own_seeds_alone() -> None:
    task = toy.learned(80)
    first = run(Suite("toys", seeds=3), [task], [toy.system("one", 9.0)])
    second = run(Suite("toys", seeds=2), [task], [toy.system("one", 0.01)])
    assert results.suite_table([*first, *second]) == results.suite_table(second)
    assert results.suite_table([*first, *second]).splitlines()[2].endswith("| accuracy | 100.0 [100.0, 100.0] |")


def test_means_of_other_tasks_are_not_shown() -> None:
    whole = run(Suite("toys", seeds=1), tasks(), [toy.system("one", 0.1)])
    more = run(Suite("toys", seeds=1), [replace(toy.learned(80), name="fourth")], [toy.system("one", 0.1)])
    assert MEAN in results.suite_table(whole)
    assert MEAN not in results.suite_table([*whole, *more])
