"""What evaluations found: one JSON line each, and the Markdown tables that the documents show.

python -m partimento.tasks.results FOLDER
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path

from partimento import __version__

MEAN = "mean of all tasks"
COSINE = "cosine"  # the probe where nothing is learned: a column that all rows of a representation share
LESS = " − "  # between the names of two systems whose difference is a row
CAPTION = "Percent (a rank correlation times 100), mean over the seeds, 95 % interval over seeds and songs."
OTHERS = "published, other data"  # the probe of a figure that a paper gives

Row = tuple[str, str, str]  # system, probe, checkpoint
Column = tuple[str, str, str]  # task, data, split


@dataclass(frozen=True)
class Result:
    """One system on the held-out pieces of one set.

    Args:
        system: what was evaluated, as a table names it.
        checkpoint: hash of its weights, or of what it was counted from.
        task: what was measured; the lines of a task, or of its suite, lie in one file of this name.
        data: the set.
        split: which side of it.
        seed: of the training or of the probe.
        metrics: values by name. `name_low` and `name_high` are the ends of the 95 % interval of `name`; where several
            seeds were measured together, of their mean.
        seconds: how long it took; where several seeds were measured together, all of them.
        version: of this software.
        suite: the tasks that were measured together with it, "" for a task on its own.
        probe: what was fitted on the system's vectors.
        main: the metric that the table of the suite shows.
        note: what a reader of the figure must know.
        paper: the published figure by name of its system, with what differs.
        about: facts of the run, such as seeds, most_notes, parameters, training_tokens.
    """

    system: str
    checkpoint: str
    task: str
    data: str
    split: str
    seed: int
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    version: str = __version__
    suite: str = ""
    probe: str = ""
    main: str = ""
    note: str = ""
    paper: dict[str, str] = field(default_factory=dict)
    about: dict[str, float | str] = field(default_factory=dict)


def append(results: Sequence[Result], folder: str | Path) -> None:
    """Add lines to `folder`/<suite or task>.jsonl; what is empty is left out."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    needed = {part.name for part in fields(Result) if part.default is MISSING and part.default_factory is MISSING}
    for result in results:
        line = {name: value for name, value in asdict(result).items() if name in needed or value not in ("", {})}
        with (folder / f"{result.suite or result.task}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def read(folder: str | Path) -> list[Result]:
    """All results below a folder, by file, oldest first.

    Raises:
        FileNotFoundError: if the folder holds none.
        ValueError: if a line is none; the message names file and line.
    """
    folder = Path(folder)
    paths = sorted(folder.glob("*.jsonl"))
    if not paths:
        raise FileNotFoundError(f"no results in {folder}: `partimento evaluate` adds some")
    known = {part.name for part in fields(Result)}
    results = []
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                values = json.loads(line)
                results.append(Result(**{name: value for name, value in values.items() if name in known}))
            except (json.JSONDecodeError, AttributeError, TypeError) as error:
                raise ValueError(f"{path}, line {number} is no result ({error}); mend or remove it") from None
    return results


def table(results: Sequence[Result], metric: str, split: str = "test") -> str:
    """A Markdown table of one metric: a row for each system and checkpoint, a column for each set.

    Of several results of the same system, checkpoint, set and seed the last counts. A cell has the mean over the seeds
    with the standard deviation; where there is one seed, the 95 % interval if the result has one.
    """
    last = {
        (r.system, r.checkpoint, r.data, r.seed): r.metrics for r in results if r.split == split and metric in r.metrics
    }
    systems = list(dict.fromkeys((system, checkpoint) for system, checkpoint, _, _ in last))
    sets = sorted({data for _, _, data, _ in last})
    lines = [f"| system | checkpoint | {' | '.join(sets)} |", f"|---|---|{'---:|' * len(sets)}"]
    for system, checkpoint in systems:
        found = [[m for key, m in last.items() if key[:3] == (system, checkpoint, data)] for data in sets]
        lines.append(f"| {system} | {checkpoint} | {' | '.join(_cell(metrics, metric) for metrics in found)} |")
    return "\n".join(lines)


def _cell(seeds: Sequence[dict[str, float]], metric: str) -> str:
    if not seeds:
        return ""
    values = [metrics[metric] for metrics in seeds]
    if len(values) > 1:
        return f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f} ({len(values)} seeds)"
    ends = [seeds[0].get(f"{metric}_{end}") for end in ("low", "high")]
    if isinstance(values[0], int):
        return f"{values[0]:,}"
    interval = "" if None in ends else f" [{ends[0]:.2f}, {ends[1]:.2f}]"
    return f"{values[0]:.2f}{interval}"


ELSEWHERE = ("continuations", "copied_runs", "drums", "emergence", "few_shot")  # have pages of their own


