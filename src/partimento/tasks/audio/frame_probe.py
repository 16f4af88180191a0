"""Heads on the frames of a representation: a linear layer, or one hidden layer, trained with AdamW.

The head sees a frame with its neighbours within `context_s`, so that representations of any frame rate are given the
same stretch of time. Frames of a clip that have no neighbour are given the frame at its end again.

Shapes: T frames of a clip, D features, K outputs, C frames of context on either side, B segments of L frames.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partimento.audio_model import Frames
from partimento.corpus.datasets.rendered import UNKNOWN


@dataclass(frozen=True)
class FrameRecipe:
    """Sizes and training of a head.

    Args:
        hidden: units of the hidden layer; 0 is a linear head.
        context_s: seconds before and after a frame whose frames the head sees too.
        dropout: behind the hidden layer.
        steps: of the training.
        segment: neighbouring frames that are drawn together.
        batch: segments of a step.
        rate: highest learning rate, reached after a tenth of the steps; a cosine to 0 follows.
        weight_decay: of AdamW.
    """

    hidden: int = 0
    context_s: float = 0.05
    dropout: float = 0.0
    steps: int = 300
    segment: int = 64
    batch: int = 16
    rate: float = 1e-2
    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        if self.hidden < 0 or self.context_s < 0 or min(self.steps, self.segment, self.batch) < 1:
            raise ValueError(f"hidden and context_s must be at least 0, steps, segment and batch at least 1: {self!r}")

    def __str__(self) -> str:
        return f"frame head, {self.hidden} hidden" if self.hidden else "frame head, linear"


@dataclass(frozen=True, eq=False)
class FrameHead:
    """A trained head.

    Args:
        network: (B, D, C + L + C) to (B, K, L), in evaluation mode.
        mean, deviation: (D,) of the training frames.
        context: C.
        binary: whether outputs are moments, each by itself, rather than classes.
    """

    network: nn.Sequential
    mean: np.ndarray
    deviation: np.ndarray
    context: int
    binary: bool

    @torch.inference_mode()
    def activations(self, frames: Frames) -> np.ndarray:
        """(T, K) float32 probabilities."""
        x = _padded((frames.vectors - self.mean) / self.deviation, self.context)
        found = self.network(x.T[None])[0].T
        return (found.sigmoid() if self.binary else found.softmax(1)).numpy()


def period_s(frames: Frames) -> float:
    """Seconds from frame to frame."""
    return float(np.median(np.diff(frames.times_s))) if len(frames.times_s) > 1 else 1.0


def train_head(
    recipe: FrameRecipe, clips: Sequence[Frames], targets: Sequence[np.ndarray], outputs: int, seed: int
) -> FrameHead:
    """A head trained on the frames of clips.

    Args:
        clips: with one width D and one frame period.
        targets: of each clip (T, K) float32 moments, or (T,) int64 classes; UNKNOWN frames are left out.
        outputs: K.
        seed: of the first weights, the segments that are drawn and the dropout.

    Raises:
        ValueError: if no frame has a label.
    """
    binary = targets[0].ndim == 2
    if not binary and all((target == UNKNOWN).all() for target in targets):
        raise ValueError("no frame of the training clips has a label")
    every = np.concatenate([clip.vectors for clip in clips])
    mean, deviation = every.mean(0), np.maximum(every.std(0), 1e-6)
    context = round(recipe.context_s / period_s(clips[0]))
    x = torch.cat([_padded((clip.vectors - mean) / deviation, context) for clip in clips])
    y = torch.from_numpy(np.concatenate(targets))
    lengths = np.array([len(clip.vectors) for clip in clips])
    segment = min(recipe.segment, int(lengths.min()))
    starts, shifts = _starts(lengths, segment, context)
    inside, seen = torch.arange(segment), torch.arange(segment + 2 * context)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _network(recipe, x.shape[1], 2 * context + 1, outputs)
        weights, decay = network.parameters(), recipe.weight_decay
        optimizer = torch.optim.AdamW(weights, lr=recipe.rate, weight_decay=decay, fused=True)
        for step in range(recipe.steps):
            optimizer.param_groups[0]["lr"] = recipe.rate * _share(step, recipe.steps)
            drawn = torch.randint(len(starts), (recipe.batch,))
            first = starts[drawn][:, None]
            out = network(x[first + shifts[drawn][:, None] + seen].transpose(1, 2)).transpose(1, 2)  # (B, L, K)
            optimizer.zero_grad()
            _loss(out.flatten(0, 1), y[first + inside].flatten(0, 1)).backward()
            optimizer.step()
    return FrameHead(network.requires_grad_(False).eval(), mean, deviation, context, binary)


def _padded(values: np.ndarray, context: int) -> Tensor:
    """(C + T + C, D) float32 frames, those at the ends repeated."""
    return torch.from_numpy(np.pad(values, ((context, context), (0, 0)), mode="edge")).float()


def _starts(lengths: np.ndarray, segment: int, context: int) -> tuple[Tensor, Tensor]:
    """(S,) first frame of every segment inside a clip, and (S,) by how much it is later where clips are padded."""
    before = np.cumsum(lengths) - lengths
    starts = [first + np.arange(length - segment + 1) for first, length in zip(before, lengths, strict=True)]
    shifts = [np.full(len(some), 2 * context * clip) for clip, some in enumerate(starts)]
    return torch.from_numpy(np.concatenate(starts)), torch.from_numpy(np.concatenate(shifts))


def _network(recipe: FrameRecipe, width: int, frames: int, outputs: int) -> nn.Sequential:
    if not recipe.hidden:
        return nn.Sequential(nn.Conv1d(width, outputs, frames))
    hidden = (nn.Conv1d(width, recipe.hidden, frames), nn.ReLU(), nn.Dropout(recipe.dropout))
    return nn.Sequential(*hidden, nn.Conv1d(recipe.hidden, outputs, 1))


def _loss(out: Tensor, y: Tensor) -> Tensor:
    """Mean loss of frames (N, K); of classes, of those frames that have one."""
    if y.ndim == 2:
        return F.binary_cross_entropy_with_logits(out, y)
    whole = F.cross_entropy(out, y, ignore_index=UNKNOWN, reduction="sum")
    return whole / (y != UNKNOWN).sum().clamp_min(1)


def _share(step: int, steps: int) -> float:
    """Share of the highest learning rate at a step."""
    rise = max(1, steps // 10)
    return (step + 1) / rise if step < rise else (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise))) / 2
