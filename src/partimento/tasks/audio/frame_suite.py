"""Tasks over time put to several representations: heads on their frames, moments and classes found in whole clips.

Nothing of a test clip reaches a head or a threshold. A threshold is chosen where the head has not learned: on the
validation side, or, where there is none, on each half of the training clips by a head of the other half; the head that
is tested learned from both. A seed decides first weights and order of the frames, and of a network at random weights
its weights. Intervals are those of `partimento.tasks.intervals`, over seeds and songs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from partimento.audio_model import Frames
from partimento.corpus.datasets.rendered import UNKNOWN
from partimento.corpus.frame_labels import event_targets
from partimento.tasks import results
from partimento.tasks.audio.beat_tracking import choose_downbeats, pick_peaks, track_beats
from partimento.tasks.audio.frame_probe import FrameHead, FrameRecipe, train_head
from partimento.tasks.audio.frame_task import FrameTask, SpanTarget
from partimento.tasks.audio.music_metrics import beat_f, chord_right, onset_f
from partimento.tasks.intervals import over_seeds, song_weights
from partimento.tasks.measure import Measured
from partimento.tasks.results import Result
from partimento.tasks.suite import Suite, seed_lines
from partimento.tasks.task import Fold

THRESHOLDS = tuple(np.linspace(0.05, 0.95, 19).tolist())
F_MEASURES: Mapping[str, Callable[[np.ndarray, np.ndarray], float]] = {"beat": beat_f, "onset": onset_f}
GRID_HZ = 100.0  # activations of all frame rates are brought to it before moments are found in them


@dataclass(frozen=True, eq=False)
class FrameSystem:
    """A representation over time as a row of the table.

    Args:
        name: of the row.
        checkpoint: hash of the weights, "" where there are none.
        frames: of a file, for a seed.
        seeded: whether each seed has frames of its own.
        about: what else a result shall say.
    """

    name: str
    checkpoint: str
    frames: Callable[[Path, int], Frames]
    seeded: bool = False
    about: Mapping[str, float | str] = field(default_factory=dict)


def run_frames(
    suite: Suite, tasks: Sequence[FrameTask], systems: Sequence[FrameSystem], recipe: FrameRecipe | None = None
) -> list[Result]:
    """Measure every system on every task; a result for each target and seed, kept where the suite says."""
    recipe = recipe or FrameRecipe()
    found: list[Result] = []
    bar = tqdm(total=len(tasks) * len(systems), unit="system", desc=suite.name, disable=None)
    for task in tasks:
        for system in systems:
            bar.set_postfix_str(f"{task.data}: {system.name}")
            for name, (main, measured) in measure_frames(task, system, recipe, suite.seeds).items():
                seen = f"the head sees {round(1e3 * recipe.context_s)} ms on either side"
                line = Result(
                    *(system.name, system.checkpoint, name, task.data, task.split, 0),
                    suite=suite.name,
                    probe=str(recipe),
                    main=main,
                    note=f"{task.note}; {seen}" if task.note else seen,
                    about={**system.about, **(suite.about or {}), "seeds": suite.seeds},
                )
                lines = seed_lines(line, measured)
                if suite.folder:
                    results.append(lines, suite.folder)
                found += lines
            bar.update()
    bar.close()
    return found


def measure_frames(
    task: FrameTask, system: FrameSystem, recipe: FrameRecipe, seeds: int
) -> dict[str, tuple[str, Measured]]:
    """Of each target by name its main metric and what was found; a clip counts as any other, of classes each frame."""
    begun_s = time.perf_counter()
    weights = song_weights(task.data, [clip.group for clip in task.clips])
    weights = np.concatenate([np.ones((1, len(task.clips))), weights])
    each: list[dict[str, dict[str, np.ndarray]]] = []  # of each seed, target and metric (1 + draws,)
    frames: list[Frames] = []
    for seed in range(seeds):
        if not frames or system.seeded:
            frames = [system.frames(clip.path, seed) for clip in task.clips]
        found: dict[str, dict[str, np.ndarray]] = {}
        if task.events:
            scores = _scores_of_events(task, frames, recipe, seed)  # (clips, targets), NaN where not tested
            for target, score in zip(task.events, scores.T, strict=True):
                found[target.name] = {"f_measure": _mean(score, ~np.isnan(score), weights)}
        for span in task.spans:
            found[span.name] = _of_spans(task, span, frames, recipe, seed, weights)
        each.append(found)
    seconds = time.perf_counter() - begun_s
    measured = {}
    for name, metrics in each[0].items():
        stacked = {metric: np.stack([found[name][metric] for found in each]) for metric in metrics}
        values = {metric: value[:, 0] for metric, value in stacked.items()}
        draws = {metric: over_seeds(value[:, 1:]) for metric, value in stacked.items()}
        measured[name] = (next(iter(metrics)), Measured(values, draws, seconds))
    return measured


def _mean(score: np.ndarray, counted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(1 + draws,) the weighted mean of the clips that count."""
    return weights[:, counted] @ score[counted] / weights[:, counted].sum(1)


