"""Supervised learning of tags: a crop is told which of them its recording has (McCallum et al. 2022, section 3.1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from partimento.networks.sound import SoundLearner, in_chunks
from partimento.objectives.mixup import mixup


@dataclass(frozen=True)
class TaggedCrops:
    """Crops of N recordings and their tags.

    Args:
        sound: (N, S) float32 waveforms.
        tags: (N, C) float32, 1 where the recording has the tag.
    """

    sound: Tensor
    tags: Tensor

    @property
    def tokens(self) -> int:
        """Samples that are read."""
        return self.sound.numel()

    def __len__(self) -> int:
        return len(self.sound)

    def __getitem__(self, rows: slice) -> TaggedCrops:
        return TaggedCrops(self.sound[rows], self.tags[rows])

    def to(self, device: torch.device) -> TaggedCrops:
        return TaggedCrops(self.sound.to(device, non_blocking=True), self.tags.to(device, non_blocking=True))


def tagged_crops(
    network: SoundLearner, batch: TaggedCrops, generator: torch.Generator, *, mix: bool, chunk: int
) -> tuple[Tensor, dict[str, Tensor]]:
    """Binary cross-entropy, summed over the tags, in nats a crop.

    Args:
        mix: whether spectrograms and their tags are mixed inside the batch.
        chunk: crops that go through the network at once.

    Returns:
        the mean loss, and for the log sums of the losses ("loss") and the number of crops ("count").
    """
    assert network.tags is not None
    seen, tags = network.front(batch.sound), batch.tags
    if network.training and mix:
        seen, mixed = mixup(seen, generator, tags)
        assert mixed is not None
        tags = mixed
    logits = network.tags(in_chunks(network.trunk, seen, chunk)).float()
    losses = F.binary_cross_entropy_with_logits(logits, tags, reduction="none").sum(1)
    count = torch.tensor(len(losses), device=losses.device)
    return losses.mean(), {"loss": losses.detach().sum(), "count": count}
