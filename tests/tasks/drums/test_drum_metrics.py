"""Onset F1 with known answers, and its matching beside mir_eval's."""

from __future__ import annotations

import numpy as np
import pytest
from mir_eval.util import match_events

from partimento.tasks.drums.drum_metrics import (
    bar_counts,
    class_f1,
    f1,
    on_sixteenths,
    onset_counts,
    precision_recall_f1,
    sixteenth_counts,
    with_interval,
)


def bars(*cells: tuple[int, int, int], count: int = 2) -> np.ndarray:
    hits = np.zeros((count, 32, 16), dtype=bool)
    for cell in cells:
        hits[cell] = True
    return hits


def test_exact_counts() -> None:
    predicted = bars((0, 0, 0), (0, 8, 1), (1, 4, 2))
    true = bars((0, 0, 0), (0, 9, 1), (1, 4, 2), (1, 5, 2))
    counts = onset_counts(predicted, true)
    assert counts[:3].tolist() == [[1, 1, 1], [0, 1, 1], [1, 1, 2]]
    assert counts[3:].sum() == 0
    assert precision_recall_f1(counts.sum(0)).tolist() == pytest.approx([2 / 3, 2 / 4, 4 / 7])
    assert (bar_counts(predicted, true).sum(0) == counts).all()
    assert class_f1(counts) == {"kick": 1.0, "snare": 0.0, "closed hi-hat": pytest.approx(2 / 3)}


def test_within_a_step_each_hit_matches_once() -> None:
    true = bars((0, 8, 1), (1, 0, 0), (0, 20, 2))
    predicted = bars((0, 9, 1), (0, 7, 1), (0, 31, 0), (0, 22, 2))
    counts = onset_counts(predicted, true, tolerance=1)
    assert counts[1].tolist() == [1, 2, 1]  # two beside one
    assert counts[0].tolist() == [1, 1, 1]  # over the bar line
    assert counts[2].tolist() == [0, 1, 1]  # two steps off
    run = bars(*((0, step, 3) for step in (4, 5, 6)))
    later = bars(*((0, step, 3) for step in (5, 6, 7)))
    assert onset_counts(run, later, tolerance=1)[3].tolist() == [3, 3, 3]


def test_the_most_matches_are_found_as_mir_eval_finds_them() -> None:
    random = np.random.default_rng(0)
    for density in (0.05, 0.3, 0.7):
        predicted, true = random.random((2, 6, 32, 16)) < density
        counts = onset_counts(predicted, true, tolerance=1)
        flat, wanted = predicted.reshape(-1, 16), true.reshape(-1, 16)
        for drum in range(16):
            times = np.flatnonzero(wanted[:, drum]), np.flatnonzero(flat[:, drum])
            assert counts[drum, 0] == len(match_events(*(each.astype(float) for each in times), 1.0))


def test_nothing_at_all_is_right() -> None:
    assert f1(np.array([[0, 0, 0], [0, 0, 3], [0, 2, 0]])).tolist() == [1, 0, 0]


def test_sixteenths_and_a_sixteenth_beside() -> None:
    hits = bars((0, 1, 0), (0, 0, 0), (1, 31, 5))
    short = on_sixteenths(hits)
    assert [tuple(place) for place in np.argwhere(short)] == [(0, 0, 0), (1, 15, 5)]
    near = sixteenth_counts(bars((0, 3, 0), (1, 27, 5)), hits)
    assert near[0].tolist() == [1, 1, 1]
    assert near[5].tolist() == [0, 1, 1]


def test_the_interval_is_over_songs() -> None:
    counts = np.array([[8, 10, 10]] * 20 + [[2, 10, 10]] * 20)
    songs = [f"song {number}" for number in range(40)]
    found = with_interval(counts, songs, "f1")
    assert found["f1"] == pytest.approx(0.5)
    assert 0.38 < found["f1_low"] < 0.46
    assert 0.54 < found["f1_high"] < 0.62
    same = with_interval(np.array([[8, 10, 10]] * 5), songs[:5], "f1")
    assert (same["f1_low"], same["f1_high"]) == pytest.approx((0.8, 0.8))
    one_song = with_interval(counts, ["all of one song"] * 40, "f1")
    assert one_song["f1_high"] - one_song["f1_low"] < 1e-9  # it cannot be drawn without itself


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 32, 16\) and true bars \(3, 32, 16\) differ"):
        onset_counts(bars(), bars(count=3))
    with pytest.raises(ValueError, match="a tolerance of 2 steps"):
        onset_counts(bars(), bars(), tolerance=2)
