"""NSynth (Engel et al. 2017): pitch and instrument family of single notes of four seconds.

    nsynth/nsynth-train/examples.json, nsynth/nsynth-train/audio/NOTE.wav    289,205 notes
    nsynth/nsynth-valid/...                                                  12,678
    nsynth/nsynth-test/...                                                   4,096

Checked: keys of the JSON, folders and counts, in the dataset's cards and in programs that read the release. The
instruments of the training side are on neither of the other two.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from partimento.tasks.audio.published.figures import paper
from partimento.tasks.audio.published.listed import SIDES, About, Clip, classes_task, need
from partimento.tasks.task import Task

FOLDER = "nsynth"
FAMILIES = (
    *("bass", "brass", "flute", "guitar", "keyboard", "mallet", "organ", "reed", "string", "synth_lead", "vocal"),
)
GET = (
    "NSynth is given out by Magenta as nsynth-train, -valid and -test in the form json/wav; unpack all three into "
    f"{FOLDER}/"
)


def nsynth_pitch(root: Path) -> Task:
    """Which MIDI pitch."""
    notes = _notes(root, "pitch")
    pitches = sorted({clip.label for clip in notes}, key=int)
    note = (
        "the published figures hear four windows of 1 s each, whose vectors are averaged; here the model's own windows"
    )
    about = About("pitch", "NSynth", "published", GET, note, paper("nsynth-pitch", "accuracy"))
    return classes_task(about, notes, pitches)


def nsynth_instrument(root: Path) -> Task:
    """Which of eleven families; no synth_lead is on the validation and test sides."""
    note = "the published figures hear one window of 4 s; here the model's own windows"
    about = About("instrument family", "NSynth", "published", GET, note, paper("nsynth-instrument", "accuracy"))
    return classes_task(about, _notes(root, "instrument_family_str"), FAMILIES)


def _notes(root: Path, key: str) -> list[Clip]:
    clips = []
    for side in SIDES:
        place = root / FOLDER / f"nsynth-{side}"
        path = need(place / "examples.json", f"the labels of the {side} side", GET)
        notes: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        for name, about in notes.items():
            if key not in about or "instrument_str" not in about:
                raise ValueError(f"{path}: {name} has no {key} or instrument_str; {GET}")
            clips.append(Clip(place / "audio" / f"{name}.wav", side, about["instrument_str"], label=str(about[key])))
    return clips
