"""Made-up pieces that differ in register, pace, loudness and articulation, and a corpus of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from partimento.corpus.store import Corpus, Piece, write_corpus
from partimento.notes import Notes, from_ms


def toy_piece(number: int, notes: int = 60, program: int = 0) -> Notes:
    """A piece whose parts are alike and unlike those of other numbers, but hardly ever share a token."""
    random = np.random.default_rng(number)
    register, pace_ms, length_ms = random.integers(40, 89), random.uniform(50, 400), random.uniform(50, 2000)
    onset = np.cumsum(pace_ms * random.uniform(0.8, 1.2, notes))
    duration = length_ms * random.uniform(0.8, 1.2, notes)
    pitch, velocity = register + random.integers(-4, 5, notes), 10 * random.integers(1, 13, notes)
    return from_ms(np.rint(onset), np.rint(duration), pitch, velocity, program)


def toy_corpus(folder: Path, count: int, labels: Callable[[int], dict[str, str]] = lambda _: {}) -> Corpus:
    """Pieces 0 to `count` - 1."""
    pieces = [toy_piece(number) for number in range(count)]
    return write_corpus(
        folder,
        [Piece(f"{i:04d}.mid", f"{i:064x}", notes.seconds, labels(i), notes) for i, notes in enumerate(pieces)],
    )
