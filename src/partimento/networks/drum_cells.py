"""The drums of a patch of steps, one cell after another: who is hit, how hard and how far from the step.

Hits are a neural autoregressive distribution estimator (NADE; Larochelle & Murray 2011) given the patch: each cell's
chance depends on all cells before it, earlier steps first and within a step the classes in their order, so that the
logarithms of the chances add up to that of the whole bar.

Shapes: R patches, S steps a patch, C drum classes, L hidden features, H heads of the repeated bars.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partimento.networks.drum_windows import CLASSES

VELOCITY_BINS = 16  # of 8 MIDI steps
SHIFT_BINS = 13  # twelfths of a step, from -6 to 6
PLAYED = 2 * 5  # by hand or not, times the feels


class DrumCells(nn.Module):
    """Chances of cells, and of velocities and shifts of hits."""

    def __init__(self, width: int, hidden: int, steps: int, heads: int) -> None:
        super().__init__()
        self.steps, self.hidden = steps, hidden
        self.context = nn.Linear(width, steps * hidden)
        self.copied = nn.Linear(heads * CLASSES, hidden, bias=False)
        self.earlier = nn.Linear(steps * CLASSES, steps * hidden, bias=False)  # masked: see `earlier_weight`
        self.within = nn.Linear(CLASSES, hidden, bias=False)
        self.out = nn.Linear(hidden, CLASSES)
        self.straight = nn.Parameter(torch.zeros(CLASSES, heads))  # a copied hit speaks for its own class
        self.drum = nn.Embedding(CLASSES, hidden)
        self.played = nn.Embedding(PLAYED, hidden)
        self.together = nn.Linear(CLASSES + 2 * heads, hidden, bias=False)
        self.touch = nn.Linear(hidden, hidden)
        self.touch_out = nn.Linear(hidden, VELOCITY_BINS + SHIFT_BINS)

    def earlier_weight(self) -> Tensor:
        """(S*L, S*C) weights of hits at earlier steps of the patch; zero for the same step and later ones."""
        place = torch.arange(self.steps, device=self.earlier.weight.device)
        mask = (place[:, None] > place[None, :]).repeat_interleave(self.hidden, 0).repeat_interleave(CLASSES, 1)
        return self.earlier.weight * mask

    def before(self, patch: Tensor, copied: Tensor, hits: Tensor | None = None) -> Tensor:
        """(R, S, L) what is known before a step's own cells.

        Args:
            patch: (R, D) the decoder's state.
            copied: (R, S, H, C) hits at the repeated bars.
            hits: (R, S, C), of which only earlier steps are looked at; None is none.
        """
        context = self.context(patch)
        if hits is not None:
            context = context + F.linear(hits.flatten(1).to(patch.dtype), self.earlier_weight())
        return context.unflatten(1, (self.steps, self.hidden)) + self.copied(copied.flatten(2).to(patch.dtype))

    def logits(self, before: Tensor, copied: Tensor, hits: Tensor) -> Tensor:
        """(R, S, C) float32 logits of each cell, given the cells before it."""
        earlier_classes = torch.ones(CLASSES, CLASSES, device=hits.device).tril(-1)
        own = self.within(hits.to(before.dtype)[..., None, :] * earlier_classes.to(before.dtype))  # (R, S, C, L)
        state = F.silu(before[..., None, :] + own)
        spoken = (state * self.out.weight.to(state.dtype)).sum(-1).float() + self.out.bias.float()
        return spoken + torch.einsum("rshc,ch->rsc", copied.float(), self.straight.float())

    def touches(
        self, before: Tensor, hits: Tensor, copied: Tensor, drum: Tensor, played: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Float32 logits (K, 16) of the velocities and (K, 13) of the shifts of K hits.

        Args:
            before: (K, L) of the step of each hit.
            hits: (K, C) of its step.
            copied: (K, H, 2) of its class: hits and velocities at the repeated bars.
            drum: (K,) its class.
            played: (K,) `played_class` of its piece.
        """
        heard = torch.cat([hits.to(before.dtype), copied.flatten(1).to(before.dtype)], -1)
        state = before + self.together(heard) + self.drum(drum) + self.played(played)
        state = F.silu(self.touch(F.silu(state)))
        velocity, shift = self.touch_out(state).float().split([VELOCITY_BINS, SHIFT_BINS], -1)
        return velocity, shift


def played_class(played: Tensor, feel: Tensor) -> Tensor:
    """(B,) one number for whether it was played by hand and its feel."""
    return feel * 2 + played.long()


def velocity_bin(velocity: Tensor) -> Tensor:
    """Bins of velocities from 1 to 127."""
    return velocity.long() // (128 // VELOCITY_BINS)


def shift_bin(shift: Tensor) -> Tensor:
    """Bins of shifts from -0.5 to 0.5 steps; the middle one is on the step."""
    return (shift * (SHIFT_BINS - 1)).round().long() + SHIFT_BINS // 2
