"""The arrays of MIDI-BERT (Chou et al. 2021) as sequences of OctupleMIDI words."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from partimento.tasks.piano.sets import folder
from partimento.tasks.task import Fold
from partimento.tokens.compound import COMPOUND, as_octuple
from partimento.tokens.fields import PAD

SIDES = ("train", "valid", "test")
PAD_BAR = int(COMPOUND.special(PAD)[0])  # of a word that fills a chunk up


@dataclass(frozen=True, eq=False)
class Chunks:
    """Chunks of at most 512 notes without what fills them up; those of all sides, train first.

    Args:
        words: (T, 4) int16 compound words as published, one a chunk.
        columns: of each array asked for, one value a chunk: (T,) where the array has one a note, else ().
        pieces: the song or file of each chunk.
        fold: the published sides.
    """

    words: tuple[np.ndarray, ...]
    columns: dict[str, tuple[np.ndarray, ...]]
    pieces: tuple[str, ...]
    fold: Fold


def read_chunks(root: Path, name: str, columns: tuple[str, ...]) -> Chunks:
    """The arrays NAME_SIDE.npy with NAME_SIDE_COLUMN.npy, such as ("pop909", ("melans", "velans")).

    Raises:
        FileNotFoundError: if `midibert` is not below `root`.
    """
    at = folder(root, "midibert") / "cp"
    words: list[np.ndarray] = []
    values: dict[str, list[np.ndarray]] = {column: [] for column in columns}
    pieces: list[str] = []
    ends = [0]
    for side in SIDES:
        chunks = np.load(at / f"{name}_{side}.npy")
        notes = chunks[:, :, 0] != PAD_BAR
        words += [chunk[is_note] for chunk, is_note in zip(chunks, notes, strict=True)]
        for column in columns:
            array = np.load(at / f"{name}_{side}_{column}.npy").astype(np.int64)
            values[column] += [
                value[is_note] if value.ndim else np.asarray(value) for value, is_note in zip(array, notes, strict=True)
            ]
        pieces += np.load(at / f"{name}_{side}_song.npy").tolist()
        ends.append(len(words))
    sides = [np.arange(start, end) for start, end in pairwise(ends)]
    each = {column: tuple(value) for column, value in values.items()}
    return Chunks(tuple(words), each, tuple(pieces), Fold("published", *sides))


def octuples(words: np.ndarray) -> np.ndarray:
    """(T, 8) int32 OctupleMIDI words of compound words; velocity, time signature and tempo are MASK ids."""
    return as_octuple(words)
