"""HookTheory: key and function of segments of pop songs, on MARBLE's lists.

    hooktheory/HookTheoryKey.train.jsonl, .val.jsonl, .test.jsonl
        {"audio_path": "data/HookTheory/hooktheory_clips/ID.mp3", "ori_uid": "SONG", "label": "D major", ...}
    hooktheory/HookTheoryStructure.train.jsonl, ...
        {"audio_path": ..., "ori_uid": "SONG", "label": ["chorus"], ...}
    hooktheory/hooktheory_clips/ID.mp3

Checked in MARBLE's code: fields, labels, which are put together. Segments in a mode that is neither major nor minor are
left out of the keys, as there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from partimento.tasks.audio.published.giantsteps import KEYS
from partimento.tasks.audio.published.listed import SIDES, About, Clip, classes_task, json_lines
from partimento.tasks.task import Task

FOLDER = "hooktheory"
GET = (
    "the lists and clips are the gated data set HookTheory of m-a-p on Hugging Face, part of MARBLE; fetch it into "
    f"{FOLDER}/ and run its extract.sh"
)
FUNCTIONS = ("intro", "verse", "pre-chorus", "chorus", "bridge", "outro", "inst")
_TOGETHER = {
    **{name: name for name in FUNCTIONS[:-1]},
    **{"instrumental": "inst", "solo": "inst", "pre-chorus_chorus": "chorus", "verse_pre-chorus": "verse"},
    **{"intro_verse": "verse", "intro_chorus": "chorus"},
}


def hooktheory_key(root: Path) -> Task:
    """Which of 24 keys a segment is in."""
    about = About("key", "HookTheory", "MARBLE", GET, "segments in major or minor")
    return classes_task(about, list(_clips(root, "HookTheoryKey", _key)), KEYS)


def hooktheory_structure(root: Path) -> Task:
    """Which of seven functions a segment has."""
    about = About("structure", "HookTheory", "MARBLE", GET)
    return classes_task(about, list(_clips(root, "HookTheoryStructure", _function)), FUNCTIONS)


def _key(label: Any) -> str | None:
    return label if label in KEYS else None


def _function(label: Any) -> str | None:
    name = "_".join(label) if isinstance(label, list) else str(label)
    if name not in _TOGETHER:
        raise ValueError(f"{name!r} is none of {', '.join(_TOGETHER)}")
    return _TOGETHER[name]


def _clips(root: Path, stem: str, label_of: Callable[[Any], str | None]) -> Iterator[Clip]:
    for side in SIDES:
        path = root / FOLDER / f"{stem}.{'val' if side == 'valid' else side}.jsonl"
        for entry in json_lines(path, f"the segments of the {side} side", GET):
            if not {"audio_path", "ori_uid", "label"} <= entry.keys():
                raise ValueError(f"{path}: an entry has no audio_path, ori_uid or label; {GET}")
            try:
                label = label_of(entry["label"])
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from None
            if label:
                sound = root / FOLDER / "hooktheory_clips" / Path(entry["audio_path"]).name
                yield Clip(sound, side, entry["ori_uid"], label=label)
