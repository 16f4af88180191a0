"""Intervals: they cover as often as they say, and songs weigh the same wherever they are."""

from __future__ import annotations

import numpy as np
import pytest

from partimento.tasks.intervals import interval, over_seeds, seed_weights, song_weights


def test_pieces_of_a_song_weigh_the_same_in_every_task() -> None:
    groups = ["a", "b", "a", "c"]
    weights = song_weights("pop", groups, draws=200)
    assert weights.shape == (200, 4)
    assert (weights > 0).all()
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (song_weights("pop", ["c", "d"], draws=200)[:, 0] == weights[:, 3]).all()
    assert not np.allclose(song_weights("jazz", ["c"], draws=200)[:, 0], weights[:, 3])
    assert abs(np.corrcoef(weights[:, 0], weights[:, 1])[0, 1]) < 0.25


def test_seeds_are_drawn_with_replacement() -> None:
    shares = seed_weights(5, draws=500)
    assert shares.sum(1) == pytest.approx(1.0)
    assert set(np.unique(np.rint(5 * shares))) >= {0.0, 1.0, 2.0, 3.0}
    assert over_seeds(np.ones((5, 500))) == pytest.approx(1.0)
    assert (seed_weights(1, draws=3) == 1).all()


def test_an_interval_covers_the_truth_about_nineteen_times_in_twenty() -> None:
    """Right answers with probability 0.7, one more or less a song: is 0.7 inside?"""
    generator = np.random.default_rng(0)
    groups = [f"song {i // 3}" for i in range(180)]
    weights = song_weights("toys", groups, draws=400)
    inside = 0
    for _ in range(200):
        share = np.repeat(generator.beta(7, 3, 60), 3)
        right = generator.random(180) < share
        low, high = interval(weights @ right / weights.sum(1))
        inside += low <= 0.7 <= high
    assert 0.90 <= inside / 200 <= 0.99


def test_more_variation_between_seeds_makes_it_wider() -> None:
    songs = np.random.default_rng(0).normal(0, 0.01, 1000)
    alike, unlike = (np.stack([songs + shift * seed for seed in range(5)]) for shift in (0.0, 0.05))
    low, high = interval(over_seeds(alike))
    wide_low, wide_high = interval(over_seeds(unlike))
    assert wide_high - wide_low > 2 * (high - low)
