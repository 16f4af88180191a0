"""Few-shot curves of a task: measured in several processes, kept as results, printed as a table and drawn.

python -m partimento.tasks.few_shot_curves MODEL [DATA] --task pianist --split "5 folds by song" --plot curves.png
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np

from partimento.piano_model import load_piano
from partimento.tasks import results
from partimento.tasks.few_shot import (
    ALL,
    TASK,
    Cell,
    FewShot,
    cells,
    frozen,
    measured,
    planned,
    start_process,
)
from partimento.tasks.piano import BUILDERS
from partimento.tasks.representations import handcrafted
from partimento.tasks.results import Result
from partimento.tasks.task import Task
from partimento.tasks.vectors import VectorStore, default_folder, vectors_of

Key = tuple[object, ...]
Point = tuple[float, float, float, float]  # labelled pieces, mean accuracy, low, high


def curves(
    task: Task,
    name: str,
    settings: FewShot,
    folder: Path,
    device: str = "cpu",
    jobs: int = 1,
    cache: Path | None = None,
) -> list[Result]:
    """Measure the cells that a folder of results does not have yet, and add each when it is done.

    Args:
        name: of the model that is fine-tuned and probed.
        jobs: processes, of one thread each.
        cache: folder of the vectors of the probes.

    Returns:
        the results of all cells.
    """
    model = load_piano(name, device)
    known = _known(folder)
    found, todo = [], []
    for cell in cells(settings):
        plan = planned(task, model, settings, cell)
        if _fits(task, cell):
            done = known.get(_key(plan))
            found += [done] if done else []
            todo += [] if done else [cell]
    _say(f"{task.name}, {task.split}: {len(found)} cells are there, {len(todo)} to do")
    with VectorStore(cache or default_folder()) as store:
        for representation in (handcrafted(), frozen(model)) if todo else ():
            vectors_of(representation, task.examples, store, settings.most_notes)
    arguments = (task, name, settings, device, cache or default_folder())
    for number, result in enumerate(_measured(arguments, todo, jobs), 1):
        results.append([result], folder)
        found.append(result)
        _say(
            f"[{number}/{len(todo)}] {result.system}, n = {result.metrics['n']}, seed {result.seed}: "
            f"accuracy {result.metrics['accuracy']:.1%} ({result.seconds:.0f} s)"
        )
    return found


def _measured(arguments: tuple[Task, str, FewShot, str, Path], todo: Sequence[Cell], jobs: int) -> Iterator[Result]:
    if jobs == 1:
        yield from (_cell(*arguments, cell) for cell in todo)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, initializer=start_process) as pool:
        futures = [pool.submit(_cell, *arguments, cell) for cell in todo]
        try:
            yield from (future.result() for future in as_completed(futures))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _cell(task: Task, name: str, settings: FewShot, device: str, cache: Path, cell: Cell) -> Result:
    with VectorStore(cache) as store:
        return measured(task, load_piano(name, device), settings, cell, store)


def _fits(task: Task, cell: Cell) -> bool:
    """Whether the cell's fold has so many pieces; for fewer, the cell of all pieces stands."""
    fold = task.folds[cell.seed % len(task.folds)]
    return cell.size == ALL or cell.size <= len(fold.train) + len(fold.valid)


def _known(folder: Path) -> dict[Key, Result]:
    try:
        return {_key(result): result for result in results.read(folder) if result.task == TASK}
    except FileNotFoundError:
        return {}


def _key(result: Result) -> Key:
    about = {name: value for name, value in result.about.items() if name != "trained_parameters"}
    of = (result.system, result.checkpoint, result.data, result.split, result.seed, result.version)
    return (*of, *sorted(about.items()))


