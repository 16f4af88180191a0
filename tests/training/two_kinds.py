"""A corpus of two kinds of music that begin alike: after two notes in the middle one goes low, the other high."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from partimento.corpus.store import Corpus, Piece, write_corpus
from partimento.notes import Notes, from_ms

LOW, HIGH = (36, 40, 43), (84, 88, 91)
OPENING, NOTES, STEP_MS = 2, 62, 200


def piece_of(kind: tuple[int, ...], seed: int) -> Notes:
    """62 notes, five a second, the first two of pitch 60."""
    generator = np.random.default_rng(seed)
    pitch = generator.choice(kind, NOTES)
    pitch[:OPENING] = 60
    columns = np.arange(NOTES) * STEP_MS, np.full(NOTES, 150), pitch, np.full(NOTES, 80)
    return from_ms(*columns)


def two_kinds(folder: Path, pieces: int = 12) -> Corpus:
    """Low and high pieces in turn; two of each kind are held out."""
    rows = []
    for number in range(pieces):
        side = "valid" if number >= pieces - 4 else "train"
        kind = (LOW, HIGH)[number % 2]
        rows.append(Piece(f"{number:02d}.mid", f"{number:064x}", 12.4, {"split": side}, piece_of(kind, number)))
    return write_corpus(folder, rows)
