"""Contrastive learning on slices: two slices of one piece shall have like vectors, slices of other pieces unlike ones.

SimCLR (Chen et al. 2020, section 2.1) as in Aria's second stage (Bradshaw et al. 2025). The loss sees the vectors of
all processes, so that the number of negatives grows with the machines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, distributed
from torch.nn import functional as F

from partimento.networks.decoder import Decoder

CHUNK_TOKENS = 8192  # positions that go through the network at once; on GPUs always so many, to compile for one length

Loss = Literal["nt_xent", "infonce"]


@dataclass(frozen=True)
class SlicePairs:
    """Two slices of each of N pieces.

    Args:
        ids: (N, 2, T) int64, from <S> to <E>, padded to one length.
        lengths: (N, 2) int64, ids of each slice without the padding.
        songs: (N,) int64; pairs of one song are not each other's negatives.
    """

    ids: Tensor
    lengths: Tensor
    songs: Tensor

    @property
    def tokens(self) -> int:
        """Positions that are read."""
        return int(self.lengths.sum())

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, rows: slice) -> SlicePairs:
        return SlicePairs(self.ids[rows], self.lengths[rows], self.songs[rows])

    def to(self, device: torch.device) -> SlicePairs:
        return SlicePairs(*(x.to(device, non_blocking=True) for x in (self.ids, self.lengths, self.songs)))


@torch.compiler.disable(recursive=False)  # the network is compiled, not the many calls of it as one graph
def contrastive(
    network: Decoder,
    batch: SlicePairs,
    generator: torch.Generator | None = None,
    *,
    temperature: float = 0.1,
    loss: Loss = "nt_xent",
) -> tuple[Tensor, dict[str, Tensor]]:
    """Mean loss in nats a slice; `generator` is not used.

    Args:
        temperature: of the softmax over cosine similarities; 0.1 in the released model.
        loss: "nt_xent" (each slice against all others, 2 N - 2 negatives), or the "infonce" of the original program
            (first slices against second ones and back, N - 1 negatives).

    Returns:
        the loss, and for the log sums of the losses ("loss") and of how often a slice's partner is the nearest of all
        ("hits"), and the number of slices ("count").
    """
    vectors = F.normalize(pooled(network, batch.ids.flatten(0, 1), batch.lengths.flatten()), dim=-1)  # (2N, E)
    vectors, songs = vectors.unflatten(0, (-1, 2)), batch.songs
    everyone, their_songs, mine = _gathered(vectors, songs) if network.training else (vectors, songs, 0)
    judge = nt_xent if loss == "nt_xent" else infonce
    with torch.autocast(vectors.device.type, enabled=False):  # bfloat16 has steps of 0.06 near 1 / temperature
        losses, hits = judge(everyone, their_songs, slice(mine, mine + len(vectors)), temperature)
    count = torch.tensor(losses.numel(), device=losses.device)
    return losses.mean(), {"loss": losses.detach().sum(), "hits": hits.sum(), "count": count}


@torch.compiler.disable(recursive=False)
def pooled(network: Decoder, ids: Tensor, lengths: Tensor) -> Tensor:
    """(R, E) float32 head outputs of slices given as ids (R, T) with lengths (R,), pooled as the network's config says.

    Slices are packed one after another, so padding costs next to nothing.
    """
    found, least = [], CHUNK_TOKENS if ids.device.type == "cuda" else 0
    for start, stop in _chunks(lengths.tolist(), CHUNK_TOKENS):
        part_lengths = lengths[start:stop]
        tokens, documents = _packed(ids[start:stop], part_lengths, least)
        hidden = network.hidden(tokens[None], documents[None])[0]  # (P, D)
        found.append(network.pool(hidden[: int(part_lengths.sum())], part_lengths))
    return network.head(torch.cat(found)).float()


@torch.compiler.disable
def _packed(ids: Tensor, lengths: Tensor, least: int) -> tuple[Tensor, Tensor]:
    """(P,) the ids of rows one after another and (P,) the row of each; up to `least` positions of a further row."""
    real = torch.arange(ids.shape[1], device=ids.device) < lengths[:, None]
    rows = torch.arange(len(ids), device=ids.device).repeat_interleave(lengths)
    fill = (0, max(0, least - len(rows)))
    return F.pad(ids[real], fill), F.pad(rows, fill, value=len(ids))


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


def _chunks(lengths: list[int], most: int) -> list[tuple[int, int]]:
    """Stretches [start, stop) of rows that hold no more than `most` tokens, or one row."""
    chunks, start, filled = [], 0, 0
    for row, length in enumerate(lengths):
        if filled and filled + length > most:
            chunks.append((start, row))
            start, filled = row, 0
        filled += length
    return [*chunks, (start, len(lengths))]


@torch.compiler.disable
def _gathered(vectors: Tensor, songs: Tensor) -> tuple[Tensor, Tensor, int]:
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
