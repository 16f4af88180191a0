"""A masker that hides the notes a recoverer cannot restore: Adversarial-MidiBERT (Zhao 2024, 2407.08306).

The masker scores every note. Of each sequence the notes with the highest scores are hidden, whole; the recoverer
restores them, and the masker learns that those with the highest loss are to be hidden and those with the lowest are
not. The mask book keeps it from hiding for ever what no context tells: every few epochs the notes with the highest
scores are frozen, shown from then on, and frozen ones are released by chance.

Where this differs from the released program:
- There the tensor of the losses is negated anew for every sequence of a batch, so that in every second one the easy
  notes are taught as hard and unaltered notes as easy. Here each sequence has its own targets, of altered notes alone.
- There padding is scored, hidden, frozen and part of the mean loss. Here it is no note: the book never allows it.
- There a random id may be a special one or even padding. Here it is an id that a note can have.
- There a field that is never right has an infinite weight, and the weights follow the accuracy on the validation set.
  Here the accuracy is that of the hidden notes of the last pass over the training set, and 1 % at least.
- There the shared encoder's gradient is clipped twice, and the book is kept for windows of fixed places; a stopped run
  cannot go on. Here the book has an entry a note, wherever its window begins, and is saved with the run.
- There the book is revised in a pass of its own after every fifth epoch. Here it is when a note is seen in that epoch.
- A sequence is what a row holds of a piece, so two pieces in a row are two sequences.

Shapes: B batch, T words, F fields, N real notes of all rows, S sequences.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from partimento.networks.adversarial import AdversarialEncoder
from partimento.networks.encoder import Encoder
from partimento.networks.labeller import sequence_numbers
from partimento.networks.packed import FILLER
from partimento.networks.rows import PackedWords
from partimento.objectives.masked import Masking, hide, masked, replace


@dataclass(frozen=True)
class Adversary:
    """How the masker chooses, learns and forgets.

    Args:
        share: of a sequence's allowed notes that are hidden, drawn between these two.
        most: share of a sequence that is hidden at most.
        ends: share of the altered notes that is taught as hard, and as many as easy; at most a half.
        freeze_every: epochs; 0 is never.
        frozen: share of a sequence's allowed notes that are frozen then, drawn between these two.
        release: the chance of a frozen note to be released is drawn for a sequence between 0 and this.
        hidden: features of the masker's layer.
        dropout: before it.
    """

    share: tuple[float, float] = (0.1, 0.3)
    most: float = 0.15
    ends: float = 0.3
    freeze_every: int = 5
    frozen: tuple[float, float] = (0.1, 0.3)
    release: float = 0.1
    hidden: int = 256
    dropout: float = 0.1

    def __post_init__(self) -> None:
        for name in ("share", "frozen"):
            low, high = getattr(self, name)
            if not 0 <= low <= high <= 1:
                raise ValueError(f"{name} is {low}, {high}; it must be two numbers from 0 to 1, the lower one first")
        if not 0 <= self.ends <= 0.5:
            raise ValueError(f"ends is {self.ends}; it must be from 0 to 0.5, since no note is both hard and easy")
        if self.freeze_every < 0:
            raise ValueError(f"freeze_every is {self.freeze_every}; it must be a number of epochs, or 0 for never")


def adversarial(
    network: AdversarialEncoder, batch: PackedWords, generator: torch.Generator, masking: Masking, adversary: Adversary
) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of recoverer and masker in training; in validation that of notes hidden by chance, as `masked`.

    The recoverer's is, for each field, the mean loss in nats of the hidden notes plus that of all notes; fields are
    weighted by 1 / accuracy. The masker's is the mean over the sequences of its squared errors.

    Args:
        batch: in training with a number for each note behind the fields of its word, that of the mask book.
        masking: how hidden notes are shown, which fields may be unknown, and the chances in validation.

    Returns:
        the loss, and sums for the log as `masked` gives them, of the hidden notes; "masker" is the masker's loss and
        "frozen" the share of frozen notes, both times the count.
    """
    encoder, fields = network.encoder, network.encoder.config.fields
    words, documents = batch.words[..., : len(fields)], batch.documents
    if not network.training:
        return masked(encoder, PackedWords(words, documents), generator, masking)
    real, notes = documents != FILLER, batch.words[..., len(fields)]
    numbers, count = sequence_numbers(documents)
    groups, allowed = numbers[real], network.allowed[notes[real]]
    sizes = torch.tensor(fields.sizes, device=words.device)
    known = words[real] < sizes  # (N, F)

    # the masker reads the music and chooses
    nothing_hidden = dataclasses.replace(masking, masked=0.0, replaced=0.0)
    seen, _ = hide(words, documents, fields, nothing_hidden, generator)
    scores = network.scores(seen, documents)[real]  # (N,)
    chosen = choose(scores.detach(), allowed, groups, count, adversary, generator)

    # the recoverer restores
    hidden_at = torch.zeros_like(real).masked_scatter(real, chosen)
    outcome = torch.rand(real.shape, device=words.device, generator=generator)
    at_fields = hidden_at[..., None] & (seen < sizes)
    shown = replace(seen, at_fields, outcome[..., None].expand_as(words), sizes, masking, generator)
    losses, hits = note_losses(encoder, encoder.hidden(shown, documents)[real], words[real], known)
    scored = chosen[:, None] & known
    of_hidden = (losses * scored).sum(0) / scored.sum(0).clamp(min=1)
    of_all = losses.sum(0) / known.sum(0).clamp(min=1)
    weights = network.weights.clone()  # those of the next pass may be written before the backward pass reads them
    recovery = (weights * (of_hidden + of_all)).sum()

    # the masker learns what was hard
    altered = chosen & (outcome[real] < masking.masked + masking.replaced)
    hardness = (losses.detach() * weights).sum(1)
    targets, shares = masker_targets(hardness, altered, groups, count, adversary.ends)
    error = (shares * (scores - targets).square()).sum()

    # the book
    due = torch.zeros_like(allowed)
    if adversary.freeze_every:
        due = (network.visits[notes[real]] + 1) % adversary.freeze_every == 0
    change = torch.zeros(real.shape, dtype=torch.int8, device=words.device)
    change[real] = due * revise(scores.detach(), allowed, groups, count, adversary, generator)
    right, of = (hits & scored).sum(0), scored.sum(0)
    network.remember(notes, change, torch.stack([right, of]))

    fields_scored = of.sum()
    logs = {
        "loss": (losses.detach() * scored).sum(),
        "hits": right.sum(),
        "count": fields_scored,
        "masker": error.detach() * fields_scored,
        "frozen": (~allowed).float().mean() * fields_scored,
    }
    return recovery + error, logs


