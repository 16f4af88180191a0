"""One position of several rows through a decoder, with as little work as the arithmetic allows.

Token by token the time goes into reading weights and keys from memory and into starting operations. So queries and keys
are turned together, the angles are made once, matrices lie as one vector's product reads them fastest, and variations
of one prompt share its keys and values. The result is that of `Decoder.hidden`, which stays the reference and does the
prefill. Each row sees a slice of the cache up to its own length, so no attention needs a mask (masked, or in bf16, one
query costs several times as much on CPUs).

Shapes: B rows, D width, H heads, K head dimension, C capacity, P positions of the shared prompt.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from partimento.networks.decoder import Decoder
from partimento.networks.transformer import Block, rotary_table


@contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """So many threads inside, the number from before outside.

    More than one only costs where every operation is small: while another process holds a core, OpenMP's waiting
    threads make each operation last a whole time slice of 8 ms.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def stored_for_one_row(weight: Tensor) -> Tensor:
    """The same matrix, columns together in memory where that makes its product with one vector faster.

    MKL reads a tall float32 matrix at half the memory's speed when its rows are contiguous (measured: 4096 x 512,
    749 µs against 344); bf16 and CUDA gain nothing.
    """
    tall = weight.shape[0] > weight.shape[1]
    if tall and weight.dtype == torch.float32 and weight.device.type == "cpu":
        return weight.t().contiguous().t()
    return weight


class BlockWeights:
    """What a step needs of one block; for a single row the matrices are copied into their fastest layout."""

    def __init__(self, block: Block, one_row: bool) -> None:
        attention, feedforward = block.attention, block.feedforward
        layout = stored_for_one_row if one_row else (lambda weight: weight)
        self.attention_norm = (block.attention_norm.weight, block.attention_norm.bias, block.attention_norm.eps)
        self.feedforward_norm = (block.feedforward_norm.weight, block.feedforward_norm.bias, block.feedforward_norm.eps)
        self.qkv, self.out = layout(attention.qkv.weight), attention.out.weight
        self.gate, self.up = layout(feedforward.gate.weight), layout(feedforward.up.weight)
        self.down = feedforward.down.weight


