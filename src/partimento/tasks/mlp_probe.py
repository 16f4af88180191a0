"""MULE's probe: a small network on frozen vectors, with the settings that its authors publish for each set.

McCallum et al. 2022, section 4, and the configurations of its release (`Musicset_ULarge.yml` of each set): ReLU layers
with dropout behind each, Adam, a linear warm-up and a cosine to 0. The L2 term is that of the layers' weights, not of
their biases. Where several layers of a network are given, their vectors are mixed first by learned weights that sum to
1, as MARBLE and SUPERB do.

One deviation: features are standardised by default, as the training vectors have them, since a step of Adam has a size
of its own and our networks' vectors have lengths of their own; `standardise=False` is the published way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

Loss = Literal["cross_entropy", "binary", "squared"]

SMALLEST_DEVIATION = 1e-6


@dataclass(frozen=True)
class ProbeRecipe:
    """Sizes and training of a probe.

    Args:
        hidden: widths of the hidden layers; none is a linear probe.
        dropout: behind each hidden layer.
        batch: vectors of a step.
        l2: added to the loss, times the sum of the squared weights.
        peak: learning rate at the end of the warm-up.
        steps: of the training, the warm-up included.
        warmup: steps in which the rate rises to its peak.
        loss: "cross_entropy" of classes, "binary" cross-entropy of each output, "squared" error.
        output_dropout: on the outputs.
        cosine_from: rate from which the cosine falls, the peak if None.

    Raises:
        ValueError: if a size is below 1, a dropout outside [0, 1) or the warm-up not shorter than the training.
    """

    hidden: tuple[int, ...]
    dropout: float
    batch: int
    l2: float
    peak: float
    steps: int
    warmup: int = 1000
    loss: Loss = "cross_entropy"
    output_dropout: float = 0.0
    cosine_from: float | None = None

    def __post_init__(self) -> None:
        if min(self.batch, self.steps, *self.hidden) < 1:
            raise ValueError(f"batch, steps and hidden widths must be at least 1: {self}")
        if not (0 <= self.dropout < 1 and 0 <= self.output_dropout < 1):
            raise ValueError(f"a dropout must be at least 0 and below 1: {self}")
        if not 0 <= self.warmup < self.steps:
            raise ValueError(f"the warm-up of {self.warmup} steps must be shorter than the training's {self.steps}")

    def learning_rate(self, step: int) -> float:
        """At a step, counted from 0."""
        if step < self.warmup:
            return self.peak * (step + 1) / self.warmup
        done = (step - self.warmup) / (self.steps - self.warmup)
        return (self.cosine_from or self.peak) * (1 + math.cos(math.pi * done)) / 2


def shortened(recipe: ProbeRecipe, steps: int) -> ProbeRecipe:
    """A recipe of at most so many steps, a fifth of them at most for the warm-up: for sets smaller than its own.

    >>> shortened(PUBLISHED["GS key"], 2000).warmup
    400
    """
    if steps >= recipe.steps:
        return recipe
    return replace(recipe, steps=steps, warmup=min(recipe.warmup, steps // 5))


PUBLISHED: Mapping[str, ProbeRecipe] = {
    "MTT": ProbeRecipe((512,), 0.5, 256, 1e-6, 5e-5, 30_000, loss="binary"),
    "GTZAN": ProbeRecipe((), 0.0, 2560, 0.0, 5e-5, 20_000, loss="binary"),  # over one-hot classes
    "NSynth pitch": ProbeRecipe((), 0.0, 64, 0.0, 1e-4, 800_000, warmup=5000),
    "NSynth instrument": ProbeRecipe((), 0.0, 64, 0.0, 1e-4, 400_000, warmup=5000),
    "GS key": ProbeRecipe((512,), 0.9, 512, 1e-4, 1e-4, 10_000),  # dropout .8 in the paper, .9 in its configuration
    "Emo": ProbeRecipe((1024,), 0.5, 512, 0.0, 1e-4, 10_000, loss="squared"),
    "AMM": ProbeRecipe((1024,), 0.5, 256, 5e-6, 3e-4, 30_000, loss="binary"),
    "Jam-50": ProbeRecipe((512,), 0.75, 256, 1e-5, 1e-4, 18_000, loss="binary"),
    "Jam-MT": ProbeRecipe((512,), 0.75, 256, 1e-5, 1e-4, 15_000, loss="binary"),
    "Jam-All": ProbeRecipe((1024, 1024), 0.5, 256, 1e-5, 1e-4, 20_000, loss="binary"),
    "MSDS": ProbeRecipe((1024, 1024), 0.5, 256, 1e-6, 1e-4, 40_000, loss="binary"),
    "MSD50": ProbeRecipe((512,), 0.5, 256, 1e-5, 1e-4, 30_000, loss="binary"),
    "MSD100": ProbeRecipe((2048, 2048), 0.5, 256, 5e-6, 1e-4, 35_000, loss="binary"),
    "MSD500": ProbeRecipe((4096, 4096, 4096), 0.5, 256, 1e-6, 1e-4, 20_000, loss="binary"),
    "MuMu": ProbeRecipe((), 0.0, 256, 1e-6, 1e-3, 30_000, loss="binary", output_dropout=0.3, cosine_from=1e-4),
}

# For sets of a few thousand examples: the shape of MULE's probes, fewer steps at a higher rate.
MLP = ProbeRecipe((512,), 0.5, 256, 1e-5, 1e-3, 2000, warmup=200)
LINEAR = ProbeRecipe((), 0.0, 256, 1e-5, 1e-2, 2000, warmup=200)


class LayerMixing(nn.Module):
    """A mean of layers, weighted by a learned softmax.

    Shape:
        (B, L, D) -> (B, D).
    """

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(layers))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("bld,l->bd", x, self.logits.softmax(0))


@dataclass(frozen=True, eq=False)
class FittedProbe:
    """A trained probe.

    Args:
        network: standardised vectors to outputs, in evaluation mode.
        mean, deviation: of the features, (D,) or (L, D).
        loss: that it was trained with.
    """

    network: nn.Sequential
    mean: np.ndarray
    deviation: np.ndarray
    loss: Loss

    @torch.inference_mode()
    def scores(self, vectors: np.ndarray) -> np.ndarray:
        """(N, K) float32 of vectors (N, D) or (N, L, D): probabilities of classes or tags, or the numbers."""
        device = next(self.network.parameters()).device
        out = self.network(_standardised(vectors, self.mean, self.deviation).to(device)).cpu()
        if self.loss == "squared":
            return out.numpy()
        return (out.softmax(1) if self.loss == "cross_entropy" else out.sigmoid()).numpy()

    @property
    def layer_weights(self) -> np.ndarray | None:
        """(L,) float32, the share of each layer, or None if there was but one."""
        mixing = self.network[0]
        return mixing.logits.detach().softmax(0).cpu().numpy() if isinstance(mixing, LayerMixing) else None


def fit_mlp(
    recipe: ProbeRecipe,
    vectors: np.ndarray,
    targets: np.ndarray,
    outputs: int,
    seed: int,
    standardise: bool = True,
    device: str | torch.device = "cpu",
) -> FittedProbe:
    """A probe trained on vectors; nothing is chosen, so nothing is held back.

    Args:
        vectors: (N, D) float32, or (N, L, D) of L layers.
        targets: (N,) int64 classes, or (N, K) float32 tags or numbers.
        outputs: K.
        seed: of the first weights, the order of the vectors and the dropout.
        standardise: give every feature mean 0 and deviation 1 first.

    Raises:
        ValueError: if classes are given to a loss of numbers or the other way round.
    """
    if recipe.loss == ("squared" if targets.ndim == 1 else "cross_entropy"):
        raise ValueError(f"targets {targets.shape} do not go with the loss {recipe.loss!r}")
    mean = vectors.mean(0) if standardise else np.zeros(vectors.shape[1:], dtype=np.float32)
    deviation = np.maximum(vectors.std(0), SMALLEST_DEVIATION) if standardise else np.ones_like(mean)
    y = torch.from_numpy(targets)
    if recipe.loss != "cross_entropy":
        y = (F.one_hot(y, outputs) if y.ndim == 1 else y).float()
    x, y = _standardised(vectors, mean, deviation).to(device), y.to(device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = probe_network(recipe, tuple(vectors.shape[1:]), outputs).to(device).train()
        optimizer = _optimizer(recipe, network)
        for step, rows in enumerate(_batches(len(x), recipe.batch, recipe.steps)):
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate(step)
            optimizer.zero_grad()
            _loss(recipe.loss, network(x[rows]), y[rows]).backward()
            optimizer.step()
    return FittedProbe(network.requires_grad_(False).eval(), mean, deviation, recipe.loss)


def probe_network(recipe: ProbeRecipe, shape: tuple[int, ...], outputs: int) -> nn.Sequential:
    """The layers of a probe for vectors of a shape (D,) or (L, D)."""
    parts: list[nn.Module] = [LayerMixing(shape[0])] if len(shape) == 2 else []
    width = shape[-1]
    for hidden in recipe.hidden:
        parts += [nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(recipe.dropout)]
        width = hidden
    parts.append(nn.Linear(width, outputs))
    if recipe.output_dropout:
        parts.append(nn.Dropout(recipe.output_dropout))
    return nn.Sequential(*parts)


def _standardised(vectors: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> Tensor:
    return torch.from_numpy((vectors - mean) / deviation).float()


def _optimizer(recipe: ProbeRecipe, network: nn.Module) -> torch.optim.Adam:
    weights = [p for p in network.parameters() if p.ndim == 2]
    rest = [p for p in network.parameters() if p.ndim != 2]
    # Adam's weight_decay adds w · decay to the gradient: the gradient of l2 · Σw² is 2 · l2 · w
    groups: list[dict[str, Any]] = [{"params": weights, "weight_decay": 2 * recipe.l2}, {"params": rest}]
    return torch.optim.Adam(groups, lr=recipe.peak, eps=1e-7)  # Keras' epsilon, with which the rates were tuned


def _batches(count: int, batch: int, steps: int) -> list[Tensor]:
    """Rows of each step: one permutation after the other, cut into batches."""
    epochs = math.ceil(steps * min(batch, count) / count)
    rows = torch.cat([torch.randperm(count) for _ in range(epochs)])
    return list(rows.split(min(batch, count)))[:steps]


def _loss(loss: Loss, out: Tensor, y: Tensor) -> Tensor:
    if loss == "cross_entropy":
        return F.cross_entropy(out, y)
    return F.binary_cross_entropy_with_logits(out, y) if loss == "binary" else F.mse_loss(out, y)
