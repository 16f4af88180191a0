"""Metrics of tags and numbers: scikit-learn's, for every draw of weights."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, r2_score, roc_auc_score

from partimento.tasks.score_metrics import tag_metrics, value_metrics

GENERATOR = np.random.default_rng(0)
WEIGHTS = np.concatenate([np.ones((1, 60)), GENERATOR.exponential(size=(4, 60))])


@pytest.mark.parametrize("decimals", [8, 1])  # with one decimal many scores are equal
def test_tags(decimals: int) -> None:
    targets = (GENERATOR.random((60, 5)) < 0.3).astype(np.float32)
    scores = (targets * 0.3 + GENERATOR.random((60, 5))).round(decimals)
    found = tag_metrics(targets, scores, WEIGHTS)
    for draw, weights in enumerate(WEIGHTS):
        precision = average_precision_score(targets, scores, average="macro", sample_weight=weights)
        area = roc_auc_score(targets, scores, average="macro", sample_weight=weights)
        assert found["average_precision"][draw] == pytest.approx(precision)
        assert found["roc_auc"][draw] == pytest.approx(area)


def test_tags_that_nobody_or_everybody_has_are_left_out() -> None:
    targets, scores = (GENERATOR.random((60, 2)) < 0.5).astype(np.float32), GENERATOR.random((60, 4))
    more = np.concatenate([targets, np.zeros((60, 1)), np.ones((60, 1))], axis=1)
    some, all_of_them = tag_metrics(targets, scores[:, :2], WEIGHTS), tag_metrics(more, scores, WEIGHTS)
    assert np.array_equal(some["roc_auc"], all_of_them["roc_auc"])
    with pytest.raises(ValueError, match="none of 2 tags"):
        tag_metrics(more[:, 2:], scores[:, 2:], WEIGHTS)


def test_numbers() -> None:
    targets = GENERATOR.standard_normal((60, 2)) + 3
    guesses = targets + 0.5 * GENERATOR.standard_normal((60, 2))
    found = value_metrics(targets, guesses, WEIGHTS, ("valence", "arousal"))
    for draw, weights in enumerate(WEIGHTS):
        each = r2_score(targets, guesses, multioutput="raw_values", sample_weight=weights)
        assert [found[f"r2_{name}"][draw] for name in ("valence", "arousal")] == pytest.approx(each)
        assert found["r2"][draw] == pytest.approx(each.mean())
