"""Made-up tasks of labelled words."""

from __future__ import annotations

import numpy as np

from partimento.tasks.task import Fold
from partimento.tasks.words.task import WordsTask
from partimento.tokens.fields import MASK
from partimento.tokens.octuple import OCTUPLE


def word_rows(onset: list[int], pitch: list[int], duration: list[int] | None = None) -> np.ndarray:
    """(T, 8) words of notes that begin at grid units of 4/4 bars; what is not said is MASK."""
    words = np.tile(OCTUPLE.special(MASK), (len(onset), 1)).astype(np.int32)
    words[:, 0], words[:, 1] = np.divmod(np.array(onset), 64)
    words[:, 2], words[:, 3] = 0, pitch
    words[:, 4] = 4 if duration is None else duration
    return words


def toy_task(
    labels: list[list[int]],
    songs: list[str],
    name: str = "melody",
    classes: tuple[str, ...] = ("vocal", "bridge", "accompaniment"),
    words: list[np.ndarray] | None = None,
    test: list[int] | None = None,
) -> WordsTask:
    """A note task whose sequences are all tested on, or those named; the others train."""
    if words is None:
        words = [word_rows(list(range(0, 4 * len(each), 4)), [60] * len(each)) for each in labels]
    tested = list(range(len(labels))) if test is None else test
    train = np.setdiff1d(np.arange(len(labels)), tested)
    fold = Fold("toy", train, train[:0], np.array(tested))
    columns = tuple(np.array(each, dtype=np.int64) for each in labels)
    named = tuple(songs)
    return WordsTask(
        *(name, "toy", "", "", "note", classes, OCTUPLE, tuple(words), columns, named, named, (fold,), "open")
    )
