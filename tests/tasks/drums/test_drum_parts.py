"""Whole parts: groove consistency beside MusPy's, copies, limbs, distributions, the score card."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from partimento.analysis.novelty import sounding
from partimento.midi import read_midi
from partimento.tasks.drums.distributions import (
    consistency,
    density,
    instrument_change,
    inter_onset_intervals,
    overlap,
    overlaps,
)
from partimento.tasks.drums.part_metrics import (
    copied_share,
    fills_per_8_bars,
    groove_consistency_neighbours,
    groove_similarity_all_pairs,
    known_patterns,
    limb_violations,
    novelty_correlation,
    violation_share,
)
from partimento.tasks.drums.score_card import part_scores
from partimento.tokens.drumgrid import to_grid

KICK, SNARE, CLOSED, OPEN, PEDAL, RIDE, CRASH = range(7)
OTHERS_PART = np.random.default_rng(9).random((24, 32, 16)) < 0.05


def beat(bars: int = 24, fills: tuple[int, ...] = ()) -> np.ndarray:
    hits = np.zeros((bars, 32, 16), dtype=bool)
    hits[:, ::16, KICK] = hits[:, 8::16, SNARE] = hits[:, ::4, CLOSED] = True
    for bar in fills:
        hits[bar] = np.roll(hits[bar], 2 + bar % 3, axis=0)
        hits[bar, 20::2, 7:12] = True
    return hits


def test_groove_consistency_is_muspys(raw: Callable[[str], Path]) -> None:
    muspy = pytest.importorskip("muspy")
    song = read_midi(raw("multitrack") / "freedoom" / "d_e1m1.mid")
    hits = to_grid(song).hits
    hits = hits[: sounding(hits).stop]
    step = np.flatnonzero(hits.any(-1))
    # A note ends before the next bar line: MusPy counts a bar more where the last one ends on it.
    notes = [muspy.Note(time=int(time), pitch=36, duration=0, velocity=64) for time in step]
    music = muspy.Music(resolution=8, tracks=[muspy.Track(is_drum=True, notes=notes)])
    assert step[-1] // 32 == len(hits) - 1
    assert groove_consistency_neighbours(hits) == pytest.approx(muspy.groove_consistency(music, 32))
    assert groove_consistency_neighbours(hits) < 1


def test_groove_similarity_is_that_of_all_pairs() -> None:
    hits = np.random.default_rng(0).random((9, 32, 16)) < 0.05
    onsets = hits.any(-1)
    pairs = [1 - (onsets[i] != onsets[j]).mean() for i, j in combinations(range(9), 2)]
    assert groove_similarity_all_pairs(hits) == pytest.approx(np.mean(pairs))
    assert groove_similarity_all_pairs(hits) != pytest.approx(groove_consistency_neighbours(hits), abs=1e-4)
    assert np.isnan(groove_similarity_all_pairs(hits[:1]))
    assert np.isnan(groove_consistency_neighbours(hits[:1]))


def test_novelty_follows_the_fills() -> None:
    true = beat(fills=(7, 11, 15))
    assert novelty_correlation(true, true) == pytest.approx(1)
    assert novelty_correlation(beat(fills=(9, 13)), true) < 0.5
    assert np.isnan(novelty_correlation(beat(), true))  # a flat curve
    assert fills_per_8_bars(true[:, :, :]) == pytest.approx(8 * 2 / 14)  # of 24 bars two at most, 14 are judged
    assert np.isnan(fills_per_8_bars(beat(8)))


def test_copies_are_told_by_the_hit() -> None:
    known = known_patterns([beat(4), np.zeros((3, 32, 16), dtype=bool)])
    assert len(known) == 1  # silence is no pattern
    part = beat(4)
    part[3, 1, CRASH] = True
    assert copied_share(part, known) == 0.75
    silent = np.concatenate([np.zeros((2, 32, 16), dtype=bool), part])
    assert copied_share(silent, known) == 0.75
    assert np.isnan(copied_share(silent[:2], known))


@pytest.mark.parametrize(
    ("classes", "possible"),
    [
        ((KICK, PEDAL, SNARE, RIDE), True),
        ((SNARE, RIDE, CRASH), False),
        ((CLOSED, OPEN), False),
        ((OPEN, PEDAL, KICK, SNARE), True),
        ((), True),
    ],
)
def test_a_drummer_has_four_limbs(classes: tuple[int, ...], possible: bool) -> None:
    hits = np.zeros((1, 32, 16), dtype=bool)
    hits[0, 4, list(classes)] = True
    hits[0, 9, KICK] = True
    assert limb_violations(hits)[0, 4] != possible
    assert limb_violations(hits).sum() == (not possible)
    assert violation_share(hits) == (0 if possible else 0.5)


def test_distributions() -> None:
    hits = np.zeros((3, 32, 16), dtype=bool)
    hits[0, [0, 8], KICK] = hits[2, 8, KICK] = hits[0, 0, CRASH] = True
    intervals = inter_onset_intervals(hits)
    assert {step + 1: int(intervals[step]) for step in np.flatnonzero(intervals)} == {8: 1, 32: 1}  # 64 is 32 and more
    assert density(hits)[:4].tolist() == [1, 1, 0, 1]
    distances = consistency(beat(6, fills=(2,)))
    assert distances.sum() == 5
    assert distances[0] == 3
    assert consistency(hits)[-1] == 2  # a silent bar has nothing of the others
    song = beat(fills=(8, 12))
    change = instrument_change(song)
    assert {place - 16: int(change[place]) for place in np.flatnonzero(change)} == {5: 2}
    assert instrument_change(song, np.arange(24) == 9).argmax() - 16 == -5


def test_overlap() -> None:
    assert overlap(np.array([1, 1, 0]), np.array([0, 5, 5])) == pytest.approx(50)
    assert overlap(np.array([2, 6]), np.array([1, 3])) == pytest.approx(100)
    assert np.isnan(overlap(np.zeros(2), np.ones(2)))
    parts = [beat(fills=(8, 12)), beat(fills=(9,))]
    assert overlaps(parts, parts) == pytest.approx(
        {
            "inter_onset_overlap": 100,
            "consistency_overlap": 100,
            "density_overlap": 100,
            "instrument_change_overlap": 100,
        }
    )
    assert overlaps([OTHERS_PART], parts)["consistency_overlap"] < 20


def test_the_score_card_of_the_truth_and_of_something_else() -> None:
    true = [beat(fills=(7, 11)), beat(fills=(9,))]
    known = known_patterns([beat()])
    scores = part_scores(true, true, ["a", "b"], known)
    for name in ("onset_f1", "onset_f1_within_step", "onset_f1_sixteenths_within_one", "onset_f1 snare"):
        assert scores[name] == 1
    assert scores["novelty_correlation"] == pytest.approx(1)
    for name in ("groove_consistency_muspy", "fills_per_8_bars", "copied_bars", "limb_violations"):
        assert scores[name] == scores[f"{name}_true"]
    assert scores["copied_bars"] == pytest.approx((22 / 24 + 23 / 24) / 2)
    other = part_scores([OTHERS_PART, OTHERS_PART], true, ["a", "b"], known)
    assert other["onset_f1"] < 0.2
    assert other["copied_bars"] == 0
    assert other["onset_f1_low"] <= other["onset_f1"] <= other["onset_f1_high"]
    late = [np.roll(hits, 1, axis=1) for hits in true]  # no hit on the last step: the same bars a step later
    moved = part_scores(late, true, ["a", "b"], known)
    assert moved["onset_f1"] < 0.1
    assert moved["onset_f1_within_step"] > 0.9
