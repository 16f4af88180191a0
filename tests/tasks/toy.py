"""Tasks whose pieces are a few notes in one of two styles, so that they are learned at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from partimento.midi import write_midi
from partimento.notes import Notes, from_ms
from partimento.tasks.measure import System
from partimento.tasks.task import Example, Fold, Kind, Task


def piece(seed: int, notes: int = 24, high: bool = False) -> Notes:
    """Chance notes, an octave and a half higher and faster where `high`."""
    generator = np.random.default_rng(seed)
    onset = np.cumsum(generator.integers(60, 120, notes) if high else generator.integers(250, 400, notes))
    pitch = generator.integers(40, 60, notes) + 18 * high
    return from_ms(onset, np.full(notes, 200), pitch, generator.integers(40, 100, notes))


def folder_of_pieces(folder: Path, count: int = 24) -> list[Path]:
    """MIDI files, every other one high."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        write_midi(piece(number, high=bool(number % 2)), folder / f"{number:03d}.mid")
    return sorted(folder.glob("*.mid"))


def learned(
    count: int = 120, classes: int = 2, kind: Kind = "classes", folds: int = 1, paths: Sequence[Path] = ()
) -> Task:
    """Examples whose classes take turns, two to a group; half of them are trained on, a quarter tested on."""
    names = tuple("abcdefgh"[:classes])
    examples = tuple(
        Example(paths[i] if paths else Path(f"{i}.mid"), names[i % classes], f"song {i // (2 * classes)}")
        for i in range(count)
    )
    rows = np.arange(count)
    found = []
    for fold in range(folds):
        turned = np.roll(rows, fold * (count // max(folds, 4)))
        quarter = count // max(folds, 4)
        found.append(Fold(f"{fold}", turned[2 * quarter :], turned[quarter : 2 * quarter], turned[:quarter]))
    return Task("toy", "toys", f"{folds} folds", kind, names, examples, tuple(found), note="two styles")


def vectors(task: Task, noise: float = 0.3, features: int = 48) -> np.ndarray:
    """(N, D) float32: a place for each class, those of grades on a line, and noise; below 0 nothing but noise."""
    generator = np.random.default_rng(1)
    found = generator.standard_normal((len(task.examples), features)).astype(np.float32)
    if noise < 0:
        return found
    number = len(task.classes)
    place: np.ndarray = generator.standard_normal((number, features)).astype(np.float32)
    if task.kind == "grades":
        place = place[:1] * np.arange(number, dtype=np.float32)[:, None] / number
    return noise * found + place[[task.classes.index(example.label) for example in task.examples]]


def system(name: str, noise: float, seeded: bool = False, checkpoint: str = "") -> System:
    """Vectors with the label in the first feature, the logistic probe."""

    def of(examples: Sequence[Example], seed: int) -> np.ndarray:
        labels = sorted({example.label for example in examples})
        number = np.array([labels.index(example.label) for example in examples], dtype=np.float32)
        found = np.random.default_rng(seed).standard_normal((len(examples), 8))
        found[:, 0] = noise * found[:, 0] + number
        return found.astype(np.float32)

    return System(name, checkpoint, of, ("logistic",), seeded=seeded)
