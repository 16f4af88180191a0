"""Self-similarity: cosines, how far they follow labels, and the borders they show."""

from __future__ import annotations

import numpy as np
import pytest

from partimento.analysis.self_similarity import checkerboard_novelty, label_auc, nearness, self_similarity

LABELS = np.repeat([0, 1, 0, 2], 10)


def tokens(labels: np.ndarray = LABELS, noise: float = 0.1) -> np.ndarray:
    generator = np.random.default_rng(0)
    return np.eye(3)[labels] + noise * generator.standard_normal((len(labels), 3))


def test_similarity_is_the_cosine() -> None:
    layers = np.stack([tokens(), 5 * tokens()])
    similarity = self_similarity(layers)
    assert similarity.shape == (2, 40, 40)
    np.testing.assert_allclose(similarity[0], similarity[1], atol=1e-6)
    np.testing.assert_allclose(np.diagonal(similarity[0]), 1, atol=1e-6)
    a, b = tokens()[[3, 17]]
    assert similarity[0, 3, 17] == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), abs=1e-6)


def test_centring_uncovers_what_a_common_part_hides() -> None:
    hidden = tokens() + 100
    assert self_similarity(hidden).min() > 0.99
    assert self_similarity(hidden, centre=True).min() < -0.3


def test_a_block_matrix_follows_its_labels_wholly() -> None:
    blocks = (LABELS[:, None] == LABELS).astype(float)
    assert label_auc(blocks, LABELS) == 1
    assert label_auc(1 - blocks, LABELS) == 0
    assert label_auc(self_similarity(tokens()), LABELS) == 1
    unlike = np.random.default_rng(1).random((40, 40))
    assert label_auc(unlike, LABELS) == pytest.approx(0.5, abs=0.06)


def test_nearness_is_seen_through_by_pairs_far_apart() -> None:
    near = nearness(40)
    assert near[3, 7] == -4
    assert label_auc(near, LABELS) > 0.6
    assert label_auc(near, LABELS, apart=10) < 0.5


def test_moments_without_label_are_left_out() -> None:
    labels = LABELS.copy()
    labels[25:] = -1
    blocks = (LABELS[:, None] == LABELS).astype(float)
    blocks[25:] = blocks[:, 25:] = 0.5
    assert label_auc(blocks, labels) == 1
    assert np.isnan(label_auc(blocks, np.zeros(40, int)))
    assert np.isnan(label_auc(blocks, np.full(40, -1)))


def test_novelty_peaks_at_the_borders() -> None:
    novelty = checkerboard_novelty(self_similarity(tokens()), half=6)
    assert sorted(np.argsort(novelty)[-3:]) == [10, 20, 30]
    assert novelty[0] == 0
    assert novelty[10] == pytest.approx(1, abs=0.15)  # past and future are each alike, and unlike each other
    assert np.abs(checkerboard_novelty(np.ones((40, 40)), half=6)).max() < 1e-6
    with pytest.raises(ValueError, match="half is 0"):
        checkerboard_novelty(np.ones((4, 4)), half=0)
