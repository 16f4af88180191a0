"""Next-token prediction on rows of one piece each, with or without an embedding of the piece before its tokens."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from partimento.networks.decoder import Decoder
from partimento.objectives.cross_entropy import summed_cross_entropy
from partimento.objectives.next_token import FILLER, PackedRows, targets_of

WIDTHS = 8  # rows are shortened to one of so many lengths, so that a compiler sees few shapes


@dataclass(frozen=True)
class PieceRows:
    """Rows of one piece each, filled up at their ends, and what the pieces are like.

    Args:
        rows: (B, T + 1) ids and documents, FILLER behind the piece.
        length: positions that a row had before filler which all rows have was cut off; the loss is a mean over so many.
        condition: (B, C) float32 embeddings of the pieces, or None for a language model without a condition.
        seen: (B,) bool, which rows see their condition; None where there is none.
    """

    rows: PackedRows
    length: int
    condition: Tensor | None = None
    seen: Tensor | None = None

    @property
    def tokens(self) -> int:
        """Positions that are read."""
        return self.rows.tokens

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: slice) -> PieceRows:
        """Some rows, without the filler that all of them have beyond an eighth of the length."""
        some = self.rows[rows]
        longest = int((some.documents != FILLER).sum(1).max()) - 1
        step = max(1, self.length // WIDTHS)
        width = min(-(-longest // step) * step, some.ids.shape[1] - 1) + 1
        return PieceRows(
            PackedRows(some.ids[:, :width], some.documents[:, :width]),
            self.length,
            None if self.condition is None else self.condition[rows],
            None if self.seen is None else self.seen[rows],
        )

    def to(self, device: torch.device) -> PieceRows:
        return PieceRows(
            self.rows.to(device),
            self.length,
            None if self.condition is None else self.condition.to(device, non_blocking=True),
            None if self.seen is None else self.seen.to(device, non_blocking=True),
        )


def next_token_of_piece(
    network: Decoder, batch: PieceRows, generator: torch.Generator | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """Mean loss in nats a position of the rows' whole length; `generator` is not used, the batch says who sees what.

    A row that does not see its condition is the plain language model's; the embedding is adapted all the same, so that
    every weight has a gradient in every process.

    Returns:
        the loss, and for the log the sum of the losses ("loss") and the number of predicted tokens ("count").
    """
    rows = batch.rows
    hidden = network.hidden(rows.ids[:, :-1], rows.documents[:, :-1], condition=batch.condition, seen=batch.seen)
    targets, count = targets_of(rows)
    total = summed_cross_entropy(hidden.flatten(0, 1), network.head.weight, targets)
    return total / (len(batch) * batch.length), {"loss": total.detach(), "count": count}