def choose(
    scores: Tensor, allowed: Tensor, groups: Tensor, count: int, adversary: Adversary, generator: torch.Generator
) -> Tensor:
    """(N,) bool: the notes that are hidden, of each sequence those of the highest scores.

    Args:
        scores: (N,) in [0, 1].
        allowed: (N,) bool, by the mask book.
        groups: (N,) int64, number of each note's sequence, below `count`.
    """
    numbers = _share_of(allowed, groups, count, adversary.share, generator)
    most = (adversary.most * torch.bincount(groups, minlength=count)).long()
    return allowed & (ranks(torch.where(allowed, scores, -1.0), groups) < torch.minimum(numbers, most)[groups])


def revise(
    scores: Tensor, allowed: Tensor, groups: Tensor, count: int, adversary: Adversary, generator: torch.Generator
) -> Tensor:
    """(N,) int8: -1 for the allowed notes of the highest scores, which are frozen, 1 for frozen ones that are released.

    A note that was frozen just now may be released at once. Arguments are those of `choose`.
    """
    numbers = _share_of(allowed, groups, count, adversary.frozen, generator)
    frozen = allowed & (ranks(torch.where(allowed, scores, -1.0), groups) < numbers[groups])
    chance = adversary.release * torch.rand(count, device=scores.device, generator=generator)
    drawn = torch.rand(scores.shape, device=scores.device, generator=generator)
    released = (frozen | ~allowed) & (drawn < chance[groups])
    return released.to(torch.int8) - (frozen & ~released).to(torch.int8)


def masker_targets(losses: Tensor, altered: Tensor, groups: Tensor, count: int, ends: float) -> tuple[Tensor, Tensor]:
    """What the masker's scores should have been: 1 for the hardest altered notes of a sequence, 0 for the easiest.

    Args:
        losses: (N,) of each note's recovery.
        altered: (N,) bool, notes that were shown as something else.
        ends: share of the altered notes at either end.

    Returns:
        targets (N,) and the shares (N,) of their squared errors in the loss, 0 for a note without a target; the errors
        of the hard notes, and of the easy ones, are averaged in a sequence, and the sequences that have any.
    """
    of = torch.bincount(groups[altered], minlength=count)
    number = (ends * of).long()[groups]
    rank = ranks(torch.where(altered, losses, -torch.inf), groups)
    hard = altered & (rank < number)
    easy = altered & (rank >= of[groups] - number)
    sequences = ((ends * of).long() > 0).sum()
    shares = (hard | easy) / (number * sequences).clamp(min=1)
    return hard.float(), shares


def note_losses(encoder: Encoder, hidden: Tensor, words: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """(N, F) the loss in nats of each field of each note, 0 where it is not known, and where the likeliest id is right.

    Args:
        hidden: (N, D).
        words: (N, F) as they were.
        known: (N, F) bool.
    """
    losses, hits = [], []
    for field in range(words.shape[-1]):
        logits = encoder.logits(hidden, field).float()
        targets = encoder.targets(torch.where(known, words, 0), field)
        here = known[:, field]
        losses.append(F.cross_entropy(logits, targets, reduction="none") * here)
        hits.append((logits.argmax(-1) == targets) & here)
    return torch.stack(losses, dim=1), torch.stack(hits, dim=1)


def ranks(values: Tensor, groups: Tensor) -> Tensor:
    """(N,) int64: how many values of its group (N,) come before each of values (N,), the highest first."""
    order = values.argsort(descending=True, stable=True)
    order = order[groups[order].argsort(stable=True)]
    sizes = torch.bincount(groups)
    starts = sizes.cumsum(0) - sizes
    found = torch.empty_like(order)
    found[order] = torch.arange(len(order), device=order.device) - starts[groups[order]]
    return found


def _share_of(
    allowed: Tensor, groups: Tensor, count: int, share: tuple[float, float], generator: torch.Generator
) -> Tensor:
    """(S,) a number of notes for each sequence, a share of its allowed ones that is drawn between two."""
    of = torch.bincount(groups[allowed], minlength=count)
    drawn = torch.rand(count, device=groups.device, generator=generator)
    return ((share[0] + (share[1] - share[0]) * drawn) * of).long()
