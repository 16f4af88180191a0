"""SF-NFNet-F0, the network of MULE: two paths without normalisation layers, one slow and wide, one fast and narrow.

McCallum et al. 2022, Supervised and Unsupervised Learning of Audio Representations for Music Understanding (ISMIR),
after Wang et al. 2022, Towards Learning Universal Audio Representations. Layer by layer it is MULE's release, which
differs from the earlier network in strides, fusions and head.

Shapes: B batch, M mel bands, F input frames, C channels, H frequency, T time. Kernels and strides are (H, T).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from partimento.networks.standardised import StandardisedConv2d

BLOCKS = (1, 2, 6, 3)  # a stage
SLOW_STEM, FAST_STEM = (16, 32, 64, 128), (2, 4, 8, 16)
SLOW_STAGES, FAST_STAGES = (256, 512, 1536, 1536), (32, 64, 192, 192)
SLOW_GROUP, FAST_GROUP = 128, 16
FUSED, FUSED_WIDE = (32, 32, 64, 192), (128, 256, 512, 3072)
SLOW_KERNELS, FAST_KERNELS = ((3, 1), (3, 1), (3, 1), (3, 3)), ((3, 3),) * 4
SLOW_STRIDES, FAST_STRIDES = ((2, 8), (1, 1), (1, 1), (2, 2)), ((2, 2), (1, 1), (1, 1), (2, 2))
SLOW_FRAMES, FAST_FRAMES = 16, 4  # input frames a step of each path
GELU_SCALE = 1.7015043497085571  # makes the variance of gelu(x) 1 for x of N(0, 1)
ALPHA = 0.2  # of the residual branches


@dataclass(frozen=True)
class SFNFNetConfig:
    """Sizes of the network; the defaults are MULE's, 62,345,742 parameters.

    Args:
        mels: M, bands of the input.
        slow: factor on the channels and the group size of the slow path.
        fast: the same for the fast path.
        stochastic_depth: share of the examples that the residual branch of a block leaves out in training, rising from
            0 by the twelfth part of this value with every block.
    """

    mels: int = 96
    slow: float = 1.0
    fast: float = 1.0
    stochastic_depth: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.stochastic_depth < 1:
            raise ValueError(f"stochastic_depth is {self.stochastic_depth}; it must be at least 0 and below 1")
        if self.mels < 1:
            raise ValueError(f"mels is {self.mels}; it must be at least 1")
        for name, least in (("slow", SLOW_STEM[0]), ("fast", FAST_STEM[0])):
            factor = getattr(self, name)
            if not factor > 0 or not float(factor * least).is_integer():
                raise ValueError(f"{name} is {factor}; {least} channels times it must be a whole number")

    @property
    def width(self) -> int:
        """D, features of the vectors."""
        return _scaled((SLOW_STAGES[-1],), self.slow)[0] + _scaled((FAST_STAGES[-1],), self.fast)[0]


def paper() -> SFNFNetConfig:
    """MULE's network: 1,728 features."""
    return SFNFNetConfig()


def small() -> SFNFNetConfig:
    """3/16 of the slow path's channels, half of the fast path's: 2,491,386 parameters, 384 features."""
    return SFNFNetConfig(slow=0.1875, fast=0.5)


def _scaled(channels: tuple[int, ...], factor: float) -> tuple[int, ...]:
    return tuple(int(c * factor) for c in channels)


class Block(nn.Module):
    """A bottleneck with squeeze-and-excitation (NFNets, Brock et al. 2021), frequency and time convolved in turn.

    The first block of a stage is a transition: its shortcut leaves the activated input too, through a convolution.

    Args:
        variance_std: expected standard deviation of its input, by which that is divided.
        group: channels of a group in the bottleneck.
        stride: over frequency.
        survival: share of the examples that keep the residual branch in training.
    """

    def __init__(
        self, inputs: int, outputs: int, group: int, stride: int, variance_std: float, survival: float, first: bool
    ) -> None:
        super().__init__()
        inner = outputs // 2
        groups, before = inner // group, GELU_SCALE / variance_std
        self.convs = nn.ModuleList(
            [
                StandardisedConv2d(inputs, inner, (1, 1), scale=before),
                StandardisedConv2d(inner, inner, (1, 3), (stride, 1), groups, scale=GELU_SCALE),
                StandardisedConv2d(inner, inner, (3, 1), (1, 1), groups, scale=GELU_SCALE),
                StandardisedConv2d(inner, outputs, (1, 1), scale=GELU_SCALE),
            ]
        )
        self.shortcut = StandardisedConv2d(inputs, outputs, (1, 1), scale=before) if first else None
        self.squeeze = nn.Linear(outputs, inner)
        self.excite = nn.Linear(inner, outputs)
        self.gain = nn.Parameter(torch.zeros(()))
        self.stride, self.survival = stride, survival

    def forward(self, x: Tensor) -> Tensor:
        active = F.gelu(x)  # its scale is in the kernels that follow
        y = active
        for number, conv in enumerate(self.convs):
            y = conv(F.gelu(y) if number else y)
        if self.shortcut is not None:
            if self.stride > 1:  # at an odd number of rows the last stands alone, as in TensorFlow
                active = F.avg_pool2d(active, (self.stride, 1), ceil_mode=True)
            x = self.shortcut(active)
        channel = torch.sigmoid(self.excite(F.relu(self.squeeze(y.mean(dim=(2, 3))))))
        channel = channel * (2 * ALPHA * self.gain)  # (B, C)
        if self.training and self.survival < 1:
            channel = channel * (torch.rand(len(x), 1, device=x.device) < self.survival).to(channel.dtype)
        return torch.addcmul(x, y, channel[:, :, None, None].to(y.dtype))