def points(found: Sequence[Result]) -> dict[str, dict[int, Point]]:
    """The curve of each system by size; the interval is Student's over the seeds."""
    last = {(r.system, int(r.about["size"]), r.seed): r.metrics for r in found}
    curves: dict[str, dict[int, Point]] = {}
    for system, size in dict.fromkeys((system, size) for system, size, _ in last):
        seeds = [metrics for key, metrics in last.items() if key[:2] == (system, size)]
        accuracy = np.array([metrics["accuracy"] for metrics in seeds])
        half = _half_interval(accuracy)
        n = float(np.mean([metrics["n"] for metrics in seeds]))
        curves.setdefault(system, {})[size] = (n, accuracy.mean(), accuracy.mean() - half, accuracy.mean() + half)
    return curves


def _half_interval(values: np.ndarray) -> float:
    from scipy.stats import t

    if len(values) < 2:
        return 0.0
    return float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5)


def table(found: Sequence[Result]) -> str:
    """A Markdown table: accuracy in percent with its 95 % interval, a row for each system, a column for each size."""
    curves = points(found)
    sizes = sorted({size for curve in curves.values() for size in curve}, key=lambda size: (size == ALL, size))
    heads = ["all" if size == ALL else f"{size}" for size in sizes]
    lines = [f"| labelled pieces | {' | '.join(heads)} |", f"|---|{'---:|' * len(sizes)}"]
    for system, curve in curves.items():
        texts = [
            "{:.1f} [{:.1f}, {:.1f}]".format(*(100 * value for value in curve[size][1:])) if size in curve else ""
            for size in sizes
        ]
        lines.append(f"| {system} | {' | '.join(texts)} |")
    return "\n".join(lines)


def plot(found: Sequence[Result], path: Path) -> None:
    """Draw the curves as a PNG: accuracy against the number of labelled pieces."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for system, curve in points(found).items():
        n, mean, low, high = (np.array(column) for column in zip(*sorted(curve.values()), strict=True))
        errors = 100 * np.stack([mean - low, high - mean])
        axes.errorbar(n, 100 * mean, errors, marker="o", capsize=3, label=system)
    axes.set(xlabel="labelled pieces", ylabel="accuracy, %", xscale="log", title=f"{found[0].data}, {found[0].split}")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png", dpi=150)


def task_of(root: Path, name: str, split: str) -> Task:
    """The task of this name and split, of the unpacked sets below `root`.

    Raises:
        ValueError: if there is none, or it has no classes to learn.
    """
    builders = [build for build in BUILDERS if build.__name__ == name.replace("-", "_").replace(" ", "_")]
    if not builders:
        raise ValueError(f"no task {name!r}; there are {', '.join(build.__name__ for build in BUILDERS)}")
    found = builders[0](root)
    for task in found:
        if task.split == split and task.kind == "classes" and task.folds:
            return task
    raise ValueError(f"{name} has no classes of split {split!r}; its splits are {', '.join(t.split for t in found)}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Measure, print and draw the curves of one task."""
    settings = FewShot()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="bundled name, folder or repository")
    raw = os.environ.get("PARTIMENTO_DATA") or Path.home() / ".cache" / "partimento" / "raw"
    parser.add_argument("data", nargs="?", type=Path, default=Path(raw), help="folder of the unpacked sets")
    parser.add_argument("--task", default="pianist")
    parser.add_argument("--split", default="5 folds by song")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(settings.sizes), help="0 is all")
    for name in ("seeds", "most_notes", "steps", "rows", "notes", "rank"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(settings, name))
    for name in ("lr", "lora_lr", "augment"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=getattr(settings, name))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes of one thread each")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--plot", type=Path, help="PNG to draw")
    options = parser.parse_args()
    chosen = {name: getattr(options, name) for name in FewShot.__dataclass_fields__}
    settings = FewShot(**chosen | {"sizes": tuple(options.sizes)})
    task = task_of(options.data, options.task, options.split)
    start_process()
    found = curves(task, options.model, settings, options.results, options.device, options.jobs)
    print(table(found))
    if options.plot:
        plot(found, options.plot)


if __name__ == "__main__":
    main()
