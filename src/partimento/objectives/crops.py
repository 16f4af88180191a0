"""Contrastive learning on sound: two crops of one recording shall have like vectors, crops of other ones unlike.

One objective for four systems: MULE (NT-Xent on cosines, mixup), ViT-1D (NT-Xent on the class token), COLA (bilinear
similarity) and CLMR (augmented waveforms) differ in their numbers alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partimento.networks.sound import SoundLearner, in_chunks
from partimento.objectives.mixup import mixup
from partimento.objectives.nt_xent import bilinear, gathered, nt_xent


@dataclass(frozen=True)
class CropPairs:
    """Two crops of each of N recordings.

    Args:
        sound: (N, 2, S) float32 waveforms.
        songs: (N,) int64; pairs of one song are not each other's negatives.
    """

    sound: Tensor
    songs: Tensor

    @property
    def tokens(self) -> int:
        """Samples that are read."""
        return self.sound.numel()

    def __len__(self) -> int:
        return len(self.sound)

    def __getitem__(self, rows: slice) -> CropPairs:
        return CropPairs(self.sound[rows], self.songs[rows])

    def to(self, device: torch.device) -> CropPairs:
        return CropPairs(self.sound.to(device, non_blocking=True), self.songs.to(device, non_blocking=True))


@dataclass(frozen=True)
class PairsConfig:
    """How pairs are judged.

    Args:
        temperature: of the softmax over cosine similarities; a bilinear similarity has none.
        mixup: whether spectrograms are mixed inside the batch.
        noise: standard deviation of Gaussian noise on the second crop, of samples in ±1.
        chunk: crops that go through the network at once; memory is that of one chunk, whatever the batch.
    """

    temperature: float = 0.1
    mixup: bool = False
    noise: float = 0.0
    chunk: int = 64

    def __post_init__(self) -> None:
        if not self.temperature > 0 or self.noise < 0 or self.chunk < 1:
            raise ValueError(
                f"temperature {self.temperature} must be above 0, noise {self.noise} at least 0, chunk {self.chunk} "
                "at least 1"
            )


def paired_crops(
    network: SoundLearner, batch: CropPairs, generator: torch.Generator, *, pairs: PairsConfig
) -> tuple[Tensor, dict[str, Tensor]]:
    """Mean loss in nats a crop.

    Returns:
        the loss, and for the log sums of the losses ("loss") and of how often a crop's partner is the nearest of all
        ("hits"), and the number of crops judged ("count").
    """
    vectors = projected(network, batch.sound, generator, pairs)
    with torch.autocast(vectors.device.type, enabled=False):  # bfloat16 has steps of 0.06 near 1 / temperature
        losses, hits = judged(network, vectors.float(), batch.songs, pairs.temperature)
    count = torch.tensor(losses.numel(), device=losses.device)
    return losses.mean(), {"loss": losses.detach().sum(), "hits": hits.sum(), "count": count}


def projected(network: SoundLearner, sound: Tensor, generator: torch.Generator, pairs: PairsConfig) -> Tensor:
    """(N, 2, E) projected vectors of crops (N, 2, S)."""
    assert network.projector is not None
    if network.training and pairs.noise:
        noise = torch.randn(sound[:, 1].shape, generator=generator, device=sound.device)
        sound = torch.stack([sound[:, 0], sound[:, 1] + pairs.noise * noise], 1)
    seen = heard(network, sound, generator, pairs.mixup)
    return in_chunks(nn.Sequential(network.trunk, network.projector), seen, pairs.chunk).unflatten(0, (-1, 2))


def heard(network: SoundLearner, sound: Tensor, generator: torch.Generator, mix: bool) -> Tensor:
    """(2N, ...) what the trunk reads of crops (N, 2, S); in training mixed, first crops with first, second with second.

    Crops of one recording are never mixed with each other: what they have in common is what shall be learned.
    """
    seen = network.front(sound.flatten(0, 1)).unflatten(0, (-1, 2))
    if not (network.training and mix):
        return seen.flatten(0, 1)
    sides = [mixup(seen[:, side], generator)[0] for side in (0, 1)]
    return torch.stack(sides, 1).flatten(0, 1)


def judged(network: SoundLearner, vectors: Tensor, songs: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Losses (N, 1 or 2) of pairs of vectors (N, 2, E) among those of all processes, and which found their partner."""
    if network.similarity is None:
        vectors = F.normalize(vectors, dim=-1)
    everyone, their_songs, first = gathered(vectors, songs) if network.training else (vectors, songs, 0)
    mine = slice(first, first + len(vectors))
    if network.similarity is not None:
        return bilinear(everyone, their_songs, mine, network.similarity)
    return nt_xent(everyone, their_songs, mine, temperature)
