"""How well scores of bars tell which of them are improvised."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from partimento.analysis.novelty import improvised_bars, novelty, ordinary_bars

SEED = 0


def labels(hits: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """(bars,) int8 of a song (bars, 32, 16): 1 improvised, 0 drawn as its ordinary counterpart, -1 others, -2 no value.

    Bars of which no novelty is known (-2) can be neither; they are left out of everything.
    """
    values, improvised = novelty(hits), improvised_bars(hits)
    ordinary = ordinary_bars(values, improvised, generator)
    return np.select([improvised, ordinary, ~np.isnan(values)], [1, 0, -1], -2).astype(np.int8)


def song_labels(parts: Sequence[np.ndarray], seed: int = SEED) -> list[np.ndarray]:
    """The labels of each song; with one seed always the same."""
    generator = np.random.default_rng(seed)
    return [labels(hits, generator) for hits in parts]


def location_scores(scores: Sequence[np.ndarray], marked: Sequence[np.ndarray]) -> dict[str, float]:
    """How well scores find the improvised bars.

    auc: area under the ROC curve, improvised bars against as many drawn ordinary ones (chance 0.5).
    auc_natural: against all other bars.
    average_precision: against all other bars; chance is `rate`, the share of improvised bars.
    hit_within_bar: of each song as many bars as are improvised are named, those of the highest scores; the share of
        them that is at most a bar away from an improvised one.

    Args:
        scores: one (bars,) a song, higher where a fill is likelier.
        marked: their `labels`.

    Raises:
        ValueError: if no bar is improvised, or a score of a bar with a label is not finite.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    score, label = np.concatenate(list(scores)), np.concatenate(list(marked))
    if not (label == 1).any():
        raise ValueError("no improvised bar among the songs: there is nothing to find")
    if not np.isfinite(score[label > -2]).all():
        raise ValueError("scores that are not finite; every bar with a label needs one")
    balanced, valued = label >= 0, label > -2
    near = named = 0
    for each, mark in zip(scores, marked, strict=True):
        true = np.flatnonzero(mark == 1)
        judged = np.flatnonzero(mark > -2)
        chosen = judged[np.argsort(-each[judged], kind="stable")[: len(true)]]
        if len(true):
            near += int((np.abs(chosen[:, None] - true).min(1) <= 1).sum())
            named += len(chosen)
    return {
        "auc": float(roc_auc_score(label[balanced], score[balanced])),
        "auc_natural": float(roc_auc_score(label[valued] == 1, score[valued])),
        "average_precision": float(average_precision_score(label[valued] == 1, score[valued])),
        "rate": float((label[valued] == 1).mean()),
        "hit_within_bar": near / named,
    }
