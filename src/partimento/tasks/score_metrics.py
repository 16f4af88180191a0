"""Metrics of tags and of numbers, with a weight for each piece in each draw of a bootstrap.

They equal scikit-learn's with `sample_weight`; here one sort serves all draws.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

ScoreMetrics = Callable[[np.ndarray, np.ndarray, np.ndarray, Sequence[str]], dict[str, np.ndarray]]


def tag_metrics(
    targets: np.ndarray, scores: np.ndarray, weights: np.ndarray, names: Sequence[str] = ()
) -> dict[str, np.ndarray]:
    """Mean over the tags of average precision and of the area under the ROC curve, (draws,) each.

    A tag that all or none of the pieces have is in neither mean.

    Args:
        targets: (N, K) 0 or 1.
        scores: (N, K), higher where a tag is likelier.
        weights: (draws, N).
        names: of the tags; not used.

    Raises:
        ValueError: if there is no tag that some pieces have and others have not.
    """
    share = targets.mean(0)
    told = np.flatnonzero((share > 0) & (share < 1))
    if not len(told):
        raise ValueError(f"none of {targets.shape[1]} tags is on some of the {len(targets)} test pieces and not on all")
    curves = [_curve(targets[:, tag], scores[:, tag], weights) for tag in told]
    precision, area = (np.mean(values, axis=0) for values in zip(*curves, strict=True))
    return {"average_precision": precision, "roc_auc": area}


def _curve(target: np.ndarray, score: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average precision and area under the ROC curve, (draws,) each, of one tag."""
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))  # equal scores count together
    weight = weights[:, order]
    found = np.cumsum(weight, axis=1)[:, ends]
    right = np.cumsum(weight * target[order], axis=1)[:, ends]
    wrong = found - right
    more_right, more_wrong = (np.diff(values, axis=1, prepend=0.0) for values in (right, wrong))
    precision = (more_right * right / found).sum(1) / right[:, -1]
    area = (more_wrong * (right - more_right / 2)).sum(1) / (right[:, -1] * wrong[:, -1])
    return precision, area


def value_metrics(
    targets: np.ndarray, guesses: np.ndarray, weights: np.ndarray, names: Sequence[str]
) -> dict[str, np.ndarray]:
    """r² of each number and their mean, (draws,) each: 1 less the share of the variance that is left.

    Args:
        targets, guesses: (N, K).
        weights: (draws, N).
        names: K; a metric is called r2_<name>.
    """
    share = weights / weights.sum(1, keepdims=True)
    mean = share @ targets  # (draws, K)
    left = share @ (targets - guesses) ** 2
    variance = share @ targets**2 - mean**2
    r2 = 1 - left / variance
    return {"r2": r2.mean(1)} | {f"r2_{name}": r2[:, i] for i, name in enumerate(names)}


METRICS: Mapping[str, ScoreMetrics] = {"tags": tag_metrics, "values": value_metrics}
