from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import tiny_words
import torch
from toy_songs import SCALE, notes_of, together

from partimento.networks.labeller import Labeller, LabellerConfig
from partimento.notes import Notes
from partimento.tasks.pairs.ranking import Scorer
from partimento.tasks.pairs.scoring import log_probabilities
from partimento.tasks.pairs.suggestion import rank_accompaniments

MELODY = notes_of(72 + np.tile(SCALE, 4))  # 8 bars
EMPTY = MELODY.select(np.zeros(len(MELODY), bool))


def judge() -> Scorer:
    torch.manual_seed(0)
    network = Labeller(LabellerConfig(tiny_words.encoder_config(), "sequence", (2,)))
    network.initialise()
    tiny_words.loud(network)
    return partial(log_probabilities, network.eval())


def triads(start: float = 0.0, bars: int = 8, semitones: int = 0, seed: int = 0) -> Notes:
    """A chord of C, F or G a bar, C first and last."""
    middle = np.random.default_rng(seed).choice([0, 5, 7], bars - 2)
    roots = np.concatenate([[0], middle, [0]]) + 48 + semitones
    return together(*(notes_of(roots + step, 4.0, start=start) for step in (0, 4, 7)))


def test_the_order_is_that_of_the_scores() -> None:
    pieces = [triads(seed=1), EMPTY, triads(seed=2), triads(seed=3)]
    found = rank_accompaniments(judge(), MELODY, pieces)
    assert found.order[-1] == 1
    assert found.scores[1] == -np.inf
    assert (np.diff(found.scores[found.order[:3]]) < 0).all()
    assert (found.scores[[0, 2, 3]] < 0).all()


def test_key_tempo_and_resolution_do_not_count() -> None:
    piece = triads(seed=1)
    fine = replace(piece, onset=2 * piece.onset, duration=2 * piece.duration, ticks_per_quarter=960)
    found = rank_accompaniments(judge(), MELODY, [piece, piece.transpose(3), piece.stretch(1.7), fine])
    assert found.scores == pytest.approx(found.scores[0], abs=1e-3)
    assert found.semitones.tolist() == [0, -3, 0, 0]
    up = rank_accompaniments(judge(), MELODY.transpose(2), [piece, piece.transpose(3)])
    assert up.scores == pytest.approx(found.scores[:2], abs=1e-3)
    assert up.semitones.tolist() == [2, -1]


def test_a_melody_is_found_at_its_bar_or_at_the_start() -> None:
    late = replace(MELODY, onset=MELODY.onset + 16 * 480)  # begins with bar 4
    same = triads(seed=1)
    before = triads(bars=4, seed=5)
    whole = together(before, replace(same, onset=same.onset + 16 * 480))
    alone = rank_accompaniments(judge(), MELODY, [same])
    found = rank_accompaniments(judge(), late, [same, whole])
    assert found.scores[0] >= alone.scores[0] - 1e-3
    assert found.scores[1] >= alone.scores[0] - 1e-3
    assert set(found.bars.tolist()) <= {0, 4}


def test_a_short_piece_begins_anew() -> None:
    loop = triads(bars=4, seed=5)
    twice = together(loop, replace(loop, onset=loop.onset + 16 * 480))
    found = rank_accompaniments(judge(), MELODY, [loop, twice])
    assert found.scores[0] == pytest.approx(found.scores[1], abs=1e-3)


def test_a_melody_without_notes() -> None:
    with pytest.raises(ValueError, match="no pitched note"):
        rank_accompaniments(judge(), EMPTY, [triads()])
    drums = replace(MELODY, is_drum=np.ones(len(MELODY), bool))
    with pytest.raises(ValueError, match="no pitched note"):
        rank_accompaniments(judge(), drums, [triads()])


def test_of_a_long_melody_a_part_is_judged() -> None:
    long = notes_of(72 + np.tile(SCALE, 16 * 4))  # 128 bars, the same four again and again
    pieces = [triads(bars=4, seed=1), triads(bars=4, seed=2)]
    short = rank_accompaniments(judge(), notes_of(72 + np.tile(SCALE, 2)), pieces)
    found = rank_accompaniments(judge(), long, pieces)
    assert found.scores == pytest.approx(short.scores, abs=1e-3)
