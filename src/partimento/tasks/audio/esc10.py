"""ESC-10: which of ten everyday sounds a clip of five seconds has (Piczak 2015), on its five published folds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from partimento.tasks.piano.sets import folder
from partimento.tasks.task import Example, Fold, Task

FOLDS = 5


def esc10(root: Path) -> list[Task]:
    """One task. Of the four folds that are not tested on, the one after the tested fold is the validation side.

    Clips cut from one recording are a group; the published folds keep them together.

    Raises:
        FileNotFoundError: if `esc10` is not below `root`, or has no clips.
    """
    place = folder(root, "esc10")
    paths = sorted(place.glob("*/*.opus"))
    if not paths:
        raise FileNotFoundError(f"{place} has no clips; unpack the data set esc10 into {root} again")
    number, source = zip(*(path.stem.split("-")[:2] for path in paths), strict=True)
    examples = tuple(
        Example(path, path.parent.name.split(" - ", 1)[-1], each) for path, each in zip(paths, source, strict=True)
    )
    side = np.array(number, dtype=np.int64)
    folds = []
    for tested in range(1, FOLDS + 1):
        valid = tested % FOLDS + 1
        train = np.flatnonzero((side != tested) & (side != valid))
        folds.append(Fold(f"fold {tested}", train, np.flatnonzero(side == valid), np.flatnonzero(side == tested)))
    classes = tuple(sorted({example.label for example in examples}))
    note = "no recording on two sides; clips are Opus at 24 kHz, the original is Vorbis at 44.1 kHz"
    paper = {"humans": "95.7", "MFCC, random forest (Piczak 2015)": "72.7"}
    split = "published, 5 folds"
    return [Task("sound class", "ESC-10", split, "classes", classes, examples, tuple(folds), note, paper)]
