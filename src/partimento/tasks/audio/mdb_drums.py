"""MDB Drums: beats, downbeats and drum onsets of thirteen real songs, one left out at a time (Southall et al. 2017)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from partimento.tasks.audio.frame_task import EventTarget, FrameClip, FrameTask
from partimento.tasks.piano.sets import folder
from partimento.tasks.task import Fold

DRUMS = {"KD": "kick", "SD": "snare", "HH": "hi-hat"}


def mdb_drums(root: Path) -> FrameTask:
    """The thirteen songs whose mix is at hand. Onsets of all drums together, and of kick, snare and hi-hat apart.

    Raises:
        FileNotFoundError: if `mdb_drums` is not below `root`, or has no songs.
    """
    place = folder(root, "mdb_drums")
    paths = sorted((place / "audio").glob("*.flac"))
    if not paths:
        raise FileNotFoundError(f"{place / 'audio'} has no songs; unpack the data set mdb_drums into {root} again")
    clips = tuple(_clip(place / "annotations", path) for path in paths)
    songs = np.arange(len(clips))
    nothing = np.zeros(0, dtype=np.int64)
    folds = tuple(Fold(clip.group, np.delete(songs, i), nothing, songs[i : i + 1]) for i, clip in enumerate(clips))
    targets = (
        EventTarget("beats", "beats", "track", "beat"),
        EventTarget("downbeats", "downbeats", "bars", "beat"),
        EventTarget("drum onsets", "onsets", "peaks", "onset"),
        *(EventTarget(f"{name} onsets", name, "peaks", "onset") for name in DRUMS.values()),
    )
    note = f"{len(clips)} songs of 13 to 42 s, mixes"
    return FrameTask("MDB Drums", "one song left out", clips, folds, targets, note=note)


def _clip(annotations: Path, path: Path) -> FrameClip:
    beats = np.loadtxt(annotations / "beats" / f"{path.stem}_MIX.beats", ndmin=2)
    struck = (annotations / "class" / f"{path.stem}_class.txt").read_text(encoding="utf-8").split()
    onset_s, drum = np.array(struck[0::2], dtype=np.float64), np.array(struck[1::2])
    events = {
        "beats": beats[:, 0],
        "downbeats": beats[beats[:, 1] == 1, 0],
        "onsets": np.unique(onset_s),
        **{name: np.unique(onset_s[drum == code]) for code, name in DRUMS.items()},
    }
    return FrameClip(path, path.stem, events)
