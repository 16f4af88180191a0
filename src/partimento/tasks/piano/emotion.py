"""Emotion: the quadrant of valence and arousal of an EMOPIA clip (Hung et al. 2021)."""

from __future__ import annotations

from pathlib import Path

from partimento.tasks.piano.folds import published_fold, shared_groups
from partimento.tasks.piano.sets import table
from partimento.tasks.task import Example, Task

QUADRANTS = ("Q1", "Q2", "Q3", "Q4")  # happy, tense, sad, calm: signs of (valence, arousal) ++, -+, --, +-


def emotion(root: Path) -> list[Task]:
    """1,078 clips of 387 pop songs, split as MIDI-BERT does (by clip) and as EMOPIA_cls does (by song).

    Raises:
        FileNotFoundError: if `emopia` is not below `root`.
    """
    lines = table(root, "emopia", "labels_splits.csv")
    tasks = []
    for split, column, valid in (("MIDI-BERT", "split_midibert", "valid"), ("EMOPIA_cls", "split_emopia_cls", "val")):
        used = [line for line in lines if line[column]]  # EMOPIA_cls leaves 27 clips out
        examples = tuple(
            Example(root / "emopia" / "midis" / line["file"], line["quadrant"], line["song_id"]) for line in used
        )
        fold = published_fold([line[column] for line in used], valid=valid)
        leaking = shared_groups(fold, [example.group for example in examples])
        note = f"leaks: {leaking} of {len(fold.test)} test clips share their song with a training clip"
        if not leaking:
            note = f"no song on two sides; {len(lines) - len(used)} clips unused"
        tasks.append(Task("emotion", "EMOPIA", split, "classes", QUADRANTS, examples, (fold,), note))
    return tasks
