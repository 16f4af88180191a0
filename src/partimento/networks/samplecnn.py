"""SampleCNN (Lee et al. 2017) as CLMR has it (Spijkervet & Burgoyne 2021, section 3.3): convolutions on raw samples.

Shapes: B batch, S samples, T' tokens (S / 59,049), D width.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

KERNEL = 3  # of all convolutions; the first strides by it, and every pool takes as many
FIRST = 128  # channels of the strided convolution
STAGES = (128, 128, 256, 256, 256, 256, 256, 256, 512)  # channels of the pooled stages
LAST = 512
WINDOW = KERNEL ** (len(STAGES) + 1)  # 59,049 samples, 2.7 s at 22.05 kHz


@dataclass(frozen=True)
class SampleCNNConfig:
    """Sizes of a SampleCNN.

    Args:
        width_factor: what all channels are multiplied with.

    Raises:
        ValueError: for a factor that leaves no whole channel.
    """

    width_factor: float = 1.0

    def __post_init__(self) -> None:
        if self.channels(FIRST) < 1:
            raise ValueError(f"width_factor is {self.width_factor}; it must be at least {1 / FIRST}")

    def channels(self, of_full: int) -> int:
        """So many channels of the full network at this width."""
        return int(of_full * self.width_factor)

    @property
    def width(self) -> int:
        """D, features of the vector; 512 at full width."""
        return self.channels(LAST)


class SampleCNN(nn.Module):
    """Waveform (B, S) of at least 59,049 samples in, (B, D) out: the mean over its windows."""

    def __init__(self, config: SampleCNNConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or SampleCNNConfig()
        self.width = config.width
        self.stride = WINDOW
        channels = config.channels(FIRST)
        parts: list[nn.Module] = [_convolved(1, channels, stride=KERNEL)]
        for of_full in STAGES:
            out = config.channels(of_full)
            parts += [_convolved(channels, out), nn.MaxPool1d(KERNEL)]
            channels = out
        self.trunk = nn.Sequential(*parts, _convolved(channels, config.width))

    def tokens(self, waveform: Tensor) -> Tensor:
        """(B, T', D) one token each 59,049 samples, of the last map before pooling; a rest at the end is left out.

        Raises:
            ValueError: if there are fewer samples than one window.
        """
        if waveform.shape[-1] < WINDOW:
            raise ValueError(f"the sound has {waveform.shape[-1]} samples; pad it to at least {WINDOW}")
        return self.trunk(waveform.unsqueeze(1)).transpose(1, 2)

    def forward(self, waveform: Tensor) -> Tensor:
        """(B, D) for waveform (B, S)."""
        return self.tokens(waveform).mean(1)


def _convolved(channels: int, out: int, stride: int = 1) -> nn.Sequential:
    padding = 0 if stride > 1 else KERNEL // 2
    return nn.Sequential(nn.Conv1d(channels, out, KERNEL, stride, padding), nn.BatchNorm1d(out), nn.ReLU())
