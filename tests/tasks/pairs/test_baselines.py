from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from toy_songs import phrase, toy_song, toy_songs

from partimento.tasks.pairs import baselines
from partimento.tasks.pairs.bar_images import learned_images, pianorolls, tonnetz_planes
from partimento.tasks.pairs.groups import Kind, Pair, pairs_to_learn
from partimento.tasks.pairs.melody2vec import melody2vec, segmented, spelled, vocabulary
from partimento.tasks.pairs.phrases import Phrase


def line(*pitches: int, velocity: int = 64) -> Phrase:
    length = 128 // len(pitches)
    rows = [(i * length, length, pitch, velocity) for i, pitch in enumerate(pitches)]
    return Phrase("a", "b", 0, np.array(rows, dtype=np.int64))


def low_or_not(count: int, seed: int) -> list[Pair]:
    """Pairs that are right where the second phrase is low: anything that sees pitches learns it."""
    return [
        Pair(
            "acc",
            phrase("a", "melody", 0, 72, seed + i),
            phrase("a", "piano", 0, 60 - 12 * (i % 2), seed + 999 + i),
            i % 2,
        )
        for i in range(count)
    ]


@pytest.mark.parametrize("kind", ["next", "acc"])
def test_features_are_shares(kind: Kind) -> None:
    pairs = pairs_to_learn(toy_songs(), kind, "train")
    pairs += [Pair(kind, line(60, 62, 64), phrase("a", "b", 0, 90, n, 4 + n), 0) for n in range(5)]
    found = baselines.features(pairs)
    assert found.shape[1] == len(baselines.feature_names(kind))
    assert np.isfinite(found).all()
    assert found.min() >= 0
    assert found.max() <= 1 + 1e-12
    assert (found.std(0) > 0).all()


def test_theory_hears_what_fits() -> None:
    melody = line(72, 76, 79, 76, 74, 77, 81, 77)
    chords = line(48, 48, 48, 48, 50, 50, 50, 50)
    sharp = line(49, 49, 49, 49, 51, 51, 51, 51)
    fits, clashes = baselines.theory([Pair("acc", melody, chords, 1), Pair("acc", melody, sharp, 0)])
    assert fits > clashes + 0.1
    same, other = baselines.theory([Pair("next", melody, melody, 1), Pair("next", melody, line(42, 49, 44, 51), 0)])
    assert same > other + 0.1


def test_a_phrase_with_itself_is_wholly_alike() -> None:
    melody = line(72, 76, 79, 76)
    found = dict(zip(baselines.NEXT_FEATURES, baselines.features([Pair("next", melody, melody, 1)])[0], strict=True))
    assert [found[name] for name in ("pitch_classes", "rhythm", "height", "contour", "density")] == pytest.approx(
        [1] * 4 + [1]
    )


def test_chance_is_seeded() -> None:
    pairs = low_or_not(10, 0)
    assert np.array_equal(baselines.chance(1)(pairs), baselines.chance(1)(pairs))
    assert not np.array_equal(baselines.chance(1)(pairs), baselines.chance(2)(pairs))


@pytest.mark.parametrize("name", ["trees", "pianoroll", "tonnetz"])
def test_learned_baselines_learn(name: str) -> None:
    train, test = low_or_not(128, 0), low_or_not(32, 5000)
    if name == "trees":
        scorer = baselines.grown_trees(train, rounds=10)
    elif name == "pianoroll":
        scorer = learned_images(train, pianorolls, epochs=6)
    else:  # pitch classes alone: the right ones begin on other degrees
        train, test = ([replace(p, second=moved(p)) for p in pairs] for pairs in (train, test))
        scorer = learned_images(train, tonnetz_planes, epochs=6)
    right = (scorer(test) > 0) == np.array([pair.label for pair in test])
    assert right.mean() > 0.9


def moved(pair: Pair) -> Phrase:
    return replace(pair.second, notes=pair.second.notes + np.array([0, 0, 6 * pair.label, 0]))


def test_images() -> None:
    notes = np.array([(0, 8, 60, 64), (32, 128 - 32, 67, 64), (127, 1, 10, 64)])
    rolls = pianorolls(Phrase("a", "b", 0, notes))
    assert rolls.shape == (4, 2, 72, 16)
    assert np.argwhere(rolls[:, 0]).tolist() == [[0, 60 - 24, 0], [1, 67 - 24, 0], [3, 10, 15]]  # octaves above 10: 34
    assert rolls[0, 1, 36].tolist() == [1.0] * 4 + [0.0] * 12
    assert rolls[3, 1, 10, 15] == 0.5
    planes = tonnetz_planes(Phrase("a", "b", 0, notes[:2]))
    assert planes.shape == (4, 8, 6, 12)
    assert planes[0, :2].sum(axis=(1, 2)).tolist() == [6, 6]  # each pitch class is six times in the plane
    assert planes[1, 3, 0, 1] == 1  # a fifth above C
    assert planes[2].sum() == 8 * 6


def test_forward_segmentation() -> None:
    melody = spelled(line(*[60, 62, 64, 65] * 4))
    assert melody[:2] == [(60, 4), (62, 4)]
    words = vocabulary([melody, melody])
    assert segmented(melody, words) == [tuple(melody[:4])] * 4
    rare = vocabulary([melody])  # four times is not common enough for a run
    assert segmented(melody, rare) == [(note,) for note in melody]
    assert segmented([(60, 4), (1, 1), (62, 4)], rare) == [((60, 4),), ((62, 4),)]


def test_melody2vec_knows_what_stands_together() -> None:
    generator = np.random.default_rng(0)

    def tune(style: int) -> Phrase:
        return line(*(60 + style + generator.choice([0, 4, 7], 16)))

    songs = [replace(toy_song(n), melody=tuple(tune(n % 2) for _ in range(5))) for n in range(12)]
    scorer = melody2vec(songs, epochs=40)
    pairs = [Pair("next", tune(i % 2), tune(j), int(i % 2 == j)) for i in range(6) for j in range(2)]
    scores = scorer(pairs)
    labels = np.array([pair.label for pair in pairs])
    assert scores[labels == 1].min() > scores[labels == 0].max()
    with pytest.raises(ValueError, match="no song of the training side"):
        melody2vec([toy_song(0, "test")])