class Path(nn.Module):
    """One of the two paths: a stem, then four stages that halve frequency from the second on.

    Args:
        fused: channels from the other path that join the input of each stage.
    """

    def __init__(
        self,
        stem: tuple[int, ...],
        kernels: tuple[tuple[int, int], ...],
        strides: tuple[tuple[int, int], ...],
        stages: tuple[int, ...],
        group: int,
        fused: tuple[int, ...],
        drop: float,
    ) -> None:
        super().__init__()
        sizes = zip(pairwise((1, *stem)), kernels, strides, strict=True)
        self.stem = nn.ModuleList(
            StandardisedConv2d(*channels, kernel, stride, scale=GELU_SCALE if number else 1.0)
            for number, (channels, kernel, stride) in enumerate(sizes)
        )
        self.stages = nn.ModuleList()
        done = 0
        for stage, (inputs, outputs) in enumerate(pairwise((stem[-1], *stages))):
            blocks = []
            std = (1 + ALPHA**2) ** 0.5 if stage else 1.0
            for number in range(BLOCKS[stage]):
                size = (inputs + fused[stage] if number == 0 else outputs, outputs)
                stride = 2 if stage and number == 0 else 1
                blocks.append(Block(*size, group, stride, std, 1 - drop * done / sum(BLOCKS), first=number == 0))
                std = (std**2 + ALPHA**2) ** 0.5
                done += 1
            self.stages.append(nn.Sequential(*blocks))

    def begin(self, x: Tensor) -> Tensor:
        """The stem's output; the last of its convolutions is not activated."""
        for number, conv in enumerate(self.stem):
            x = conv(F.gelu(x) if number else x)
        return x


class SFNFNet(nn.Module):
    """Standardised log-mel windows (B, M, F) to vectors (B, D), or to one vector every 16 frames.

    It is fully convolutional: F is free, and was 300 in the paper.
    """

    def __init__(self, config: SFNFNetConfig) -> None:
        super().__init__()
        self.config = config
        self.width, self.stride = config.width, SLOW_FRAMES
        slow, fast = config.slow, config.fast
        wide, narrow = _scaled(FUSED_WIDE, slow), _scaled(FUSED, fast)
        rest = config.stochastic_depth
        fast_stem, fast_stages = _scaled(FAST_STEM, fast), _scaled(FAST_STAGES, fast)
        self.slow = Path(
            _scaled(SLOW_STEM, slow),
            SLOW_KERNELS,
            SLOW_STRIDES,
            _scaled(SLOW_STAGES, slow),
            int(SLOW_GROUP * slow),
            wide,
            rest,
        )
        self.fast = Path(fast_stem, FAST_KERNELS, FAST_STRIDES, fast_stages, int(FAST_GROUP * fast), (0,) * 4, rest)
        self.fusions = nn.ModuleList(
            nn.Sequential(
                StandardisedConv2d(inputs, inner, (1, 7), (1, SLOW_FRAMES // FAST_FRAMES)),
                StandardisedConv2d(inner, outputs, (1, 1)),
            )
            for inputs, inner, outputs in zip((fast_stem[-1], *fast_stages[:-1]), narrow, wide, strict=True)
        )

    def forward(self, x: Tensor, checkpointing: bool = False) -> Tensor:
        """Vectors (B, D) of windows x (B, M, F).

        Args:
            checkpointing: compute each stage again in the backward pass instead of keeping its activations.

        Raises:
            ValueError: if there are not M bands.
        """
        slow, fast = self.paths(x, checkpointing)
        return self._activated(torch.cat([slow.mean(dim=(2, 3)), fast.mean(dim=(2, 3))], dim=1))

    def tokens(self, x: Tensor) -> Tensor:
        """One vector every 16 frames (B, ceil(F / 16), D): the paths before their mean over time.

        The vector of a window is close to the mean of its tokens, not equal: the last activation comes after the mean.
        """
        slow, fast = (path.mean(dim=2) for path in self.paths(x))
        fast = F.avg_pool1d(fast, SLOW_FRAMES // FAST_FRAMES, ceil_mode=True)
        return self._activated(torch.cat([slow, fast], dim=1)).transpose(1, 2)

    def paths(self, x: Tensor, checkpointing: bool = False) -> tuple[Tensor, Tensor]:
        """Output (B, C, H, T) of the slow and of the fast path."""
        if x.dim() != 3 or x.shape[1] != self.config.mels:
            raise ValueError(f"the input's shape is {list(x.shape)}; it must be (batch, {self.config.mels}, frames)")
        slow, fast = (path.begin(x[:, None]) for path in (self.slow, self.fast))
        for number in range(len(BLOCKS)):
            if checkpointing:
                slow, fast = checkpoint(self._stage, number, slow, fast, use_reentrant=False)
            else:
                slow, fast = self._stage(number, slow, fast)
        return slow, fast

    def _stage(self, number: int, slow: Tensor, fast: Tensor) -> tuple[Tensor, Tensor]:
        slow = torch.cat([slow, self.fusions[number](fast)], dim=1)
        return self.slow.stages[number](slow), self.fast.stages[number](fast)

    @staticmethod
    def _activated(x: Tensor) -> Tensor:
        return F.gelu(x) * GELU_SCALE