def tables(results: Sequence[Result], split: str = "test") -> str:
    """All results as Markdown: a heading and a table for each task and metric, then for each suite."""
    parts = []
    alone = [r for r in results if not r.suite and r.split == split and r.task not in ELSEWHERE]
    for task in dict.fromkeys(r.task for r in alone):
        mine = [r for r in alone if r.task == task]
        for metric in dict.fromkeys(name for r in mine for name in r.metrics):
            if not metric.endswith(("_low", "_high")):
                parts.append(f"## {task}: {metric}\n\n{table(mine, metric, split)}\n")
    for suite in dict.fromkeys(r.suite for r in results if r.suite and r.suite not in ELSEWHERE):
        parts.append(suite_tables([r for r in results if r.suite == suite]))
    return "\n".join(parts)


def suite_tables(results: Sequence[Result]) -> str:
    """The results of one suite as Markdown: a table of the main metrics, what to know of them, the other metrics.

    What was measured on other amounts of the pieces (`most_notes`) has a table of its own.
    """
    parts = []
    for most in dict.fromkeys(r.about.get("most_notes") for r in results):
        mine = [r for r in results if r.about.get("most_notes") == most]
        title = mine[0].suite
        if most is not None:
            title += f", at most {most:,} notes a piece" if most else ", whole pieces"
        parts += [f"## {title}", "", CAPTION, "", suite_table(mine), ""]
        notes = {_column(r): r.note for r in mine if r.note}
        parts += [f"- {task} ({data}; {split}): {note}" for (task, data, split), note in notes.items()]
        others = dict.fromkeys(name for r in mine for name in r.metrics if name != r.main)
        for name in others:
            if not name.endswith(("_low", "_high")):
                parts += ["", f"### {title}: {name}", "", suite_table(mine, name)]
        parts.append("")
    return "\n".join(parts)


def suite_table(results: Sequence[Result], metric: str = "") -> str:
    """A Markdown table of one suite: a row for each task, a column for each system, probe and checkpoint.

    Differences between two systems stand below it.

    The figures of papers are in columns of their own, headed "other data". A row of means stands where they are of just
    the tasks that are shown. Of several evaluations the last counts.

    Args:
        metric: the main one of each task by default.
    """
    cells = _cells(results, metric)
    tasks = list(dict.fromkeys(column for _, column in cells if column[0] != MEAN))
    mean = (MEAN, ", ".join(f"{task} ({data}; {split})" for task, data, split in tasks), "")
    if any(column == mean for _, column in cells):
        tasks.append(mean)
    learned = {(system, checkpoint) for (system, probe, checkpoint), _ in cells if probe != COSINE}
    systems = [
        (system, probe, checkpoint)
        for system, probe, checkpoint in dict.fromkeys(row for row, _ in cells)
        if LESS not in system and (probe != COSINE or (system, checkpoint) not in learned)
    ]
    papers = {_column(r): r.paper for r in results if r.paper and not metric}
    theirs = list(dict.fromkeys(name for paper in papers.values() for name in paper))
    heads = ["<br>".join(filter(None, system)) for system in systems] + [f"{name}<br>{OTHERS}" for name in theirs]
    lines = [f"| task | data | split | metric | {' | '.join(heads)} |", f"|---|---|---|---|{'---:|' * len(heads)}"]
    for task in tasks:
        found = [
            next((cells[row, task] for row in (system, (system[0], COSINE, system[2])) if (row, task) in cells), [])
            for system in systems
        ]
        one = next(filter(None, found))[0]
        values = [_percent(seeds, metric) for seeds in found] + [papers.get(task, {}).get(name, "") for name in theirs]
        about = (MEAN, "", "", "") if task == mean else (*task, metric or one.main)
        lines.append(f"| {' | '.join([*about, *values])} |")
    differences = [
        f"- {system}, {probe}: {_percent(cells[row, mean], metric)}"
        for row in dict.fromkeys(row for row, column in cells if column == mean)
        for system, probe, _ in [row]
        if LESS in system
    ]
    if differences:
        lines += ["", "Differences of the means of all tasks, seed by seed and song by song:", "", *differences]
    return "\n".join(lines)


def _cells(results: Sequence[Result], metric: str) -> dict[tuple[Row, Column], list[Result]]:
    """The last evaluation of each row and column, one result a seed, of those that have the metric."""
    last: dict[tuple[Row, Column], dict[int, Result]] = {}
    for r in results:
        if (metric or r.main) in r.metrics:
            seeds = last.setdefault(((r.system, r.probe, r.checkpoint), _column(r)), {})
            if r.seed == 0:  # an evaluation begins; an earlier one may have had more seeds
                seeds.clear()
            seeds[r.seed] = r
    return {key: list(seeds.values()) for key, seeds in last.items()}


def _column(result: Result) -> Column:
    return result.task, result.data, result.split


def _percent(seeds: Sequence[Result], metric: str) -> str:
    if not seeds:
        return ""
    name = metric or seeds[0].main
    low, high = (100 * seeds[0].metrics[f"{name}_{end}"] for end in ("low", "high"))
    return f"{100 * statistics.mean(r.metrics[name] for r in seeds):.1f} [{low:.1f}, {high:.1f}]"


def main() -> None:
    """Print the tables of a folder of results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--split", default="test")
    options = parser.parse_args()
    print(tables(read(options.folder), options.split))


if __name__ == "__main__":
    main()
