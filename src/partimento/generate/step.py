"""One position of several rows through a decoder, with as little work as the arithmetic allows.

Token by token the time goes into reading weights and keys from memory and into starting operations. So queries and keys
are turned together, the angles are made once, matrices lie as one vector's product reads them fastest, and variations
of one prompt share its keys and values (`generate.past`). The result is that of `Decoder.hidden`, which stays the
reference and does the prefill.

Shapes: B variations, D width, H heads, K head dimension, L layers, C features of a condition.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from partimento.generate.past import Past
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
        batch: variations B.
        capacity: most tokens that a variation can hold, beside the condition.
        condition: (C,) embedding before every variation's first token.
        guided: with a condition, each variation has a second row that does not see it. `hidden` is then (2B, D), the
            rows with the condition first. The condition's position is missing in the second row, which is that of the
            plain network: rotary positions say only how far apart two tokens are.

    Raises:
        ValueError: if the prompt does not fit.
    """

    def __init__(
        self,
        network: Decoder,
        ids: list[int],
        batch: int,
        capacity: int,
        condition: Tensor | None = None,
        guided: bool = False,
    ) -> None:
        config, weight = network.config.transformer, network.head.weight
        self.network, self.capacity = network, capacity
        self.embedding, self.norm = network.embedding.weight, network.transformer.norm
        self.heads, self.head_dim = config.heads, config.width // config.heads
        # bf16 attention of one query is seven times slower than float32 on CPUs, so the cache is float32 there.
        self.device, self.dtype = weight.device, torch.float32 if weight.device.type == "cpu" else weight.dtype
        cos, sin = rotary_table(torch.arange(capacity + 1, device=self.device), self.head_dim, config.rope_base)
        self.cos = torch.cat([cos, cos], dim=-1).to(self.dtype)  # (capacity + 1, K)
        self.sin = torch.cat([-sin, sin], dim=-1).to(self.dtype)
        self.conditions = [condition, None] if guided else [condition]  # one for each past
        hidden, prompts = zip(*(self._prefill(ids, one) for one in self.conditions), strict=True)
        self.hidden = torch.cat([last.expand(batch, -1) for last in hidden])  # (B or 2B, D) after the last token read
        self.pasts = [
            Past(prompt, batch, capacity + (one is not None))
            for prompt, one in zip(prompts, self.conditions, strict=True)
        ]
        one_row = len(self.hidden) == 1
        self.blocks = [BlockWeights(cast(Block, block), one_row) for block in network.transformer.blocks]

    def full(self, variation: int) -> bool:
        """Whether a variation must be renewed before its next step."""
        return self.pasts[0].full(variation)  # all pasts have room for the same number of tokens

    def renew(self, variation: int, ids: list[int]) -> None:
        """Let ids, after the condition, be the whole past of a variation."""
        for past, condition in zip(self.pasts, self.conditions, strict=True):
            past.renew(variation, self._prefill(ids, condition)[1])

    def drop(self, variation: int) -> None:
        """Forget a variation; the last one takes its place."""
        for past in self.pasts:
            past.drop(variation)

    def step(self, tokens: list[int]) -> None:
        """Read one token in every variation."""
        x = F.embedding(torch.tensor(tokens * len(self.pasts), device=self.device), self.embedding)
        positions = [position for past in self.pasts for position in past.positions]
        if min(positions) == max(positions):
            cos, sin = self.cos[positions[0]], self.sin[positions[0]]
        else:
            cos, sin = (table[positions][:, None, None] for table in (self.cos, self.sin))  # (rows, 1, 1, K)
        for layer, block in enumerate(self.blocks):
            x = self._attention(x, layer, block, cos, sin)
            x = _feedforward(x, block)
        for past in self.pasts:
            past.advance()
        self.hidden = self.norm(x)

    def _prefill(self, ids: list[int], condition: Tensor | None) -> tuple[Tensor, Tensor]:
        """The hidden state (1, D) after ids, and keys and values (L, 2, H, T, K) of the condition and them."""
        if len(ids) > self.capacity:
            raise ValueError(f"{len(ids):,} tokens do not fit in a context of {self.capacity:,}")
        slot = None if condition is None else condition[None]
        cache = self.network.cache(1, len(ids) + (slot is not None))
        training = self.network.training
        self.network.eval()
        hidden = self.network.hidden(torch.tensor([ids], device=self.device), cache=cache, condition=slot)
        self.network.train(training)
        return hidden[:, -1], cache.memory[:, :, 0].to(self.dtype)

    def _attention(self, x: Tensor, layer: int, block: BlockWeights, cos: Tensor, sin: Tensor) -> Tensor:
        rows, width = x.shape
        weight, bias, epsilon = block.attention_norm
        h = F.layer_norm(x, (width,), weight, bias, epsilon)
        qkv = F.linear(h, block.qkv).to(self.dtype).view(rows, 3, self.heads, self.head_dim)
        qk = qkv[:, :2]
        qk = qk * cos + qk.roll(self.head_dim // 2, -1) * sin
        parts = zip(self.pasts, *(x.chunk(len(self.pasts)) for x in (qk[:, 0], qk[:, 1], qkv[:, 2])), strict=True)
        y = [past.attended(layer, q, k, v).reshape(-1, width) for past, q, k, v in parts]
        return x + F.linear(torch.cat(y).to(x.dtype), block.out)


def _feedforward(x: Tensor, block: BlockWeights) -> Tensor:
    weight, bias, epsilon = block.feedforward_norm
    h = F.layer_norm(x, (x.shape[-1],), weight, bias, epsilon)
    return x + F.linear(F.silu(F.linear(h, block.gate)) * F.linear(h, block.up), block.down)
