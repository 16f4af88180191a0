"""Slices of a piece as sequences of their own, each from <S> to <E>: what an embedding is made of."""

from __future__ import annotations

import numpy as np

from partimento.notes import Notes
from partimento.tokens.performance import PerformanceTokenizer

WINDOW_NOTES = 300  # of a slice when a whole piece is embedded (Bradshaw et al. 2025)


def slice_ids(tokenizer: PerformanceTokenizer, notes: Notes, start: int, stop: int, most: int) -> np.ndarray:
    """(T,) int64 ids of the notes [start, stop) of a piece, its own time beginning with the first of them.

    Args:
        most: tokens at most; what is over is cut off before <E>.
    """
    ids = tokenizer.encode(notes.select(np.arange(start, min(stop, len(notes)))))
    if len(ids) > most:
        ids = np.append(ids[: most - 1], tokenizer.vocabulary.end)
    return ids


def windows(tokenizer: PerformanceTokenizer, notes: Notes, most: int) -> list[tuple[np.ndarray, int]]:
    """The ids of each 300 notes of a piece in turn, and how many notes they are; the last may be fewer."""
    starts = range(0, len(notes), WINDOW_NOTES)
    return [
        (slice_ids(tokenizer, notes, start, start + WINDOW_NOTES, most), min(WINDOW_NOTES, len(notes) - start))
        for start in starts
    ]
