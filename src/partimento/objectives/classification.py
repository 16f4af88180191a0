"""Classification of pieces by slices: a piece's class probabilities are the mean of its slices', weighted by tokens.

As Aria is fine-tuned (Bradshaw et al. 2025, section 4). In training a piece comes as one slice, drawn anew every time,
and the loss is the cross entropy of that slice; in validation it comes as all its windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from partimento.networks.decoder import Decoder
from partimento.objectives.contrastive import pooled


@dataclass(frozen=True)
class LabelledSlices:
    """Slices of N labelled pieces, S in all, those of one piece after those of another.

    Args:
        ids: (S, T) int64, each from <S> to <E>, padded to one length.
        lengths: (S,) int64, ids of each slice without the padding.
        counts: (N,) int64, slices of each piece; they add up to S.
        labels: (N,) int64, class of each piece.
    """

    ids: Tensor
    lengths: Tensor
    counts: Tensor
    labels: Tensor

    @property
    def tokens(self) -> int:
        """Positions that are read."""
        return int(self.lengths.sum())

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: slice) -> LabelledSlices:
        start, stop, _ = rows.indices(len(self))
        edge = [0, *self.counts.cumsum(0).tolist()]
        mine = slice(edge[start], edge[max(start, stop)])
        return LabelledSlices(self.ids[mine], self.lengths[mine], self.counts[rows], self.labels[rows])

    def to(self, device: torch.device) -> LabelledSlices:
        parts = (self.ids, self.lengths, self.counts, self.labels)
        return LabelledSlices(*(x.to(device, non_blocking=True) for x in parts))


def classification(
    network: Decoder, batch: LabelledSlices, generator: torch.Generator | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """Mean loss in nats a piece; `generator` is not used.

    Returns:
        the loss, and for the log sums of the losses ("loss") and of how often the likeliest class is the right one
        ("hits"), and the number of pieces ("count").
    """
    found = log_probabilities(network, batch.ids, batch.lengths, batch.counts)
    losses = -found.gather(1, batch.labels[:, None])[:, 0]
    hits = (found.argmax(1) == batch.labels).sum()
    count = torch.tensor(len(losses), device=losses.device)
    return losses.mean(), {"loss": losses.detach().sum(), "hits": hits, "count": count}


def log_probabilities(network: Decoder, ids: Tensor, lengths: Tensor, counts: Tensor) -> Tensor:
    """(N, C) float32 logarithms of the class probabilities of pieces; arguments as the fields of `LabelledSlices`."""
    slices = pooled(network, ids, lengths).log_softmax(-1)  # (S, C)
    weighted = slices + lengths.log()[:, None]
    parts, sizes = (x.split(counts.tolist()) for x in (weighted, lengths))
    return torch.stack([part.logsumexp(0) - size.sum().log() for part, size in zip(parts, sizes, strict=True)])


def collate(pieces: Sequence[Sequence[np.ndarray]], labels: np.ndarray) -> LabelledSlices:
    """The ids of the slices of pieces as one batch, padded with zeros; labels are (N,)."""
    flat = [ids for slices in pieces for ids in slices]
    lengths = torch.tensor([len(ids) for ids in flat])
    padded = np.zeros((len(flat), int(lengths.max())), np.int64)
    for row, ids in zip(padded, flat, strict=True):
        row[: len(ids)] = ids
    counts = torch.tensor([len(slices) for slices in pieces])
    return LabelledSlices(torch.from_numpy(padded), lengths, counts, torch.from_numpy(labels.astype(np.int64)))
