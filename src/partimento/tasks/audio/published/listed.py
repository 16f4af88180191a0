"""Clips of a published list, and the task they make; what is not there is named, with the way to get it."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from partimento.audio import SUFFIXES
from partimento.tasks.audio.frame_task import EventTarget, FrameClip, FrameTask, SpanTarget
from partimento.tasks.task import Example, Fold, Task

Side = Literal["train", "valid", "test"]
SIDES: tuple[Side, ...] = ("train", "valid", "test")


@dataclass(frozen=True)
class Clip:
    """A clip as a list names it.

    Args:
        path: sound file; one of the same name with another suffix will do.
        side: that the list puts it on.
        group: what must not be torn apart, such as its song or artist.
        label: its class, "" where the task has tags or values.
        tags: those it has.
        values: its numbers.
    """

    path: Path
    side: Side
    group: str
    label: str = ""
    tags: tuple[str, ...] = ()
    values: tuple[float, ...] = ()


@dataclass(frozen=True)
class About:
    """What is said of a set, in tables and in errors.

    Args:
        name: of the task.
        data: the set, as a table names it.
        split: how the sides were made.
        get: how the audio is had, the end of a sentence: "its audio is ...".
        note: what a reader of a figure must know.
        paper: published figures by name of their systems.
    """

    name: str
    data: str
    split: str
    get: str
    note: str = ""
    paper: Mapping[str, str] = field(default_factory=dict)


def need(path: Path, what: str, get: str) -> Path:
    """A file or folder that a set cannot do without.

    Raises:
        FileNotFoundError: if it is not there; the message says what it is and how it is had.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there: {what}; {get}")
    return path


def rows(path: Path, what: str, get: str, delimiter: str = ",") -> list[dict[str, str]]:
    """The rows of a table with a header.

    Raises:
        FileNotFoundError: if it is not there.
    """
    with need(path, what, get).open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines, delimiter=delimiter))


def cells(row: Mapping[str, str], *names: str, path: Path) -> list[str]:
    """What a row has in some columns, without space around it.

    Raises:
        ValueError: if the table has no such column.
    """
    absent = [name for name in names if row.get(name) is None]
    if absent:
        columns = ", ".join(map(str, row))
        raise ValueError(f"{path} has no column {', '.join(absent)} (it has {columns}); take the table of the release")
    return [row[name].strip() for name in names]


def lines(path: Path, what: str, get: str) -> list[str]:
    """The lines of a list, without empty ones.

    Raises:
        FileNotFoundError: if it is not there.
    """
    text = need(path, what, get).read_text(encoding="utf-8-sig")
    return [line.strip() for line in text.splitlines() if line.strip()]


def json_lines(path: Path, what: str, get: str) -> Iterator[dict[str, Any]]:
    """The objects of a list of JSON lines.

    Raises:
        FileNotFoundError: if it is not there.
        ValueError: naming the line, if one is no object.
    """
    for number, line in enumerate(lines(path, what, get), 1):
        try:
            made = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}, line {number} is no JSON ({error}); take the list of the release") from None
        if not isinstance(made, dict):
            raise ValueError(f"{path}, line {number} is no JSON object; take the list of the release")
        yield made


def share(name: str, parts: int) -> int:
    """Which of so many parts a name falls into, by its SHA-1: the same on every machine."""
    return int(hashlib.sha1(name.encode("utf-8")).hexdigest(), 16) % parts


def sound_at(path: Path) -> Path | None:
    """The sound file of this path, or of this name with another suffix; None where there is none."""
    if path.is_file():
        return path
    return next((other for other in (path.with_suffix(suffix) for suffix in SUFFIXES) if other.is_file()), None)


def classes_task(about: About, clips: Sequence[Clip], classes: Sequence[str]) -> Task:
    """Which class each clip has.

    Raises:
        FileNotFoundError: if a side has no clip whose sound is there.
        ValueError: if a label is none of the classes.
    """
    known = set(classes)
    strange = next((clip for clip in clips if clip.label not in known), None)
    if strange:
        raise ValueError(
            f"{about.data}: {strange.path.name} is labelled {strange.label!r}, none of {', '.join(classes)}"
        )
    kept, about = _there(about, clips)
    return Task(about.name, about.data, about.split, "classes", tuple(classes), *_sides(kept), **_said(about))


def tags_task(about: About, clips: Sequence[Clip], tags: Sequence[str]) -> Task:
    """Which of the tags each clip has; others that it has are left out.

    Raises:
        FileNotFoundError: if a side has no clip whose sound is there.
    """
    kept, about = _there(about, clips)
    place = {tag: i for i, tag in enumerate(tags)}
    targets = np.zeros((len(kept), len(tags)), dtype=np.float32)
    for i, clip in enumerate(kept):
        targets[i, [place[tag] for tag in clip.tags if tag in place]] = 1
    return Task(
        about.name, about.data, about.split, "tags", tuple(tags), *_sides(kept), **_said(about), targets=targets
    )


def values_task(about: About, clips: Sequence[Clip], names: Sequence[str]) -> Task:
    """Which numbers each clip has.

    Raises:
        FileNotFoundError: if a side has no clip whose sound is there.
    """
    kept, about = _there(about, clips)
    targets = np.array([clip.values for clip in kept], dtype=np.float32)
    return Task(
        about.name, about.data, about.split, "values", tuple(names), *_sides(kept), **_said(about), targets=targets
    )


def frame_task(
    about: About,
    clips: Sequence[Clip],
    read: Callable[[Clip], FrameClip],
    events: tuple[EventTarget, ...] = (),
    spans: tuple[SpanTarget, ...] = (),
) -> FrameTask:
    """What happens when in each clip.

    Args:
        read: the labels of a clip whose sound is there.

    Raises:
        FileNotFoundError: if a side has no clip whose sound is there.
    """
    kept, about = _there(about, clips)
    _, folds = _sides(kept)
    return FrameTask(about.data, about.split, tuple(map(read, kept)), folds, events, spans, about.note)


def _said(about: About) -> dict[str, Any]:
    return {"note": about.note, "paper": dict(about.paper)}


def _there(about: About, clips: Sequence[Clip]) -> tuple[list[Clip], About]:
    """The clips whose sound is there; the name of the split says how many are not."""
    found = [(clip, sound_at(clip.path)) for clip in clips]
    kept = [replace(clip, path=path) for clip, path in found if path]
    for side in SIDES:
        if not any(clip.side == side for clip in kept):
            absent = next((clip.path for clip in clips if clip.side == side), None)
            if absent is None:
                raise ValueError(f"{about.data}: the lists have no clip on the {side} side; take those of the release")
            raise FileNotFoundError(f"{absent} is not there, nor any clip of the {side} side; {about.get}")
    if len(kept) < len(clips):
        split = f"{about.split}, less {len(clips) - len(kept):,} of {len(clips):,} clips that are not there"
        about = replace(about, split=split)
    return kept, about


def _sides(clips: Sequence[Clip]) -> tuple[tuple[Example, ...], tuple[Fold, ...]]:
    examples = tuple(Example(clip.path, clip.label, clip.group) for clip in clips)
    side = np.array([clip.side for clip in clips])
    return examples, (Fold("published", *(np.flatnonzero(side == name) for name in SIDES)),)
