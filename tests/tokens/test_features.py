"""What tokens have in common."""

from __future__ import annotations

import numpy as np
import pytest

from partimento.tokens.features import token_features
from partimento.tokens.vocabulary import vocabulary_of_size


@pytest.mark.parametrize("size", [2675, 17727, 17729])
def test_notes_onsets_and_durations_have_features_of_unit_length_and_others_none(size: int) -> None:
    vocabulary = vocabulary_of_size(size)
    features = token_features(vocabulary)
    assert features.shape[0] == size
    assert features.dtype == np.float32
    has = np.zeros(size, bool)
    for first, last in (
        (vocabulary.note_first, vocabulary.note_last),
        (vocabulary.duration_first, vocabulary.duration_last),
        (vocabulary.onset_first, vocabulary.onset_last),
    ):
        has[first : last + 1] = True
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), has, atol=1e-6)
    assert (features >= 0).all()
    assert not (features[has] == 0).all(axis=1).any()


def test_relatives_are_more_alike_than_strangers() -> None:
    vocabulary = vocabulary_of_size(2675)
    features = token_features(vocabulary)

    def alike(a: int, b: int) -> float:
        return float(features[a] @ features[b])

    c4 = vocabulary.piano_first + 60 * 13 + 6
    assert alike(c4, c4 + 1) > alike(c4, c4 + 12 * 13 + 1) > alike(c4, c4 + 13 + 1)  # pitch, pitch class, neither
    assert alike(c4, c4 + 13) > alike(c4, c4 + 13 + 1)  # the same velocity
    for first in (vocabulary.onset_first, vocabulary.duration_first):
        likeness = [alike(first + 100, first + 100 + step) for step in (1, 3, 10, 50, 250)]
        assert likeness == sorted(likeness, reverse=True)
        assert likeness[-1] == 0
    assert alike(vocabulary.onset_first + 10, vocabulary.duration_first + 10) == 0


def test_instruments_are_told_apart() -> None:
    vocabulary = vocabulary_of_size(17727)
    features = token_features(vocabulary)
    piano, organ = vocabulary.note_first + 60 * 13 + 6, vocabulary.note_first + (128 + 60) * 13 + 6
    assert not np.array_equal(features[piano], features[organ])
    assert features[piano] @ features[organ] == pytest.approx(0.75)  # pitch, pitch class and velocity of four
