"""Labels of notes and of sequences: cross entropy, with some notes hidden while it is trained (mask fine-tuning).

Mask fine-tuning is Adversarial-MidiBERT's (Zhao 2024, section 3.3): it brings the inputs of pretraining back, so that
the network does not forget them. In validation and test nothing is hidden (the original hides there too), and padding
is never scored (the original scores it).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from partimento.networks.labeller import Labeller, sequence_numbers
from partimento.networks.packed import FILLER
from partimento.objectives.masked import Masking, hide

NO_LABEL = -1


@dataclass(frozen=True)
class LabelledWords:
    """Rows of words in which several sequences may follow each other.

    Args:
        words: (B, T, F) int64.
        documents: (B, T) int64, number of the sequence at each position, rising along a row, or FILLER.
        labels: (B, T, H) int64, class of each note for each head, or NO_LABEL; where sequences are labelled, each of
            their notes has their class.
    """

    words: Tensor
    documents: Tensor
    labels: Tensor

    @property
    def tokens(self) -> int:
        """Words that are read."""
        return self.documents.numel()

    def __len__(self) -> int:
        return len(self.words)

    def __getitem__(self, rows: slice) -> LabelledWords:
        return LabelledWords(self.words[rows], self.documents[rows], self.labels[rows])

    def to(self, device: torch.device) -> LabelledWords:
        return LabelledWords(*(x.to(device, non_blocking=True) for x in (self.words, self.documents, self.labels)))


def labelled(
    network: Labeller,
    batch: LabelledWords,
    generator: torch.Generator,
    hiding: Masking | None = None,
    smoothing: float = 0.0,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Mean over the heads of the mean loss in nats a labelled note or sequence of this part of a batch.

    Args:
        hiding: what is hidden of the words in training; scored is only the label.
        smoothing: share of a label that is spread over all classes (Szegedy et al. 2016), in training.

    Returns:
        the loss, and for the log sums of the losses ("loss") and of how often the likeliest class is right ("hits"),
        and the number of labels ("count").
    """
    words = batch.words
    if hiding is not None and network.training:
        words, _ = hide(words, batch.documents, network.config.encoder.fields, hiding, generator)
    labels = labels_of(network, batch)
    losses, count, hits, means = [], 0, torch.zeros((), device=words.device), []
    for head, logits in enumerate(network(words, batch.documents)):
        target = labels[:, head]
        here = target != NO_LABEL
        logits, target = logits[here].float(), target[here]
        spread = smoothing if network.training else 0.0
        losses.append(F.cross_entropy(logits, target, reduction="sum", label_smoothing=spread))
        means.append(losses[-1] / max(1, len(target)))
        hits += (logits.argmax(-1) == target).sum()
        count += len(target)
    logs = {
        "loss": torch.stack(losses).detach().sum(),
        "hits": hits,
        "count": torch.tensor(count, device=words.device),
    }
    return torch.stack(means).mean(), logs


def labels_of(network: Labeller, batch: LabelledWords) -> Tensor:
    """(N, H) the labels that the rows of the network's logits shall have."""
    if network.config.unit == "note":
        return torch.where((batch.documents == FILLER)[..., None], NO_LABEL, batch.labels).flatten(0, 1)
    numbers, count = sequence_numbers(batch.documents)
    real = numbers != FILLER
    labels = batch.labels.new_full((count, batch.labels.shape[-1]), NO_LABEL)
    labels[numbers[real]] = batch.labels[real]  # all notes of a sequence have one label
    return labels
