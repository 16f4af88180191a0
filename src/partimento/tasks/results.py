"""What evaluations found: one JSON line each, and the Markdown tables that the documents show.

python -m partimento.tasks.results FOLDER
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from partimento import __version__


@dataclass(frozen=True)
class Result:
    """One system on the held-out pieces of one set.

    Args:
        system: what was evaluated, as a table names it.
        checkpoint: hash of its weights, or of what it was counted from.
        task: what was measured; the lines of a task lie in one file of this name.
        data: the set.
        split: which side of it.
        seed: of the training or of the probe.
        metrics: values by name. `name_low` and `name_high` are the ends of the 95 % interval of `name`.
        seconds: how long it took.
        version: of this software.
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


def append(results: Sequence[Result], folder: str | Path) -> None:
    """Add lines to `folder`/<task>.jsonl."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for result in results:
        with (folder / f"{result.task}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(result), ensure_ascii=False) + "\n")


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


def tables(results: Sequence[Result], split: str = "test") -> str:
    """All results as Markdown: a heading and a table for each task and metric."""
    parts = []
    for task in dict.fromkeys(r.task for r in results):
        mine = [r for r in results if r.task == task and r.split == split]
        for metric in dict.fromkeys(name for r in mine for name in r.metrics):
            if not metric.endswith(("_low", "_high")):
                parts.append(f"## {task}: {metric}\n\n{table(mine, metric, split)}\n")
    return "\n".join(parts)


def main() -> None:
    """Print the tables of a folder of results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--split", default="test")
    options = parser.parse_args()
    print(tables(read(options.folder), options.split))


if __name__ == "__main__":
    main()
