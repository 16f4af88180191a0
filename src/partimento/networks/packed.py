"""Attention that stays inside a piece where several pieces are packed into one row.

`documents` (B, T) numbers the piece of each position, rising along a row. Two ways compute the same thing: on CPUs each
piece is attended on its own, because a mask makes bf16 attention slow there, and in blocks of queries, because torch's
fused kernel takes 1.5 times as long there, backward included; on GPUs flex attention skips the blocks between pieces.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from partimento.networks.transformer import Attend, causal

if TYPE_CHECKING:
    from torch.nn.attention.flex_attention import BlockMask


FILLER = -1  # the document of positions that only fill a row up
QUERY_BLOCK = 256  # positions; the scores of one block stay in the cache of a core


def packed_causal(documents: Tensor) -> Attend:
    """Causal attention inside each document of documents (B, T)."""
    return _packed(documents, is_causal=True)


def packed_bidirectional(documents: Tensor) -> Attend:
    """Attention of all positions of a document to each other, for documents (B, T)."""
    return _packed(documents, is_causal=False)


def _packed(documents: Tensor, is_causal: bool) -> Attend:
    if documents.device.type == "cuda":
        return _by_flex(documents, is_causal)
    return _by_piece(documents, blockwise_causal if is_causal else blockwise)


def _by_piece(documents: Tensor, inside: Attend) -> Attend:
    time = documents.shape[1]
    edges = [[0, *(torch.nonzero(torch.diff(row)).flatten() + 1).tolist(), time] for row in documents]
    if all(len(edge) == 2 for edge in edges):
        return inside

    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        rows = []
        for row, edge in enumerate(edges):
            one = slice(row, row + 1)
            spans = pairwise(edge)
            rows.append(torch.cat([inside(*(x[one, :, a:b] for x in (q, k, v))) for a, b in spans], dim=2))
        return torch.cat(rows)

    return attend


def blockwise(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention of q, k, v (B, H, T, K) without a mask, a block of queries at a time where they are bf16."""
    if q.dtype != torch.bfloat16 or q.shape[2] <= QUERY_BLOCK // 2 or q.device.type != "cpu":
        return F.scaled_dot_product_attention(q, k, v)
    q, k = q * q.shape[-1] ** -0.5, k.transpose(-1, -2)
    return torch.cat([(block @ k).softmax(dim=-1) @ v for block in q.split(QUERY_BLOCK, dim=2)], dim=2)


def blockwise_causal(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention of q, k, v (B, H, T, K), a block of queries at a time where they are bf16."""
    time = q.shape[2]
    if q.dtype != torch.bfloat16 or time <= QUERY_BLOCK // 2:
        return causal(q, k, v)
    q = q * q.shape[-1] ** -0.5
    future = torch.full((QUERY_BLOCK, QUERY_BLOCK), float("-inf"), dtype=q.dtype, device=q.device).triu(1)
    blocks = []
    for start in range(0, time, QUERY_BLOCK):
        stop = min(start + QUERY_BLOCK, time)
        scores = q[:, :, start:stop] @ k[:, :, :stop].transpose(-1, -2)
        present = scores[..., start:] + future[: stop - start, : stop - start]
        scores = torch.cat([scores[..., :start], present], dim=-1) if start else present
        blocks.append(scores.softmax(dim=-1) @ v[:, :, :stop])
    return torch.cat(blocks, dim=2)


@cache
def _compiled_flex() -> Callable[..., Tensor]:
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention, dynamic=False)


def _by_flex(documents: Tensor, is_causal: bool = True) -> Attend:
    mask = block_mask(documents, is_causal)
    if torch.compiler.is_compiling():  # the compiler of the whole network takes flex attention along
        from torch.nn.attention.flex_attention import flex_attention

        return lambda q, k, v: flex_attention(q, k, v, block_mask=mask)
    return lambda q, k, v: _compiled_flex()(q, k, v, block_mask=mask)


def block_mask(documents: Tensor, is_causal: bool = True) -> BlockMask:
    """Flex attention's mask of the same piece, and of the past where it is causal, for documents (B, T)."""
    from torch.nn.attention.flex_attention import create_block_mask

    def same_piece(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        return documents[b, q] == documents[b, k]

    def same_piece_and_past(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        return same_piece(b, h, q, k) & (q >= k)

    batch, time = documents.shape
    seen = same_piece_and_past if is_causal else same_piece
    return create_block_mask(seen, batch, None, time, time, device=documents.device)


def by_mask(documents: Tensor, is_causal: bool = True) -> Attend:
    """The slow reference of both: one full boolean mask."""
    seen = documents[:, None, :, None] == documents[:, None, None, :]
    if is_causal:
        seen = seen & torch.ones(seen.shape[-2:], dtype=torch.bool, device=documents.device).tril()
    return lambda q, k, v: F.scaled_dot_product_attention(q, k, v, attn_mask=seen)
