"""What each layer of a ViT-1D makes of a whole recording: its tokens in time, and who attends to them.

The network hears windows of the length it was trained on; they overlap by half, and each token is taken from the window
in whose middle it lies nearest.

Shapes: F mel bands, T frames, T' sequence tokens, L layers, H heads, D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from partimento.networks.slicing import standardised
from partimento.networks.vit1d import ViT1D


@dataclass(frozen=True)
class SoundLayers:
    """The layers over one recording.

    Args:
        seconds_per_token: from token to token.
        times_s: (T',) the middle of each token.
        tokens: (L + 1, T', D) float32, first what enters the first block, last the network's output.
        received: (L, H, T') float32, attention that the tokens of its window give each token; 1 is an even share.
        class_attention: (L, H, T') float32, what the class token gives; 1 is an even share.
    """

    seconds_per_token: float
    times_s: np.ndarray
    tokens: np.ndarray
    received: np.ndarray
    class_attention: np.ndarray


@torch.no_grad()
def sound_layers(
    vit: ViT1D,
    mel: Tensor,
    seconds_per_frame: float,
    window_frames: int | None = None,
    zscore_floor: float | None = 0.01,
) -> SoundLayers:
    """The layers of a network, which should be in evaluation mode, over a recording.

    Args:
        vit: the network.
        mel: (F, T) log-mel of the whole; frame n is centred at n * seconds_per_frame.
        seconds_per_frame: hop of the spectrogram.
        window_frames: what the network hears at once; its context by default.
        zscore_floor: least deviation by which a window is standardised, as the front end has it; None for not at all.

    Raises:
        ValueError: if a window has no whole patch, or the spectrogram no frame.
    """
    stride = vit.stride
    window = vit.config.context if window_frames is None else window_frames // stride
    if window < 1 or not mel.shape[1]:
        raise ValueError(f"window_frames {window_frames} must be at least {stride} and the spectrogram not empty")
    count = -(-mel.shape[1] // stride)
    tokens, received, of_class = [], [], []
    for start, first, last in _windows(count, window):
        part = mel[None, :, start * stride : (start + window) * stride]
        heard = vit.layers(part if zscore_floor is None else standardised(part, zscore_floor), attention=True)
        assert heard.attention is not None
        attention = torch.stack(heard.attention)[:, 0].float()  # (L, H, 1 + window, 1 + window), the class token first
        share, mine = attention.shape[-1], slice(first - start, last - start)
        tokens.append(heard.tokens[:, 0, mine].float())
        received.append(attention[:, :, 1:, 1:].mean(2)[..., mine] * share)
        of_class.append(attention[:, :, 0, 1:][..., mine] * share)
    middle = np.minimum(np.arange(count) * stride + (stride - 1) / 2, mel.shape[1] - 1)
    return SoundLayers(
        seconds_per_token=seconds_per_frame * stride,
        times_s=middle * seconds_per_frame,
        tokens=torch.cat(tokens, 1).cpu().numpy(),
        received=torch.cat(received, -1).cpu().numpy(),
        class_attention=torch.cat(of_class, -1).cpu().numpy(),
    )


def _windows(count: int, window: int) -> list[tuple[int, int, int]]:
    """(start, first, last) of windows over `count` tokens: each begins at `start` and answers for first to last - 1."""
    last_start = max(count - window, 0)
    starts = [*range(0, last_start, max(window // 2, 1)), last_start]
    borders = [0, *((a + b + window) // 2 for a, b in pairwise(starts)), count]
    return [(start, *its) for start, its in zip(starts, pairwise(borders), strict=True)]
