"""What a task is: labelled pieces, the groups that must not be torn apart, and published or seeded folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

Kind = Literal["classes", "grades", "keys", "tags", "values", "retrieval", "duplicates"]


@dataclass(frozen=True)
class Example:
    """One labelled piece.

    Args:
        path: MIDI or audio file.
        label: the class or grade; for retrieval the piece that a performance is of; "" where the task has targets.
        group: the song or work; examples of one group are never on two sides of a fold that calls itself disjoint.
        semitones, stretch: how the piece is changed after it is read: transposed by so many semitones, all its times
            multiplied by `stretch`.
    """

    path: Path
    label: str
    group: str
    semitones: int = 0
    stretch: float = 1.0


@dataclass(frozen=True, eq=False)
class Fold:
    """Indices (int64) of the examples of each side; models and heads are chosen on `valid`, never on `test`."""

    name: str
    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray


@dataclass(frozen=True, eq=False)
class Task:
    """A question put to a representation.

    Args:
        name: what is asked, such as "pianist".
        data: the set or sets, as a table names them.
        split: how the sides were made, as a table names it, such as "MIDI-BERT" or "5 folds by song".
        kind: "classes" (accuracy and macro F1), "grades" (classes in an order: Kendall's tau, accuracy within one),
            "keys" (12 major, 12 minor from C: the weighted score, in mir_eval's way and in MIREX's, and accuracy),
            "tags" (any number of labels each: macro average precision and ROC-AUC), "values" (numbers: r²),
            "retrieval" (no learning: examples of one label shall find each other) or "duplicates" (pairs).
        classes: the labels, in order where they have one; of tags and values their names.
        examples: the pieces.
        folds: one, or several whose test sides are taken together or averaged; empty where nothing is learned.
        note: what a reader must know, such as that the split leaks; empty if nothing.
        paper: the published figure by name of its system, with what differs.
        draws: whether the folds are draws of one split: each seed then takes one of them, in turn, with all its
            training side; else each seed takes all folds and does without a tenth of the training groups.
        targets: of tags (N, K) float32, 0 or 1; of values (N, K) float32 numbers; else None.
    """

    name: str
    data: str
    split: str
    kind: Kind
    classes: tuple[str, ...]
    examples: tuple[Example, ...]
    folds: tuple[Fold, ...] = ()
    note: str = ""
    paper: Mapping[str, str] = field(default_factory=dict)
    draws: bool = False
    targets: np.ndarray | None = None

    def __post_init__(self) -> None:
        if (self.kind in ("tags", "values")) != (self.targets is not None):
            raise ValueError(f"{self.name}, {self.split}: tags and values have targets, a task of {self.kind} has none")
