"""An encoder with heads that label notes or whole sequences.

The heads are MidiBERT's (Chou et al. 2024, section 4.2): for notes a layer of 256, for sequences the structured
self-attention of Lin et al. 2017 (128 features, 4 ways to weigh the notes) before it.

Shapes: B batch, T words, F fields, D width, S sequences of all rows, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast

import torch
from torch import Tensor, nn

from partimento.networks.encoder import Encoder, EncoderConfig
from partimento.networks.packed import FILLER
from partimento.networks.transformer import initialise

Unit = Literal["note", "sequence"]


@dataclass(frozen=True)
class LabellerConfig:
    """Sizes of an encoder with heads.

    Args:
        encoder: the trunk.
        unit: what is labelled.
        classes: of each head; several heads answer several questions about the same notes.
        hidden: features of the layer before the classes.
        dropout: before and after it.
        ways: of a sequence's notes to be weighed.
        weighing: features of the layer that weighs them.
    """

    encoder: EncoderConfig
    unit: Unit
    classes: tuple[int, ...]
    hidden: int = 256
    dropout: float = 0.1
    ways: int = 4
    weighing: int = 128

    def __post_init__(self) -> None:
        if not self.classes or min(self.classes) < 1:
            raise ValueError(f"classes is {self.classes}; there must be at least one head, each of at least one class")


class Trunk(Protocol):
    """What stands below the heads: words (B, T, F) and documents (B, T) in, hidden sequence (B, T, D) out."""

    def hidden(self, words: Tensor, documents: Tensor) -> Tensor: ...


class Labeller(nn.Module):
    """Words in, one (N, C) of logits a head out: N is B * T for notes, S for sequences."""

    def __init__(self, config: LabellerConfig, trunk: nn.Module | None = None, width: int | None = None) -> None:
        super().__init__()
        self.config = config
        self.encoder = trunk or Encoder(config.encoder)
        width = width or config.encoder.transformer.width
        self.weigh: nn.Sequential | None = None
        if config.unit == "sequence":
            self.weigh = nn.Sequential(
                nn.Linear(width, config.weighing, bias=False),
                nn.Tanh(),
                nn.Linear(config.weighing, config.ways, bias=False),
            )
            width *= config.ways
        self.heads = nn.ModuleList(
            nn.Sequential(
                nn.Dropout(config.dropout),
                nn.Linear(width, config.hidden),
                nn.ReLU(),
                nn.Dropout(config.dropout),
                nn.Linear(config.hidden, classes),
            )
            for classes in config.classes
        )

    def initialise(self, trunk: Mapping[str, Any] | None = None) -> None:
        """Draw all weights anew, but for those of the encoder where its state is given."""
        if isinstance(self.encoder, Encoder):
            self.encoder.initialise()
        for part in (self.weigh, self.heads):
            if part is not None:
                initialise(part, layers=1)
        if trunk is not None:
            self.encoder.load_state_dict(trunk)

    def forward(self, words: Tensor, documents: Tensor) -> list[Tensor]:
        """Logits, one (N, C) a head, for words (B, T, F) and documents (B, T)."""
        hidden = cast(Trunk, self.encoder).hidden(words, documents)
        if self.weigh is None:
            pooled = hidden.flatten(0, 1)
        else:
            numbers, count = sequence_numbers(documents)
            pooled = self._pooled(hidden, numbers, count)
        return [head(pooled) for head in self.heads]

    def _pooled(self, hidden: Tensor, numbers: Tensor, count: int) -> Tensor:
        """(S, ways * D) means of a sequence's hidden states, each weighed in a way of its own."""
        assert self.weigh is not None
        real = numbers != FILLER
        states, numbers = hidden[real], numbers[real]  # (N, D), (N,)
        scores = self.weigh(states).float()  # (N, ways)
        index = numbers[:, None].expand_as(scores)
        highest = scores.new_full((count, scores.shape[1]), -torch.inf).scatter_reduce(0, index, scores, "amax")
        weights = (scores - highest.detach()[numbers]).exp()
        sums = weights.new_zeros(count, weights.shape[1]).index_add(0, numbers, weights)
        weights = (weights / sums[numbers]).to(states.dtype)
        spread = (weights[:, :, None] * states[:, None]).flatten(1)  # (N, ways * D)
        return spread.new_zeros(count, spread.shape[1]).index_add(0, numbers, spread)


def sequence_numbers(documents: Tensor) -> tuple[Tensor, int]:
    """(B, T) numbers from 0 of all documents (B, T), row after row, FILLER where there is none; how many there are."""
    rows = torch.arange(len(documents), device=documents.device)[:, None]
    key = torch.where(documents == FILLER, FILLER, rows * (documents.shape[1] + 1) + documents)
    found, numbers = torch.unique(key, return_inverse=True)
    first = int((found == FILLER).any())
    return numbers - first, len(found) - first
