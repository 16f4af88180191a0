"""How good a classifier gets from few labelled pieces: fine-tuned whole, by adapters, or a probe on frozen vectors.

n counts every label that is used: four fifths are trained on, and a fifth, from the validation side of the fold,
chooses the checkpoint of a fine-tuning or the penalty of a probe (true few-shot learning, Perez et al. 2021). Each seed
draws other pieces and, where a task has several folds, takes the next one; the smaller draws of a seed are part of the
larger ones. All pieces of the fold's test side are judged, once, at the end.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass, replace
from functools import cache
from io import StringIO
from itertools import zip_longest
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from partimento.notes import Notes
from partimento.piano_model import PianoModel, load_piano
from partimento.recipe import BatchConfig, OptimizerConfig, ScheduleConfig, WatchConfig
from partimento.systems.aria import ClassesConfig, classes_small
from partimento.tasks.classify import class_probabilities, scores
from partimento.tasks.pieces import heard
from partimento.tasks.probe import Sides, fit
from partimento.tasks.representations import Representation, contrastive, handcrafted, states
from partimento.tasks.results import Result
from partimento.tasks.task import Example, Fold, Task
from partimento.tasks.vectors import VectorStore, vectors_of
from partimento.training.classification import LabelledPieces, finetune_classes, half_precision
from partimento.training.distributed import World

TASK = "few_shot"
ALL = 0  # the size that takes every piece
VALID_SHARE = 0.2
PROBE_SLICES = 256  # by which the head is fitted before a fine-tuning

Method = Literal["full", "lora", "probe", "statistics"]
METHODS: tuple[Method, ...] = ("statistics", "probe", "lora", "full")


@dataclass(frozen=True)
class FewShot:
    """How the curves are measured.

    Args:
        sizes: numbers of labelled pieces; ALL for every one.
        seeds: how many.
        most_notes: heard of a piece, in windows of 300 spread evenly over it, by every method.
        steps, rows, notes: of a fine-tuning: optimizer steps, slices a step, notes a slice.
        lr, lora_lr: peak learning rates of the two fine-tunings.
        rank: of the adapters.
        augment: share of the slices of a fine-tuning that are augmented.
    """

    sizes: tuple[int, ...] = (10, 30, 100, 300, ALL)
    seeds: int = 5
    most_notes: int = 600
    steps: int = 32
    rows: int = 8
    notes: int = 100
    lr: float = 3e-4
    lora_lr: float = 1e-3
    rank: int = 8
    augment: float = 0.0


@dataclass(frozen=True)
class Cell:
    """One point of a curve for one seed."""

    method: Method
    size: int
    seed: int


def cells(settings: FewShot, methods: Sequence[Method] = METHODS) -> Iterator[Cell]:
    """All cells, seed by seed, so that a run that was stopped has whole curves of fewer seeds."""
    for seed in range(settings.seeds):
        for size in settings.sizes:
            yield from (Cell(method, size, seed) for method in methods)


def drawn(task: Task, fold: Fold, size: int, seed: int) -> tuple[list[int], list[int]]:
    """The examples to train on and to choose on, `size` together.

    Raises:
        ValueError: if the fold has fewer.
    """
    train, valid = (_order(task, side, seed) for side in (fold.train, fold.valid))
    if size == ALL:
        return train, valid
    if size > len(train) + len(valid):
        raise ValueError(f"{size} labelled pieces: {task.name}, {fold.name} has {len(train) + len(valid)}")
    choosing = min(len(valid), max(1, round(VALID_SHARE * size), size - len(train)))
    return train[: size - choosing], valid[:choosing]


def _order(task: Task, side: np.ndarray, seed: int) -> list[int]:
    """The examples of a side in a seeded order: the classes take turns, a song comes again only when all have come."""
    generator = np.random.default_rng(seed)
    by_class: list[list[int]] = []
    for label in generator.permutation(task.classes):
        mine = [int(i) for i in generator.permutation(side) if task.examples[i].label == label]
        songs: dict[str, list[int]] = {}
        for i in mine:
            songs.setdefault(task.examples[i].group, []).append(i)
        by_class.append([i for turn in zip_longest(*songs.values()) for i in turn if i is not None])
    return [i for turn in zip_longest(*by_class) for i in turn if i is not None]


def system_name(method: Method, model: PianoModel, settings: FewShot) -> str:
    """As a table names it."""
    return {
        "full": f"{model.title}, full fine-tuning",
        "lora": f"{model.title}, LoRA of rank {settings.rank}",
        "probe": f"{model.title}, logistic probe",
        "statistics": "hand-crafted statistics, logistic probe",
    }[method]


def planned(task: Task, model: PianoModel, settings: FewShot, cell: Cell) -> Result:
    """The result of a cell before it is measured: what tells it from others."""
    about: dict[str, float | str] = {"size": cell.size, "most_notes": settings.most_notes}
    if cell.method in ("full", "lora"):
        rate = settings.lr if cell.method == "full" else settings.lora_lr
        about |= {"steps": settings.steps, "rows": settings.rows, "notes": settings.notes, "lr": rate}
        about |= {"augment": settings.augment}
    checkpoint = "" if cell.method == "statistics" else model.hash
    name = system_name(cell.method, model, settings)
    return Result(name, checkpoint, TASK, task.name, task.split, cell.seed, main="accuracy", about=about)


def measured(task: Task, model: PianoModel, settings: FewShot, cell: Cell, store: VectorStore) -> Result:
    """One cell: its number of labelled pieces ("n"), accuracy and macro F1.

    Raises:
        ValueError: if the task has no fold, or its fold has fewer pieces than the cell asks for.
        MidiError: if a file cannot be read or has no piano notes.
    """
    if task.kind != "classes" or not task.folds:
        raise ValueError(f"{task.name} ({task.kind}) has no classes to learn in folds; choose another task")
    begun_s = time.perf_counter()
    fold = task.folds[cell.seed % len(task.folds)]
    train, valid = drawn(task, fold, cell.size, cell.seed)
    labels = np.array([task.classes.index(example.label) for example in task.examples])
    result = planned(task, model, settings, cell)
    if cell.method in ("full", "lora"):
        pieces = LabelledPieces(
            *(task.name, task.classes, labels, train, valid),
            notes_of=lambda i: _heard(task.examples[i], settings.most_notes),
            identity=[str(example.path) for example in task.examples],
        )
        probabilities, trained = _finetuned(model, pieces, fold.test, settings, cell)
        result = replace(result, about=result.about | {"trained_parameters": trained})
    else:
        representation = handcrafted() if cell.method == "statistics" else frozen(model)
        probabilities = _probed(task, representation, labels, (train, valid, fold.test), settings, cell, store)
    metrics: dict[str, float] = {"n": len(train) + len(valid), **scores(probabilities, labels[fold.test])}
    return replace(result, metrics=metrics, seconds=round(time.perf_counter() - begun_s, 1))


def frozen(model: PianoModel) -> Representation:
    """What the probe sees: an embedding's vector, or a language model's hidden states at its last layer, mean pool."""
    if model.is_embedding:
        return contrastive(model)
    layers = model.network.config.transformer.layers
    return states(model.network, model.tokenizer, model.name, model.hash, layers)["mean"]


def _probed(
    task: Task,
    representation: Representation,
    labels: np.ndarray,
    sides: tuple[list[int], list[int], np.ndarray],
    settings: FewShot,
    cell: Cell,
    store: VectorStore,
) -> np.ndarray:
    """(N, C) one-hot predictions of the test side."""
    train, valid, test = (
        vectors_of(representation, [task.examples[i] for i in side], store, settings.most_notes) for side in sides
    )
    known = Sides(
        *(train, labels[sides[0]], valid, labels[sides[1]], len(task.classes)), mixed_units=representation.mixed_units
    )
    return np.eye(len(task.classes))[fit("logistic", known, cell.seed)(test)]


def _finetuned(
    model: PianoModel, pieces: LabelledPieces, test: np.ndarray, settings: FewShot, cell: Cell
) -> tuple[np.ndarray, int]:
    """(N, C) probabilities of the test side, and how many parameters were trained."""
    config = finetuning(settings, cell, model.context)
    with tempfile.TemporaryDirectory() as work:
        run = Path(work) / "run"
        with redirect_stderr(StringIO()):  # a progress bar for each cell would hide the lines of the whole
            state = finetune_classes(model, config, pieces, run, World(0, 1, model.device), {"name": model.title})
        if state.step < config.recipe.schedule.steps:
            raise KeyboardInterrupt
        best = load_piano(run / "checkpoints" / "best", model.device)
        with half_precision(model.device, config.recipe.bf16):
            found = class_probabilities(best, map(pieces.notes_of, test))
    return found, best.config["trained_parameters"]


def finetuning(settings: FewShot, cell: Cell, context: int) -> ClassesConfig:
    """The recipe of a cell: the rate falls to zero, and the checkpoint is chosen among three."""
    recipe = replace(
        classes_small().recipe,
        schedule=ScheduleConfig(steps=settings.steps, warmup=max(1, settings.steps // 10), final=0.0),
        batch=BatchConfig(settings.rows, min(1024, context), settings.rows, augment=settings.augment),
        optimizer=OptimizerConfig(lr=settings.lr if cell.method == "full" else settings.lora_lr),
        watch=WatchConfig(0, math.ceil(settings.steps / 3), validate_rows=24, sample_every=0, save_every=0),
        seed=cell.seed,
    )
    lora = settings.rank if cell.method == "lora" else 0
    notes = (settings.notes, settings.notes)
    return replace(classes_small(), recipe=recipe, notes=notes, windows=1, probe_slices=PROBE_SLICES, lora=lora)


@cache
def _heard(example: Example, most_notes: int) -> Notes:
    return heard(example, most_notes)


def start_process() -> None:
    """What a process of several does first: one thread each."""
    torch.set_num_threads(1)
