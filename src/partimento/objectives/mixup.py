"""Mixup of spectrograms inside a batch (McCallum et al. 2022, section 3.2): each has a quieter other one in it."""

from __future__ import annotations

import torch
from torch import Tensor

GAIN = (5, 2)  # of the Beta distribution of the louder one's share


def mixup(x: Tensor, generator: torch.Generator, targets: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
    """x (N, ...) with x[i] = g x[i] + (1 - g) x[j], j another of the batch and g from Beta(5, 2), drawn for each.

    Args:
        targets: (N, ...) labels that are mixed in the same way, float; None for none.
    """
    gain = beta(len(x), generator, x.device)
    other = (torch.arange(len(x), device=x.device) + _shift(len(x), generator, x.device)) % len(x)
    mixed = None if targets is None else _blend(targets, other, gain)
    return _blend(x, other, gain), mixed


def beta(count: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """(count,) draws of Beta(5, 2): the fifth smallest of six uniform numbers (David & Nagaraja 2003, section 2.1)."""
    a, b = GAIN
    return torch.rand(count, a + b - 1, generator=generator, device=device).sort(1).values[:, a - 1]


def _shift(count: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """How far the other one is, so that nobody is mixed with itself unless it is alone."""
    return torch.randint(1, max(2, count), (1,), generator=generator, device=device)


def _blend(x: Tensor, other: Tensor, gain: Tensor) -> Tensor:
    share = gain.reshape(-1, *[1] * (x.ndim - 1)).to(x.dtype)
    return share * x + (1 - share) * x[other]
