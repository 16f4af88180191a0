"""EfficientNet-B0 (Tan & Le 2019) over a log-mel spectrogram, max-pooled as in COLA (Saeed et al. 2021).

Structure, padding and normalisation are those of Keras' B0, which COLA trains: inverted residual blocks with
squeeze-excite, SiLU, batch norm, TensorFlow's "same" padding, stochastic depth.

Shapes: B batch, C channels, F mel bands, T frames, T' frames of the last map (T / 32, rounded up), D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partimento.networks.standardised import same_padding

BATCH_NORM_EPSILON = 1e-3
BATCH_NORM_MOMENTUM = 0.01  # torch's sense: what a new batch weighs
SQUEEZE = 4  # channels that enter a block for one of its squeeze-excite
STRIDE = 32  # five halvings
DIVISOR = 8  # channels are multiples of it


class Stage(NamedTuple):
    """Blocks of one kind: `channels` out of each, the first with the stride, `expansion` times as many inside."""

    expansion: int
    kernel: int
    channels: int
    blocks: int
    stride: int


STEM, TOP = 32, 1280  # channels
B0 = (
    Stage(1, 3, 16, 1, 1),
    Stage(6, 3, 24, 2, 2),
    Stage(6, 5, 40, 2, 2),
    Stage(6, 3, 80, 3, 2),
    Stage(6, 5, 112, 3, 1),
    Stage(6, 5, 192, 4, 2),
    Stage(6, 3, 320, 1, 1),
)


@dataclass(frozen=True)
class EfficientNetConfig:
    """Sizes of an EfficientNet.

    Args:
        width_factor: what the channels of B0 are multiplied with; rounded to eights, at most a tenth below.
        stochastic_depth: chance that the last block is left out for an item in training; it rises from 0 with depth.

    Raises:
        ValueError: for a factor that is not above 0, or a chance outside [0, 1).
    """

    width_factor: float = 1.0
    stochastic_depth: float = 0.2

    def __post_init__(self) -> None:
        if self.width_factor <= 0:
            raise ValueError(f"width_factor is {self.width_factor}; it must be above 0")
        if not 0 <= self.stochastic_depth < 1:
            raise ValueError(f"stochastic_depth is {self.stochastic_depth}; it must be at least 0 and below 1")

    def channels(self, of_b0: int) -> int:
        """So many channels of B0 at this width."""
        exact = of_b0 * self.width_factor
        rounded = max(DIVISOR, int(exact + DIVISOR / 2) // DIVISOR * DIVISOR)
        return rounded + DIVISOR if rounded < 0.9 * exact else rounded

    @property
    def width(self) -> int:
        """D, features of the vector; 1,280 for B0."""
        return self.channels(TOP)


class SameConv(nn.Conv2d):
    """A convolution with TensorFlow's "same" padding: ceil(size / stride) out; an odd zero stands on the far side."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(channels, out, kernel, stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        (top, bottom), (left, right) = (same_padding(size, kernel, stride) for size in x.shape[2:])
        if (top, left) != (bottom, right):
            x = F.pad(x, (left, right, top, bottom))
            top = left = 0
        return F.conv2d(x, self.weight, None, self.stride, (top, left), 1, self.groups)


def normalised(conv: SameConv, active: bool = True) -> nn.Sequential:
    """A convolution, batch norm and, if active, SiLU."""
    norm = nn.BatchNorm2d(conv.out_channels, eps=BATCH_NORM_EPSILON, momentum=BATCH_NORM_MOMENTUM)
    return nn.Sequential(conv, norm, nn.SiLU()) if active else nn.Sequential(conv, norm)


class SqueezeExcite(nn.Module):
    """Each channel (B, C, F, T) times a gate in (0, 1) that the means of all channels give."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.reduce = nn.Linear(channels, inner)
        self.expand = nn.Linear(inner, channels)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.expand(F.silu(self.reduce(x.mean((2, 3))))).sigmoid()
        return x * gate[:, :, None, None]


class MBConv(nn.Module):
    """An inverted residual block: expand by 1×1, one kernel a channel, squeeze-excite, project by 1×1."""

    def __init__(self, channels: int, out: int, expansion: int, kernel: int, stride: int, drop: float) -> None:
        super().__init__()
        inner = channels * expansion
        self.expand = normalised(SameConv(channels, inner, 1)) if expansion > 1 else nn.Identity()
        self.depthwise = normalised(SameConv(inner, inner, kernel, stride, groups=inner))
        self.squeeze_excite = SqueezeExcite(inner, max(1, channels // SQUEEZE))
        self.project = normalised(SameConv(inner, out, 1), active=False)
        self.drop = drop

    def forward(self, x: Tensor, skip: bool) -> Tensor:
        residual = self.project(self.squeeze_excite(self.depthwise(self.expand(x))))
        if not skip:
            return residual
        if self.training and self.drop:
            kept = torch.rand(len(x), 1, 1, 1, device=x.device) >= self.drop
            residual = residual * (kept / (1 - self.drop)).to(x.dtype)
        return x + residual


class EfficientNet(nn.Module):
    """Log-mel (B, F, T) in, the maximum (B, D) of the last map over frequency and time out."""

    def __init__(self, config: EfficientNetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or EfficientNetConfig()
        self.width = config.width
        self.stride = STRIDE
        channels = config.channels(STEM)
        self.stem = normalised(SameConv(1, channels, 3, 2))
        blocks: list[nn.Module] = []
        count = sum(stage.blocks for stage in B0)
        self.skips: list[bool] = []
        for stage in B0:
            out = config.channels(stage.channels)
            for number in range(stage.blocks):
                drop = config.stochastic_depth * len(blocks) / count
                stride = stage.stride if number == 0 else 1
                blocks.append(MBConv(channels, out, stage.expansion, stage.kernel, stride, drop))
                self.skips.append(number > 0)  # as B0's, whatever the rounding of other widths makes equal
                channels = out
        self.blocks = nn.ModuleList(blocks)
        self.top = normalised(SameConv(channels, config.width, 1))
        self.initialise()

    def initialise(self) -> None:
        """Draw all weights anew: convolutions from N(0, 2 / fan out), as Tan & Le's own."""
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                fan_out = part.out_channels // part.groups * part.kernel_size[0] * part.kernel_size[1]
                nn.init.normal_(part.weight, std=(2 / fan_out) ** 0.5)
            elif isinstance(part, nn.Linear | nn.BatchNorm2d):
                part.reset_parameters()

    def map(self, mel: Tensor) -> Tensor:
        """(B, D, F / 32, T') the last map, before pooling."""
        x = self.stem(mel.unsqueeze(1))
        for block, skip in zip(self.blocks, self.skips, strict=True):
            x = block(x, skip)
        return self.top(x)

    def forward(self, mel: Tensor) -> Tensor:
        """(B, D) for log-mel (B, F, T)."""
        return self.map(mel).amax((2, 3))

    def tokens(self, mel: Tensor) -> Tensor:
        """(B, T', D) the maxima over frequency, one each 32 frames."""
        return self.map(mel).amax(2).transpose(1, 2)
