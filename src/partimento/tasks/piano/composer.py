"""Composer: which of eight composers wrote a piece of ASAP or piano-midi.de."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from partimento.tasks.piano.classical import DATA, Piece, examples, pieces, untouched_by_test
from partimento.tasks.piano.folds import carved, published_fold, shared_groups
from partimento.tasks.task import Fold, Task

# Those of whom ACPAS tests on three pieces at least, and leaves two other works at least to learn from.
COMPOSERS = ("Bach", "Beethoven", "Chopin", "Debussy", "Liszt", "Mozart", "Schubert", "Schumann")


def composer(root: Path) -> list[Task]:
    """The published split by piece, and the same test side with no other piece of its works to learn from.

    At most three performances of a piece are taken, on every side, so that the 29 performances of one etude neither
    rule the training nor the test; with them stands the sequenced file, where there is one. A group is a work.

    Raises:
        FileNotFoundError: if `asap`, `piano_midi_de` or `acpas_meta` is not below `root`.
    """
    paper = {"Aria": "90.5 (ten composers, split by segment file)"}
    return by_piece("composer", root, lambda piece: piece.composer, COMPOSERS, paper)


def by_piece(
    name: str, root: Path, label: Callable[[Piece], str], classes: tuple[str, ...], paper: dict[str, str]
) -> list[Task]:
    """The two tasks of a label that pieces have; a piece whose label is not among the classes gives no example.

    Raises:
        FileNotFoundError: if `asap`, `piano_midi_de` or `acpas_meta` is not below `root`.
    """
    labelled = [(piece, label(piece)) for piece in pieces(root) if label(piece) in classes]
    return [_published(name, labelled, classes, paper), _by_work(name, labelled, classes, paper)]


def _published(name: str, labelled: list[tuple[Piece, str]], classes: tuple[str, ...], paper: dict[str, str]) -> Task:
    found = [(example, piece.side) for piece, label in labelled for example in examples(piece, label)]
    chosen = tuple(example for example, _ in found)
    fold = published_fold([side for _, side in found], valid="validation")
    shared = shared_groups(fold, [example.group for example in chosen])
    note = f"{shared} of {len(fold.test)} test files belong to a work of which other pieces are on the training side"
    return Task(name, DATA, "ACPAS by piece", "classes", classes, chosen, (fold,), note, paper)


def _by_work(name: str, labelled: list[tuple[Piece, str]], classes: tuple[str, ...], paper: dict[str, str]) -> Task:
    free = untouched_by_test([piece for piece, _ in labelled])
    found = [
        (example, piece.side == "test")
        for (piece, label), is_free in zip(labelled, free, strict=True)
        if is_free or piece.side == "test"
        for example in examples(piece, label)
    ]
    chosen = tuple(example for example, _ in found)
    is_test = np.array([tested for _, tested in found])
    sides = carved(np.flatnonzero(~is_test), [e.label for e in chosen], [e.group for e in chosen])
    fold = Fold("by work", *sides, np.flatnonzero(is_test))
    return Task(name, DATA, "ACPAS by work", "classes", classes, chosen, (fold,), "no work on two sides", paper)
