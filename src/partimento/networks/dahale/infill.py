"""Stage 3 of Dahale et al. 2022: the improvised bar, from 11 bars of the other instruments and the drums around it.

Each of the two is a branch: bars embedded, positions, two encoder layers with a skip more, the mean over the bars; both
together are the latent code of 256, from which a decoder makes the 32 x 16 cells of the middle bar. Not said in the
thesis and chosen here: a position is a bar (as in its "mini BERT"), a feed-forward width of 256, dropout 0.1, and the
sizes of the Mixer and Conv1D decoders.

Shapes: B windows, D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partimento.networks.dahale.blocks import (
    CLASSES,
    MELODY,
    MIDDLE,
    STEPS,
    EncoderLayer,
    Positions,
    embedding,
    glorot,
)

DecoderKind = Literal["mlp", "mixer", "conv"]
DECODERS: tuple[DecoderKind, ...] = ("mlp", "mixer", "conv")
KERNELS = (3, 5)


@dataclass(frozen=True)
class InfillConfig:
    """Sizes of the third stage.

    Args:
        decoder: one of DECODERS.
        width, heads, feedforward, layers: of the blocks of a branch; the latent code has 2 * width features.
        embedding: hidden features of the embedding of a bar.
        dense: hidden features of the MLP decoder, twice.
        channels, blocks: of the Mixer and Conv1D decoders.
        dropout: in training.
    """

    decoder: DecoderKind = "mlp"
    width: int = 128
    heads: int = 8
    feedforward: int = 256
    layers: int = 2
    embedding: int = 1024
    dense: int = 2048
    channels: int = 64
    blocks: int = 2
    dropout: float = 0.1


class Branch(nn.Module):
    """A vector (B, D) of 11 bars."""

    def __init__(self, inputs: int, config: InfillConfig) -> None:
        super().__init__()
        sizes = (config.width, config.heads, config.feedforward, config.dropout)
        self.bars = embedding(inputs, config.embedding, config.width)
        self.positions = Positions(config.width, config.dropout)
        self.layers = nn.ModuleList(EncoderLayer(*sizes) for _ in range(config.layers))

    def forward(self, bars: Tensor) -> Tensor:
        """(B, D) of bars (B, 11, inputs)."""
        x = self.positions(self.bars(bars))
        for layer in self.layers:
            x = x + layer(x)
        return x.mean(1)


class MixerBlock(nn.Module):
    """Dense layers over the steps, then over the channels (Tolstikhin et al. 2021, 2105.01601)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(2))
        self.over_steps = nn.Sequential(nn.Linear(STEPS, 2 * STEPS), nn.GELU(), nn.Linear(2 * STEPS, STEPS))
        self.over_channels = nn.Sequential(
            nn.Linear(channels, 4 * channels), nn.GELU(), nn.Linear(4 * channels, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, 32, C) of (B, 32, C)."""
        x = x + self.over_steps(self.norms[0](x).transpose(1, 2)).transpose(1, 2)
        mixed: Tensor = x + self.over_channels(self.norms[1](x))
        return mixed


class ConvBlock(nn.Module):
    """Convolutions of 3 and 5 steps side by side, their channels concatenated."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.parallel = nn.ModuleList(nn.Conv1d(inputs, channels, size, padding=size // 2) for size in KERNELS)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 32, 2 C) of (B, 32, inputs)."""
        x = x.transpose(1, 2)
        return F.relu(torch.cat([conv(x) for conv in self.parallel], dim=1)).transpose(1, 2)


def decoder(config: InfillConfig) -> nn.Sequential:
    """From the latent code (B, 2 D) to logits (B, 32, 16) of the cells."""
    latent, channels = 2 * config.width, config.channels
    if config.decoder == "mlp":
        return nn.Sequential(
            *(nn.Linear(latent, config.dense), nn.ReLU()),
            *(nn.Linear(config.dense, config.dense), nn.ReLU()),
            *(nn.Linear(config.dense, STEPS * CLASSES), nn.Unflatten(1, (STEPS, CLASSES))),
        )
    begin = (nn.Linear(latent, STEPS * channels), nn.Unflatten(1, (STEPS, channels)))
    if config.decoder == "mixer":
        blocks: list[nn.Module] = [MixerBlock(channels) for _ in range(config.blocks)]
        return nn.Sequential(*begin, *blocks, nn.LayerNorm(channels), nn.Linear(channels, CLASSES))
    widths = [channels] + [len(KERNELS) * channels] * config.blocks
    blocks = [ConvBlock(inputs, channels) for inputs in widths[:-1]]
    return nn.Sequential(*begin, *blocks, nn.Linear(widths[-1], CLASSES))


class Infill(nn.Module):
    """How much each cell of the middle bar is a hit, from 0 to 1."""

    def __init__(self, config: InfillConfig) -> None:
        super().__init__()
        self.config = config
        self.melody = Branch(STEPS * MELODY, config)
        self.drums = Branch(STEPS * CLASSES, config)
        self.decoder = decoder(config)
        glorot(self)

    def forward(self, melody: Tensor, drums: Tensor) -> Tensor:
        """(B, 32, 16) float32, 0 to 1.

        Args:
            melody: (B, 11, 32, 256).
            drums: (B, 11, 32, 16) float; the middle bar is hidden here and has no influence.
        """
        around = drums.clone()
        around[:, MIDDLE] = 0
        latent = torch.cat([self.melody(melody.flatten(2)), self.drums(around.flatten(2))], dim=1)
        cells: Tensor = self.decoder(latent)
        return cells.float().sigmoid()
