"""What rows have read so far, as keys and values: a prompt that they share and what each has read of its own.

Each row sees a slice of the memory up to its own length, so no attention needs a mask (masked, or in bf16, one query
costs several times as much on CPUs).

Shapes: L layers, B rows, H heads, K head dimension, C capacity, P positions of the shared prompt.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


class Past:
    """Keys and values of rows that begin with one prompt.

    Args:
        prompt: (L, 2, H, P, K) keys and values of the prompt.
        batch: rows B.
        capacity: most positions C that a row can hold.
    """

    def __init__(self, prompt: Tensor, batch: int, capacity: int) -> None:
        self.capacity = capacity
        self.lengths = [0] * batch  # positions in `memory`
        self.shared: Tensor | None = prompt if batch > 1 else None  # (L, 2, H, P, K)
        self.memory = self._empty(prompt, capacity - self.offset)  # (L, 2, B, H, C - P, K)
        if batch == 1:
            self._remember(0, prompt)

    @property
    def offset(self) -> int:
        """Positions before those in `memory`."""
        return 0 if self.shared is None else self.shared.shape[-2]

    @property
    def positions(self) -> list[int]:
        """The position of each row's next token."""
        return [self.offset + length for length in self.lengths]

    def full(self, row: int) -> bool:
        """Whether a row must be renewed before its next step."""
        return self.lengths[row] == self.memory.shape[-2]

    def renew(self, row: int, past: Tensor) -> None:
        """Let (L, 2, H, T, K) be the whole past of a row.

        The first ends the sharing, as then all rows are full and need theirs.
        """
        if self.shared is not None:
            self.shared, self.memory = None, self._empty(past, self.capacity)
        self._remember(row, past)

    def drop(self, row: int) -> None:
        """Forget a row; the last one takes its place."""
        length = self.lengths.pop()
        last = len(self.lengths)
        if row < last:
            self.memory[:, :, row, :, :length] = self.memory[:, :, last, :, :length]
            self.lengths[row] = length
        self.memory = self.memory[:, :, :last]

    def advance(self) -> None:
        """Count the position that `attended` has stored in every layer."""
        self.lengths = [length + 1 for length in self.lengths]

    def attended(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Store new keys and values (B, H, K); what queries (B, H, K) get from all of a row, B * H * K numbers."""
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

    def _empty(self, like: Tensor, capacity: int) -> Tensor:
        layers, two, heads, _, head_dim = like.shape
        return like.new_empty((layers, two, len(self.lengths), heads, capacity, head_dim))  # paged in as it is used

    def _remember(self, row: int, past: Tensor) -> None:
        self.lengths[row] = past.shape[-2]
        self.memory[:, :, row, :, : self.lengths[row]] = past


def _attend_shared(q: Tensor, shared: Tensor, own: Tensor) -> Tensor:
    """Attention of q (B, H, K) to shared keys and values (2, H, P, K), read once for all, and own (2, B, H, T, K)."""
    q = q * q.shape[-1] ** -0.5
    to_shared = q.transpose(0, 1) @ shared[0].transpose(1, 2)  # (H, B, P)
    to_own = (q[:, :, None] @ own[0].transpose(2, 3))[:, :, 0].transpose(0, 1)  # (H, B, T)
    weight = torch.cat([to_shared, to_own], dim=-1).softmax(-1)
    from_shared = weight[..., : shared.shape[2]] @ shared[1]  # (H, B, K)
    from_own = weight[..., shared.shape[2] :].transpose(0, 1)[:, :, None] @ own[1]  # (B, H, 1, K)
    return from_shared.transpose(0, 1) + from_own[:, :, 0]
