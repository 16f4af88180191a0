"""Pieces that shall find each other by the cosine of their vectors; nothing is learned.

Every representation is treated alike: each feature is standardised over the pieces of the task (their labels are not
looked at), for hand-crafted features have units of their own and the hidden states of a language model a large common
mean. What the vectors give as they are stands beside it, with the ending `_raw`; for an embedding that is what
`partimento search` finds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def standardised(vectors: np.ndarray) -> np.ndarray:
    """(N, D) float64 vectors with mean 0 and variance 1 in each feature; a feature without variation is 0."""
    centred = vectors.astype(np.float64) - vectors.mean(0, dtype=np.float64)
    deviation = centred.std(0)
    return np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 1e-9)


def cosines(vectors: np.ndarray) -> np.ndarray:
    """(N, N) float64 cosine similarities."""
    norm = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = vectors / np.maximum(norm, np.finfo(np.float64).tiny)
    return units @ units.T


def first_ranks(similarity: np.ndarray, labels: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The queries, those pieces whose label another one has (Q,), and the rank of the nearest such other (Q,), from 1.

    A wrong piece that is as near stands before the right one.

    Raises:
        ValueError: if no two pieces have the same label.
    """
    label = np.asarray(labels)
    same = label[:, None] == label
    np.fill_diagonal(same, False)
    queries = np.flatnonzero(same.any(1))
    if not len(queries):
        raise ValueError("no two pieces have the same label; there is nothing to find")
    best = np.where(same, similarity, -np.inf).max(1)
    wrong = (label[:, None] != label) & (similarity >= best[:, None])
    return queries, 1 + wrong.sum(1)[queries]


def find_metrics(similarity: np.ndarray, labels: Sequence[str], weights: np.ndarray) -> dict[str, np.ndarray]:
    """Mean reciprocal rank and recall@1, each (draws,), of weights (draws, N) of the queries."""
    queries, rank = first_ranks(similarity, labels)
    mine = weights[:, queries] / weights[:, queries].sum(1, keepdims=True)
    return {"recall_at_1": mine @ (rank == 1), "mean_reciprocal_rank": mine @ (1 / rank)}


def pair_metrics(
    similarity: np.ndarray, labels: Sequence[str], groups: Sequence[str], weights: np.ndarray
) -> dict[str, np.ndarray]:
    """Average precision (draws,) over all pairs of pieces, a pair with one label being one to be found.

    A pair weighs as much as its groups: the product of two, or the one that both pieces are of.
    """
    label, group = np.asarray(labels), np.asarray(groups)
    first, second = np.triu_indices(len(label), k=1)
    order = np.argsort(-similarity[first, second], kind="stable")
    first, second = first[order], second[order]
    score = similarity[first, second]
    right, one_group = label[first] == label[second], group[first] == group[second]
    found = [
        average_precision(score, right, np.where(one_group, weight[first], weight[first] * weight[second]))
        for weight in weights
    ]
    return {"average_precision": np.array(found)}


def average_precision(score: np.ndarray, right: np.ndarray, weight: np.ndarray) -> float:
    """The precision at each right pair, averaged; scores (P,) fall, and pairs of one score come in together.

    Raises:
        ValueError: if no pair is right.
    """
    if not right.any():
        raise ValueError("no pair is right; there is nothing to find")
    ends = np.flatnonzero(np.append(np.diff(score) != 0, True))  # the last pair of each score
    hits, seen = np.cumsum(right * weight)[ends], np.cumsum(weight)[ends]
    return float((np.diff(hits, prepend=0.0) * hits / np.maximum(seen, 1e-300)).sum() / hits[-1])
