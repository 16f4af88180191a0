"""Published sets measured by the settings that MULE's authors publish for each, or by the other probes.

With the probe "mlp" a set has MULE's own recipe (McCallum et al. 2022, section 4). It is trained on the whole training
side, nothing is chosen, and the validation side, on which the authors chose the settings, is not used. A seed is then a
draw of the first weights and of the order of the clips. The features are standardised first, the one deviation
(`mlp_probe`). With other probes a seed is what `partimento.tasks.measure` says.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from partimento.tasks import metrics, results, score_metrics
from partimento.tasks.audio.music_metrics import key_scores
from partimento.tasks.audio.published.giantsteps import KEYS
from partimento.tasks.audio.published.sets import SETS
from partimento.tasks.intervals import DRAWS, over_seeds, song_weights
from partimento.tasks.measure import Measured, System, class_indices, predictions
from partimento.tasks.mlp_probe import PUBLISHED, fit_mlp, shortened
from partimento.tasks.probe import Probe
from partimento.tasks.results import Result
from partimento.tasks.suite import Suite, seed_lines
from partimento.tasks.task import Task

FEWEST_DRAWS, MOST_WEIGHTS = 200, 10_000_000  # of the intervals of large sets


def run_published(
    suite: Suite,
    tasks: Sequence[tuple[str, Task]],
    systems: Sequence[System],
    most_steps: int | None = None,
    device: str = "cpu",
) -> list[Result]:
    """Measure every system on every set; results are kept, each when it is there.

    Args:
        tasks: names of sets, and their tasks.
        most_steps: of a probe's training, those of its recipe by default; a run that is cut says so in its notes.
        device: where the probes of the recipes are trained.
    """
    found: list[Result] = []
    bar = tqdm(total=len(tasks) * len(systems), unit="system", desc=suite.name, disable=None)
    for name, task in tasks:
        for system in systems:
            bar.set_postfix_str(f"{name}: {system.name}")
            for probe, measured in measure_published(name, task, system, suite.seeds, most_steps, device).items():
                note, label = task.note, str(probe)
                if probe == "mlp":
                    recipe = PUBLISHED[SETS[name].recipe]
                    label = f"MULE's probe of {SETS[name].recipe}"
                    if most_steps and most_steps < recipe.steps:
                        note = f"{note}; {most_steps:,} of the recipe's {recipe.steps:,} steps".removeprefix("; ")
                line = Result(
                    *(system.name, system.checkpoint, task.name, task.data, task.split, 0),
                    suite=suite.name,
                    probe=label,
                    main=SETS[name].metric,
                    note=note,
                    paper=dict(task.paper),
                    about={**system.about, **(suite.about or {}), "seeds": suite.seeds, "set": name},
                )
                lines = seed_lines(line, measured)
                if suite.folder:
                    results.append(lines, suite.folder)
                found += lines
            bar.update()
    bar.close()
    return found


def measure_published(
    name: str, task: Task, system: System, seeds: int, most_steps: int | None = None, device: str = "cpu"
) -> dict[Probe, Measured]:
    """What each probe of a system finds on a set: the metrics of its test side, with draws for intervals."""
    begun_s = time.perf_counter()
    vectors = [system.vectors(task.examples, seed) for seed in range(seeds if system.seeded else 1)]
    (fold,) = task.folds
    draws = min(DRAWS, max(FEWEST_DRAWS, MOST_WEIGHTS // len(fold.test)))
    weights = song_weights(task.data, [task.examples[i].group for i in fold.test], draws)
    weights = np.concatenate([np.ones((1, len(fold.test))), weights])  # first the test as it is
    measured = {}
    for probe in system.probes:
        each = []
        for seed in range(seeds):
            some = vectors[seed % len(vectors)]
            if probe == "mlp":
                guess = by_recipe(name, task, some, seed, most_steps, device)
            else:
                guess = predictions(task, fold, some, probe, seed, system.mixed_units)
            each.append(scores(task, guess, weights))
        stacked = {metric: np.stack([found[metric] for found in each]) for metric in each[0]}  # (seeds, 1 + draws)
        measured[probe] = Measured(
            {metric: value[:, 0] for metric, value in stacked.items()},
            {metric: over_seeds(value[:, 1:]) for metric, value in stacked.items()},
            time.perf_counter() - begun_s,
        )
        begun_s = time.perf_counter()
    return measured


def by_recipe(
    name: str, task: Task, vectors: np.ndarray, seed: int, most_steps: int | None = None, device: str = "cpu"
) -> np.ndarray:
    """What a set's own recipe says of the test side: (N,) int64 classes, or (N, K) float64 scores or numbers."""
    recipe = PUBLISHED[SETS[name].recipe]
    if most_steps:
        recipe = shortened(recipe, most_steps)
    (fold,) = task.folds
    train, test = vectors[fold.train], vectors[fold.test]
    if task.targets is None:
        labels = class_indices(task, fold.train)
        found = fit_mlp(recipe, train, labels, len(task.classes), seed, device=device).scores(test)
        return found.argmax(1).astype(np.int64)
    targets = task.targets[fold.train]
    if task.kind == "tags":
        return fit_mlp(recipe, train, targets, targets.shape[1], seed, device=device).scores(test).astype(np.float64)
    mean, deviation = targets.mean(0), np.maximum(targets.std(0), 1e-6)
    fitted = fit_mlp(recipe, train, (targets - mean) / deviation, targets.shape[1], seed, device=device)
    return (fitted.scores(test) * deviation + mean).astype(np.float64)


def scores(task: Task, guess: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """(1 + draws,) of each metric of the test side, each clip counted by its weight (1 + draws, N).

    Of the 24 keys also the weighted score, in mir_eval's way and in MIREX's.
    """
    (fold,) = task.folds
    if task.targets is not None:
        return score_metrics.METRICS[task.kind](task.targets[fold.test], guess, weights, task.classes)
    true = class_indices(task, fold.test)
    table = metrics.tables(true, guess, len(task.classes), weights)
    found = {name: metric(table) for name, metric in metrics.METRICS[task.kind].items()}
    if task.classes == KEYS:
        for name, both in (("weighted_key", False), ("weighted_key_both_fifths", True)):
            found[name] = weights @ key_scores(true, guess, both_fifths=both) / weights.sum(1)
    return found
