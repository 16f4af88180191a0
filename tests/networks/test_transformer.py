"""Rotary positions, the block and the cache, beside slow references."""

from __future__ import annotations

import cmath
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from partimento.networks.transformer import Transformer, TransformerConfig, initialise, rotary_table, rotate

CONFIG = TransformerConfig(width=16, heads=2, layers=3, feedforward=32)


@pytest.fixture
def stack() -> Transformer:
    torch.manual_seed(0)
    module = Transformer(CONFIG).eval()
    initialise(module, CONFIG.layers, std=0.2)
    return module


def test_rotation_turns_the_pairs_of_the_two_halves() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 1, 5, 8)
    turned = rotate(x, rotary_table(torch.arange(5) + 3, 8, 100.0))
    for time in range(5):
        for pair in range(4):
            before = complex(x[0, 0, time, pair], x[0, 0, time, pair + 4])
            after = before * cmath.exp(1j * (time + 3) * 100.0 ** (-2 * pair / 8))
            got = complex(turned[0, 0, time, pair], turned[0, 0, time, pair + 4])
            assert abs(got - after) < 1e-5


def test_rotated_products_depend_on_distance_alone() -> None:
    torch.manual_seed(0)
    q, k = torch.randn(2, 1, 1, 1, 64)
    near, far = (
        rotate(q, rotary_table(torch.tensor([p + 7]), 64, 5e5)) * rotate(k, rotary_table(torch.tensor([p]), 64, 5e5))
        for p in (0, 1000)
    )
    torch.testing.assert_close(near.sum(), far.sum(), atol=1e-3, rtol=1e-4)


@torch.no_grad()
def test_a_stack_equals_its_formula(stack: Transformer) -> None:
    """Section 2.1 of the Aria reference, position by position, with no batch and no fused call."""
    x = torch.randn(6, 16)
    expected = x.clone()
    table = rotary_table(torch.arange(6), 8, CONFIG.rope_base)
    block: Any
    for block in stack.blocks:
        normed = F.layer_norm(expected, (16,), block.attention_norm.weight, block.attention_norm.bias, 1e-5)
        q, k, v = (normed @ w.T for w in block.attention.qkv.weight.chunk(3))
        heads = []
        for head in range(2):
            part = slice(8 * head, 8 * head + 8)
            turned = [rotate(t[None, None, :, part], table)[0, 0] for t in (q, k)]
            score = (turned[0] @ turned[1].T / 8**0.5).masked_fill(torch.ones(6, 6).triu(1).bool(), float("-inf"))
            heads.append(score.softmax(-1) @ v[:, part])
        expected = expected + torch.cat(heads, -1) @ block.attention.out.weight.T
        normed = F.layer_norm(expected, (16,), block.feedforward_norm.weight, block.feedforward_norm.bias, 1e-5)
        gate, up = normed @ block.feedforward.gate.weight.T, normed @ block.feedforward.up.weight.T
        expected = expected + (gate * gate.sigmoid() * up) @ block.feedforward.down.weight.T
    expected = F.layer_norm(expected, (16,), stack.norm.weight, stack.norm.bias, 1e-5)
    torch.testing.assert_close(stack(x[None])[0], expected, atol=1e-5, rtol=1e-4)


def test_recomputing_blocks_gives_the_same_gradients(stack: Transformer) -> None:
    x = torch.randn(2, 9, 16)
    gradients = []
    for again in (False, True):
        stack.zero_grad()
        stack(x, checkpointing=again).square().sum().backward()
        gradients.append([p.grad.clone() for p in stack.parameters() if p.grad is not None])
    assert len(gradients[0]) == len(list(stack.parameters()))
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b)


def test_residual_layers_start_smaller() -> None:
    torch.manual_seed(0)
    module = Transformer(TransformerConfig(width=128, heads=2, layers=8, feedforward=256))
    initialise(module, 8)
    block: Any = module.blocks[3]
    assert block.attention.qkv.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert block.attention.out.weight.std().item() == pytest.approx(0.02 / 4, rel=0.05)
    assert block.feedforward.down.weight.std().item() == pytest.approx(0.02 / 4, rel=0.05)


def test_dropout_rises_with_depth() -> None:
    module = Transformer(TransformerConfig(width=16, heads=2, layers=3, feedforward=32, dropout=0.2))
    assert [block.dropout for block in module.blocks] == pytest.approx([0.0, 0.1, 0.2])


@pytest.mark.parametrize(("sizes", "message"), [((10, 4, 1, 8), "multiple of 2"), ((8, 2, 0, 8), "layers is 0")])
def test_impossible_sizes_are_refused(sizes: tuple[int, int, int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TransformerConfig(*sizes)
