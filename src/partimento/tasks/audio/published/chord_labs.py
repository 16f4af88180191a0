"""Chords over time, 25 classes: lists of MARBLE's Chords1217, and folders of .lab files.

    chords1217/Chords1217.train.jsonl, .val.jsonl, .test.jsonl
        {"audio_path": "data/Chords1217/audio/NAME.mp3",
         "label": [{"start_time": 0.0, "end_time": 1.3, "chord_str": "E:maj"}, ...], ...}
    chords1217/audio/NAME.mp3
or
    chord-labs/lab/ANYTHING/NAME.lab    "0.0 1.3 E:maj" a line, as Isophonics, Billboard and RWC labels are
    chord-labs/audio/ANYTHING/NAME.mp3

Checked: the lists in MARBLE's code, the form of .lab files in the descriptions of RWC's and USPop's. Chords are read in
Harte's notation by mir_eval; as in its `majmin`, a chord that is neither major nor minor does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from partimento.corpus.datasets.rendered import NO_CHORD, NO_ROOT, UNKNOWN
from partimento.tasks.audio.frame_task import FrameClip, FrameTask, Spans, SpanTarget
from partimento.tasks.audio.published.figures import paper
from partimento.tasks.audio.published.listed import SIDES, About, Clip, frame_task, json_lines, need
from partimento.tasks.audio.published.song_folds import in_folds

FOLDER, LABS = "chords1217", "chord-labs"
FOLDS = 5
GET = (
    "MARBLE's chord lists and audio are the gated data set Chords1217 of m-a-p on Hugging Face; fetch it into "
    f"{FOLDER}/"
)
GET_LABS = (
    f"put the .lab files of Isophonics, Billboard, RWC or USPop into {LABS}/lab/ and the recordings, which are not "
    f"given out, into {LABS}/audio/ under the same names"
)
TARGET = (SpanTarget("chords", "chords", NO_CHORD + 1, chords=True),)


def chords1217(root: Path) -> FrameTask:
    """MARBLE's chords, on its sides."""
    entries: dict[Path, Sequence[dict[str, Any]]] = {}
    clips = []
    for side in SIDES:
        path = root / FOLDER / f"Chords1217.{'val' if side == 'valid' else side}.jsonl"
        for entry in json_lines(path, f"the clips of the {side} side", GET):
            if "audio_path" not in entry or "label" not in entry:
                raise ValueError(f"{path}: an entry has no audio_path or label; {GET}")
            sound = root / FOLDER / "audio" / Path(entry["audio_path"]).name
            entries[sound.with_suffix("")] = entry["label"]
            clips.append(Clip(sound, side, sound.stem))

    def read(clip: Clip) -> FrameClip:
        table = entries[clip.path.with_suffix("")]
        start_s, end_s = (np.array([each[key] for each in table], dtype=float) for key in ("start_time", "end_time"))
        return FrameClip(clip.path, clip.group, spans=spans_of(start_s, end_s, [each["chord_str"] for each in table]))

    figures = paper("chords1217", "accuracy")
    theirs = ", ".join(f"{system} {value}" for system, value in figures.items())
    note = f"published on an unnamed set, MusicFM's table: {theirs}"
    return frame_task(About("chords", "Chords1217", "MARBLE", GET, note), clips, read, spans=TARGET)


def chord_labs(root: Path) -> FrameTask:
    """Chords of any folder of .lab files, on five folds by song."""
    labs = need(root / LABS / "lab", "the labels", GET_LABS)
    paths = {path.relative_to(labs).with_suffix(""): path for path in sorted(labs.rglob("*.lab"))}
    if not paths:
        raise FileNotFoundError(f"{labs} holds no .lab files: the labels; {GET_LABS}")
    sounds = {name: root / LABS / "audio" / name.parent / f"{name.name}.mp3" for name in paths}

    def read(name: Path, sound: Path) -> FrameClip:
        return FrameClip(sound, name.as_posix(), spans=read_lab(paths[name]))

    about = About("chords", "chord labels", f"{FOLDS} folds by song", GET_LABS)
    return in_folds(about, sounds, read, FOLDS, spans=TARGET)


def read_lab(path: Path) -> dict[str, Spans]:
    """Chords and roots of a .lab file.

    Raises:
        ValueError: naming the line, if one is not a start, an end and a chord.
    """
    start, end, names = [], [], []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        parts = line.split()
        if not parts:
            continue
        try:
            begin_s, end_s = float(parts[0]), float(parts[1])
            names.append(parts[2])
        except (ValueError, IndexError):
            raise ValueError(f"{path}, line {number}: {line!r} is not a start, an end and a chord") from None
        start.append(begin_s)
        end.append(end_s)
    return spans_of(np.array(start), np.array(end), names)


def spans_of(start_s: np.ndarray, end_s: np.ndarray, names: Sequence[str]) -> dict[str, Spans]:
    """Spans "chords" (25 classes) and "roots" of chords in Harte's notation.

    Raises:
        ValueError: if a name is no chord.
    """
    order = np.argsort(start_s, kind="stable")
    pairs = {name: chord_class(name) for name in set(names)}
    kinds = np.array([pairs[names[i]] for i in order], dtype=np.int64).reshape(-1, 2)
    return {key: Spans(start_s[order], end_s[order], kinds[:, i]) for i, key in enumerate(("chords", "roots"))}


def chord_class(name: str) -> tuple[int, int]:
    """Class and root of a chord: 0-11 major, 12-23 minor, NO_CHORD; UNKNOWN where it is neither or not told.

    >>> chord_class("Bb:min7/b3"), chord_class("G:sus4"), chord_class("N"), chord_class("X")
    ((22, 10), (-1, 7), (24, 12), (-1, -1))

    Raises:
        ValueError: if it is none.
    """
    import mir_eval.chord as chords

    if name == chords.NO_CHORD:
        return NO_CHORD, NO_ROOT
    if name == chords.X_CHORD:
        return UNKNOWN, UNKNOWN
    try:
        root, semitones, _ = chords.encode(name)
    except chords.InvalidChordException as error:
        raise ValueError(f"{name!r} is no chord in Harte's notation ({error})") from None
    for first, quality in ((0, "maj"), (12, "min")):
        if np.array_equal(semitones[:8], chords.quality_to_bitmap(quality)[:8]):  # root, third and fifth
            return first + int(root), int(root)
    return UNKNOWN, int(root)
