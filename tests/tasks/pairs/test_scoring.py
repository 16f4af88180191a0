from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tiny_words
import torch
from toy_songs import toy_songs

from partimento.networks.labeller import Labeller, LabellerConfig
from partimento.recipe import BatchConfig, OptimizerConfig, Recipe, ScheduleConfig
from partimento.systems.musicbert import LabelsConfig
from partimento.tasks.pairs.groups import Pair, pairs_to_learn
from partimento.tasks.pairs.phrases import Phrase
from partimento.tasks.pairs.scoring import log_probabilities, pair_words, score_pairs
from partimento.tasks.pairs.suite import learn_pairs
from partimento.tasks.words.learn import Learner
from partimento.tokens.octuple import TIME_SIGNATURES, decode


def phrase(*notes: tuple[int, int, int, int]) -> Phrase:
    return Phrase("a", "melody", 0, np.array(notes, dtype=np.int64))


def labeller(classes: int = 2) -> Labeller:
    torch.manual_seed(0)
    network = Labeller(LabellerConfig(tiny_words.encoder_config(), "sequence", (classes,)))
    network.initialise()
    tiny_words.loud(network)
    return network.eval()


def test_words_of_a_pair() -> None:
    first = phrase((0, 8, 60, 80), (40, 4, 64, 81))
    second = phrase((0, 128, 48, 1), (40, 3, 52, 127))
    words = pair_words(Pair("acc", first, second, 1))
    signature = TIME_SIGNATURES.index((4, 4))
    # bar, position, instrument, pitch, duration, velocity, time signature, tempo
    assert words.tolist() == [
        [0, 0, 0, 48, 65, 2, signature, 35],  # 256 units of a sixteenth of a quarter
        [0, 0, 80, 60, 16, 20, signature, 35],
        [1, 16, 0, 52, 6, 31, signature, 35],
        [1, 16, 80, 64, 8, 24, signature, 35],
    ]
    follows = pair_words(Pair("next", first, second, 1))
    assert follows[:, :4].tolist() == [[0, 0, 80, 60], [1, 16, 80, 64], [4, 0, 80, 48], [5, 16, 80, 52]]
    heard = decode(follows)
    assert heard.onset.tolist() == [0, 5 * 480, 16 * 480, 21 * 480]
    assert heard.duration[0] == 480


def test_scores_are_log_odds_of_each_pair_alone() -> None:
    network = labeller()
    pairs = pairs_to_learn(toy_songs(), "acc", "valid", most=12)
    scores = score_pairs(network, pairs)
    assert np.unique(scores).size == 12
    assert log_probabilities(network, pairs) == pytest.approx(-np.log1p(np.exp(-scores)), abs=1e-5)
    alone = np.concatenate([score_pairs(network, [pair]) for pair in pairs])
    assert scores == pytest.approx(alone, abs=1e-4)
    assert len(score_pairs(network, [])) == 0
    with pytest.raises(ValueError, match="pairs need one of sequences in 2"):
        score_pairs(labeller(3), pairs)


def loud_or_soft(count: int, seed: int) -> list[Pair]:
    """Pairs that are right where the second phrase is loud."""
    generator = np.random.default_rng(seed)

    def notes(velocity: int) -> Phrase:
        rows = [np.arange(8) * 16, np.full(8, 16), generator.integers(48, 72, 8), np.full(8, velocity)]
        return Phrase("a", "b", 0, np.stack(rows, axis=1))

    return [Pair("acc", notes(64), notes(112 if i % 2 else 20), i % 2) for i in range(count)]


def test_learning_and_going_on(tmp_path: Path) -> None:
    recipe = Recipe(
        schedule=ScheduleConfig(steps=1, warmup=5, final=0.0),
        batch=BatchConfig(rows=8, length=128, micro_rows=8),
        optimizer=OptimizerConfig(kind="muon", lr=5e-3, matrix_lr=1e-2),
    )
    config = LabelsConfig(recipe, epochs=8, validations=2, hidden=0.0, semitones=0)
    learner = Learner("tiny", tiny_words.encoder_config(), config)
    train, valid, pairs = loud_or_soft(200, 0), loud_or_soft(40, 1), loud_or_soft(40, 2)
    network = learn_pairs(train, valid, learner, 0, tmp_path / "run")
    scores = score_pairs(network, pairs)
    assert ((scores > 0) == [pair.label for pair in pairs]).mean() > 0.9
    again = learn_pairs(train, valid, learner, 0, tmp_path / "run")  # done: only read
    assert np.array_equal(score_pairs(again, pairs), scores)
