"""Contrastive learning on slices: two slices of one piece shall have like vectors, slices of other pieces unlike ones.

SimCLR (Chen et al. 2020, section 2.1) as in Aria's second stage (Bradshaw et al. 2025).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from partimento.networks.decoder import Decoder
from partimento.objectives.nt_xent import gathered, infonce, nt_xent

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
    everyone, their_songs, mine = gathered(vectors, songs) if network.training else (vectors, songs, 0)
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


def _chunks(lengths: list[int], most: int) -> list[tuple[int, int]]:
    """Stretches [start, stop) of rows that hold no more than `most` tokens, or one row."""
    chunks, start, filled = [], 0, 0
    for row, length in enumerate(lengths):
        if filled and filled + length > most:
            chunks.append((start, row))
            start, filled = row, 0
        filled += length
    return [*chunks, (start, len(lengths))]
