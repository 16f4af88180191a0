"""The tasks of labelled words by what a user calls them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from partimento.tasks.words import chunks, dcml, harmony, pop909
from partimento.tasks.words.task import WordsTask

Build = Callable[[Path], list[WordsTask]]

BUILDERS: dict[str, tuple[Build, ...]] = {
    "melody": (pop909.melody,),
    "velocity": (pop909.velocity,),
    "pianist": (chunks.pianist,),
    "emotion": (chunks.emotion,),
    "chord root": (harmony.pop909, harmony.pop909_cl, dcml.dcml),
    "local key": (harmony.pop909, harmony.pop909_cl, dcml.dcml),
    "beat": (harmony.pop909, harmony.pop909_cl),
    "downbeat": (harmony.pop909, harmony.pop909_cl),
}
ALL = ("melody+velocity", "pianist", "emotion", "chord-root+local-key", "beat+downbeat")


def task_groups(root: Path, wanted: Sequence[str] = ()) -> Iterator[list[WordsTask]]:
    """Tasks that are learned together, group by group, each made when it is its turn.

    Args:
        root: folder of the unpacked sets.
        wanted: names, with hyphens for spaces, those of one group joined by "+", each with the forms and splits to take
            behind a colon where not all are wanted: "melody+velocity:sorted", "pianist:performance,MIDI-BERT". All
            tasks by default.

    Raises:
        ValueError: at once if there is no task of a name; in its turn if there is none of a form or split.
        FileNotFoundError: in its turn, if a set is not below `root`.
    """
    for entry in wanted:
        for name in entry.partition(":")[0].split("+"):
            _builders_of(name.replace("-", " "))
    return _groups(root, wanted or ALL)


def _groups(root: Path, wanted: Sequence[str]) -> Iterator[list[WordsTask]]:
    for entry in wanted:
        names, _, chosen = entry.partition(":")
        parts = {part for part in chosen.split(",") if part}
        columns = [_of_name(root, name.replace("-", " ")) for name in names.split("+")]
        columns = [[task for task in column if parts <= set(_keys(task))] for column in columns]
        if not all(columns):
            known = sorted(
                {key for task in _of_name(root, names.split("+")[0].replace("-", " ")) for key in _keys(task)}
            )
            raise ValueError(f"{entry!r} names no task; after the colon there may be {', '.join(known)}")
        for task in columns[0]:
            yield [task, *(_twin(task, column) for column in columns[1:])]


def _of_name(root: Path, name: str) -> list[WordsTask]:
    return [task for build in _builders_of(name) for task in build(root) if task.name == name]


def _builders_of(name: str) -> tuple[Build, ...]:
    if name not in BUILDERS:
        raise ValueError(f"there is no task {name!r}; there are {', '.join(n.replace(' ', '-') for n in BUILDERS)}")
    return BUILDERS[name]


def _keys(task: WordsTask) -> tuple[str, ...]:
    return tuple(part.replace(" ", "-") for part in (task.data, task.split, task.form) if part)


def _twin(task: WordsTask, others: Sequence[WordsTask]) -> WordsTask:
    """The other task of the same notes.

    Raises:
        ValueError: if there is none.
    """
    for other in others:
        if _keys(other) == _keys(task):
            return other
    raise ValueError(f"{task} has no twin of the same notes among {', '.join(map(str, others))}")
