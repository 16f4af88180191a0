"""EfficientNet-B0: its size, its maps, and the same output as transformers' from the same weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from partimento.networks.efficientnet import EfficientNet, EfficientNetConfig

PUBLISHED = 4_007_548  # parameters of B0 without its classifier, for three channels


def test_b0_has_the_published_size() -> None:
    network = EfficientNet()
    assert sum(parameter.numel() for parameter in network.parameters()) == PUBLISHED - 2 * 32 * 9
    assert (network.width, network.stride, len(network.blocks)) == (1280, 32, 16)


@torch.no_grad()
def test_maps_are_halved_five_times_rounded_up() -> None:
    network = EfficientNet(EfficientNetConfig(width_factor=0.25)).eval()
    mel = torch.randn(2, 64, 98, generator=torch.Generator().manual_seed(0))
    assert network.width == 320
    assert network.map(mel).shape == (2, 320, 2, 4)
    tokens = network.tokens(mel)
    assert tokens.shape == (2, 4, 320)
    torch.testing.assert_close(tokens.amax(1), network(mel))


@torch.no_grad()
def test_the_same_weights_give_what_transformers_gives() -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.EfficientNetConfig(
        num_channels=1, width_coefficient=0.5, depth_coefficient=1.0, hidden_dim=640, image_size=64
    )
    torch.manual_seed(0)
    mine = EfficientNet(EfficientNetConfig(width_factor=0.5, stochastic_depth=0.0))
    mel = torch.randn(2, 64, 96)  # even down to the last map, where theirs pads as Keras does
    for norm in (part for part in mine.modules() if isinstance(part, nn.BatchNorm2d)):
        norm.momentum = 1.0
    mine(mel)  # statistics of this batch; fresh ones would make all activations nearly alike
    mine.eval()
    theirs = transformers.EfficientNetModel(config).eval()
    weights, its = (
        [value for name, value in network.state_dict().items() if "num_batches" not in name]
        for network in (mine, theirs)
    )
    for source, target in zip(weights, its, strict=True):  # both in the order of the computation
        target.copy_(source.reshape(target.shape))
    expected = theirs(mel[:, None]).last_hidden_state
    assert expected.std() > 0.1
    torch.testing.assert_close(mine.map(mel), expected, atol=1e-4, rtol=1e-4)


def test_b0_has_the_shapes_of_transformers_b0() -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.EfficientNetConfig(
        num_channels=1, width_coefficient=1.0, depth_coefficient=1.0, hidden_dim=1280, image_size=224
    )
    with torch.device("meta"):
        theirs, mine = transformers.EfficientNetModel(config), EfficientNet()
    shapes = [[tuple(n for n in p.shape if n > 1) for p in network.parameters()] for network in (mine, theirs)]
    assert shapes[0] == shapes[1]


def test_gradients_are_finite_and_blocks_are_left_out_in_training_alone() -> None:
    torch.manual_seed(0)
    network = EfficientNet(EfficientNetConfig(width_factor=0.25, stochastic_depth=0.5))
    mel = torch.randn(2, 64, 98)
    network(mel).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    with torch.no_grad():
        assert (network(mel) - network(mel)).abs().max() > 0
        network.eval()
        torch.testing.assert_close(network(mel), network(mel), atol=0, rtol=0)


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="width_factor is 0"):
        EfficientNetConfig(width_factor=0)
    with pytest.raises(ValueError, match="stochastic_depth is 1"):
        EfficientNetConfig(stochastic_depth=1)
