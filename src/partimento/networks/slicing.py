"""Windows of a log-mel spectrogram, as a network reads a long file: MULE's slicer, whole or from a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Slicing:
    """Where windows lie in a file.

    Args:
        frames: of a window.
        hop: frames from the centre of a window to that of the next.
        first: the frame that the first window is centred on.
    """

    frames: int
    hop: int
    first: int

    def __post_init__(self) -> None:
        for name in ("frames", "hop", "first"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")

    def starts(self, length: int) -> np.ndarray:
        """First frame (N,) int64 of each window of a spectrogram of `length` frames; never none.

        Windows that would reach over an end are moved inside, so the last may overlap much with the one before.
        """
        centres = np.arange(self.first, max(length, self.first + 1), self.hop)
        return np.clip(centres - self.frames // 2, 0, max(0, length - self.frames))


MULE_SLICES = Slicing(frames=300, hop=200, first=200)  # 3 s every 2 s; the first half second is in no window


def filled(mel: Tensor, frames: int) -> Tensor:
    """A spectrogram (..., M, T) of at least `frames` frames: a shorter one is heard again from its start until then.

    Repeating keeps mean and deviation those of the sound, which silence would not. MULE's own slicer fails there.
    """
    length = mel.shape[-1]
    if length >= frames:
        return mel
    return mel[..., torch.arange(frames, device=mel.device) % length]


def standardised(mel: Tensor, floor: float = 0.01) -> Tensor:
    """Windows (..., M, T) with mean 0 and deviation 1 over both axes; a deviation below `floor` counts as `floor`."""
    variance, mean = torch.var_mean(mel, dim=(-2, -1), correction=0, keepdim=True)
    return (mel - mean) / variance.sqrt().clamp_min(floor)


def slices(mel: Tensor, slicing: Slicing = MULE_SLICES, floor: float | None = 0.01) -> Tensor:
    """Windows (N, M, frames) of a spectrogram (M, T), each standardised unless `floor` is None."""
    mel = filled(mel, slicing.frames)
    parts = torch.stack([mel[:, start : start + slicing.frames] for start in slicing.starts(mel.shape[1]).tolist()])
    return parts if floor is None else standardised(parts, floor)


def stream_slices(
    blocks: Iterable[Tensor], slicing: Slicing = MULE_SLICES, floor: float | None = 0.01
) -> Iterator[Tensor]:
    """Windows (some, M, frames) of a spectrogram that comes in blocks (M, some), together equal to `slices` of it all.

    Memory does not grow with the length of the file.
    """
    back = slicing.frames // 2
    held, offset, number = torch.zeros(0), 0, 0  # the frames from `offset` on; windows given so far
    for block in blocks:
        held = torch.cat([held, block], dim=1) if held.numel() else block
        ready = []
        while (start := max(0, slicing.first + number * slicing.hop - back)) + slicing.frames <= offset + held.shape[1]:
            ready.append(held[:, start - offset : start - offset + slicing.frames])
            number += 1
        if ready:
            yield _finished(ready, floor)
        keep = min(start, offset + held.shape[1] - slicing.frames)  # the last window may have to move back
        if keep > offset:
            held, offset = held[:, keep - offset :], keep
    length = offset + held.shape[1]
    held = filled(held, slicing.frames)
    if late := slicing.starts(max(length, slicing.frames))[number:].tolist():
        yield _finished([held[:, start - offset : start - offset + slicing.frames] for start in late], floor)


def _finished(parts: list[Tensor], floor: float | None) -> Tensor:
    together = torch.stack(parts)
    return together if floor is None else standardised(together, floor)
