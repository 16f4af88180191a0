"""The decoder: its cache beside none, packed pieces beside single ones, its heads and its condition."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from partimento.networks.decoder import Decoder, DecoderConfig
from partimento.networks.transformer import TransformerConfig, initialise

CONFIG = DecoderConfig(TransformerConfig(width=32, heads=2, layers=3, feedforward=64), vocabulary=50, context=64)


def decoder(config: DecoderConfig = CONFIG) -> Decoder:
    torch.manual_seed(0)
    network = Decoder(config).eval()
    initialise(network, config.transformer.layers, std=0.2)  # large enough that a wrong position shows
    return network


def ids(batch: int = 2, time: int = 20, seed: int = 1) -> torch.Tensor:
    return torch.randint(50, (batch, time), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("steps", [[20], [1] * 20, [7, 1, 1, 5, 6]])
@torch.no_grad()
def test_with_a_cache_the_outputs_are_those_without(steps: list[int]) -> None:
    network, tokens = decoder(), ids()
    cache = network.cache(2, 25)
    parts = [network(part, cache=cache) for part in tokens.split(steps, dim=1)]
    torch.testing.assert_close(torch.cat(parts, 1), network(tokens), atol=1e-5, rtol=1e-4)
    assert cache.length == 20


@torch.no_grad()
def test_a_cache_can_be_rewound() -> None:
    network = decoder()
    prompt, first, second = ids(3, 8), ids(3, 4, seed=2), ids(3, 6, seed=3)
    cache = network.cache(3, 20)
    network(prompt, cache=cache)
    for continuation in (first, second):
        cache.rewind(8)
        expected = network(torch.cat([prompt, continuation], 1))[:, 8:]
        torch.testing.assert_close(network(continuation, cache=cache), expected, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_the_first_tokens_do_not_see_later_ones() -> None:
    network, tokens = decoder(), ids()
    changed = torch.cat([tokens[:, :12], (tokens[:, 12:] + 1) % 50], 1)
    before, after = network(tokens), network(changed)
    torch.testing.assert_close(before[:, :12], after[:, :12], atol=1e-6, rtol=1e-5)
    assert not torch.allclose(before[:, 12:], after[:, 12:], atol=1e-2)


def test_packed_pieces_equal_single_ones_gradients_too() -> None:
    network, tokens, lengths = decoder(), ids(2, 24), [[10, 14], [24]]
    documents = torch.tensor([[0] * 10 + [1] * 14, [0] * 24])
    packed = network(tokens, documents)
    F.cross_entropy(packed.flatten(0, 1), tokens.flatten(), reduction="sum").backward()
    gradients = [p.grad.clone() for p in network.parameters() if p.grad is not None]
    network.zero_grad()
    for row, sizes in enumerate(lengths):
        outputs = [network(part[None])[0] for part in tokens[row].split(sizes)]
        torch.testing.assert_close(packed[row], torch.cat(outputs), atol=1e-5, rtol=1e-4)
        F.cross_entropy(torch.cat(outputs), tokens[row], reduction="sum").backward()
    for a, b in zip(gradients, [p.grad for p in network.parameters()], strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3)


@torch.no_grad()
def test_a_condition_stands_before_the_first_token() -> None:
    network, tokens = decoder(replace(CONFIG, condition=5)), ids()
    one, other = torch.randn(2, 2, 5)
    assert network(tokens, condition=one).shape == (2, 20, 50)
    assert not torch.allclose(network(tokens, condition=one), network(tokens, condition=other), atol=1e-2)
    cache = network.cache(2, 30)
    parts = [network(tokens[:, :9], cache=cache, condition=one), network(tokens[:, 9:], cache=cache)]
    torch.testing.assert_close(torch.cat(parts, 1), network(tokens, condition=one), atol=1e-5, rtol=1e-4)
    with pytest.raises(ValueError, match="no adapter"):
        decoder()(tokens, condition=one)


@torch.no_grad()
def test_heads() -> None:
    tokens = ids()
    for head in ("embedding", "classes"):
        assert decoder(replace(CONFIG, head=head, outputs=7))(tokens).shape == (2, 20, 7)
        with pytest.raises(ValueError, match="needs `outputs`"):
            replace(CONFIG, head=head)


@torch.no_grad()
def test_bfloat16_is_near_float32() -> None:
    tokens = ids(2, 60)
    exact, half = decoder(), decoder().bfloat16()
    expected, output = exact(tokens), half(tokens)
    assert output.dtype == torch.bfloat16
    error = (output.float() - expected).norm() / expected.norm()
    assert error < 0.03
    cache = half.cache(2, 60)
    stepwise = torch.cat([half(part, cache=cache) for part in tokens.split(20, dim=1)], 1)
    assert (stepwise.float() - expected).norm() / expected.norm() < 0.03
