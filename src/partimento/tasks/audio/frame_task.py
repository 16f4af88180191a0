"""What a task over time is: clips with moments (beats, onsets) and stretches (chords) to find in their frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from partimento.corpus.frame_labels import at
from partimento.tasks.task import Fold


@dataclass(frozen=True, eq=False)
class Spans:
    """Labelled stretches, apart and in order.

    Args:
        start_s, end_s: (C,) seconds.
        label: (C,) int64 class, UNKNOWN where it does not count.
    """

    start_s: np.ndarray
    end_s: np.ndarray
    label: np.ndarray

    def at(self, times_s: np.ndarray) -> np.ndarray:
        """(T,) int64 class at each time, UNKNOWN outside all spans."""
        return at(self.start_s, self.end_s, self.label, times_s)


@dataclass(frozen=True, eq=False)
class FrameClip:
    """A recording with timed labels.

    Args:
        path: sound file.
        group: the song; never on two sides.
        events: seconds (n,) of each kind of moment, ascending.
        spans: of each kind of stretch.
    """

    path: Path
    group: str
    events: Mapping[str, np.ndarray] = field(default_factory=dict)
    spans: Mapping[str, Spans] = field(default_factory=dict)


@dataclass(frozen=True)
class EventTarget:
    """Moments that are to be found.

    Args:
        name: as the table names it.
        key: of the clips' events.
        picker: "peaks" takes the activation's peaks above a threshold; "track" follows a steady beat through it; "bars"
            takes one of three or four of the beats that the target "track" found.
        measure: "beat" F within 70 ms, "onset" F within 50 ms.
    """

    name: str
    key: str
    picker: Literal["peaks", "track", "bars"]
    measure: Literal["beat", "onset"]


@dataclass(frozen=True)
class SpanTarget:
    """A class that is to be told of every frame.

    Args:
        name: as the table names it.
        key: of the clips' spans.
        classes: how many.
        chords: whether they are chords of 25 classes; root and mode are measured too, the root by the spans "roots".
    """

    name: str
    key: str
    classes: int
    chords: bool = False


@dataclass(frozen=True, eq=False)
class FrameTask:
    """Clips, sides and what is to be found in them.

    Args:
        data, split, note: as a table names them.
        clips: the recordings.
        folds: indices of clips. An empty validation side leaves thresholds to halves of the training side.
        events: found by one head together.
        spans: each by a head of its own.
    """

    data: str
    split: str
    clips: tuple[FrameClip, ...]
    folds: tuple[Fold, ...]
    events: tuple[EventTarget, ...] = ()
    spans: tuple[SpanTarget, ...] = ()
    note: str = ""
