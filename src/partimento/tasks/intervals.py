"""95 % intervals that hold both what the seeds vary and which songs happen to be in the test.

A hierarchical bootstrap: each of 1,000 draws takes seeds with replacement and, independently, gives every song (group
of test pieces) a weight from the exponential distribution. That is the Bayesian bootstrap (Rubin 1981): as to draw
songs with replacement, but no draw loses a class. A song's weights depend on its name and its set alone, so that it
weighs the same in every task that hears it and for every representation: the mean over tasks and the difference of two
representations have intervals of their own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

DRAWS = 1000


def song_weights(data: str, groups: Sequence[str], draws: int = DRAWS, seed: int = 0) -> np.ndarray:
    """(draws, N) float64: how much each piece counts in each draw; pieces of one group count alike.

    Args:
        data: the set that the groups are of.
        groups: one a piece.
    """
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    columns = [_generator(f"{seed} {data} {name}").exponential(size=draws) for name in names]
    return np.stack(columns, axis=1)[:, index]


def seed_weights(seeds: int, draws: int = DRAWS, seed: int = 0) -> np.ndarray:
    """(draws, seeds) float64: the share of each seed in each draw; rows sum to 1."""
    return _generator(f"{seed} seeds").multinomial(seeds, np.full(seeds, 1 / seeds), size=draws) / seeds


def over_seeds(values: np.ndarray) -> np.ndarray:
    """(draws,) the mean over drawn seeds of values (seeds, draws)."""
    return (seed_weights(*values.shape).T * values).sum(0)


def interval(draws: np.ndarray) -> tuple[float, float]:
    """2.5 % and 97.5 % points."""
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)


def _generator(name: str) -> np.random.Generator:
    return np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little"))
