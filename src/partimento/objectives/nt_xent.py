"""Losses that draw two vectors of one thing together and push those of others away.

They are given the vectors of all processes, so that the number of negatives grows with the machines.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed
from torch.nn import functional as F


def nt_xent(pairs: Tensor, songs: Tensor, mine: slice, temperature: float) -> tuple[Tensor, Tensor]:
    """NT-Xent losses (M, 2) of the pairs `mine` against all slices, and whether each partner was the nearest.

    Chen et al. 2020, equation 1: -log softmax over all 2 N - 1 other slices. Slices of another pair of the same song
    are left out of it.

    Args:
        pairs: (N, 2, E) vectors of length 1.
        songs: (N,) song of each pair.
    """
    count = len(pairs)
    every = pairs.flatten(0, 1)  # first and second slice of each pair side by side
    queries = pairs[mine].flatten(0, 1)
    place = torch.arange(2 * count, device=pairs.device)[2 * mine.start : 2 * mine.stop]
    partner = place ^ 1
    similarity = queries @ every.T / temperature
    song = songs.repeat_interleave(2)
    hidden = song[place][:, None] == song  # the slice itself and what is of its song
    hidden[torch.arange(len(place)), partner] = False
    similarity = similarity.masked_fill(hidden, float("-inf"))
    losses = F.cross_entropy(similarity, partner, reduction="none")
    return losses.unflatten(0, (-1, 2)), similarity.argmax(1) == partner


def infonce(pairs: Tensor, songs: Tensor, mine: slice, temperature: float) -> tuple[Tensor, Tensor]:
    """InfoNCE losses (M, 2) both ways between first and second slices, and whether each partner was the nearest.

    What the original program computes: a slice is never set against slices of its own side. Arguments as `nt_xent`.
    """
    target = torch.arange(len(pairs), device=pairs.device)[mine]
    same = songs[mine][:, None] == songs
    same[torch.arange(len(target)), target] = False
    losses, hits = [], []
    for side in (0, 1):
        similarity = (pairs[mine, side] @ pairs[:, 1 - side].T / temperature).masked_fill(same, float("-inf"))
        losses.append(F.cross_entropy(similarity, target, reduction="none"))
        hits.append(similarity.argmax(1) == target)
    return torch.stack(losses, 1), torch.cat(hits)


def bilinear(pairs: Tensor, songs: Tensor, mine: slice, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy (M, 1) of the first of each pair among the second ones, by a bilinear similarity.

    COLA (Saeed et al. 2021, section 2.2): similarity a W b, no temperature, first to second only.

    Args:
        pairs: (N, 2, E) vectors of any length.
        weight: (E, E) learned matrix W; the others as `nt_xent`.
    """
    target = torch.arange(len(pairs), device=pairs.device)[mine]
    similarity = pairs[mine, 0] @ weight @ pairs[:, 1].T
    same = songs[mine][:, None] == songs
    same[torch.arange(len(target)), target] = False
    similarity = similarity.masked_fill(same, float("-inf"))
    return F.cross_entropy(similarity, target, reduction="none")[:, None], similarity.argmax(1) == target


@torch.compiler.disable
def gathered(vectors: Tensor, songs: Tensor) -> tuple[Tensor, Tensor, int]:
    """Vectors and songs of all processes, and where this one's begin."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return vectors, songs, 0
    everyones = [torch.empty_like(songs) for _ in range(distributed.get_world_size())]
    distributed.all_gather(everyones, songs)
    return _Gather.apply(vectors), torch.cat(everyones), distributed.get_rank() * len(vectors)


class _Gather(torch.autograd.Function):
    """Rows of all processes one after another; a row's gradient is the sum of what all processes' losses ask of it."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        parts = [torch.empty_like(rows) for _ in range(distributed.get_world_size())]
        distributed.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (gradient,) = gradients
        gradient = gradient.contiguous()
        distributed.all_reduce(gradient)
        rank, size = distributed.get_rank(), distributed.get_world_size()
        return gradient.chunk(size)[rank]
