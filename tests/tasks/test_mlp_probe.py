"""MULE's probe: it learns, its schedule and settings are the published ones, layers are mixed by what they tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from partimento.tasks.mlp_probe import LINEAR, MLP, PUBLISHED, ProbeRecipe, fit_mlp, probe_network, shortened

QUICK = ProbeRecipe((32,), 0.1, 64, 1e-5, 3e-3, 150, warmup=20)


def blobs(count: int = 300, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    labels = generator.integers(classes, size=count)
    vectors = generator.standard_normal((count, 12)) + 3 * generator.standard_normal((classes, 12))[labels]
    return vectors.astype(np.float32), labels


def test_classes_tags_and_numbers_are_learned() -> None:
    vectors, labels = blobs()
    classes = fit_mlp(QUICK, vectors[:200], labels[:200], 3, 0).scores(vectors[200:])
    assert classes.sum(1) == pytest.approx(1, abs=1e-5)
    assert (classes.argmax(1) == labels[200:]).mean() > 0.9
    tags = (labels[:, None] == np.arange(3)).astype(np.float32)
    found = fit_mlp(replace(QUICK, loss="binary"), vectors[:200], tags[:200], 3, 0).scores(vectors[200:])
    assert ((found > 0.5) == tags[200:]).mean() > 0.9
    one_hot = fit_mlp(replace(QUICK, loss="binary"), vectors[:200], labels[:200], 3, 0).scores(vectors[200:])
    assert np.array_equal(one_hot, found)  # GTZAN's probe is of one-hot classes
    numbers = vectors[:, :2] * 2
    guess = fit_mlp(replace(QUICK, loss="squared", hidden=()), vectors, numbers, 2, 0).scores(vectors)
    assert np.corrcoef(guess[:, 0], numbers[:, 0])[0, 1] > 0.8


def test_a_seed_decides() -> None:
    vectors, labels = blobs()
    first, again, other = (fit_mlp(QUICK, vectors, labels, 3, seed).scores(vectors) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_layer_that_tells_is_given_the_weight() -> None:
    vectors, labels = blobs()
    noise = np.random.default_rng(1).standard_normal((2, *vectors.shape)).astype(np.float32)
    layers = np.stack([noise[0], vectors, noise[1]], axis=1)  # (N, L, D)
    probe = fit_mlp(replace(LINEAR, steps=200, warmup=20), layers, labels, 3, 0)
    assert probe.layer_weights is not None
    assert probe.layer_weights.argmax() == 1
    assert probe.layer_weights.sum() == pytest.approx(1)
    assert (probe.scores(layers).argmax(1) == labels).mean() > 0.9
    assert fit_mlp(QUICK, vectors, labels, 3, 0).layer_weights is None


def test_the_rate_rises_and_falls() -> None:
    recipe = PUBLISHED["MTT"]
    rates = [recipe.learning_rate(step) for step in (0, 499, 999, 1000, 15_500, 29_999)]
    assert rates == pytest.approx([5e-8, 2.5e-5, 5e-5, 5e-5, 2.5e-5, 0], abs=1e-12)
    assert PUBLISHED["MuMu"].learning_rate(999) == pytest.approx(1e-3)
    assert PUBLISHED["MuMu"].learning_rate(1000) == pytest.approx(1e-4)


def test_the_penalty_is_on_weights_and_not_on_biases() -> None:
    strong = replace(QUICK, l2=100.0, hidden=(), loss="squared")
    vectors, _ = blobs()
    targets = np.full((300, 1), 5.0, dtype=np.float32) + vectors[:, :1]
    layer = fit_mlp(replace(strong, steps=500, peak=0.1, batch=300), vectors, targets, 1, 0).network[0]
    assert isinstance(layer, nn.Linear)
    assert layer.weight.abs().max() < 0.05
    assert float(layer.bias) == pytest.approx(float(targets.mean()), rel=0.05)


def test_the_published_shapes() -> None:
    widths = {name: [m.out_features for m in probe_network(recipe, (1728,), 10) if isinstance(m, nn.Linear)]
              for name, recipe in PUBLISHED.items()}  # fmt: skip
    assert widths["MTT"] == [512, 10]
    assert widths["GTZAN"] == [10]
    assert widths["MSD500"] == [4096, 4096, 4096, 10]
    assert PUBLISHED["GS key"].dropout == 0.9
    assert PUBLISHED["Emo"].loss == "squared"
    with torch.no_grad():
        assert probe_network(MLP, (13, 192), 80)(torch.zeros(2, 13, 192)).shape == (2, 80)


def test_shorter_recipes_and_wrong_ones() -> None:
    assert (shortened(PUBLISHED["MTT"], 2000).steps, shortened(PUBLISHED["MTT"], 2000).warmup) == (2000, 400)
    assert shortened(MLP, 10**6) is MLP
    with pytest.raises(ValueError, match="warm-up of 1000 steps must be shorter"):
        ProbeRecipe((), 0.0, 64, 0.0, 1e-4, 1000)
    vectors, labels = blobs()
    with pytest.raises(ValueError, match="do not go with the loss 'squared'"):
        fit_mlp(replace(QUICK, loss="squared"), vectors, labels, 3, 0)
