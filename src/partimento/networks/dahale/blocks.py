"""What the three stages of Dahale et al. 2022 share: the embedding, concatenated positions, post-norm blocks.

The blocks are those of Vaswani et al. 2017 (1706.03762) with ReLU, the norm after each residual sum, biases everywhere.
Not said in the thesis and chosen here: dropout of 0.1 on each branch, epsilon 1e-6 of the norms, Glorot's weights and
zero biases (all three as TensorFlow's tutorial of the transformer, whose width and heads the thesis has).

Shapes: B windows, T positions, D width, H heads, K features of a head.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BARS, STEPS, CLASSES, FAMILIES, LINES = 11, 32, 16, 4, 64  # a window on the drum grid; see tokens.drumgrid
MIDDLE = BARS // 2  # the bar that stages 2 and 3 are asked for
MELODY = FAMILIES * LINES  # values of a step of the other instruments
EPSILON = 1e-6
LOUDEST = 127


def melody_values(others: Tensor) -> Tensor:
    """(..., 256) float32 of others (..., 4, 64) uint8: the silent flags as they are, velocities from 0 to 1."""
    values = others.float()
    values[..., 1:] /= LOUDEST
    return values.flatten(-2)


def sinusoids(start: int, stop: int, width: int, device: torch.device) -> Tensor:
    """(stop - start, D) float32 sines, then cosines, of the positions (1706.03762, section 3.5)."""
    place = torch.arange(start, stop, device=device, dtype=torch.float32)[:, None]
    rate = torch.exp(torch.arange(0, width, 2, device=device, dtype=torch.float32) * (-math.log(10_000.0) / width))
    return torch.cat([(place * rate).sin(), (place * rate).cos()], dim=1)[:, :width]


def embedding(inputs: int, hidden: int, width: int) -> nn.Sequential:
    """Two dense layers with ReLU."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, width), nn.ReLU())


class Positions(nn.Module):
    """Sinusoids concatenated to the features, (B, T, 2 D), and projected back to D.

    The features are multiplied by the root of the width first (1706.03762, section 3.4): those of a bar of few notes
    are else so small beside the sinusoids that nothing is learned from them.
    """

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.project = nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """(B, T, D) of features (B, T, D) whose first position is `start`."""
        place = sinusoids(start, start + x.shape[1], x.shape[2], x.device).to(x.dtype)
        return self.dropout(self.project(torch.cat([x * x.shape[2] ** 0.5, place.expand_as(x)], dim=2)))


class Attention(nn.Module):
    """Multi-head attention whose heads may be wider than D / H."""

    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(width, heads * head_width) for _ in range(3))
        self.out = nn.Linear(heads * head_width, width)

    def keys_values(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values (B, H, T, K) of what is attended to, (B, T, D)."""
        return self._heads(self.key(memory)), self._heads(self.value(memory))

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, causal: bool = False) -> Tensor:
        """(B, T, D); `causal` is for keys and values of x itself."""
        y = F.scaled_dot_product_attention(self._heads(self.query(x)), keys, values, is_causal=causal)
        return self.out(y.transpose(1, 2).flatten(2))

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


class EncoderLayer(nn.Module):
    """Self-attention over all positions, then a dense layer each way."""

    def __init__(self, width: int, heads: int, feedforward: int, dropout: float, head_width: int | None = None) -> None:
        super().__init__()
        self.attention = Attention(width, heads, head_width or width // heads)
        self.feedforward = nn.Sequential(nn.Linear(width, feedforward), nn.ReLU(), nn.Linear(feedforward, width))
        self.norms = nn.ModuleList(nn.LayerNorm(width, EPSILON) for _ in range(2))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) of (B, T, D)."""
        x = self.norms[0](x + self.dropout(self.attention(x, *self.attention.keys_values(x))))
        return self.norms[1](x + self.dropout(self.feedforward(x)))


class DecoderLayer(nn.Module):
    """Causal self-attention, attention to the encoder, then a dense layer each way."""

    def __init__(self, width: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(width, heads, width // heads)
        self.across = Attention(width, heads, width // heads)
        self.feedforward = nn.Sequential(nn.Linear(width, feedforward), nn.ReLU(), nn.Linear(feedforward, width))
        self.norms = nn.ModuleList(nn.LayerNorm(width, EPSILON) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Tensor, own: tuple[Tensor, Tensor], heard: tuple[Tensor, Tensor], causal: bool = True
    ) -> Tensor:
        """(B, T, D) of (B, T, D).

        Args:
            own: keys and values of the positions that x may look at.
            heard: those of the encoder.
            causal: False where x is the newest position alone.
        """
        x = self.norms[0](x + self.dropout(self.attention(x, *own, causal=causal)))
        x = self.norms[1](x + self.dropout(self.across(x, *heard)))
        return self.norms[2](x + self.dropout(self.feedforward(x)))


def glorot(network: nn.Module) -> None:
    """Draw all weights anew: Glorot's uniform ones, zero biases, embeddings as small as TensorFlow's."""
    for part in network.modules():
        if isinstance(part, nn.Linear | nn.Conv1d):
            nn.init.xavier_uniform_(part.weight)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        elif isinstance(part, nn.Embedding):
            nn.init.uniform_(part.weight, -0.05, 0.05)
