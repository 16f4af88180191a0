"""Attention inside packed pieces: each fast way beside one full mask and beside the pieces on their own."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention.flex_attention import flex_attention

from partimento.networks.packed import FILLER, block_mask, by_mask, packed_bidirectional, packed_causal
from partimento.networks.transformer import Attend, causal

BATCH, HEADS, TIME, DIM = 3, 2, 40, 8


def documents_of(*rows: list[int]) -> Tensor:
    """(B, T) piece numbers from the lengths of the pieces of each row."""
    return torch.stack([torch.repeat_interleave(torch.arange(len(row)), torch.tensor(row)) for row in rows])


PACKED = documents_of([10, 29, 1], [40], [1, 19, 20])


def queries_keys_values(time: int = TIME, batch: int = BATCH, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, HEADS, time, DIM)
    return [torch.randn(shape, generator=generator).requires_grad_() for _ in range(3)]


def output_and_gradients(attend: Attend, qkv: list[Tensor]) -> list[Tensor]:
    output = attend(*qkv)
    weight = torch.linspace(-1, 2, output.numel()).reshape(output.shape)
    return [output, *torch.autograd.grad((output * weight).sum(), qkv)]


@pytest.mark.parametrize("documents", [PACKED, documents_of([40], [40], [40]), documents_of([1, 39], [2, 38], [3, 37])])
def test_equals_one_full_mask_with_gradients(documents: Tensor) -> None:
    qkv = queries_keys_values()
    fast = output_and_gradients(packed_causal(documents), qkv)
    slow = output_and_gradients(by_mask(documents), qkv)
    for a, b in zip(fast, slow, strict=True):
        torch.testing.assert_close(a, b, atol=2e-5, rtol=1e-4)


def test_equals_the_pieces_on_their_own() -> None:
    q, k, v = (t.detach() for t in queries_keys_values())
    output = packed_causal(PACKED)(q, k, v)
    for row, documents in enumerate(PACKED):
        for piece in documents.unique():
            at = (documents == piece).nonzero().flatten()
            alone = causal(q[row : row + 1, :, at], k[row : row + 1, :, at], v[row : row + 1, :, at])
            torch.testing.assert_close(output[row, :, at], alone[0])


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")  # the CPU has no such kernel
def test_flex_attention_sees_the_same_positions() -> None:
    q, k, v = (t.detach() for t in queries_keys_values())
    output = flex_attention(q, k, v, block_mask=block_mask(PACKED))
    torch.testing.assert_close(output, by_mask(PACKED)(q, k, v), atol=2e-5, rtol=1e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_compiled_flex_attention_on_a_gpu_equals_the_mask() -> None:
    documents = PACKED.repeat_interleave(16, dim=1).cuda()
    q, k, v = (torch.randn(BATCH, HEADS, 16 * TIME, 64, device="cuda") for _ in range(3))
    torch.testing.assert_close(packed_causal(documents)(q, k, v), by_mask(documents)(q, k, v), atol=1e-2, rtol=1e-2)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=6), min_size=1, max_size=4), st.integers(0, 99))
def test_any_packing_equals_the_mask(rows: list[list[int]], seed: int) -> None:
    longest = max(map(sum, rows))
    documents = documents_of(*([*row, longest - sum(row)] if sum(row) < longest else row for row in rows))
    qkv = [t.detach() for t in queries_keys_values(longest, len(rows), seed)]
    torch.testing.assert_close(packed_causal(documents)(*qkv), by_mask(documents)(*qkv), atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_long_pieces_equal_the_mask_in_each_precision(dtype: torch.dtype) -> None:
    """In bfloat16 the queries go in blocks; rounding apart, the float32 mask gives the same."""
    documents = documents_of([300, 700, 24], [1024])
    generator = torch.Generator().manual_seed(1)
    qkv = [torch.randn(2, 1, 1024, 8, generator=generator) for _ in range(3)]
    slow = output_and_gradients(by_mask(documents), [t.clone().requires_grad_() for t in qkv])
    fast = output_and_gradients(packed_causal(documents), [t.to(dtype).requires_grad_() for t in qkv])
    for a, b in zip(fast, slow, strict=True):
        assert (a.float() - b).norm() < (1e-5 if dtype == torch.float32 else 0.02) * b.norm()


FILLED = torch.where(torch.arange(TIME) < torch.tensor([[33], [40], [1]]), PACKED, FILLER)


@pytest.mark.parametrize("documents", [PACKED, FILLED, documents_of([40], [40], [40])])
def test_both_ways_equals_one_full_mask_with_gradients(documents: Tensor) -> None:
    qkv = queries_keys_values()
    fast = output_and_gradients(packed_bidirectional(documents), qkv)
    slow = output_and_gradients(by_mask(documents, is_causal=False), qkv)
    for a, b in zip(fast, slow, strict=True):
        torch.testing.assert_close(a, b, atol=2e-5, rtol=1e-4)


def test_both_ways_equals_the_pieces_on_their_own() -> None:
    q, k, v = (t.detach() for t in queries_keys_values())
    output = packed_bidirectional(FILLED)(q, k, v)
    for row, documents in enumerate(FILLED):
        for piece in documents.unique():
            at = (documents == piece).nonzero().flatten()
            part = (slice(row, row + 1), slice(None), at)
            alone = F.scaled_dot_product_attention(q[part], k[part], v[part])
            torch.testing.assert_close(output[row, :, at], alone[0])


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")  # the CPU has no such kernel
def test_flex_attention_sees_both_ways() -> None:
    q, k, v = (t.detach() for t in queries_keys_values())
    output = flex_attention(q, k, v, block_mask=block_mask(FILLED, is_causal=False))
    torch.testing.assert_close(output, by_mask(FILLED, is_causal=False)(q, k, v), atol=2e-5, rtol=1e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_both_ways_on_a_gpu_equals_the_mask() -> None:
    documents = FILLED.repeat_interleave(16, dim=1).cuda()
    q, k, v = (torch.randn(BATCH, HEADS, 16 * TIME, 64, device="cuda") for _ in range(3))
    slow = by_mask(documents, is_causal=False)(q, k, v)
    torch.testing.assert_close(packed_bidirectional(documents)(q, k, v), slow, atol=1e-2, rtol=1e-2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_long_pieces_both_ways_equal_the_mask_in_each_precision(dtype: torch.dtype) -> None:
    documents = documents_of([300, 600, 124], [1024])  # in bfloat16 in blocks of queries, the last one without
    generator = torch.Generator().manual_seed(1)
    qkv = [torch.randn(2, 1, 1024, 8, generator=generator) for _ in range(3)]
    slow = output_and_gradients(by_mask(documents, is_causal=False), [t.clone().requires_grad_() for t in qkv])
    fast = output_and_gradients(packed_bidirectional(documents), [t.to(dtype).requires_grad_() for t in qkv])
    for a, b in zip(fast, slow, strict=True):
        assert (a.float() - b).norm() < (1e-5 if dtype == torch.float32 else 0.02) * b.norm()
