"""Masked notes: some fields of some words are hidden, and the network says what stood there.

The maskings of MusicBERT (Zeng et al. 2021, section 3.3) and of its program, which differ in what a bar's unit is. What
is no note (padding, start, end) and what was not known before (`MASK` in the words that come in) is never hidden for
scoring and never scored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from partimento.networks.encoder import Encoder
from partimento.networks.packed import FILLER
from partimento.networks.rows import PackedWords
from partimento.tokens.fields import MASK, Fields

Unit = Literal["random", "octuple", "bar", "bar_instrument"]


@dataclass(frozen=True)
class Masking:
    """What is hidden.

    Args:
        units: what is drawn together; of several, one is drawn for each row. "random": each field of each word alone.
            "octuple": all fields of a note. "bar": one field of all notes of a bar, as MusicBERT's paper says.
            "bar_instrument": one field of all notes of one instrument in a bar, as its program does.
        share: of the units that are scored.
        masked, replaced: of these, how many are shown as MASK and how many as another id of the field; the rest is
            shown as it is.
        unknown: by name of a field, the chance that a piece of a row does not show it at all, so that the network
            learns to do without; it is scored where it was drawn to be.
    """

    units: tuple[Unit, ...] = ("bar",)
    share: float = 0.15
    masked: float = 0.8
    replaced: float = 0.1
    unknown: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        if not self.units:
            raise ValueError("units is empty; name at least one of random, octuple, bar and bar_instrument")
        if not 0 < self.share <= 1:
            raise ValueError(f"share is {self.share}; it must be above 0 and at most 1")
        if self.masked < 0 or self.replaced < 0 or self.masked + self.replaced > 1:
            raise ValueError(
                f"masked {self.masked} and replaced {self.replaced} must be shares that add up to 1 at most"
            )


def hide(
    words: Tensor, documents: Tensor, fields: Fields, masking: Masking, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """What the network is shown of words (B, T, F), and where it is scored, (B, T, F) bool."""
    sizes = torch.tensor(fields.sizes, device=words.device)
    eligible = (words < sizes) & (documents != FILLER)[..., None]
    chance, outcome = _draws(words, documents, fields, masking, generator)
    scored = eligible & (chance < masking.share)
    shown = replace(words, scored, outcome, sizes, masking, generator)
    for name, share in masking.unknown:
        field = fields.index(name)
        pieces = _numbers(documents)
        gone = _uniform(int(pieces.max()) + 1, words.device, generator)[pieces] < share
        unknown = torch.where(eligible[..., field], sizes[field] + MASK, shown[..., field])
        shown[..., field] = torch.where(gone, unknown, shown[..., field])
    return shown, scored


def replace(
    words: Tensor, scored: Tensor, outcome: Tensor, sizes: Tensor, masking: Masking, generator: torch.Generator
) -> Tensor:
    """Words (B, T, F) with what is scored masked, replaced or left, as `outcome` in [0, 1) says."""
    other = (torch.rand(words.shape, device=words.device, generator=generator) * sizes).long()
    shown = torch.where(outcome < masking.masked + masking.replaced, other, words)
    shown = torch.where(outcome < masking.masked, sizes + MASK, shown)
    return torch.where(scored, shown, words)


def masked(
    network: Encoder, batch: PackedWords, generator: torch.Generator, masking: Masking
) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss in nats a scored field.

    The sum of the losses is divided by how many fields are scored on average of a full batch, so that the mean over the
    equal parts of a batch is its loss.

    Returns:
        the loss, and for the log sums of the losses ("loss") and of how often the likeliest id is right ("hits"), and
        the number of scored fields ("count").
    """
    shown, scored = hide(batch.words, batch.documents, network.config.fields, masking, generator)
    hidden = network.hidden(shown, batch.documents)
    losses, hits = restored(network, hidden, batch.words, scored)
    logs = {"loss": losses.detach().sum(), "hits": hits.sum(), "count": scored.sum()}
    return losses.sum() / (masking.share * batch.words.numel()), logs


def restored(network: Encoder, hidden: Tensor, words: Tensor, scored: Tensor) -> tuple[Tensor, Tensor]:
    """(F,) the sum of the losses of each field where it is scored, and how often its likeliest id is right.

    Args:
        hidden: (B, T, D).
        words: (B, T, F) as they were.
        scored: (B, T, F) bool.
    """
    losses, hits = [], []
    for field in range(words.shape[-1]):
        here = scored[..., field]
        logits = network.logits(hidden[here], field).float()
        targets = network.targets(words[here], field)
        losses.append(F.cross_entropy(logits, targets, reduction="sum"))
        hits.append((logits.argmax(-1) == targets).sum())
    return torch.stack(losses), torch.stack(hits)


def _draws(
    words: Tensor, documents: Tensor, fields: Fields, masking: Masking, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Two draws from [0, 1) for each field of each word, (B, T, F) each, one and the same within a unit."""
    picked = torch.randint(len(masking.units), (len(words),), device=words.device, generator=generator)
    drawn = torch.empty(2, *words.shape, device=words.device)
    for number, unit in enumerate(masking.units):
        rows = picked == number
        if rows.any():
            drawn[:, rows] = _unit_draws(unit, words[rows], documents[rows], fields, generator)
    return drawn[0], drawn[1]


def _unit_draws(unit: Unit, words: Tensor, documents: Tensor, fields: Fields, generator: torch.Generator) -> Tensor:
    shape = (2, *words.shape)
    if unit == "random":
        return torch.rand(shape, device=words.device, generator=generator)
    if unit == "octuple":
        return torch.rand((*shape[:-1], 1), device=words.device, generator=generator).expand(shape)
    parts = [documents, _bars(words, documents, fields)]
    if unit == "bar_instrument":
        parts.append(words[..., fields.index("instrument")])
    numbers = _numbers(*parts)
    drawn = torch.rand((2, int(numbers.max()) + 1, words.shape[-1]), device=words.device, generator=generator)
    return drawn[:, numbers]


def _bars(words: Tensor, documents: Tensor, fields: Fields) -> Tensor:
    """(B, T) a number for the bar of each word; compound words say where a bar is new, octuples which one it is."""
    bar = words[..., fields.index("bar")]
    return bar if fields.sizes[fields.index("bar")] > 2 else (bar == 0).cumsum(1)


def _numbers(*keys: Tensor) -> Tensor:
    """(B, T) whole numbers from 0, the same where a row's keys (B, T) are all the same."""
    key = torch.arange(len(keys[0]), device=keys[0].device)[:, None].expand_as(keys[0])
    for part in keys:
        key = key * (int(part.max()) + 2) + part + 1
    return torch.unique(key, return_inverse=True)[1]


def _uniform(count: int, device: torch.device, generator: torch.Generator) -> Tensor:
    return torch.rand(count, device=device, generator=generator)
