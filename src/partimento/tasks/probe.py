"""Probes: what is fitted on the vectors of a task's training side to tell its labels.

A setting (the strength of a penalty, the number of neighbours) is chosen on the validation side, by a head that was
fitted on the training side; then the head is fitted anew on both. A probe is never given the test side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from partimento.tasks import metrics
from partimento.tasks.linear_probe import linear_probe
from partimento.tasks.mlp_probe import LINEAR, MLP, fit_mlp

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

Probe = Literal["logistic", "forest", "knn", "paper", "mlp", "mixing", "majority"]
Predict = Callable[[np.ndarray], np.ndarray]  # vectors (N, D) -> class indices (N,)

PENALTIES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)  # inverse strength C, for standardised features
RIDGES = (1.0, 10.0, 100.0, 1000.0, 10000.0)
NEIGHBOURS = (1, 3, 5, 9, 15, 25)
TREES = 200
LARGE = 30_000  # training pieces times classes: from here on, weaker penalties that do worse are not all tried


@dataclass(frozen=True, eq=False)
class Sides:
    """What a probe may see.

    Args:
        train, valid: (N, D) float32 vectors; (N, L, D) of L layers for the probe "mixing" alone.
        train_labels, valid_labels: (N,) int64 class indices.
        classes: number of classes K; the labels of grades are in their order.
        grades: whether the classes are grades.
        mixed_units: whether the features mean nothing beside each other until they are standardised.
    """

    train: np.ndarray
    train_labels: np.ndarray
    valid: np.ndarray
    valid_labels: np.ndarray
    classes: int
    grades: bool = False
    mixed_units: bool = False

    def __post_init__(self) -> None:
        if not len(self.train) or not len(self.valid):
            raise ValueError(f"{len(self.train)} pieces to train on, {len(self.valid)} to validate on; both are needed")

    @property
    def both(self) -> tuple[np.ndarray, np.ndarray]:
        """Vectors and labels of both sides."""
        labels = np.concatenate([self.train_labels, self.valid_labels])
        return np.concatenate([self.train, self.valid]), labels


def fit(probe: Probe, sides: Sides, seed: int) -> Predict:
    """A fitted head.

    Args:
        probe: "logistic": multinomial logistic regression on standardised features with an L2 penalty (for grades also
            ridge regression on the grade, rounded, if it does better in validation); "forest": a random forest;
            "knn": nearest neighbours by the cosine of standardised features; "paper": Aria's linear probe; "mlp":
            MULE's probe with a hidden layer; "mixing": one linear layer on a learned mean of the layers' vectors;
            "majority": the class that most pieces have.
        seed: of the trees, and of the first weights and the order of the probes that are trained step by step; the
            others have no chance.
    """
    heads: dict[Probe, Callable[[Sides, int], Predict]] = {
        "logistic": _logistic,
        "forest": _forest,
        "knn": _knn,
        "paper": _paper,
        "mlp": _mlp,
        "mixing": _mixing,
        "majority": _majority,
    }
    if len(np.unique(sides.train_labels)) == 1:
        return _majority(sides, seed)
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # for problems as small as these threads cost more than they bring
        return heads[probe](sides, seed)


def _majority(sides: Sides, seed: int) -> Predict:
    most = int(np.bincount(sides.both[1]).argmax())
    return lambda vectors: np.full(len(vectors), most)


def _logistic(sides: Sides, seed: int) -> Predict:
    """The penalty with the highest likelihood of the validation side's classes; of grades the highest tau."""
    heads: list[tuple[float, Callable[[np.ndarray, np.ndarray], Predict]]] = []
    for penalty in PENALTIES:
        head = _logistic_head(penalty, sides.train, sides.train_labels)
        score = _tau(head.predict(sides.valid), sides) if sides.grades else _log_likelihood(head, sides)
        heads.append((score, partial(_logistic_predict, penalty)))
        if len(sides.train) * sides.classes >= LARGE and len(heads) > 2 and heads[-3][0] > max(heads[-2][0], score):
            break  # what a penalty is worth rises and falls once, and the weakest take the longest
    for strength in RIDGES if sides.grades else ():
        fitted = partial(_ridge, strength, sides.classes)
        heads.append((_tau(fitted(sides.train, sides.train_labels)(sides.valid), sides), fitted))
    return max(heads, key=lambda scored: scored[0])[1](*sides.both)


def _logistic_head(penalty: float, vectors: np.ndarray, labels: np.ndarray) -> Pipeline:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    head = make_pipeline(StandardScaler(), LogisticRegression(C=penalty, max_iter=5000))
    return head.fit(vectors.astype(np.float64), labels)  # on float32 the line search stops early


def _logistic_predict(penalty: float, vectors: np.ndarray, labels: np.ndarray) -> Predict:
    predict: Predict = _logistic_head(penalty, vectors, labels).predict
    return predict


def _ridge(strength: float, classes: int, vectors: np.ndarray, labels: np.ndarray) -> Predict:
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    head = make_pipeline(StandardScaler(), Ridge(strength)).fit(vectors.astype(np.float64), labels)
    return lambda some: np.clip(np.rint(head.predict(some)), 0, classes - 1).astype(np.int64)


def _log_likelihood(head: Pipeline, sides: Sides) -> float:
    """Mean log probability of the validation side's classes: of few pieces it says more than their accuracy."""
    whole = np.zeros((len(sides.valid), sides.classes))
    whole[:, head.classes_] = head.predict_proba(sides.valid)
    return float(np.log(np.maximum(whole[np.arange(len(whole)), sides.valid_labels], 1e-6)).mean())


def _tau(predicted: np.ndarray, sides: Sides) -> float:
    weights = np.ones((1, len(predicted)))
    return float(metrics.kendall_tau(metrics.tables(sides.valid_labels, predicted, sides.classes, weights))[0])


def _forest(sides: Sides, seed: int) -> Predict:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(TREES, random_state=seed, n_jobs=1).fit(*sides.both).predict


def _knn(sides: Sides, seed: int) -> Predict:
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def nearest(neighbours: int, vectors: np.ndarray, labels: np.ndarray) -> Predict:
        head = KNeighborsClassifier(min(neighbours, len(labels)), metric="cosine", n_jobs=1)
        return make_pipeline(StandardScaler(), head).fit(vectors, labels).predict

    def right(neighbours: int) -> float:
        found = nearest(neighbours, sides.train, sides.train_labels)(sides.valid)
        return _tau(found, sides) if sides.grades else float((found == sides.valid_labels).mean())

    return nearest(max(NEIGHBOURS, key=right), *sides.both)


def _paper(sides: Sides, seed: int) -> Predict:
    vectors, labels = sides.both
    return linear_probe(vectors, labels, sides.classes, seed, standardise=sides.mixed_units)


def _mlp(sides: Sides, seed: int) -> Predict:
    vectors, labels = sides.both
    scores = fit_mlp(MLP, vectors, labels, sides.classes, seed).scores
    return lambda some: scores(some).argmax(1)


def _mixing(sides: Sides, seed: int) -> Predict:
    vectors, labels = sides.both
    if vectors.ndim != 3:
        raise ValueError(f"the probe 'mixing' takes the vectors of several layers (N, L, D), not {vectors.shape}")
    scores = fit_mlp(LINEAR, vectors, labels, sides.classes, seed).scores
    return lambda some: scores(some).argmax(1)
