"""Timed labels of songs without published sides, put into folds by song."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np

from partimento.tasks.audio.frame_task import EventTarget, FrameClip, FrameTask, SpanTarget
from partimento.tasks.audio.published.listed import About, sound_at
from partimento.tasks.task import Fold

Name = TypeVar("Name", bound=Hashable)


def in_folds(
    about: About,
    sounds: Mapping[Name, Path],
    read: Callable[[Name, Path], FrameClip],
    folds: int,
    events: tuple[EventTarget, ...] = (),
    spans: tuple[SpanTarget, ...] = (),
) -> FrameTask:
    """Every song whose sound is there, the n-th of them tested in fold n modulo `folds`; the fold after it validates.

    Raises:
        FileNotFoundError: if there are fewer songs than folds.
    """
    found = {name: path for name, asked in sounds.items() if (path := sound_at(asked))}
    if len(found) < folds:
        absent = next(asked for name, asked in sounds.items() if name not in found)
        raise FileNotFoundError(
            f"{absent} is not there; {len(found)} of {len(sounds)} songs are, and {folds} folds need one each; "
            f"{about.get}"
        )
    split = about.split
    if len(found) < len(sounds):
        split += f", less {len(sounds) - len(found):,} of {len(sounds):,} songs that are not there"
    place = np.arange(len(found)) % folds
    made = []
    for number in range(folds):
        valid, test = place == (number + 1) % folds, place == number
        made.append(Fold(f"fold {number + 1}", *map(np.flatnonzero, (~valid & ~test, valid, test))))
    clips = tuple(read(name, path) for name, path in found.items())
    return FrameTask(about.data, split, clips, tuple(made), events, spans, about.note)
