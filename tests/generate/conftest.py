"""A tiny decoder of random weights and a short piece, for every test of generation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from partimento.networks.decoder import Decoder, DecoderConfig
from partimento.networks.transformer import TransformerConfig
from partimento.notes import Notes, from_ms
from partimento.tokens.vocabulary import PIANO


@pytest.fixture
def tiny() -> Callable[..., Decoder]:
    """A function (vocabulary size, context, seed, std, condition) -> decoder of width 32 and 2 layers, 4 heads.

    The same seed gives the same weights with and without an adapter; the adapter's are strong.
    """

    def build(
        size: int = PIANO.size, context: int = 4096, seed: int = 0, std: float = 0.2, condition: int | None = None
    ) -> Decoder:
        network = Decoder(DecoderConfig(TransformerConfig(32, 4, 2, 64), size, context, condition=condition))
        adapter, network.adapter = network.adapter, None
        torch.manual_seed(seed)
        network.initialise()
        network.adapter = adapter
        with torch.no_grad():
            network.head.weight.mul_(std / 0.02)
            if adapter is not None:
                adapter.weight.normal_(0, 1.0)
        return network.eval()

    return build


@pytest.fixture
def piece() -> Notes:
    """40 piano notes over 12 s, the first at 1.5 s; the last of each four is long."""
    rng = np.random.default_rng(3)
    onset = 1500 + np.sort(rng.integers(0, 10_500, 40))
    onset[0] = 1500
    duration = rng.integers(50, 600, 40)
    duration[3::4] += 2000
    return from_ms(onset, duration, rng.permutation(np.arange(40, 80)), rng.integers(20, 110, 40))
