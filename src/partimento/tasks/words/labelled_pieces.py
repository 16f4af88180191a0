"""Pieces whose notes carry several labels, and the tasks that are cut from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from partimento.tasks.task import Fold
from partimento.tasks.words.task import WORDS, Tier, WordsTask, cut, folds_of, from_first_bar
from partimento.tokens.octuple import OCTUPLE

PITCH_CLASSES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
ROOTS = (*PITCH_CLASSES, "none")
NO_CHORD = 12
KEYS = tuple(f"{tonic} {mode}" for mode in ("major", "minor") for tonic in PITCH_CLASSES)
CLASSES = {
    "chord root": ROOTS,
    "local key": KEYS,
    "beat": ("off the beat", "beat"),
    "downbeat": ("not a downbeat", "downbeat"),
}


@dataclass(frozen=True, eq=False)
class Piece:
    """One piece whose notes are labelled.

    Args:
        name: of the file.
        song: the group that is never torn apart.
        words: (T, 8) OctupleMIDI words of all its notes; its bars may be more than the field has.
        labels: (T,) int64 by the name of the task, NO_LABEL where there is none.
    """

    name: str
    song: str
    words: np.ndarray
    labels: Mapping[str, np.ndarray]


def tasks_of(
    pieces: Sequence[Piece],
    names: Sequence[str],
    folds: Sequence[Fold],
    about: tuple[str, str, str],
    tier: Tier,
    note: str,
    paper: Mapping[str, Mapping[str, str]],
    longest: int = WORDS,
) -> list[WordsTask]:
    """One task a label, on the same sequences.

    Args:
        pieces: those that a fold uses, and no others.
        names: of the labels, out of `CLASSES`.
        folds: indices of pieces.
        about: data, split and form, as a table names them.
        tier: of the data.
        note: what a reader must know.
        paper: published figures of each label.
        longest: words of a sequence.
    """
    parts = [(piece, part) for piece in pieces for part in cut(piece.words, longest)]
    words = tuple(from_first_bar(piece.words[part]) for piece, part in parts)
    songs, files = (tuple(getattr(piece, column) for piece, _ in parts) for column in ("song", "name"))
    sides = folds_of(files, folds, [piece.name for piece in pieces])
    data, split, form = about
    return [
        WordsTask(
            *(name, data, split, form, "note", CLASSES[name], OCTUPLE, words),
            tuple(piece.labels[name][part].astype(np.int64) for piece, part in parts),
            *(songs, files, sides, tier, note, paper.get(name, {})),
        )
        for name in names
    ]


def pitch_class(name: str) -> int:
    """0-11 of a note's name with its accidentals.

    >>> pitch_class("Bb"), pitch_class("F##"), pitch_class("a")
    (10, 7, 9)

    Raises:
        ValueError: if it does not begin with a letter from A to G, or goes on with another sign than # and b.
    """
    letters = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
    if name[:1].upper() not in letters or set(name[1:]) - {"#", "b"}:
        raise ValueError(f"{name!r} is no name of a note, such as C, F# or Bb")
    return (letters[name[0].upper()] + name[1:].count("#") - name[1:].count("b")) % 12
