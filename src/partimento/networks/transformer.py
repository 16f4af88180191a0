"""The transformer block that every network here shares: pre-norm attention with rotary positions, then a SwiGLU.

Shapes: B batch, T time, D width, H heads, K head dimension (D = H * K).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]  # (q, k, v), each (B, H, T, K) -> (B, H, T, K)


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes of a stack of blocks.

    Args:
        width: D, features a position.
        heads: H; the head dimension is width / heads and must be even for the rotary positions.
        layers: number of blocks.
        feedforward: inner features of the SwiGLU.
        rope_base: base of the rotary frequencies.
        norm_epsilon: added to the variance in every LayerNorm.
        dropout: on the residual branches, rising linearly from 0 to this value with depth.
    """

    width: int
    heads: int
    layers: int
    feedforward: int
    rope_base: float = 500_000.0
    norm_epsilon: float = 1e-5
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.width % (2 * self.heads):
            raise ValueError(f"width {self.width} must be a multiple of 2 * heads = {2 * self.heads}")
        for name in ("width", "heads", "layers", "feedforward"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")


def rotary_table(positions: Tensor, head_dim: int, base: float) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the rotary angles, each (T, K/2) float32, for positions (T,). RoFormer, section 3.2.2."""
    # written as transformers writes it, for the same rounding: thousands of positions later it would be seen
    frequency = 1.0 / base ** (torch.arange(0, head_dim, 2, device=positions.device, dtype=torch.float32) / head_dim)
    angle = positions.float()[:, None] * frequency
    return angle.cos(), angle.sin()


def rotate(x: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
    """Queries or keys (B, H, T, K) turned by their angles; the halves of K are the pairs (the NeoX layout)."""
    cos, sin = (t.to(x.dtype) for t in table)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


def causal(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention to the same and earlier positions of one document a row."""
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


class KeyValueCache:
    """Keys and values of the positions seen so far, in memory taken once.

    Attention reads a slice up to the present length, so no mask over unused slots is ever needed: on CPUs a masked bf16
    attention is ten times slower than an unmasked one.

    Args:
        config: sizes of the network it serves.
        batch: rows.
        capacity: most positions it can hold.
    """

    def __init__(
        self, config: TransformerConfig, batch: int, capacity: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        shape = (config.layers, 2, batch, config.heads, capacity, config.width // config.heads)
        self.memory = torch.empty(shape, dtype=dtype, device=device)
        self.length = 0
        self.capacity = capacity

    def extend(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Store new keys and values (B, H, T, K) of a layer and return all of them up to now, as views.

        Raises:
            ValueError: if there is no room for them.
        """
        stop = self.length + k.shape[2]
        if stop > self.capacity:
            raise ValueError(f"position {stop} is beyond the cache's capacity of {self.capacity}; make a larger cache")
        self.memory[layer, 0, :, :, self.length : stop] = k
        self.memory[layer, 1, :, :, self.length : stop] = v
        return self.memory[layer, 0, :, :, :stop], self.memory[layer, 1, :, :, :stop]

    def rewind(self, length: int) -> None:
        """Forget every position from `length` on."""
        self.length = length


class Attention(nn.Module):
    """Multi-head self-attention without biases; queries, keys and values from one matrix."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.qkv = nn.Linear(config.width, 3 * config.width, bias=False)
        self.out = nn.Linear(config.width, config.width, bias=False)

    def forward(
        self, x: Tensor, table: tuple[Tensor, Tensor], attend: Attend, cache: KeyValueCache | None, layer: int
    ) -> Tensor:
        batch, time, width = x.shape
        qkv = self.qkv(x).view(batch, time, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, H, T, K)
        q, k = rotate(q, table), rotate(k, table)
        if cache is not None:
            k, v = cache.extend(layer, k, v)
        y = attend(q, k, v)
        return self.out(y.transpose(1, 2).reshape(batch, time, width))


class FeedForward(nn.Module):
    """SwiGLU without biases (Shazeer 2020): down(silu(gate(x)) * up(x))."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.gate = nn.Linear(config.width, config.feedforward, bias=False)
        self.up = nn.Linear(config.width, config.feedforward, bias=False)
        self.down = nn.Linear(config.feedforward, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Block(nn.Module):
    """Attention and feed-forward, each behind a LayerNorm and beside a residual path."""

    def __init__(self, config: TransformerConfig, dropout: float = 0.0) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.width, eps=config.norm_epsilon)
        self.attention = Attention(config)
        self.feedforward_norm = nn.LayerNorm(config.width, eps=config.norm_epsilon)
        self.feedforward = FeedForward(config)
        self.dropout = dropout

    def forward(
        self, x: Tensor, table: tuple[Tensor, Tensor], attend: Attend, cache: KeyValueCache | None, layer: int
    ) -> Tensor:
        attended = self.attention(self.attention_norm(x), table, attend, cache, layer)
        x = x + F.dropout(attended, self.dropout, self.training)
        fed = self.feedforward(self.feedforward_norm(x))
        return x + F.dropout(fed, self.dropout, self.training)


class Transformer(nn.Module):
    """A stack of blocks and a final LayerNorm: vectors (B, T, D) in, hidden sequence (B, T, D) out."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        steps = max(1, config.layers - 1)
        self.blocks = nn.ModuleList(Block(config, config.dropout * i / steps) for i in range(config.layers))
        self.norm = nn.LayerNorm(config.width, eps=config.norm_epsilon)

    def forward(
        self, x: Tensor, attend: Attend = causal, cache: KeyValueCache | None = None, checkpointing: bool = False
    ) -> Tensor:
        """Hidden sequence of x (B, T, D).

        Args:
            attend: which positions see which; with a cache that already holds positions it is not used.
            cache: filled with this call's positions; those it held before are seen too.
            checkpointing: compute each block again in the backward pass instead of keeping its activations.
        """
        start, time = (0 if cache is None else cache.length), x.shape[1]
        positions = torch.arange(start, start + time, device=x.device)
        table = rotary_table(positions, self.config.width // self.config.heads, self.config.rope_base)
        if start:
            attend = _after_cache(start, time, x.device)
        for layer, block in enumerate(self.blocks):
            if checkpointing:
                x = torch.utils.checkpoint.checkpoint(block, x, table, attend, cache, layer, use_reentrant=False)
            else:
                x = block(x, table, attend, cache, layer)
        if cache is not None:
            cache.length = start + time
        return self.norm(x)


def _after_cache(start: int, time: int, device: torch.device) -> Attend:
    """Causal attention of `time` new positions that follow `start` cached ones."""
    if time == 1:
        return F.scaled_dot_product_attention  # one query sees everything: no mask
    mask = torch.ones(time, start + time, dtype=torch.bool, device=device).tril(diagonal=start)
    return lambda q, k, v: F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def initialise(module: nn.Module, layers: int, std: float = 0.02) -> None:
    """Fill linear layers and embeddings from N(0, std²); those that write to the residual path get 1/√(2·layers) of it.

    GPT-2's rule (Radford et al. 2019, section 2.3).
    """
    for name, part in module.named_modules():
        if isinstance(part, nn.Linear | nn.Embedding):
            residual = name.endswith((".out", ".down"))
            nn.init.normal_(part.weight, std=std / (2 * layers) ** 0.5 if residual else std)
            if isinstance(part, nn.Linear) and part.bias is not None:
                nn.init.zeros_(part.bias)
        elif isinstance(part, nn.LayerNorm):
            nn.init.ones_(part.weight)
            nn.init.zeros_(part.bias)
