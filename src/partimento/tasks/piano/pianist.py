"""Pianist: which of the eight artists of Pianist8 plays (Chou et al. 2021)."""

from __future__ import annotations

from pathlib import Path

from partimento.corpus.datasets.solo_piano import ALSO_TESTED, pianist8
from partimento.tasks.piano.folds import grouped_folds, published_fold, shared_groups
from partimento.tasks.piano.sets import folder, table
from partimento.tasks.task import Example, Task

PIANISTS = ("Bethel", "Clayderman", "Einaudi", "Hancock", "Hillsong", "Hisaishi", "Ryuichi", "Yiruma")


def pianist(root: Path) -> list[Task]:
    """411 transcribed pieces, split as MIDI-BERT does and in five folds by song; a group is a song.

    Raises:
        FileNotFoundError: if `pianist8` or `midibert` is not below `root`.
    """
    folder(root, "midibert")  # solo_piano's table reads PianoBART's split there
    side = {line["file"]: line["split_midibert"] for line in table(root, "pianist8", "labels_splits.csv")}
    # a song that another file plays too has the name of that one
    other = {song: Path(path).stem for (name, song), path in ALSO_TESTED.items() if name == "pianist8"}
    examples = tuple(
        Example(root / row.path, Path(row.path).parent.name, other.get(row.song, row.song)) for row in pianist8(root)
    )
    groups = [example.group for example in examples]
    fold = published_fold([side[f"{example.label}/{example.path.name}"] for example in examples])
    leaks = f"{shared_groups(fold, groups)} of {len(fold.test)} test pieces share their song with a training piece"
    paper = {"Aria": "91.6 (90/10 or a published list)"}
    by_song = grouped_folds([example.label for example in examples], groups)
    heard = "pretraining on the open sets heard most of the pieces, without their labels"
    return [
        Task("pianist", "Pianist8", "MIDI-BERT", "classes", PIANISTS, examples, (fold,), leaks, paper),
        Task("pianist", "Pianist8", "5 folds by song", "classes", PIANISTS, examples, by_song, heard, paper),
    ]
