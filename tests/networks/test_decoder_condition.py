"""A condition before packed rows, and a cache that is full."""

from __future__ import annotations

import pytest
import torch

from partimento.networks.decoder import Decoder, DecoderConfig
from partimento.networks.transformer import TransformerConfig, initialise


def decoder(condition: int | None = None) -> Decoder:
    torch.manual_seed(0)
    config = DecoderConfig(TransformerConfig(32, 2, 2, 64), vocabulary=50, context=32, condition=condition)
    network = Decoder(config).eval()
    initialise(network, 2, std=0.2)
    return network


@torch.no_grad()
def test_a_condition_belongs_to_the_first_piece_of_its_row() -> None:
    network, ids, condition = decoder(5), torch.arange(24).reshape(2, 12), torch.randn(2, 5)
    documents = torch.tensor([[0] * 7 + [1] * 5, [3] * 12])
    packed = network(ids, documents, condition=condition)
    assert packed.shape == (2, 12, 50)
    torch.testing.assert_close(packed[:1, :7], network(ids[:1, :7], condition=condition[:1]), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(packed[1:], network(ids[1:], condition=condition[1:]), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(packed[:1, 7:], network(ids[:1, 7:]), atol=1e-5, rtol=1e-4)  # the second never sees it


@torch.no_grad()
def test_a_full_cache_says_so() -> None:
    network, ids = decoder(), torch.arange(12).reshape(1, 12)
    cache = network.cache(1, 10)
    network(ids[:, :10], cache=cache)
    with pytest.raises(ValueError, match="capacity of 10"):
        network(ids[:, 10:11], cache=cache)
    cache.rewind(4)
    assert network(ids[:, 4:10], cache=cache).shape == (1, 6, 50)
