"""The novelty of bars and the rule that names the improvised ones."""

from __future__ import annotations

import numpy as np
import pytest

from partimento.analysis.novelty import (
    bar_distance,
    improvised_bars,
    novelty,
    ordinary_bars,
    peaks,
    self_distance,
    sounding,
    window_novelty,
    window_weights,
)


def song(bars: int, density: float = 0.05, seed: int = 0) -> np.ndarray:
    hits = np.random.default_rng(seed).random((bars, 32, 16)) < density
    hits[:, 0, 0] = True
    return hits


def slow_novelty(hits: np.ndarray) -> np.ndarray:
    """Word for word: the sum over the 11-bar window of d(i, j) k(j)."""
    kernel = np.hanning(11) / np.hanning(11).sum()
    values = np.full(len(hits), np.nan)
    for i in range(5, len(hits) - 5):
        values[i] = 0
        for j in range(i - 5, i + 6):
            first, second = hits[i].astype(int), hits[j].astype(int)
            total = first.sum() + second.sum()
            distance = np.abs(first - second).sum() / total if total else 0.0
            values[i] += distance * kernel[j - i + 5]
    return values


def test_the_window_is_that_of_the_paper() -> None:
    weights = window_weights()
    assert weights.sum() == pytest.approx(1)
    assert weights[[0, 1, 5]].round(3).tolist() == [0.0, 0.019, 0.2]


def test_distance() -> None:
    bars = np.zeros((4, 32, 16), dtype=bool)
    bars[0, :4, 0] = bars[1, :2, 0] = bars[2, 8, 3] = True
    assert bar_distance(bars[0], bars[1]) == pytest.approx(2 / 6)
    assert bar_distance(bars[0], bars[2]) == 1
    assert bar_distance(bars[0], bars[0]) == 0
    assert bar_distance(bars[3], bars[3]) == 0  # two silent bars are alike
    assert bar_distance(bars[3], bars[2]) == 1
    assert self_distance(bars) == pytest.approx(bar_distance(bars[:, None], bars[None]))


def test_novelty_equals_its_definition() -> None:
    hits = song(30)
    hits[12] = False
    np.testing.assert_allclose(novelty(hits), slow_novelty(hits), atol=1e-12)


def test_silence_before_and_after_the_drums_is_passed_over() -> None:
    hits = song(20)
    around = np.concatenate([np.zeros((3, 32, 16), bool), hits, np.zeros((2, 32, 16), bool)])
    assert sounding(around) == slice(3, 23)
    np.testing.assert_array_equal(novelty(around)[3:23], novelty(hits))
    assert np.isnan(novelty(around)[[0, 7, 18, 24]]).all()
    assert not np.isnan(novelty(around)[[8, 17]]).any()
    assert window_novelty(around)[8] != novelty(around)[9]
    assert np.isnan(novelty(song(10))).all()
    assert np.isnan(novelty(np.zeros((40, 32, 16)))).all()


def test_a_bar_unlike_all_others_is_as_new_as_can_be() -> None:
    hits = np.zeros((21, 32, 16), dtype=bool)
    hits[:, ::8, 0] = True
    hits[10] = np.roll(hits[9], 1, axis=0)
    values = novelty(hits)
    assert values[10] == pytest.approx(0.8)
    assert values[9] == pytest.approx(window_weights()[6])
    assert np.flatnonzero(improvised_bars(hits)).tolist() == [10]


def test_the_peak_rule() -> None:
    values = np.array([np.nan, 0.2, 0.1, 0.2, 0.1, 0.35, 0.3, 0.1, 0.5, 0.2, 0.9, np.nan])
    # 3 is above both by 0.1; 5 by 0.25 and 0.05; 8 by 0.4 and 0.3; 10 has a neighbour without a value
    assert np.flatnonzero(peaks(values, 9)).tolist() == [3, 8]
    assert np.flatnonzero(peaks(values, 1)).tolist() == [8]
    assert not peaks(values, 0).any()


def test_at_most_a_tenth_of_the_bars() -> None:
    hits = np.zeros((40, 32, 16), dtype=bool)
    hits[:, ::8, 0] = True
    for number, bar in enumerate(range(6, 34, 4)):
        hits[bar] = np.roll(hits[0], 1 + number, axis=0)
    assert peaks(novelty(hits), 40).sum() == 7
    assert improvised_bars(hits).sum() == 4
    assert improvised_bars(hits, most=0.05).sum() == 2


def test_as_many_ordinary_bars_are_drawn() -> None:
    hits = np.repeat(song(1, density=0.3, seed=3), 60, axis=0)
    hits[20] = hits[40] = ~hits[20]
    values, improvised = novelty(hits), improvised_bars(hits)
    assert np.flatnonzero(improvised).tolist() == [20, 40]
    ordinary = ordinary_bars(values, improvised, np.random.default_rng(0))
    assert ordinary.sum() == improvised.sum()
    assert not (ordinary & improvised).any()
    assert not np.isnan(values[ordinary]).any()
    assert (ordinary == ordinary_bars(values, improvised, np.random.default_rng(0))).all()
