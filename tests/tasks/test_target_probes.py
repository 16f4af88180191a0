"""Probes of tags and numbers, alone and in a task."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from partimento.tasks import target_probes
from partimento.tasks.measure import System, measure
from partimento.tasks.mlp_probe import LINEAR, MLP
from partimento.tasks.task import Example, Fold, Task


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target_probes, "MLP", replace(MLP, hidden=(32,), dropout=0.1, peak=1e-2, steps=150, warmup=20))
    monkeypatch.setattr(target_probes, "LINEAR", replace(LINEAR, steps=150, warmup=20))


def task(kind: str, told: bool = True) -> tuple[Task, np.ndarray]:
    generator = np.random.default_rng(0)
    vectors = generator.standard_normal((160, 8)).astype(np.float32)
    numbers = vectors @ generator.standard_normal((8, 2)) if told else generator.standard_normal((160, 2))
    targets = ((numbers > 0.5) if kind == "tags" else numbers * 3 + 5).astype(np.float32)
    rows = np.arange(160)
    examples = tuple(Example(Path(f"{i}"), "", f"song {i // 2}") for i in rows)
    fold = Fold("one", rows[:80], rows[80:110], rows[110:])
    made = Task("toy", "toys", "one", kind, ("x", "y"), examples, (fold,), targets=targets)  # type: ignore[arg-type]
    return made, vectors


@pytest.mark.parametrize("probe", ["logistic", "knn", "mlp"])
@pytest.mark.parametrize(("kind", "metric", "least"), [("tags", "roc_auc", 0.85), ("values", "r2", 0.5)])
def test_what_is_there_is_learned(probe: str, kind: str, metric: str, least: float) -> None:
    some, vectors = task(kind)
    system = System("toy", "", lambda examples, seed: vectors, (probe,))  # type: ignore[arg-type]
    found = measure(some, system, seeds=2)[probe]
    assert found.values[metric].shape == (2,)
    assert found.values[metric].mean() > least
    assert found.draws[metric].shape == (1000,)


def test_nothing_is_learned_from_noise() -> None:
    some, vectors = task("tags", told=False)
    system = System("toy", "", lambda examples, seed: vectors, ("logistic", "majority"))
    found = measure(some, system, seeds=1)
    assert 0.2 < found["logistic"].values["roc_auc"][0] < 0.8
    assert found["majority"].values["roc_auc"][0] == pytest.approx(0.5)


def test_layers_are_mixed() -> None:
    some, vectors = task("values")
    layers = np.stack([np.random.default_rng(1).standard_normal(vectors.shape).astype(np.float32), vectors], axis=1)
    system = System("toy", "", lambda examples, seed: layers, ("mixing",))
    assert measure(some, system, seeds=1)["mixing"].values["r2"][0] > 0.5


def test_what_does_not_fit_is_refused() -> None:
    some, vectors = task("tags")
    system = System("toy", "", lambda examples, seed: vectors, ("forest",))
    with pytest.raises(ValueError, match="'forest' is for classes"):
        measure(some, system, seeds=1)
    with pytest.raises(ValueError, match="tags and values have targets"):
        replace(some, targets=None)
    with pytest.raises(ValueError, match="tags and values have targets"):
        replace(some, kind="classes")
