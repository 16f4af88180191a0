"""The drum columns of many pieces in one .npz file: each column of all pieces end to end, and where each piece ends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from partimento.tokens.drum_columns import DrumColumns

COLUMNS = tuple(DrumColumns.__annotations__)


def write(path: Path, about: str, facts: str, pieces: Sequence[DrumColumns]) -> None:
    """Write the file, whole or not at all.

    Args:
        about: what the file was made of, compared before it is used.
        facts: what is known of the pieces, in any form.
        pieces: at least one.
    """
    arrays = {"about": np.array(about), "facts": np.array(facts)}
    for name in COLUMNS:
        parts = [getattr(piece, name) for piece in pieces]
        arrays[name] = np.concatenate(parts)
        arrays[f"{name}_end"] = np.cumsum([len(part) for part in parts])
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    part.replace(path)


def about(path: Path) -> str:
    """What a file was made of; "" if it is no such file."""
    with np.load(path) as kept:
        return str(kept["about"]) if "about" in kept else ""


def read(path: Path) -> tuple[str, list[DrumColumns]]:
    """The facts of a file and the columns of each piece, views of the whole."""
    with np.load(path) as kept:
        facts = str(kept["facts"])
        whole = {name: kept[name] for name in COLUMNS}
        ends = [kept[f"{name}_end"].tolist() for name in COLUMNS]
    pieces = []
    start = [0] * len(COLUMNS)
    for stop in zip(*ends, strict=True):
        cuts = zip(COLUMNS, start, stop, strict=True)
        pieces.append(DrumColumns(**{name: whole[name][first:last] for name, first, last in cuts}))
        start = list(stop)
    return facts, pieces
