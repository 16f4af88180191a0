"""Next-token prediction: the mean of -log p(token | tokens of the same piece before it)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from partimento.networks.decoder import Decoder
from partimento.networks.packed import FILLER
from partimento.objectives.cross_entropy import IGNORED, summed_cross_entropy


@dataclass(frozen=True)
class PackedRows:
    """Rows of tokens in which several pieces may follow each other.

    Args:
        ids: (B, T + 1) int64; each position but the last predicts its successor.
        documents: (B, T + 1) int64, number of the piece at each position, rising along a row, or FILLER.
    """

    ids: Tensor
    documents: Tensor

    @property
    def tokens(self) -> int:
        """Positions that are read."""
        return self.ids[:, :-1].numel()

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, rows: slice) -> PackedRows:
        return PackedRows(self.ids[rows], self.documents[rows])

    def to(self, device: torch.device) -> PackedRows:
        return PackedRows(self.ids.to(device, non_blocking=True), self.documents.to(device, non_blocking=True))


def next_token(
    network: Decoder, batch: PackedRows, generator: torch.Generator | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """Mean loss in nats a position; `generator` is not used.

    A position whose successor belongs to another piece counts with a loss of zero, so that the mean over a batch is the
    mean of the means of its equal parts: accumulation and several processes give the same gradient as one.

    Returns:
        the loss, and for the log the sum of the losses ("loss") and the number of predicted tokens ("count").
    """
    hidden = network.hidden(batch.ids[:, :-1], batch.documents[:, :-1])  # (B, T, D)
    targets, count = targets_of(batch)
    total = summed_cross_entropy(hidden.flatten(0, 1), network.head.weight, targets)
    return total / batch.tokens, {"loss": total.detach(), "count": count}


def targets_of(batch: PackedRows) -> tuple[Tensor, Tensor]:
    """(B * T,) the token that each position predicts, IGNORED where it predicts none, and how many predict one."""
    documents = batch.documents[:, :-1]
    predicted = (batch.documents[:, 1:] == documents) & (documents != FILLER)
    return torch.where(predicted, batch.ids[:, 1:], IGNORED).flatten(), predicted.sum()
