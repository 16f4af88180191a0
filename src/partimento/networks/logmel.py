"""Log-mel spectrograms in the network's own graph: waveforms in, frames of mel bands out, on any device.

Each audio system's front end is a `LogMelConfig`, saved with its weights. Shapes: B batch, F frames, M mel bands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partimento.networks.melbank import Norm, Scale, Slopes, filterbank

BLOCK_FRAMES = 128  # on a CPU: the spectra of so many frames stay in the cache of a core
GPU_BLOCK_FRAMES = 32_768  # a bound on memory
BAND_BLOCKS = 8  # neighbouring bands share a product with the few bins they hear
TINY_POWER = 1e-20  # its root has a gradient


@dataclass(frozen=True)
class LogMelConfig:
    """A front end, from samples to frames.

    Args:
        rate_hz: samples a second that it expects.
        fft: length of the Fourier transform in samples, even; frames are filled up with zeros to it.
        window: length of the periodic Hann window, in samples.
        hop: samples from one frame to the next.
        mels: M, number of bands.
        low_hz, high_hz: edges of the lowest and the highest band.
        scale, slopes, norm: of the mel filters, as `melbank.filterbank` has them.
        power: 1 for the bins' magnitude, 2 for its square.
        centre: frame t is centred on sample t * hop, with `padding` at both ends; otherwise it begins there.
        compression: "log10p" is log10(1 + factor * x), "ln" the natural logarithm of x raised to `floor`, "db" decibels
            below 1, at most `range_db` below the loudest value of a waveform.
        amplitude: factor on the samples, which are expected in ±1.
        unit_norm: divide a waveform by its Euclidean norm first.
        zscore_floor: what the network is then given are windows of these frames as `slicing.standardised` makes them,
            with this least deviation; None for the frames as they are. `LogMel` itself leaves that to its caller, who
            cuts the windows.
    """

    rate_hz: int
    fft: int
    window: int
    hop: int
    mels: int
    low_hz: float
    high_hz: float
    scale: Scale = "htk"
    slopes: Slopes = "hz"
    norm: Norm = "none"
    power: Literal[1, 2] = 2
    centre: bool = True
    padding: Literal["reflect", "zeros"] = "reflect"
    compression: Literal["log10p", "ln", "db"] = "log10p"
    factor: float = 10_000.0
    floor: float = 1e-5
    range_db: float = 100.0
    amplitude: float = 1.0
    unit_norm: bool = False
    zscore_floor: float | None = 0.01

    def __post_init__(self) -> None:
        if self.fft % 2:
            raise ValueError(f"fft is {self.fft}; it must be even")
        if not 1 <= self.window <= self.fft:
            raise ValueError(f"window is {self.window}; it must be from 1 to fft = {self.fft}")
        if not 0 <= self.low_hz < self.high_hz <= self.rate_hz / 2:
            raise ValueError(
                f"low_hz, high_hz are {self.low_hz:g}, {self.high_hz:g}; they must rise from 0 or more to at most "
                f"rate_hz / 2 = {self.rate_hz / 2:g}"
            )
        for name in ("hop", "mels"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")

    @property
    def left(self) -> int:
        """Samples of a frame that lie before the sample it is centred on."""
        return self.fft // 2 - (self.fft - self.window) // 2

    @property
    def frames_per_s(self) -> float:
        """Frames a second."""
        return self.rate_hz / self.hop

    def frames(self, samples: int) -> int:
        """F, the frames of a waveform of so many samples."""
        return 1 + (samples if self.centre else max(0, samples - self.window)) // self.hop


def mule_mel() -> LogMelConfig:
    """MULE (McCallum et al. 2022) as released: it divides 16-bit samples by 2^16, so that one channel spans ±0.5.

    Its channels are added, not averaged: read files for it with `channels="sum"`.
    """
    return LogMelConfig(16_000, 2048, 400, 160, 96, 0.0, 8000.0, norm="l2", amplitude=0.5)


def cola_mel() -> LogMelConfig:
    """COLA (Saeed et al. 2021) as in its code: 64 bands, magnitudes, no padding; a second of sound has 98 frames.

    Waveforms get a norm of 1: the original does so for whole clips where it learns from them, for windows afterwards.
    """
    return LogMelConfig(
        16_000,
        1024,
        400,
        160,
        64,
        60.0,
        7800.0,
        slopes="mel",
        power=1,
        centre=False,
        compression="ln",
        unit_norm=True,
        zscore_floor=None,
    )


def vit1d_mel() -> LogMelConfig:
    """Our choice for ViT-1D (Kong et al. 2025), whose own front end we do not know: 128 Slaney bands every 20 ms.

    Rate, bands and FFT are those of an earlier study of the same group (Meseguer-Brocal et al. 2024); the hop is ours,
    compression and z-score are MULE's. None of it is tuned.
    """
    return LogMelConfig(16_000, 1024, 1024, 320, 128, 0.0, 8000.0, scale="slaney", norm="slaney")


class LogMel(nn.Module):
    """Waveforms (B, samples) in ±1 to log-mel spectrograms (B, M, F), always in float32.

    It has no weights, and nothing of it is saved. A waveform too short for one frame, or for the reflection at its
    ends, is padded with zeros.
    """

    hann: Tensor

    def __init__(self, config: LogMelConfig) -> None:
        super().__init__()
        self.config = config
        self._bins: list[slice] = []
        for name, values in self._tables():
            self.register_buffer(name, values, persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """(B, M, F) float32 of waveform (B, samples).

        Raises:
            ValueError: if there is no sample, or it is not two-dimensional.
        """
        if waveform.dim() != 2 or not waveform.shape[1]:
            raise ValueError(f"the waveform's shape is {list(waveform.shape)}; it must be (batch, samples)")
        return self._frames_of(self._padded(self._scaled(waveform.float())))

    def stream(self, blocks: Iterable[np.ndarray | Tensor]) -> Iterator[Tensor]:
        """Frames (M, some) of a waveform that comes in blocks (samples,), together those of the whole waveform.

        Memory does not grow with the length. What comes is on the device of this module.

        Raises:
            ValueError: if there is no sample, or the front end looks at a waveform as a whole (unit_norm, "db").
        """
        config = self.config
        if config.unit_norm or config.compression == "db":
            raise ValueError("unit_norm and 'db' need the whole waveform; give it to forward")
        right = config.window - config.left
        held = torch.zeros(1, 0, device=self.hann.device)
        begun = False
        for block in blocks:
            held = torch.cat([held, self._scaled(torch.as_tensor(block, device=held.device).float()[None])], dim=1)
            if held.shape[1] < 2 * config.window:  # enough that both ends can be reflected
                continue
            if not begun:
                held = self._padded(held, right=False)
                begun = True
            ready = (held.shape[1] - config.window - right) // config.hop  # frames that no end can change
            if ready > 0:
                part = held[:, : (ready - 1) * config.hop + config.window]
                yield self._frames_of(part)[0]
                held = held[:, ready * config.hop :]
        if not held.shape[1]:
            raise ValueError("the waveform has no sample")
        yield self._frames_of(self._padded(held, left=not begun))[0]

    def _frames_of(self, padded: Tensor) -> Tensor:
        """(B, M, F) of a waveform with all that its frames reach."""
        with torch.autocast(padded.device.type, enabled=False):  # which would make the filters bfloat16
            return self._compressed(self._bands(padded.unfold(1, self.config.window, self.config.hop)))

    def _scaled(self, x: Tensor) -> Tensor:
        config = self.config
        if config.unit_norm:
            x = F.normalize(x, dim=1, eps=1e-12)
        return x if config.amplitude == 1 else x * config.amplitude

    def _padded(self, x: Tensor, left: bool = True, right: bool = True) -> Tensor:
        config = self.config
        if not config.centre:
            return F.pad(x, (0, max(0, config.window - x.shape[1]))) if right else x
        before, after = config.left if left else 0, config.window - config.left if right else 0
        if config.padding == "zeros" or x.shape[1] <= max(before, after):
            return F.pad(x, (before, after))
        return F.pad(x[:, None], (before, after), mode="reflect")[:, 0]

    def _bands(self, frames: Tensor) -> Tensor:
        """(B, M, F) bands of frames (B, F, window), in blocks."""
        if frames.device.type == "cpu":
            rows = [[self._block(part) for part in row.split(BLOCK_FRAMES)] for row in frames]
            return torch.stack([torch.cat(row, dim=1) for row in rows])
        batches = frames.split(max(1, GPU_BLOCK_FRAMES // frames.shape[1]))
        blocks = [[self._block(part) for part in batch.split(GPU_BLOCK_FRAMES, dim=1)] for batch in batches]
        return torch.cat([torch.cat(batch, dim=2) for batch in blocks])

    def _block(self, frames: Tensor) -> Tensor:
        """(..., M, F) bands of frames (..., F, window)."""
        spectrum = torch.fft.rfft(frames * self.hann, n=self.config.fft)
        squares = torch.view_as_real(spectrum).square()
        values = squares[..., 0] + squares[..., 1]
        if self.config.power == 1:
            values = values.clamp_min(TINY_POWER).sqrt()
        filters = [getattr(self, f"filters_{i}") for i in range(len(self._bins))]
        return torch.cat([one @ values[..., span].mT for span, one in zip(self._bins, filters, strict=True)], dim=-2)

    def _compressed(self, bands: Tensor) -> Tensor:
        config = self.config
        if config.compression == "log10p":
            return torch.log10(1.0 + config.factor * bands)
        if config.compression == "ln":
            return bands.clamp_min(config.floor).log()
        level = (10.0 if config.power == 2 else 20.0) * bands.clamp_min(1e-10 if config.power == 2 else 1e-5).log10()
        return torch.maximum(level, level.amax(dim=(1, 2), keepdim=True) - config.range_db)

    def _tables(self) -> Iterator[tuple[str, Tensor]]:
        """The window and the blocks of the filters; `_bins` gets the bins of each block."""
        config = self.config
        turn = np.arange(config.window) / config.window
        yield "hann", torch.from_numpy((0.5 - 0.5 * np.cos(2 * np.pi * turn)).astype(np.float32))
        weights = filterbank(
            config.rate_hz,
            config.fft,
            config.mels,
            config.low_hz,
            config.high_hz,
            config.scale,
            config.slopes,
            config.norm,
        )
        self._bins = []
        for i, part in enumerate(np.array_split(weights, min(BAND_BLOCKS, config.mels))):
            used = np.flatnonzero(part.any(axis=0))
            span = slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(0, 1)
            self._bins.append(span)
            yield f"filters_{i}", torch.from_numpy(np.ascontiguousarray(part[:, span]))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> LogMel:
        super()._apply(fn, recurse)
        if self.hann.dtype != torch.float32:  # a network may be turned to bfloat16, its front end may not
            for name, values in self._tables():
                self.register_buffer(name, values.to(self.hann.device), persistent=False)
        return self
