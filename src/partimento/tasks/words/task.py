"""What a task of labelled words is: sequences of notes as words, a label for each note or one for the sequence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from partimento.tasks.task import Fold
from partimento.tokens.fields import Fields
from partimento.tokens.octuple import BAR, OCTUPLE

NO_LABEL = -1
WORDS = 512  # of a sequence, as MIDI-BERT cuts pieces
TIERS = ("open", "non-commercial", "research-only")

Unit = Literal["note", "sequence"]
Tier = Literal["open", "non-commercial", "research-only"]


@dataclass(frozen=True, eq=False)
class WordsTask:
    """A question about notes, or about sequences of notes.

    Args:
        name: what is asked, such as "melody".
        data: the set, as a table names it.
        split: how the sides were made, such as "MIDI-BERT" or "5 folds by song".
        form: how the notes were made words, where a task exists in several forms, such as "published order".
        unit: whether the label is of a note or of a sequence.
        classes: the labels in order.
        fields: of the words.
        words: (T, F) int32, one a sequence; a field that is not known holds its MASK id. Bars are counted from the
            first of the sequence.
        labels: of notes (T,) int64 with NO_LABEL where there is none, of sequences () int64.
        songs: one a sequence, the group that is never torn apart and that an interval draws.
        pieces: one a sequence, the file that it was cut from; its sequences vote together.
        folds: indices of sequences.
        tier: what may be done with a model trained on it.
        note: what a reader must know; empty if nothing.
        paper: published figures by name of the system, with what differs.

    Raises:
        ValueError: if the columns differ in length or shape, a label is no class, or the tier is none.
    """

    name: str
    data: str
    split: str
    form: str
    unit: Unit
    classes: tuple[str, ...]
    fields: Fields
    words: tuple[np.ndarray, ...]
    labels: tuple[np.ndarray, ...]
    songs: tuple[str, ...]
    pieces: tuple[str, ...]
    folds: tuple[Fold, ...]
    tier: Tier
    note: str = ""
    paper: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        counts = {len(column) for column in (self.words, self.labels, self.songs, self.pieces)}
        if len(counts) != 1:
            raise ValueError(f"{self}: there must be as many labels, songs and pieces as sequences, not {counts}")
        if self.tier not in TIERS:
            raise ValueError(f"{self}: the tier is {self.tier!r}; it must be one of {', '.join(TIERS)}")
        lowest = NO_LABEL if self.unit == "note" else 0
        for number, (words, labels) in enumerate(zip(self.words, self.labels, strict=True)):
            if words.shape != (len(words), len(self.fields)) or not len(words):
                raise ValueError(f"{self}: sequence {number} is {words.shape}; it must be (T > 0, {len(self.fields)})")
            if labels.shape != (words.shape[:1] if self.unit == "note" else ()):
                raise ValueError(f"{self}: sequence {number} has {len(words)} words and labels {labels.shape}")
            if labels.min() < lowest or labels.max() >= len(self.classes):
                raise ValueError(f"{self}: sequence {number} has a label that is none of {len(self.classes)} classes")

    def __str__(self) -> str:
        return f"{self.name} ({', '.join(part for part in (self.data, self.split, self.form) if part)})"


def cut(words: np.ndarray, longest: int = WORDS) -> Iterator[slice]:
    """Where a piece is cut so that no sequence has more words than the longest may."""
    return (slice(start, min(start + longest, len(words))) for start in range(0, len(words), longest))


def from_first_bar(words: np.ndarray) -> np.ndarray:
    """The OctupleMIDI words of a sequence with its bars counted from its first; later ones than the last id are that.

    >>> from_first_bar(np.array([[300, 0, 0, 60, 4, 8, 0, 0], [302, 0, 0, 60, 4, 8, 0, 0]]))[:, 0].tolist()
    [0, 2]
    """
    words = words.astype(np.int32)
    words[:, BAR] = np.minimum(words[:, BAR] - words[:, BAR].min(), OCTUPLE.sizes[BAR] - 1)
    return words


def folds_of(pieces: Sequence[str], folds: Sequence[Fold], names: Sequence[str]) -> tuple[Fold, ...]:
    """Folds of sequences from folds of the pieces that they were cut from.

    Args:
        pieces: one a sequence.
        folds: indices into `names`.
        names: of the pieces.
    """
    piece = np.asarray(pieces)
    name = np.asarray(names)
    return tuple(
        Fold(fold.name, *(np.flatnonzero(np.isin(piece, name[side])) for side in (fold.train, fold.valid, fold.test)))
        for fold in folds
    )


def write_folds(task: WordsTask, path: str | Path) -> None:
    """The pieces on each side of each fold as JSON: {"task": ..., "folds": [{"name": ..., "train": [...], ...}]}."""
    sides = [
        {"name": fold.name}
        | {
            side: sorted({task.pieces[i] for i in where})
            for side, where in (("train", fold.train), ("valid", fold.valid), ("test", fold.test))
        }
        for fold in task.folds
    ]
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps({"task": str(task), "folds": sides}, indent=1) + "\n", encoding="utf-8")
