"""VocalSet (Wilkins et al. 2018): twenty singers and ten techniques.

    vocalset/FULL/female1/scales/vibrato/f1_scales_vibrato_a.wav
    vocalset/train_singers_technique.txt, test_singers_technique.txt     "female1" a line

Checked in MARBLE's and others' programs that read the release: folders, names of the lists and their form, the ten
techniques. The release tells the test singers of the technique alone. MARBLE's other sides are drawn by its script,
over pieces of 3 s; here a recording stays whole and falls to a side by the SHA-1 of its name in the set.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from partimento.tasks.audio.published.figures import paper
from partimento.tasks.audio.published.listed import About, Clip, Side, classes_task, lines, need, share
from partimento.tasks.task import Task

FOLDER = "vocalset"
TECHNIQUES = (
    *("belt", "breathy", "inhaled", "lip_trill", "spoken", "straight", "trill", "trillo", "vibrato", "vocal_fry"),
)
SINGERS = (*(f"f{i}" for i in range(1, 10)), *(f"m{i}" for i in range(1, 12)))
PARTS = 10
GET = (
    f"VocalSet is Zenodo's record 1193957 (its version 1442513); unpack it into {FOLDER}/, so that {FOLDER}/FULL and "
    "the lists of singers are there"
)
NOTE = "whole recordings; MARBLE cuts pieces of 3 s and draws its own validation side"


def vocalset_singer(root: Path) -> Task:
    """Who sings: all recordings, two tenths to test, three to validate."""
    clips = []
    for path, singer, _ in _recordings(root):
        part = share(path.relative_to(root / FOLDER / "FULL").as_posix(), PARTS)
        side: Side = "test" if part < 2 else "valid" if part < 5 else "train"
        clips.append(Clip(path, side, path.stem, label=singer))
    note = f"{NOTE}; the same exercises are on all sides"
    about = About("singer", "VocalSet", "by recording", GET, note, paper("vocalset-singer", "accuracy"))
    return classes_task(about, clips, SINGERS)


def vocalset_technique(root: Path) -> Task:
    """How it is sung: on the singers that the release keeps for the test."""
    tested = {
        _singer(name)
        for name in lines(root / FOLDER / "test_singers_technique.txt", "the singers of the test side", GET)
    }
    learned = {
        _singer(name)
        for name in lines(root / FOLDER / "train_singers_technique.txt", "the singers of the training side", GET)
    }
    clips = []
    for path, singer, technique in _recordings(root):
        if technique not in TECHNIQUES or singer not in tested | learned:
            continue
        part = share(path.relative_to(root / FOLDER / "FULL").as_posix(), PARTS)
        side: Side = "test" if singer in tested else "valid" if part < 2 else "train"
        clips.append(Clip(path, side, singer, label=technique))
    about = About("technique", "VocalSet", "by singer, published", GET, NOTE, paper("vocalset-technique", "accuracy"))
    return classes_task(about, clips, TECHNIQUES)


def _singer(name: str) -> str:
    """female1 is f1.

    Raises:
        ValueError: if it is no name of a singer.
    """
    found = re.fullmatch(r"(f|m)(?:emale|ale)?(\d+)", name.strip().lower())
    if not found:
        raise ValueError(f"{name!r} is no singer of VocalSet, such as female1; {GET}")
    return "".join(found.groups())


def _recordings(root: Path) -> Iterator[tuple[Path, str, str]]:
    """Each recording with its singer and technique: the names of its folders, since some file names lack them."""
    full = need(root / FOLDER / "FULL", "the recordings", GET)
    paths = sorted(full.glob("*/*/*/*.wav"))
    if not paths:
        raise FileNotFoundError(f"{full} holds no SINGER/EXERCISE/TECHNIQUE/NAME.wav: the recordings; {GET}")
    for path in paths:
        yield path, _singer(path.parts[-4]), path.parent.name