def _scores_of_events(task: FrameTask, frames: Sequence[Frames], recipe: FrameRecipe, seed: int) -> np.ndarray:
    """(clips, targets) F of each clip, the mean over the folds that test on it; NaN where none does."""
    sums, times = np.zeros((len(task.clips), len(task.events))), np.zeros(len(task.clips))
    wanted = [
        np.stack([event_targets(clip.events[target.key], some.times_s) for target in task.events], axis=1)
        for clip, some in zip(task.clips, frames, strict=True)
    ]

    def head_of(which: np.ndarray) -> FrameHead:
        return train_head(recipe, [frames[i] for i in which], [wanted[i] for i in which], len(task.events), seed)

    for fold in task.folds:
        thresholds = _thresholds(task, fold, frames, head_of)
        head = head_of(np.concatenate([fold.train, fold.valid]))
        for i in fold.test:
            found = find_events(task, head.activations(frames[i]), frames[i].times_s, thresholds)
            sums[i] += [_f_measure(task, i, k, some) for k, some in enumerate(found)]
            times[i] += 1
    return np.divide(sums, times[:, None], out=np.full_like(sums, np.nan), where=times[:, None] > 0)


def find_events(
    task: FrameTask, activation: np.ndarray, times_s: np.ndarray, thresholds: Sequence[float]
) -> list[np.ndarray]:
    """Seconds of the moments of each target of a task that activations (T, targets) show.

    Args:
        thresholds: of each target; those of other pickers than "peaks" are not used.
    """
    start_s = float(times_s[0])
    grid_s = np.arange(start_s, float(times_s[-1]) + 0.5 / GRID_HZ, 1 / GRID_HZ)
    even = [np.interp(grid_s, times_s, column) for column in activation.T]
    beats = np.zeros(0)
    for target, curve in zip(task.events, even, strict=True):
        if target.picker == "track":
            beats = track_beats(curve, GRID_HZ, start_s=start_s)
    found = []
    for target, curve, threshold in zip(task.events, even, thresholds, strict=True):
        if target.picker == "peaks":
            found.append(pick_peaks(curve, GRID_HZ, threshold, start_s=start_s))
        else:
            found.append(
                beats if target.picker == "track" else choose_downbeats(beats, curve, GRID_HZ, start_s=start_s)
            )
    return found


def _f_measure(task: FrameTask, clip: int, target: int, found: np.ndarray) -> float:
    return F_MEASURES[task.events[target].measure](task.clips[clip].events[task.events[target].key], found)


def _thresholds(
    task: FrameTask, fold: Fold, frames: Sequence[Frames], head_of: Callable[[np.ndarray], FrameHead]
) -> list[float]:
    """The threshold of each target with the highest mean F where the head has not learned; 0 where none is needed."""
    if all(target.picker != "peaks" for target in task.events):
        return [0.0] * len(task.events)
    pairs = [(fold.train, fold.valid)]
    if not len(fold.valid):
        groups = np.array([task.clips[i].group for i in fold.train])
        first = np.isin(groups, np.unique(groups)[::2])
        pairs = [(fold.train[first], fold.train[~first]), (fold.train[~first], fold.train[first])]
    unseen = [(i, head.activations(frames[i])) for learn, rest in pairs for head in [head_of(learn)] for i in rest]
    peaks = replace(task, events=tuple(target for target in task.events if target.picker == "peaks"))
    column = [k for k, target in enumerate(task.events) if target.picker == "peaks"]
    score = np.zeros((len(THRESHOLDS), len(column)))
    for row, threshold in enumerate(THRESHOLDS):
        each = []
        for i, activation in unseen:
            found = find_events(peaks, activation[:, column], frames[i].times_s, [threshold] * len(column))
            each.append([_f_measure(peaks, i, k, some) for k, some in enumerate(found)])
        score[row] = np.nanmean(each, axis=0)
    best = iter(np.array(THRESHOLDS)[score.argmax(0)].tolist())
    return [next(best) if target.picker == "peaks" else 0.0 for target in task.events]


def _of_spans(
    task: FrameTask, target: SpanTarget, frames: Sequence[Frames], recipe: FrameRecipe, seed: int, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """(1 + draws,) of each metric: the share of the test frames with a label that are told right."""
    true = [clip.spans[target.key].at(some.times_s) for clip, some in zip(task.clips, frames, strict=True)]
    right: dict[str, np.ndarray] = {}  # (clips, 2): frames that are right, frames that count
    for fold in task.folds:
        learn = np.concatenate([fold.train, fold.valid])
        head = train_head(recipe, [frames[i] for i in learn], [true[i] for i in learn], target.classes, seed)
        for i in fold.test:
            guess = head.activations(frames[i]).argmax(1)
            each = {"accuracy": np.where(true[i] == UNKNOWN, np.nan, guess == true[i])}
            if target.chords:
                found = chord_right(true[i], task.clips[i].spans["roots"].at(frames[i].times_s), guess)
                each |= {"root_accuracy": found["root"], "mode_accuracy": found["maj/min"]}
            for name, values in each.items():
                counts = right.setdefault(name, np.zeros((len(true), 2)))
                counts[i] += np.nansum(values), np.isfinite(values).sum()
    return {name: weights @ counts[:, 0] / (weights @ counts[:, 1]) for name, counts in right.items()}
