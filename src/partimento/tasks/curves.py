"""Curves: a metric of a suite against a fact of the checkpoint, such as the tokens that it was trained on."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from partimento.tasks.results import COSINE, LESS, MEAN, Result

Point = tuple[float, float, float, float]  # fact, mean over the seeds, low, high


def curve_points(
    results: Sequence[Result], fact: str = "training_tokens", task: str = MEAN, split: str = "", probe: str = "logistic"
) -> dict[str, list[Point]]:
    """The points of each system whose results name the fact, sorted by it.

    Args:
        fact: a name in `Result.about`: "training_tokens", "parameters".
        task: whose main metric is shown.
        split: of the task; "" for any.
        probe: where nothing is learned there is none, and the figure belongs to every probe.
    """
    seeds: dict[tuple[str, str], dict[int, Result]] = {}
    for r in results:
        if r.task == task and split in ("", r.split) and r.probe in (probe, COSINE) and fact in r.about:
            found = seeds.setdefault((r.system, r.checkpoint), {})
            if r.seed == 0:  # an evaluation begins; the last one counts
                found.clear()
            found[r.seed] = r
    curves: dict[str, list[Point]] = {}
    for (system, _), found in seeds.items():
        lines = list(found.values())
        main = lines[0].main
        value = statistics.mean(r.metrics[main] for r in lines)
        point = (float(lines[0].about[fact]), value, lines[0].metrics[f"{main}_low"], lines[0].metrics[f"{main}_high"])
        curves.setdefault(system, []).append(point)
    return {system: sorted(points) for system, points in curves.items()}


def curve_plot(
    results: Sequence[Result],
    path: str | Path,
    fact: str = "training_tokens",
    task: str = MEAN,
    split: str = "",
    probe: str = "logistic",
) -> None:
    """Draw the curves with their 95 % intervals, and as dashed lines the controls, which have no such fact, as a PNG.

    Arguments as `curve_points`.

    Raises:
        ValueError: if no result names the fact for this task and probe.
    """
    from matplotlib.figure import Figure

    curves = curve_points(results, fact, task, split, probe)
    if not curves:
        raise ValueError(f"no result of {task!r} with the probe {probe!r} says its {fact!r}; there is nothing to draw")
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for system, points in curves.items():
        x, y, low, high = (list(column) for column in zip(*points, strict=True))
        [line] = axes.plot(x, y, marker="o", label=system)
        axes.fill_between(x, low, high, color=line.get_color(), alpha=0.15, linewidth=0)
    for number, (system, value) in enumerate(_controls(results, fact, task, split, probe).items()):
        axes.axhline(value, color=str(0.25 + 0.15 * number % 0.6), linestyle="--", linewidth=1, label=system)
    axes.set(xlabel=fact.replace("_", " "), ylabel=task, xscale="log")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, format="png", dpi=150)


def _controls(results: Sequence[Result], fact: str, task: str, split: str, probe: str) -> dict[str, float]:
    """The mean over the seeds of each system without such a fact; not of the differences of two."""
    seeds: dict[str, dict[int, float]] = {}
    for r in results:
        shown = r.task == task and split in ("", r.split) and r.probe in (probe, COSINE, "majority")
        if shown and fact not in r.about and LESS not in r.system:
            seeds.setdefault(r.system, {})[r.seed] = r.metrics[r.main]
    return {system: statistics.mean(values.values()) for system, values in seeds.items()}
