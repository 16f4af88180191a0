"""AMM, the AllMusic mood subset of the Million Song Dataset (Korzeniowski et al. 2020): moods of albums.

    listening-moods/data/metadata.csv, moods.txt, train_idx.npy, val_idx.npy, test_idx.npy
    listening-moods/data/mood_target.npy        (tracks, moods) of 0 and 1
    msd/audio/...                               `million_song`

Checked in the repository fdlm/listening-moods: files, order of the rows, arrays of row numbers. Not checked: the
columns of metadata.csv; those of track and artist ids are told by what is in them. The moods themselves are AllMusic's
and are not given out: the user makes mood_target.npy.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np

from partimento.tasks.audio.published.figures import paper
from partimento.tasks.audio.published.listed import About, Clip, Side, lines, need, tags_task
from partimento.tasks.audio.published.million_song import GET, previews
from partimento.tasks.task import Task

FOLDER = "listening-moods"
LISTS = "clone fdlm/listening-moods (its arrays by git lfs)"
TARGETS = (
    "AllMusic's moods are not given out; collect them, and write (tracks, moods) 0 and 1 in the order of metadata.csv "
    "and moods.txt, as the repository's README says"
)
_FILES: dict[Side, str] = {"train": "train_idx.npy", "valid": "val_idx.npy", "test": "test_idx.npy"}


def listening_moods(root: Path) -> Task:
    """Which of AllMusic's moods the album of a track has."""
    data = root / FOLDER / "data"
    moods = lines(data / "moods.txt", "the names of the moods", LISTS)
    tracks = _tracks(need(data / "metadata.csv", "the tracks", LISTS))
    targets = np.load(need(data / "mood_target.npy", "the moods of the tracks", TARGETS), allow_pickle=False)
    if targets.shape != (len(tracks), len(moods)):
        raise ValueError(
            f"{data / 'mood_target.npy'} is {targets.shape}; metadata.csv has {len(tracks)} tracks and moods.txt "
            f"{len(moods)} moods"
        )
    preview = previews(root)
    clips = []
    for side, file in _FILES.items():
        for row in np.load(need(data / file, f"the rows of the {side} side", LISTS), allow_pickle=False).tolist():
            track, artist = tracks[row]
            had = tuple(moods[i] for i in np.flatnonzero(targets[row]))
            clips.append(Clip(preview(track), side, artist, tags=had))
    about = About("moods", "AllMusic moods", "published", GET, "moods of albums", paper("amm", "average_precision"))
    return tags_task(about, clips, moods)


def _tracks(path: Path) -> list[tuple[str, str]]:
    """Track and artist id of each row: what in it looks like one; a row of names at the head has neither."""
    with path.open(encoding="utf-8", newline="") as opened:
        table = [row for row in csv.reader(opened) if row]
    found = [tuple(_first(row, kind) for kind in ("TR", "AR")) for row in table]
    if found and not found[0][0]:
        found = found[1:]
    if not found or not all(track for track, _ in found):
        raise ValueError(f"{path} has no id of a track (TR and 16 letters or digits) in each row; {LISTS}")
    return [(track, artist or track) for track, artist in found]


def _first(row: list[str], kind: str) -> str:
    return next((cell.strip() for cell in row if re.fullmatch(f"{kind}[A-Z0-9]{{16}}", cell.strip())), "")
