"""MTG-Jamendo (Bogdanov et al. 2019): tags of whole tracks, on split 0.

    mtg-jamendo-dataset/data/splits/split-0/autotagging_top50tags-train.tsv, -validation.tsv, -test.tsv
    mtg-jamendo-dataset/audio/14/214.mp3           or 14/214.low.mp3, the smaller files

Checked in the repository: names of the lists, columns (TRACK_ID, ARTIST_ID, ALBUM_ID, PATH, DURATION, TAGS, with one
column more for each further tag). MULE's Jam-50, Jam-MT and Jam-All are the top 50, mood and theme (56) and all 183
tags; MARBLE's MTG tasks are genre (87), instrument (40), mood and theme, and top 50.
"""

from __future__ import annotations

from pathlib import Path

from partimento.tasks.audio.published.figures import paper
from partimento.tasks.audio.published.listed import SIDES, About, Clip, lines, tags_task
from partimento.tasks.task import Task

FOLDER = "mtg-jamendo-dataset"
GET = (
    "clone MTG/mtg-jamendo-dataset, and let its scripts/download/download.py fetch raw_30s audio (or audio-low) "
    f"unpacked into {FOLDER}/audio/"
)
HEAD = ("TRACK_ID", "ARTIST_ID", "ALBUM_ID", "PATH", "DURATION", "TAGS")


def jamendo_top50(root: Path) -> Task:
    """The 50 tags that most tracks have."""
    return _task(root, "jam-50", "top 50 tags", "autotagging_top50tags")


def jamendo_mood(root: Path) -> Task:
    """Mood and theme."""
    return _task(root, "jam-mt", "mood and theme tags", "autotagging_moodtheme")


def jamendo_all(root: Path) -> Task:
    """All tags: genre, instrument, mood and theme."""
    return _task(root, "jam-all", "all tags", "autotagging")


def jamendo_genre(root: Path) -> Task:
    """Genre."""
    return _task(root, "jam-genre", "genre tags", "autotagging_genre")


def jamendo_instrument(root: Path) -> Task:
    """Instrument."""
    return _task(root, "jam-instrument", "instrument tags", "autotagging_instrument")


def _task(root: Path, name: str, title: str, stem: str) -> Task:
    splits = root / FOLDER / "data" / "splits" / "split-0"
    clips = []
    for side in SIDES:
        path = splits / f"{stem}-{'validation' if side == 'valid' else side}.tsv"
        head, *table = lines(path, f"the tracks of the {side} side", GET)
        if tuple(head.split("\t")) != HEAD:
            raise ValueError(f"{path} begins with {head!r}, not {' '.join(HEAD)} between tabs; {GET}")
        for line in table:
            _, artist, _, place, _, *tags = line.split("\t")
            clips.append(Clip(_track(root / FOLDER / "audio" / place), side, artist, tags=tuple(tags)))
    names = sorted({tag for clip in clips for tag in clip.tags})
    figures = paper(name, "average_precision")
    return tags_task(About(title, "MTG-Jamendo", "split 0", GET, "whole tracks", figures), clips, names)


def _track(path: Path) -> Path:
    """The smaller file of a track where only that is there."""
    low = path.with_suffix(".low.mp3")
    return low if not path.is_file() and low.is_file() else path
