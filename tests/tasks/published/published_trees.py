"""Tiny trees in the layouts of published sets; sound files are empty where nothing is decoded."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from partimento.tasks.audio.frame_task import FrameTask
from partimento.tasks.task import Task


def text(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def table(path: Path, rows: Iterable[Iterable[object]], between: str = "\t") -> Path:
    return text(path, "".join(between.join(map(str, row)) + "\n" for row in rows))


def json_lines(path: Path, entries: Iterable[dict[str, Any]]) -> Path:
    return text(path, "".join(json.dumps(entry) + "\n" for entry in entries))


def array(path: Path, values: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.array(values), allow_pickle=False)
    return path


def sounds(folder: Path, *names: str) -> None:
    for name in names:
        text(folder / name, "")


def sides(task: Task | FrameTask) -> list[list[str]]:
    """Names of the clips of the training, validation and test side of the only fold."""
    (fold,) = task.folds
    clips = task.examples if isinstance(task, Task) else task.clips
    return [[clips[i].path.name for i in side] for side in (fold.train, fold.valid, fold.test)]


def tags_of(task: Task) -> dict[str, list[str]]:
    """The tags of each clip by the name of its file."""
    assert task.targets is not None
    return {
        example.path.name: [tag for tag, has in zip(task.classes, row, strict=True) if has]
        for example, row in zip(task.examples, task.targets, strict=True)
    }
