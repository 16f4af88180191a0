"""A suite of tasks put to several systems in one run: results of each task, system, probe and seed; their means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from partimento.tasks import metrics, results
from partimento.tasks.intervals import interval
from partimento.tasks.measure import SEEDS, Measured, System, measure
from partimento.tasks.results import COSINE, LESS, MEAN, Result
from partimento.tasks.task import Task


@dataclass(frozen=True, eq=False)
class Suite:
    """How a run is named and kept.

    Args:
        name: the results are appended to `folder`/<name>.jsonl, each system and task when it is done.
        folder: None keeps them nowhere.
        seeds: how many.
        about: what every result shall say.
    """

    name: str
    folder: str | Path | None = None
    seeds: int = SEEDS
    about: Mapping[str, float | str] | None = None


def run(
    suite: Suite, tasks: Sequence[Task], systems: Sequence[System], contrasts: Iterable[tuple[str, str]] = ()
) -> list[Result]:
    """Measure every system on every task; last the mean of all tasks, if there are several.

    Args:
        contrasts: names of two systems whose difference, of the means of all tasks, has an interval of its own.
    """
    found: list[Result] = []
    done: dict[tuple[str, str], list[Measured]] = {}
    bar = tqdm(total=len(tasks) * len(systems), unit="system", desc=suite.name, disable=None)
    for task in tasks:
        for system in systems:
            bar.set_postfix_str(f"{task.name}, {task.split}: {system.name}")
            for probe, measured in measure(task, system, suite.seeds).items():
                found += _keep(suite, _of_task(task, system, probe, measured))
                # where nothing is learned, a row's figure is its representation's, whatever the probe
                for row in system.probes if probe == COSINE else (probe,):
                    done.setdefault((system.name, row), []).append(measured)
            bar.update()
    bar.close()
    if len(tasks) > 1:
        found += _keep(suite, _means(tasks, systems, done, contrasts))
    return found


def _keep(suite: Suite, lines: list[Result]) -> list[Result]:
    about = {**(suite.about or {}), "seeds": suite.seeds}
    lines = [replace(line, suite=suite.name, about=line.about | about) for line in lines]
    if suite.folder:
        results.append(lines, suite.folder)
    return lines


def _means(
    tasks: Sequence[Task],
    systems: Sequence[System],
    done: Mapping[tuple[str, str], Sequence[Measured]],
    contrasts: Iterable[tuple[str, str]],
) -> list[Result]:
    """The mean over tasks of the main metric of each; the draws of all tasks share their seeds and songs."""
    main = [metrics.MAIN[task.kind] for task in tasks]
    covered = ", ".join(f"{task.name} ({task.data}; {task.split})" for task in tasks)
    system = {system.name: system for system in systems}
    means = {}
    found = []
    for (name, probe), measured in done.items():
        values, draws = (
            np.mean([getattr(each, part)[metric] for each, metric in zip(measured, main, strict=True)], axis=0)
            for part in ("values", "draws")
        )
        means[name, probe] = values, draws
        mean = Measured({MEAN: values}, {MEAN: draws}, sum(each.seconds for each in measured))
        line = Result(name, system[name].checkpoint, MEAN, covered, "", 0, probe=probe, main=MEAN)
        found += seed_lines(replace(line, about=dict(system[name].about)), mean)
    for better, worse in contrasts:
        for probe in [probe for name, probe in means if name == better and (worse, probe) in means]:
            values, draws = (a - b for a, b in zip(means[better, probe], means[worse, probe], strict=True))
            both = f"{system[better].checkpoint} {system[worse].checkpoint}".strip()
            line = Result(f"{better}{LESS}{worse}", both, MEAN, covered, "", 0, probe=probe, main=MEAN)
            found += seed_lines(line, Measured({MEAN: values}, {MEAN: draws}, 0.0))
    return found


def _of_task(task: Task, system: System, probe: str, measured: Measured) -> list[Result]:
    line = Result(
        *(system.name, system.checkpoint, task.name, task.data, task.split, 0),
        probe=probe,
        main=metrics.MAIN[task.kind],
        note=task.note,
        paper=dict(task.paper),
        about=dict(system.about),
    )
    return seed_lines(line, measured)


def seed_lines(line: Result, measured: Measured) -> list[Result]:
    """A line for each seed, with the seed's values and the interval of all."""
    ends = {name: interval(draws) for name, draws in measured.draws.items()}
    found = []
    for seed in range(len(next(iter(measured.values.values())))):
        values: dict[str, float] = {}
        for name, (low, high) in ends.items():
            values |= {name: float(measured.values[name][seed]), f"{name}_low": low, f"{name}_high": high}
        found.append(replace(line, seed=seed, metrics=values, seconds=round(measured.seconds, 3)))
    return found
