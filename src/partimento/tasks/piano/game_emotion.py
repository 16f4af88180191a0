"""Emotion of game music: the signs of valence and arousal of a VGMIDI piece (Ferreira and Whitehead 2019)."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from partimento.tasks.piano.folds import grouped_folds
from partimento.tasks.piano.sets import folder, table
from partimento.tasks.task import Example, Task

CLASSES = {("1", "1"): "happy", ("-1", "1"): "tense", ("-1", "-1"): "sad", ("1", "-1"): "calm"}

# Games that the table files under the series "Other" though they are of one.
SERIES = ("Warcraft", "Age of Empires")


def game_emotion(root: Path) -> list[Task]:
    """197 piano arrangements in five folds by game series; a game without a series is a group of its own.

    A label is of a phrase and the files are whole pieces: the three pieces with phrases of several labels are left out.

    Raises:
        FileNotFoundError: if `vgmidi` is not below `root`.
    """
    labels: dict[Path, set[str]] = defaultdict(set)
    group: dict[Path, str] = {}
    for line in table(root, "vgmidi", "vgmidi_labelled.csv"):
        # labelled/phrases/NAME_0.mid stands for labelled/midi/NAME.mid
        name = Path(line["midi"]).stem.rpartition("_")[0]
        path = folder(root, "vgmidi") / "labelled" / "midi" / f"{name}.mid"
        labels[path].add(CLASSES[line["valence"], line["arousal"]])
        group[path] = _series(line["series"], line["game"])
    examples = tuple(Example(path, min(label), group[path]) for path, label in labels.items() if len(label) == 1)
    folds = grouped_folds([example.label for example in examples], [example.group for example in examples])
    return [
        Task(
            "game emotion",
            "VGMIDI",
            "5 folds by game series",
            "classes",
            tuple(CLASSES.values()),
            examples,
            folds,
            "one game is a fifth of the set; half of the files have flat velocity",
            {"Aria": "63.6 (split by segment file)"},
        )
    ]


def _series(series: str, game: str) -> str:
    if series != "Other":
        return series
    return next((name for name in SERIES if name in game), game)