class Stepper:
    """Variations of one prompt, and the keys and values of what each has read.

    Args:
        network: the decoder; its weights are copied in part, so changes to it during the work are not seen.
        ids: the prompt, read in one pass.
        batch: rows B.
        capacity: most positions C that a row can hold.

    Raises:
        ValueError: if the prompt does not fit.
    """

    def __init__(self, network: Decoder, ids: list[int], batch: int, capacity: int) -> None:
        config, weight = network.config.transformer, network.head.weight
        self.network, self.capacity = network, capacity
        self.embedding, self.norm = network.embedding.weight, network.transformer.norm
        self.heads, self.head_dim, self.layers = config.heads, config.width // config.heads, config.layers
        # bf16 attention of one query is seven times slower than float32 on CPUs, so the cache is float32 there.
        self.device, self.dtype = weight.device, torch.float32 if weight.device.type == "cpu" else weight.dtype
        cos, sin = rotary_table(torch.arange(capacity, device=self.device), self.head_dim, config.rope_base)
        self.cos = torch.cat([cos, cos], dim=-1).to(self.dtype)  # (C, K)
        self.sin = torch.cat([-sin, sin], dim=-1).to(self.dtype)
        hidden, past = self._prefill(ids)
        self.hidden = hidden.expand(batch, -1)  # (B, D) after the last token read
        self.lengths = [0] * batch  # positions in `memory`
        self.shared: Tensor | None = past if batch > 1 else None  # (L, 2, H, P, K)
        self.memory = self._empty(batch, capacity - (len(ids) if batch > 1 else 0))  # (L, 2, B, H, C - P, K)
        if batch == 1:
            self._remember(0, past)
        self.blocks = [BlockWeights(cast(Block, block), batch == 1) for block in network.transformer.blocks]

    def full(self, row: int) -> bool:
        """Whether a row must be renewed before its next step."""
        return self.lengths[row] == self.memory.shape[-2]

    def renew(self, row: int, ids: list[int]) -> None:
        """Let ids be the whole past of a row; the first ends the sharing, as then all rows are full and need theirs."""
        if self.shared is not None:
            self.shared, self.memory = None, self._empty(len(self.lengths), self.capacity)
        self._remember(row, self._prefill(ids)[1])

    def drop(self, row: int) -> None:
        """Forget a row; the last one takes its place."""
        length = self.lengths.pop()
        last = len(self.lengths)
        if row < last:
            self.memory[:, :, row, :, :length] = self.memory[:, :, last, :, :length]
            self.lengths[row] = length
        self.memory = self.memory[:, :, :last]

    def step(self, tokens: list[int]) -> None:
        """Read one token in every row."""
        x = F.embedding(torch.tensor(tokens, device=self.device), self.embedding)
        shared = 0 if self.shared is None else self.shared.shape[-2]
        if min(self.lengths) == max(self.lengths):
            cos, sin = self.cos[shared + self.lengths[0]], self.sin[shared + self.lengths[0]]
        else:
            cos, sin = (table[self.lengths][:, None, None] for table in (self.cos, self.sin))  # (B, 1, 1, K)
        for layer, block in enumerate(self.blocks):
            x = self._attention(x, layer, block, cos, sin)
            x = _feedforward(x, block)
        self.lengths = [length + 1 for length in self.lengths]
        self.hidden = self.norm(x)

    def _prefill(self, ids: list[int]) -> tuple[Tensor, Tensor]:
        """The hidden state (1, D) after ids, and their keys and values (L, 2, H, T, K)."""
        if len(ids) > self.capacity:
            raise ValueError(f"{len(ids):,} tokens do not fit in a context of {self.capacity:,}")
        cache = self.network.cache(1, len(ids))
        training = self.network.training
        self.network.eval()
        hidden = self.network.hidden(torch.tensor([ids], device=self.device), cache=cache)
        self.network.train(training)
        return hidden[:, -1], cache.memory[:, :, 0].to(self.dtype)

    def _empty(self, batch: int, capacity: int) -> Tensor:
        shape = (self.layers, 2, batch, self.heads, capacity, self.head_dim)
        return torch.empty(shape, dtype=self.dtype, device=self.device)  # on CPUs its pages come with use

    def _remember(self, row: int, past: Tensor) -> None:
        self.lengths[row] = past.shape[-2]
        self.memory[:, :, row, :, : self.lengths[row]] = past

    def _attention(self, x: Tensor, layer: int, block: BlockWeights, cos: Tensor, sin: Tensor) -> Tensor:
        batch, width = x.shape
        weight, bias, epsilon = block.attention_norm
        h = F.layer_norm(x, (width,), weight, bias, epsilon)
        qkv = F.linear(h, block.qkv).to(self.dtype).view(batch, 3, self.heads, self.head_dim)
        qk = qkv[:, :2]
        qk = qk * cos + qk.roll(self.head_dim // 2, -1) * sin
        y = self._attended(layer, qk[:, 0], qk[:, 1], qkv[:, 2])
        return x + F.linear(y.reshape(batch, width).to(x.dtype), block.out)

    def _attended(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Store new keys and values (B, H, K); what queries (B, H, K) get from all of a row, B * D numbers."""
        memory, at = self.memory[layer], self.lengths[0]
        if min(self.lengths) < max(self.lengths):
            rows = []
            for row, at in enumerate(self.lengths):
                memory[0, row, :, at], memory[1, row, :, at] = k[row], v[row]
                seen = memory[:, row : row + 1, :, : at + 1]
                rows.append(F.scaled_dot_product_attention(q[row : row + 1, :, None], seen[0], seen[1]))
            return torch.cat(rows)
        memory[0, :, :, at], memory[1, :, :, at] = k, v
        own = memory[:, :, :, : at + 1]
        if self.shared is None:
            return F.scaled_dot_product_attention(q[:, :, None], own[0], own[1])
        return _attend_shared(q, self.shared[layer], own)


def _attend_shared(q: Tensor, shared: Tensor, own: Tensor) -> Tensor:
    """Attention of q (B, H, K) to shared keys and values (2, H, P, K), read once for all, and own (2, B, H, T, K)."""
    q = q * q.shape[-1] ** -0.5
    to_shared = q.transpose(0, 1) @ shared[0].transpose(1, 2)  # (H, B, P)
    to_own = (q[:, :, None] @ own[0].transpose(2, 3))[:, :, 0].transpose(0, 1)  # (H, B, T)
    weight = torch.cat([to_shared, to_own], dim=-1).softmax(-1)
    from_shared = weight[..., : shared.shape[2]] @ shared[1]  # (H, B, K)
    from_own = weight[..., shared.shape[2] :].transpose(0, 1)[:, :, None] @ own[1]  # (B, H, 1, K)
    return from_shared.transpose(0, 1) + from_own[:, :, 0]


def _feedforward(x: Tensor, block: BlockWeights) -> Tensor:
    weight, bias, epsilon = block.feedforward_norm
    h = F.layer_norm(x, (x.shape[-1],), weight, bias, epsilon)
    return x + F.linear(F.silu(F.linear(h, block.gate)) * F.linear(h, block.up), block.down)
