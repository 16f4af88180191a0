"""Splits by group: all pieces of a song, a work or a composer fall on one side."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence

import numpy as np


def split_by_group(keys: Sequence[str], fractions: Mapping[str, float], seed: int = 0) -> dict[str, np.ndarray]:
    """Positions of the pieces on each side, sorted: {"train": (n,) int64, ...}.

    Every piece of a group goes where the hash of the group's key and the seed says. So a split is the same on every
    machine, and a piece stays on its side when others join the corpus; the sizes are close to the fractions, not equal.

    >>> {side: list(where) for side, where in split_by_group(["a", "a", "b"], {"train": 0.8, "test": 0.2}).items()}
    {'train': [np.int64(0), np.int64(1), np.int64(2)], 'test': []}

    Args:
        keys: (N,) the group of each piece.
        fractions: the share of the groups on each side; they add up to 1.
        seed: another seed, another split.

    Raises:
        ValueError: if the fractions are not shares that add up to 1.
    """
    if not fractions or min(fractions.values()) < 0 or not math.isclose(sum(fractions.values()), 1.0, abs_tol=1e-9):
        raise ValueError(f"fractions are {dict(fractions)}; they must be at least 0 and add up to 1")
    place = {key: _place(key, seed) for key in set(keys)}
    edges = np.cumsum(list(fractions.values()))
    side = np.searchsorted(edges, [place[key] for key in keys], side="right")
    side = np.minimum(side, len(edges) - 1)  # the sum may stand a rounding below 1
    return {name: np.flatnonzero(side == index) for index, name in enumerate(fractions)}


def _place(key: str, seed: int) -> float:
    """A number in [0, 1) that a key always has under a seed."""
    digest = hashlib.sha256(f"{seed}\0{key}".encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
