"""SampleCNN: its size, one token a window, and what is too short."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from partimento.networks.samplecnn import WINDOW, SampleCNN, SampleCNNConfig


def test_the_full_network_has_the_size_of_its_table() -> None:
    channels = (1, 128, 128, 128, *[256] * 6, 512, 512)
    expected = sum(3 * a * b + 3 * b for a, b in pairwise(channels))  # kernel, bias, norm
    network = SampleCNN()
    assert sum(parameter.numel() for parameter in network.parameters()) == expected
    assert (WINDOW, network.width, network.stride) == (59_049, 512, 59_049)


@torch.no_grad()
def test_a_token_a_window_and_their_mean_as_vector() -> None:
    torch.manual_seed(0)
    network = SampleCNN(SampleCNNConfig(width_factor=1 / 16)).eval()
    waveform = torch.randn(2, 2 * WINDOW + 100)
    tokens = network.tokens(waveform)
    assert tokens.shape == (2, 2, 32)
    torch.testing.assert_close(network(waveform), tokens.mean(1))
    assert network(waveform[:, :WINDOW]).shape == (2, 32)
    with pytest.raises(ValueError, match=f"59048 samples; pad it to at least {WINDOW}"):
        network(waveform[:, : WINDOW - 1])


def test_gradients_are_finite() -> None:
    torch.manual_seed(0)
    network = SampleCNN(SampleCNNConfig(width_factor=1 / 16))
    network(torch.randn(2, WINDOW)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_a_width_without_a_channel_is_refused() -> None:
    with pytest.raises(ValueError, match="width_factor"):
        SampleCNNConfig(width_factor=0.001)
