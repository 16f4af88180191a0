"""The linear probe of Aria (Bradshaw et al. 2025): one linear layer with bias, trained with AdamW for fifty epochs.

Learning rate 3e-4 after 100 steps of warm-up, falling linearly to a tenth of it; weight decay 0.1; batches of 8. There
is nothing to choose, so nothing is chosen: it is the last epoch that counts, where the paper reports the best on its
test side. AdamW's step has a size of its own, so that the scale of the vectors matters: they are scaled to the length
√D, that of a hidden state behind its norm.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

EPOCHS, BATCH, WARMUP = 50, 8, 100
PEAK, FINAL, WEIGHT_DECAY = 3e-4, 0.1, 0.1


def learning_rate(step: int, steps: int) -> float:
    """Share of the peak at a step, counted from 0."""
    if step < WARMUP:
        return (step + 1) / WARMUP
    return 1.0 - (1.0 - FINAL) * (step - WARMUP) / max(1, steps - WARMUP)


def linear_probe(
    vectors: np.ndarray, labels: np.ndarray, classes: int, seed: int, standardise: bool = False
) -> Callable[[np.ndarray], np.ndarray]:
    """The fitted probe: vectors (N, D) to class indices (N,).

    Args:
        vectors: (N, D) float32 to train on.
        labels: (N,) int64 class indices.
        classes: K.
        seed: of the first weights and of the order of the pieces.
        standardise: give every feature mean 0 and variance 1 first, as the training vectors have it.
    """
    mean, deviation = np.zeros(vectors.shape[1]), np.ones(vectors.shape[1])
    if standardise:
        mean, deviation = vectors.mean(0), np.maximum(vectors.std(0), 1e-6)

    def scaled(some: np.ndarray) -> torch.Tensor:
        x = torch.from_numpy((some - mean) / deviation).float()
        return F.normalize(x, dim=1) * x.shape[1] ** 0.5

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer = nn.Linear(vectors.shape[1], classes)
        x, y = scaled(vectors), torch.from_numpy(labels)
        optimizer = torch.optim.AdamW(layer.parameters(), lr=PEAK, weight_decay=WEIGHT_DECAY, fused=True)
        order = torch.cat([torch.randperm(len(x)) for _ in range(EPOCHS)]).split(BATCH)
        for step, rows in enumerate(order):
            optimizer.param_groups[0]["lr"] = PEAK * learning_rate(step, len(order))
            optimizer.zero_grad()
            F.cross_entropy(layer(x[rows]), y[rows]).backward()
            optimizer.step()
    layer.requires_grad_(False)
    return lambda some: layer(scaled(some)).argmax(1).numpy()
