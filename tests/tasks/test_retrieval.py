"""Retrieval: ranks and average precision against a slow reference and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from partimento.tasks import retrieval


def test_the_nearest_other_of_the_label_has_rank_one() -> None:
    vectors = np.array([[1, 0.1], [1, 0.0], [0, 1], [0.9, -0.3], [0.1, 1]])
    queries, rank = retrieval.first_ranks(retrieval.cosines(vectors), ["a", "a", "b", "c", "b"])
    assert queries.tolist() == [0, 1, 2, 4]  # c is alone: it is found by nobody, but stands in the way
    assert rank.tolist() == [1, 1, 1, 1]
    queries, rank = retrieval.first_ranks(retrieval.cosines(vectors), ["a", "b", "a", "b", "c"])
    assert queries.tolist() == [0, 1, 2, 3]
    assert rank.tolist() == [4, 2, 2, 1]


def test_ties_are_against_the_system() -> None:
    _, rank = retrieval.first_ranks(np.ones((4, 4)), ["a", "a", "b", "b"])
    assert rank.tolist() == [3, 3, 3, 3]


def test_nothing_to_find_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing to find"):
        retrieval.first_ranks(np.ones((2, 2)), ["a", "b"])
    with pytest.raises(ValueError, match="nothing to find"):
        retrieval.average_precision(np.zeros(3), np.zeros(3, dtype=bool), np.ones(3))


def test_means_of_the_queries_are_weighted() -> None:
    vectors = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.2]])
    labels = ["a", "a", "b", "b"]
    weights = np.array([[1.0, 1, 1, 1], [1, 1, 0, 0]])
    found = retrieval.find_metrics(retrieval.cosines(vectors), labels, weights)
    assert found["recall_at_1"] == pytest.approx([0.75, 1.0])
    assert found["mean_reciprocal_rank"] == pytest.approx([(1 + 1 + 1 + 1 / 3) / 4, 1.0])


@pytest.mark.parametrize("seed", range(4))
def test_average_precision_is_scikit_learns(seed: int) -> None:
    generator = np.random.default_rng(seed)
    score = np.sort(generator.integers(0, 12, 60) / 4)[::-1]  # with ties
    right = generator.random(60) < 0.2
    weight = generator.exponential(size=60)
    for weights in (np.ones(60), weight):
        expected = average_precision_score(right, score, sample_weight=weights)
        assert retrieval.average_precision(score, right, weights) == pytest.approx(expected)


def test_all_pairs_count_once() -> None:
    generator = np.random.default_rng(2)
    labels, groups = list("aabbccdef"), list("xxxyyyzzz")
    similarity = retrieval.cosines(generator.standard_normal((9, 4)))
    one = retrieval.pair_metrics(similarity, labels, groups, np.ones((1, 9)))["average_precision"]
    first, second = np.triu_indices(9, 1)
    same = np.array(labels)[first] == np.array(labels)[second]
    assert one == pytest.approx([average_precision_score(same, similarity[first, second])])
    two = retrieval.pair_metrics(similarity, labels, groups, np.full((1, 9), 2.0))["average_precision"]
    assert two != pytest.approx(one)  # a group said twice is in no pair with itself


def test_standardised_features_lose_their_mean_and_unit() -> None:
    vectors = np.random.default_rng(0).normal(5, 3, (50, 3)).astype(np.float32) * [1, 1000, 0]
    found = retrieval.standardised(vectors)
    assert found.mean(0) == pytest.approx(0, abs=1e-9)
    assert found.std(0) == pytest.approx([1, 1, 0])
