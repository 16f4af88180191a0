"""The losses of Dahale et al. 2022, one a stage, with what is hidden of their windows in training.

Not said in the thesis and chosen here: a masked instrument is silent, its flag says so; a masked step is empty, its
flags too; the noise on the drums of stage 3 is Gaussian; Huber's delta is 1 (then his loss of a chance is half its
squared error).

Shapes: B windows of 11 bars, T = 352 steps, L tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F

from partimento.networks.dahale.basic import BasicDrums
from partimento.networks.dahale.blocks import BARS, FAMILIES, MIDDLE, melody_values
from partimento.networks.dahale.infill import Infill
from partimento.networks.dahale.location import IMPROVISED, Locator

Logs = dict[str, Tensor]


class Windows:
    """What all batches of windows can: be counted, cut and moved."""

    @property
    def tokens(self) -> int:
        """Bars that are read."""
        return len(self) * BARS

    def __len__(self) -> int:
        return len(self._columns()[0])

    def __getitem__(self, rows: slice) -> Self:
        return type(self)(*(column[rows] for column in self._columns()))

    def to(self, device: torch.device) -> Self:
        return type(self)(*(column.to(device, non_blocking=True) for column in self._columns()))

    def _columns(self) -> list[Tensor]:
        return [getattr(self, field.name) for field in fields(self)]  # type: ignore[arg-type]


@dataclass(frozen=True)
class BasicWindows(Windows):
    """B windows to tell the drums of.

    Args:
        others: (B, T, 4, 64) uint8 as in `DrumGrid`.
        told: (B, L) int64 tokens of the drums, anything behind the last.
        length: (B,) int64, how many they are.
    """

    others: Tensor
    told: Tensor
    length: Tensor


@dataclass(frozen=True)
class LocationWindows(Windows):
    """B windows to judge the middle bar of.

    Args:
        others: (B, 11, 32, 4, 64) uint8.
        improvised: (B,) int64, 1 or 0.
    """

    others: Tensor
    improvised: Tensor


@dataclass(frozen=True)
class InfillWindows(Windows):
    """B windows to play the middle bar of.

    Args:
        others: (B, 11, 32, 4, 64) uint8.
        hits: (B, 11, 32, 16) bool.
    """

    others: Tensor
    hits: Tensor


def masked_melody(others: Tensor, family: float, steps: float, generator: torch.Generator) -> Tensor:
    """(B, T, 256) float32 of others (B, T, 4, 64) with some of it hidden.

    Args:
        family: share of the windows in which one instrument, drawn, is silent.
        steps: share of the steps that are empty.
    """
    batch, time = others.shape[:2]
    device = others.device
    values = melody_values(others).unflatten(2, (FAMILIES, -1))
    chosen = torch.randint(FAMILIES, (batch,), generator=generator, device=device)
    chosen = torch.where(torch.rand(batch, generator=generator, device=device) < family, chosen, FAMILIES)
    hidden = F.one_hot(chosen, FAMILIES + 1)[:, None, :FAMILIES, None].bool()  # (B, 1, 4, 1)
    silence = torch.zeros_like(values[:1, :1, :1])
    silence[..., 0] = 1
    values = torch.where(hidden, silence, values).flatten(2)
    empty = torch.rand(batch, time, 1, generator=generator, device=device) < steps
    return values.masked_fill(empty, 0)


def basic_pattern(
    network: BasicDrums, batch: BasicWindows, generator: torch.Generator, *, masked_family: float, masked_steps: float
) -> tuple[Tensor, Logs]:
    """Cross-entropy of the tokens, in nats a token; masked in training alone."""
    longest = int(batch.length.max())
    told = batch.told[:, :longest]
    if network.training:
        melody = masked_melody(batch.others, masked_family, masked_steps, generator)
    else:
        melody = melody_values(batch.others)
    logits = network(melody, told).float()
    real = torch.arange(longest, device=told.device) < batch.length[:, None]
    nats = F.cross_entropy(logits[real], told[real], reduction="sum")
    count = real.sum()
    return nats / count, {"loss": nats.detach(), "count": count}


def improvised_or_not(
    network: Locator, batch: LocationWindows, generator: torch.Generator, *, huber: bool
) -> tuple[Tensor, Logs]:
    """Cross-entropy of the two classes in nats a window, or the Huber loss of their chances."""
    logits = network(melody_values(batch.others)).float()
    if huber:
        wanted = F.one_hot(batch.improvised, 2).float()
        losses = F.huber_loss(logits.softmax(1), wanted, reduction="none").mean(1)
    else:
        losses = F.cross_entropy(logits, batch.improvised, reduction="none")
    right = ((logits[:, IMPROVISED] > logits[:, 1 - IMPROVISED]) == (batch.improvised == IMPROVISED)).sum()
    count = torch.tensor(len(losses), device=losses.device)
    return losses.mean(), {"loss": losses.detach().sum(), "count": count, "right": right}


def infilled_bar(
    network: Infill, batch: InfillWindows, generator: torch.Generator, *, masked_branch: float, noise: float
) -> tuple[Tensor, Logs]:
    """Huber loss of the cells of the middle bar, mean over the cells.

    Args:
        masked_branch: share of the windows in which one branch, drawn, is all zeros, in training.
        noise: deviation of what is added to the cells of the drums, in training.
    """
    melody, drums = melody_values(batch.others), batch.hits.float()
    if network.training:
        drums = drums + noise * torch.randn(drums.shape, generator=generator, device=drums.device)
        draw = torch.rand(len(batch), 1, 1, 1, generator=generator, device=drums.device)
        melody = melody.masked_fill(draw < masked_branch / 2, 0)
        drums = drums.masked_fill((draw >= masked_branch / 2) & (draw < masked_branch), 0)
    losses = F.huber_loss(network(melody, drums), batch.hits[:, MIDDLE].float(), reduction="none")
    count = torch.tensor(losses.numel(), device=losses.device)
    return losses.mean(), {"loss": losses.detach().sum(), "count": count}
