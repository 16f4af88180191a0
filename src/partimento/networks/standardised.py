"""Convolution with standardised weights, as networks without normalisation layers have it.

Brock et al. 2021, High-Performance Large-Scale Image Recognition Without Normalization (NFNets).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

VARIANCE_FLOOR = 1e-4  # of the variance times fan-in


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and behind an axis so that its output has ceil(size / stride) steps; TensorFlow's "same" rule.

    An odd one goes behind.

    >>> same_padding(300, 3, 2), same_padding(75, 7, 4)
    ((0, 1), (2, 2))
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class StandardisedConv2d(nn.Module):
    """A convolution (B, C, H, W) -> (B, C', ceil(H / stride), ceil(W / stride)) with a gain and a bias a channel.

    Its kernel is gain * (w - mean) / sqrt(max(variance * fan-in, 1e-4)), mean and variance over the inputs of an output
    channel. Outside of training and of autograd the kernel is computed once and kept until the weights change or
    `train()` is called; it is no part of the state.

    Args:
        kernel, stride: over height and width.
        scale: a constant factor on its input, which goes into the kernel: it saves a pass over the activations.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: tuple[int, int],
        stride: tuple[int, int] = (1, 1),
        groups: int = 1,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs // groups, *kernel))
        self.gain = nn.Parameter(torch.ones(outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.size, self.stride, self.groups, self.scale = kernel, stride, groups, scale
        self._kept: tuple[tuple[object, ...], Tensor] | None = None
        nn.init.normal_(self.weight, std=self.weight[0].numel() ** -0.5)

    def forward(self, x: Tensor) -> Tensor:
        top, bottom = same_padding(x.shape[2], self.size[0], self.stride[0])
        left, right = same_padding(x.shape[3], self.size[1], self.stride[1])
        if (top, left) == (bottom, right):
            return F.conv2d(x, self.kernel(), self.bias, self.stride, (top, left), groups=self.groups)
        x = F.pad(x, (left, right, top, bottom))
        return F.conv2d(x, self.kernel(), self.bias, self.stride, groups=self.groups)

    def kernel(self) -> Tensor:
        """The standardised kernel (C', C / groups, H, W)."""
        if self.training or torch.is_grad_enabled() or torch.compiler.is_compiling():
            return self._standardised()
        made_from = tuple((p.data_ptr(), p._version, p.dtype, p.device) for p in (self.weight, self.gain))
        if self._kept is None or self._kept[0] != made_from:
            self._kept = made_from, self._standardised()
        return self._kept[1]

    def train(self, mode: bool = True) -> StandardisedConv2d:
        self._kept = None
        return super().train(mode)

    def _standardised(self) -> Tensor:
        w = self.weight.float()
        variance, mean = torch.var_mean(w, dim=(1, 2, 3), correction=0, keepdim=True)
        factor = self.gain.float().view(-1, 1, 1, 1) * self.scale
        factor = factor * (variance * w[0].numel()).clamp_min(VARIANCE_FLOOR).rsqrt()
        return ((w - mean) * factor).to(self.weight.dtype)
