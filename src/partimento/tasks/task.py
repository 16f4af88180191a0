"""What a task is: labelled pieces, the groups that must not be torn apart, and published or seeded folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

Kind = Literal["classes", "grades", "retrieval", "duplicates"]


@dataclass(frozen=True)
class Example:
    """One labelled piece.

    Args:
        path: MIDI file.
        label: the class or grade; for retrieval the piece that a performance is of.
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
            "retrieval" (no learning: examples of one label shall find each other) or "duplicates" (pairs).
        classes: the labels, in order where they have one.
        examples: the pieces.
        folds: one, or several whose test sides are taken together or averaged; empty where nothing is learned.
        note: what a reader must know, such as that the split leaks; empty if nothing.
        paper: the published figure by name of its system, with what differs.
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
