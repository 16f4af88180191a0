"""Same piece, other performer: the performances of a held-out piece of ASAP shall find each other."""

from __future__ import annotations

from pathlib import Path

from partimento.tasks.piano.classical import pieces
from partimento.tasks.task import Example, Task


def same_piece(root: Path) -> list[Task]:
    """Every performance of the pieces that ACPAS tests on; the label is the piece, with or without its repeats.

    A piece with one performance is never a query: it stands among what is searched.

    Raises:
        FileNotFoundError: if `asap`, `piano_midi_de` or `acpas_meta` is not below `root`.
    """
    held_out = [piece for piece in pieces(root) if piece.side == "test" and piece.performances]
    examples = tuple(Example(path, piece.name, piece.work) for piece in held_out for path in piece.performances)
    queries = sum(len(piece.performances) for piece in held_out if len(piece.performances) > 1)
    note = f"{queries} queries among {len(examples)} performances of {len(held_out)} pieces"
    labels = tuple(piece.name for piece in held_out)
    return [Task("same piece", "ASAP", "ACPAS test pieces", "retrieval", labels, examples, note=note)]
