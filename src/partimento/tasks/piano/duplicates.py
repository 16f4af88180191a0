"""Duplicates: two versions of a held-out piece, by another hand, in another key or at another speed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from partimento.tasks.piano.classical import DATA, Piece, pieces, some_performances
from partimento.tasks.piano.folds import SEED
from partimento.tasks.task import Example, Task

SEMITONES = (-5, -4, -3, -2, -1, 1, 2, 3, 4, 5)
STRETCH = (0.8, 0.85, 0.9, 1.1, 1.15, 1.2, 1.25)
WHOLE = ("Schubert Wanderer_fantasie",)  # one performance in ASAP, a file a movement in piano-midi.de: no pair


def duplicates(root: Path) -> list[Task]:
    """Two tasks on the pieces that ACPAS tests on; two files of one label are a pair to be found.

    The first has one performance of ASAP and the file of piano-midi.de of every piece, so that a pair is always one
    of each. The second has one file a piece (piano-midi.de's where there is one), a copy of it in another key (1 to 5
    semitones up or down) and one at another speed (0.8 to 1.25 times as long), drawn with a fixed seed.

    Raises:
        FileNotFoundError: if `asap`, `piano_midi_de` or `acpas_meta` is not below `root`.
    """
    held_out = [piece for piece in pieces(root) if piece.side == "test"]
    labels = tuple(piece.name for piece in held_out)
    versions = tuple(
        Example(path, piece.name, piece.work) for piece in held_out for path in (*_performance(piece), *piece.sequences)
    )
    both = sum(bool(_performance(piece) and piece.sequences) for piece in held_out)
    random = np.random.default_rng(SEED)
    copies = []
    for piece in held_out:
        path = (*piece.sequences, *_performance(piece))[0]
        copies += [
            Example(path, piece.name, piece.work),
            Example(path, piece.name, piece.work, semitones=int(random.choice(SEMITONES))),
            Example(path, piece.name, piece.work, stretch=float(random.choice(STRETCH))),
        ]
    return [
        Task(
            *("duplicates", DATA, "one of each, ACPAS test pieces", "duplicates", labels, versions),
            note=f"{both} pairs among {len(versions)} files",
        ),
        Task(
            *("duplicates", DATA, "transposed and stretched copies", "duplicates", labels, tuple(copies)),
            note=f"{3 * len(held_out)} pairs among {len(copies)} files",
        ),
    ]


def _performance(piece: Piece) -> tuple[Path, ...]:
    return () if piece.name in WHOLE else some_performances(piece, most=1)
