"""Tasks on a rendered folder: the key of a clip, and over time beats, downbeats, onsets and chords.

The sides are those of the folder, by song. Scores on rendered sound are called that, and say nothing of recordings.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from partimento.corpus.datasets.rendered import KEYS, NO_CHORD, RenderedClip, read_rendered
from partimento.tasks.audio.frame_task import EventTarget, FrameClip, FrameTask, Spans, SpanTarget
from partimento.tasks.task import Example, Fold, Task

NOTE = "rendered sound, not comparable to recordings"
SIDES = ("train", "valid", "test")


def rendered(folder: str | Path) -> tuple[list[Task], list[FrameTask]]:
    """The tasks that the labels of a rendered folder allow, of whole clips and over time.

    Raises:
        FileNotFoundError: if it is no rendered folder.
        ValueError: if it has no clips to learn from, to validate on or to test.
    """
    clips, data = read_rendered(folder), f"{Path(folder).name}, rendered"
    missing = set(SIDES) - {clip.side for clip in clips}
    if missing:
        raise ValueError(f"{folder} has no {' and no '.join(sorted(missing))} side; render a set that has songs on all")
    keyed = [clip for clip in clips if clip.key >= 0]
    whole = [rendered_keys(keyed, data)] if {clip.side for clip in keyed} == set(SIDES) else []
    timed = [clip for clip in clips if len(clip.labels.beat_s)]
    chords = all(len(clip.labels.chord_start_s) for clip in timed)
    return whole, [rendered_frames(timed, data, chords)] if {clip.side for clip in timed} == set(SIDES) else []


def rendered_keys(clips: Sequence[RenderedClip], data: str) -> Task:
    """The key of the longest part of a clip, of 24.

    Args:
        clips: with a key each.
    """
    examples = tuple(Example(clip.path, KEYS[clip.key], clip.song) for clip in clips)
    return Task("key", data, "by song", "keys", KEYS, examples, (_fold(clips),), NOTE)


def rendered_frames(clips: Sequence[RenderedClip], data: str, chords: bool = True) -> FrameTask:
    """Beats, downbeats, onsets and, where they are labelled, chords of clips."""
    targets = (
        EventTarget("beats", "beats", "track", "beat"),
        EventTarget("downbeats", "downbeats", "bars", "beat"),
        EventTarget("onsets", "onsets", "peaks", "onset"),
    )
    spans = (SpanTarget("chords", "chords", NO_CHORD + 1, chords=True),) if chords else ()
    return FrameTask(data, "by song", tuple(map(_timed, clips)), (_fold(clips),), targets, spans, NOTE)


def _fold(clips: Sequence[RenderedClip]) -> Fold:
    sides = np.array([clip.side for clip in clips])
    return Fold("sides", *(np.flatnonzero(sides == side) for side in SIDES))


def _timed(clip: RenderedClip) -> FrameClip:
    labels = clip.labels
    events = {"beats": labels.beat_s, "downbeats": labels.downbeat_s, "onsets": labels.onset_s}
    kinds = {"chords": labels.chord_class, "roots": labels.chord_root}
    spans = {name: Spans(labels.chord_start_s, labels.chord_end_s, kind) for name, kind in kinds.items()}
    return FrameClip(clip.path, clip.song, events, spans)
