"""Probes of tags (any number of labels a piece) and of numbers, chosen and fitted as those of classes are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from partimento.tasks.mlp_probe import LINEAR, MLP, ProbeRecipe, fit_mlp
from partimento.tasks.score_metrics import tag_metrics

Guess = Callable[[np.ndarray], np.ndarray]  # vectors (N, D) -> scores or numbers (N, K)
Fit = Callable[[np.ndarray, np.ndarray], Guess]

PENALTIES = (1e-4, 1e-3, 1e-2, 0.1, 1.0)  # inverse strength C of a tag's logistic regression
RIDGES = (1.0, 10.0, 100.0, 1000.0, 10000.0)
NEIGHBOURS = (1, 3, 5, 9, 15, 25)


@dataclass(frozen=True, eq=False)
class TargetSides:
    """What a probe may see.

    Args:
        train, train_targets: (N, D) and (N, K) float32; vectors (N, L, D) for the probe "mixing".
        valid, valid_targets: the same of the validation side.
        tags: whether the targets are tags, 0 or 1, rather than numbers.
    """

    train: np.ndarray
    train_targets: np.ndarray
    valid: np.ndarray
    valid_targets: np.ndarray
    tags: bool

    def __post_init__(self) -> None:
        if not len(self.train) or not len(self.valid):
            raise ValueError(f"{len(self.train)} pieces to train on, {len(self.valid)} to validate on; both are needed")

    @property
    def both(self) -> tuple[np.ndarray, np.ndarray]:
        """Vectors and targets of both sides."""
        targets = np.concatenate([self.train_targets, self.valid_targets])
        return np.concatenate([self.train, self.valid]), targets


def fit_targets(probe: str, sides: TargetSides, seed: int) -> Guess:
    """A fitted head.

    Args:
        probe: "logistic" (linear: of tags a logistic regression each with one penalty for all, of numbers ridge
            regression), "knn" (the mean of the neighbours' targets), "mlp" and "mixing" (as
            `partimento.tasks.probe`), "majority" (the mean of the targets).
        seed: of what is trained step by step.

    Raises:
        ValueError: if a probe is for classes alone.
    """
    from threadpoolctl import threadpool_limits

    fitted: dict[str, Callable[[TargetSides, int], Guess]] = {
        "logistic": _linear,
        "knn": _knn,
        "mlp": lambda some, number: _network(MLP, some, number),
        "mixing": lambda some, number: _network(LINEAR, some, number),
        "majority": _mean,
    }
    if probe not in fitted:
        raise ValueError(f"the probe {probe!r} is for classes; tags and numbers have {', '.join(fitted)}")
    with threadpool_limits(1):
        return fitted[probe](sides, seed)


def _mean(sides: TargetSides, seed: int) -> Guess:
    mean = sides.both[1].mean(0)
    return lambda some: np.tile(mean, (len(some), 1))


def _network(recipe: ProbeRecipe, sides: TargetSides, seed: int) -> Guess:
    vectors, targets = sides.both
    loss = replace(recipe, loss="binary" if sides.tags else "squared")
    if sides.tags:
        return fit_mlp(loss, vectors, targets, targets.shape[1], seed).scores
    mean, deviation = targets.mean(0), np.maximum(targets.std(0), 1e-6)
    scores = fit_mlp(loss, vectors, (targets - mean) / deviation, targets.shape[1], seed).scores
    return lambda some: scores(some) * deviation + mean


def _linear(sides: TargetSides, seed: int) -> Guess:
    fits: list[Fit] = [_logistics(c) for c in PENALTIES] if sides.tags else [_ridge(strength) for strength in RIDGES]
    return _best(fits, sides)(*sides.both)


def _knn(sides: TargetSides, seed: int) -> Guess:
    return _best([_nearest(number) for number in NEIGHBOURS], sides)(*sides.both)


def _best(fits: list[Fit], sides: TargetSides) -> Fit:
    """What does best on the validation side: average precision of tags, least squared error of numbers."""

    def score(fit: Fit) -> float:
        guess = fit(sides.train, sides.train_targets)(sides.valid)
        if not sides.tags:
            scale = np.maximum(sides.valid_targets.var(0), 1e-12)
            return -float((((guess - sides.valid_targets) ** 2).mean(0) / scale).mean())
        return float(tag_metrics(sides.valid_targets, guess, np.ones((1, len(guess))))["average_precision"][0])

    return max(fits, key=score)


def _ridge(strength: float) -> Fit:
    def fit(vectors: np.ndarray, targets: np.ndarray) -> Guess:
        from sklearn.linear_model import Ridge
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        head = make_pipeline(StandardScaler(), Ridge(strength)).fit(vectors.astype(np.float64), targets)
        return lambda some: head.predict(some).reshape(len(some), -1)

    return fit


def _logistics(penalty: float) -> Fit:
    def fit(vectors: np.ndarray, targets: np.ndarray) -> Guess:
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler

        scale = StandardScaler().fit(vectors.astype(np.float64))
        x = scale.transform(vectors)
        heads = [
            LogisticRegression(C=penalty, max_iter=5000).fit(x, tag) if len(np.unique(tag)) == 2 else float(tag[0])
            for tag in targets.T
        ]

        def guess(some: np.ndarray) -> np.ndarray:
            z = scale.transform(some)
            columns = [np.full(len(z), h) if isinstance(h, float) else h.predict_proba(z)[:, 1] for h in heads]
            return np.stack(columns, axis=1)

        return guess

    return fit


def _nearest(neighbours: int) -> Fit:
    def fit(vectors: np.ndarray, targets: np.ndarray) -> Guess:
        from sklearn.neighbors import KNeighborsRegressor
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        head = KNeighborsRegressor(min(neighbours, len(targets)), metric="cosine", n_jobs=1)
        fitted = make_pipeline(StandardScaler(), head).fit(vectors, targets)
        return lambda some: fitted.predict(some).reshape(len(some), -1)

    return fit
