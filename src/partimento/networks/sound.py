"""What is trained on sound: a front end, a trunk that gives vectors, and the head that an objective asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from partimento.networks.logmel import LogMel, LogMelConfig
from partimento.networks.slicing import Slicing, standardised


class Front(nn.Module):
    """From waveforms (B, S) to what a trunk reads of them: log-mel windows (B, M, F), or the samples themselves.

    Args:
        config: None for a trunk that reads samples.
    """

    def __init__(self, config: LogMelConfig | None) -> None:
        super().__init__()
        self.config = config
        self.mel = LogMel(config) if config else None

    @property
    def hears_whole(self) -> bool:
        """Whether it must have a window's samples at once; else windows are cut out of one spectrogram of a file."""
        return self.config is None or self.config.unit_norm or self.config.compression == "db"

    def samples(self, windows: Slicing) -> int:
        """S, samples of a window of so many frames, or samples."""
        return windows.frames if self.config is None or self.hears_whole else (windows.frames - 1) * self.config.hop

    def forward(self, sound: Tensor) -> Tensor:
        """(B, M, F) standardised as the configuration says, or (B, S) as they are."""
        if self.config is None or self.mel is None:
            return sound
        mel = self.mel(sound)
        return mel if self.config.zscore_floor is None else standardised(mel, self.config.zscore_floor)


@dataclass(frozen=True)
class ProjectorConfig:
    """The head of contrastive learning, put away afterwards.

    Args:
        hidden: units of the hidden layers, each followed by a ReLU.
        outputs: features of the vectors that are compared.
        kind: "linear" ends with a layer without bias; "tanh" is COLA's: one layer, LayerNorm, tanh.
        bilinear: vectors are compared by a learned matrix instead of their cosine.
    """

    hidden: tuple[int, ...]
    outputs: int
    kind: Literal["linear", "tanh"] = "linear"
    bilinear: bool = False

    def __post_init__(self) -> None:
        if min((*self.hidden, self.outputs)) < 1:
            raise ValueError(f"projector has layers of {(*self.hidden, self.outputs)} units; each must have at least 1")


class SoundLearner(nn.Module):
    """Front end and trunk with a projector, or with outputs for tags.

    Args:
        front: waveform (B, S) to what the trunk reads; without weights of its own.
        trunk: (B, ...) to vectors (B, D); has `width`, D.
        projector: sizes of the projector; None for none.
        tags: outputs for tags; 0 for none.
    """

    def __init__(self, front: Front, trunk: nn.Module, projector: ProjectorConfig | None, tags: int = 0) -> None:
        super().__init__()
        self.front, self.trunk = front, trunk
        width = int(trunk.width)  # type: ignore[arg-type]
        self.projector = projector_of(width, projector) if projector else None
        self.similarity = _identity(projector.outputs) if projector and projector.bilinear else None
        self.tags = nn.Linear(width, tags) if tags else None


def projector_of(width: int, config: ProjectorConfig) -> nn.Sequential:
    """The projector on vectors of `width` features."""
    layers: list[nn.Module] = []
    for units in config.hidden:
        layers += [nn.Linear(width, units), nn.ReLU()]
        width = units
    if config.kind == "tanh":
        return nn.Sequential(*layers, nn.Linear(width, config.outputs), nn.LayerNorm(config.outputs), nn.Tanh())
    return nn.Sequential(*layers, nn.Linear(width, config.outputs, bias=False))


def _identity(size: int) -> nn.Parameter:
    """A bilinear similarity that begins as a dot product, scaled to a spread of one for vectors of ±1."""
    return nn.Parameter(torch.eye(size) / size**0.5)


def in_chunks(network: nn.Module, x: Tensor, rows: int) -> Tensor:
    """Network outputs of x (N, ...), `rows` at a time; activations are computed again in the backward pass.

    So a batch of any size needs the memory of one chunk, and the gradient is that of the whole batch (gradient caching,
    Gao et al. 2021); where batch norm is used, its statistics are those of a chunk.
    """
    if len(x) <= rows or not torch.is_grad_enabled():
        return torch.cat([network(part) for part in x.split(rows)])
    return torch.cat([torch.utils.checkpoint.checkpoint(network, part, use_reentrant=False) for part in x.split(rows)])
