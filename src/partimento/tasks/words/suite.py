"""Tasks of labelled words put to several learners in one run, with the baselines that learn nothing or are no network.

A figure of a learner is the mean over seeds; a seed decides the first weights of what is not pretrained, the order of
the sequences, their transpositions and what is hidden of them. Intervals are those of `partimento.tasks.intervals`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from partimento.configuration import to_plain
from partimento.tasks import results
from partimento.tasks.intervals import over_seeds
from partimento.tasks.measure import Measured
from partimento.tasks.results import Result
from partimento.tasks.suite import seed_lines
from partimento.tasks.words import note_baselines, note_metrics, skyline
from partimento.tasks.words.learn import Learner, Predicted, learn_all
from partimento.tasks.words.task import WordsTask, write_folds

SUITE = "understanding"
NO_NETWORK = "no network"
FINE_TUNED = "fine-tuned"


@dataclass(frozen=True)
class Plan:
    """How a run is kept.

    Args:
        runs: folder of the trainings, each restartable.
        results: folder of the results; None keeps them nowhere.
        seeds: how many.
        jobs: trainings at once, one thread each.
    """

    runs: Path
    results: Path | None
    seeds: int = 5
    jobs: int = 1


def run(plan: Plan, groups: Iterable[Sequence[WordsTask]], learners: Sequence[Learner]) -> list[Result]:
    """Train every learner on every group of tasks (those of one group share their words) and say what it found.

    The pieces on each side are written beside the runs.

    Raises:
        ValueError: if the folder of a learner's runs has those of another checkpoint or other settings.
    """
    found: list[Result] = []
    for tasks in groups:
        write_folds(tasks[0], plan.runs / place_of(tasks) / "folds.json")
        for learner in learners:
            begun_s = time.perf_counter()
            folder = plan.runs / place_of(tasks) / learner.name.replace(" ", "-")
            _claim(folder, learner)
            predicted = learn_all(tasks, learner, plan.seeds, folder, plan.jobs)
            for head, task in enumerate(tasks):
                measured = _measured(task, predicted, head, time.perf_counter() - begun_s)
                found += _keep(plan, task, learner.name, learner.checkpoint, FINE_TUNED, measured)
    return found


def baselines(plan: Plan, task: WordsTask, trees: bool = True) -> list[Result]:
    """What needs no network: the commonest class, the order of the notes alone, skyline, gradient-boosted trees."""
    made = {"majority": lambda fold: note_baselines.majority(task, fold)}
    if task.unit == "note":
        made["order alone"] = lambda fold: note_baselines.by_order(task, fold)
        if trees:
            made["trees on 12 neighbours"] = lambda fold: note_baselines.trees(task, fold)
        if task.name == "melody":
            made["skyline"] = lambda fold: skyline.predict(task, fold.test)
    found = []
    for name, predict in made.items():
        begun_s = time.perf_counter()
        guesses = [[predict(fold) for fold in task.folds]]
        measured = note_metrics.measured(task, task.folds, guesses)
        seconds = Measured(measured.values, measured.draws, time.perf_counter() - begun_s)
        found += _keep(plan, task, name, "", NO_NETWORK, seconds)
    return found


def place_of(tasks: Sequence[WordsTask]) -> str:
    """The name of the folder of a group's runs."""
    first = tasks[0]
    parts = ("+".join(task.name for task in tasks), first.data, first.split, first.form)
    return "-".join(part.replace(" ", "_") for part in parts if part)


def _claim(folder: Path, learner: Learner) -> None:
    """Say in a folder whose runs it has, so that those of another learner of the same name are not taken for them."""
    about = {name: value for name, value in vars(learner).items() if name not in ("name", "base")}
    plain = to_plain(about)
    path = folder / "learner.json"
    if path.exists() and json.loads(path.read_text(encoding="utf-8")) != plain:
        raise ValueError(
            f"{folder} has the runs of another checkpoint or of other settings of {learner.name!r}; "
            "give another folder with --runs, or remove this one"
        )
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")


def _measured(task: WordsTask, predicted: Sequence[Sequence[Predicted]], head: int, seconds: float) -> Measured:
    classes = [[[each.argmax(-1) for each in fold.tests[head]] for fold in seed] for seed in predicted]
    found = note_metrics.measured(task, task.folds, classes)
    values, draws = dict(found.values), dict(found.draws)
    if task.unit == "sequence":
        votes = [_votes(task, [fold.tests[head] for fold in seed]) for seed in predicted]
        for name in votes[0]:
            stacked = np.stack([vote[name] for vote in votes])  # (seeds, 1 + draws)
            values[f"{name}_by_piece"], draws[f"{name}_by_piece"] = stacked[:, 0], over_seeds(stacked[:, 1:])
    return Measured(values, draws, seconds)


def _votes(task: WordsTask, folds: Sequence[Sequence[np.ndarray]]) -> Mapping[str, np.ndarray]:
    """(1 + draws,) of each metric with one vote a piece: of all folds together where they share no sequence."""
    each = [dict(zip(fold.test.tolist(), found, strict=True)) for fold, found in zip(task.folds, folds, strict=True)]
    if len({number for fold in each for number in fold}) == sum(map(len, each)):
        each = [{number: found for fold in each for number, found in fold.items()}]
    metrics = [note_metrics.evaluate_votes(task, fold) for fold in each]
    return {name: np.mean([metric[name] for metric in metrics], axis=0) for name in metrics[0]}


def _keep(plan: Plan, task: WordsTask, system: str, checkpoint: str, probe: str, measured: Measured) -> list[Result]:
    main = next(iter(note_metrics.metrics_of(task)))
    line = Result(
        *(system, checkpoint, task.name, task.data, ", ".join(part for part in (task.split, task.form) if part), 0),
        suite=SUITE,
        probe=probe,
        main=main,
        note=task.note,
        paper=dict(task.paper),
        about={"seeds": len(next(iter(measured.values.values())))},
    )
    lines = seed_lines(line, measured)
    if plan.results:
        results.append(lines, plan.results)
    return lines
