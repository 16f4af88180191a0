"""SF-NFNet-F0: the counts and sizes of the reference, its convolution and block against slow ones written here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from partimento.configuration import from_plain, to_plain
from partimento.networks.sfnfnet import GELU_SCALE, Block, SFNFNet, SFNFNetConfig, paper, small
from partimento.networks.standardised import StandardisedConv2d, same_padding
from partimento.networks.unfilled import unfilled

PARTS = {
    "slow.stem": 81_936,
    "fast.stem": 1_590,
    "slow.stages": (297_089, 1_711_618, 33_093_126, 25_395_459),
    "fast.stages": (4_113, 24_514, 505_542, 289_827),
    "fusions": (8_000, 15_936, 62_592, 854_400),
}


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def tiny(seed: int = 0, **changes: float) -> SFNFNet:
    """A network of 1/16 of the slow channels whose gains are not 0, so that its residual branches are heard."""
    torch.manual_seed(seed)
    network = SFNFNet(SFNFNetConfig(slow=0.0625, fast=0.5, **changes))  # type: ignore[arg-type]
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.dim() == 0:
                parameter.fill_(1.0)
            elif name.endswith(("gain", "bias")):
                parameter.add_(0.1 * torch.randn_like(parameter))
    return network.eval()


def test_the_paper_preset_has_the_parameters_of_mule() -> None:
    network = unfilled(lambda: SFNFNet(paper()))
    assert count(network) == 62_345_742
    for name, expected in PARTS.items():
        part = network.get_submodule(name)
        if isinstance(expected, int):
            assert count(part) == expected
        else:
            assert tuple(count(one) for one in part.children()) == expected
    kinds = [type(module) for module in network.modules()]
    assert (kinds.count(StandardisedConv2d), kinds.count(torch.nn.Linear), kinds.count(Block)) == (120, 48, 24)


@torch.no_grad()
def test_the_tensors_have_the_sizes_of_the_reference() -> None:
    """In frequency and time those of a small network; the channels are counted above."""
    network = tiny()
    seen: dict[str, list[int]] = {}
    for name in ("slow.stem.3", "fast.stem.3", *(f"{p}.stages.{i}" for p in ("slow", "fast") for i in range(4))):
        network.get_submodule(name).register_forward_hook(
            lambda _, inputs, out, name=name: seen.update({name: [inputs[0].shape[1], *out.shape[1:]]})
        )
    assert network(torch.zeros(2, 96, 300)).shape == (2, 192)
    assert network.tokens(torch.zeros(2, 96, 300)).shape == (2, 19, 192)
    for name, sizes in seen.items():
        share = 0.0625 if name.startswith("slow") else 0.5
        sizes[:2] = [int(channels / share) for channels in sizes[:2]]
    assert seen["slow.stem.3"] == [64, 128, 24, 19]
    assert seen["fast.stem.3"] == [8, 16, 24, 75]
    slow = [seen[f"slow.stages.{i}"] for i in range(4)]
    assert slow == [[256, 256, 24, 19], [512, 512, 12, 19], [1024, 1536, 6, 19], [4608, 1536, 3, 19]]
    fast = [seen[f"fast.stages.{i}"] for i in range(4)]
    assert fast == [[16, 32, 24, 75], [32, 64, 12, 75], [64, 192, 6, 75], [192, 192, 3, 75]]
    assert (paper().width, network.stride) == (1728, 16)


def test_the_small_preset_is_small() -> None:
    network = unfilled(lambda: SFNFNet(small()))
    assert (count(network), network.width) == (2_491_386, 384)
    assert from_plain(SFNFNetConfig, to_plain(small())) == small()


@torch.no_grad()
def test_any_length_goes() -> None:
    network = tiny()
    for frames in (1, 15, 16, 17, 100, 333):
        assert network(torch.zeros(1, 96, frames)).shape == (1, 192)
        assert network.tokens(torch.zeros(1, 96, frames)).shape == (1, -(-frames // 16), 192)


@torch.no_grad()
def test_tokens_are_the_paths_before_their_mean_over_time() -> None:
    network, x = tiny(), torch.randn(2, 96, 300)
    slow, fast = network.paths(x)
    tokens = network.tokens(x)
    for step in range(19):
        there = torch.cat([slow[..., step].mean(2), fast[..., 4 * step : 4 * step + 4].mean((2, 3))], dim=1)
        torch.testing.assert_close(tokens[:, step], F.gelu(there) * GELU_SCALE)
    mean = torch.cat([slow.mean((2, 3)), fast.mean((2, 3))], dim=1)
    torch.testing.assert_close(network(x), F.gelu(mean) * GELU_SCALE)


@torch.no_grad()
def test_a_window_is_the_same_alone_and_in_a_batch() -> None:
    network, x = tiny(), torch.randn(3, 96, 300)
    torch.testing.assert_close(network(x)[1:2], network(x[1:2]), rtol=1e-4, atol=1e-5)


def reference_convolution(conv: StandardisedConv2d, x: np.ndarray, scale: float) -> np.ndarray:
    """(B, C', H', W') float64: TensorFlow's "same" convolution with a standardised kernel, position by position."""
    weight = conv.weight.detach().double().numpy()
    fan_in = weight[0].size
    gain = conv.gain.detach().double().numpy()
    scale_of = [1 / np.sqrt(max(w.var() * fan_in, 1e-4)) for w in weight]
    kernel = np.stack([(w - w.mean()) * s * g for w, s, g in zip(weight, scale_of, gain, strict=True)])
    (kh, kw), (sh, sw), groups = conv.size, conv.stride, conv.groups
    rows, columns = -(-x.shape[2] // sh), -(-x.shape[3] // sw)
    top = max((rows - 1) * sh + kh - x.shape[2], 0) // 2
    left = max((columns - 1) * sw + kw - x.shape[3], 0) // 2
    padded = np.zeros((*x.shape[:2], x.shape[2] + kh + sh, x.shape[3] + kw + sw))
    padded[:, :, top : top + x.shape[2], left : left + x.shape[3]] = x * scale
    out = np.zeros((len(x), len(kernel), rows, columns))
    per_group, inputs = len(kernel) // groups, x.shape[1] // groups
    for channel in range(len(kernel)):
        first = channel // per_group * inputs
        for i in range(rows):
            for j in range(columns):
                seen = padded[:, first : first + inputs, i * sh : i * sh + kh, j * sw : j * sw + kw]
                out[:, channel, i, j] = (seen * kernel[channel]).sum(axis=(1, 2, 3))
    return out + conv.bias.detach().double().numpy()[:, None, None]


@torch.no_grad()
@pytest.mark.parametrize(
    ("kernel", "stride", "groups", "size"),
    [
        ((3, 3), (2, 2), 1, (6, 8)),
        ((3, 1), (2, 8), 1, (7, 20)),
        ((1, 7), (1, 4), 2, (3, 13)),
        ((3, 1), (1, 1), 3, (5, 4)),
    ],
)
def test_the_convolution_is_the_slow_one(
    kernel: tuple[int, int], stride: tuple[int, int], groups: int, size: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    conv = StandardisedConv2d(6, 12, kernel, stride, groups, scale=1.5)
    conv.gain.normal_()
    conv.bias.normal_()
    x = torch.randn(2, 6, *size)
    expected = reference_convolution(conv, x.double().numpy(), scale=1.5)
    np.testing.assert_allclose(conv(x).numpy(), expected, rtol=1e-4, atol=1e-5)


def test_a_flat_kernel_does_not_blow_up() -> None:
    conv = StandardisedConv2d(2, 2, (3, 3))
    with torch.no_grad():
        conv.weight.copy_(1 + 1e-6 * torch.randn_like(conv.weight))
    conv(torch.randn(1, 2, 4, 4)).sum().backward()
    assert conv.kernel().abs().max() < 1e-3
    assert conv.weight.grad is not None
    assert torch.isfinite(conv.weight.grad).all()


def test_zeros_go_behind_where_they_are_odd() -> None:
    assert [same_padding(300, 3, 2), same_padding(150, 3, 1), same_padding(300, 1, 8), same_padding(75, 7, 4)] == [
        (0, 1),
        (1, 1),
        (0, 0),
        (2, 2),
    ]


def reference_block(block: Block, x: Tensor, beta: float) -> Tensor:
    """The block as the reference tells it, one step after another."""

    def conv(part: Any, y: Tensor) -> Tensor:
        return torch.from_numpy(reference_convolution(part, y.double().numpy(), scale=1.0)).float()

    def active(y: Tensor) -> Tensor:
        return 0.5 * y * (1 + torch.erf(y / 2**0.5)) * 1.7015043497085571

    first, second, third, last = block.convs
    h = active(x) * beta
    y = active(conv(first, h))
    y = active(conv(second, y))
    y = active(conv(third, y))
    y = conv(last, y)
    squeezed = torch.relu(block.squeeze(y.mean((2, 3))))
    y = y * (torch.sigmoid(block.excite(squeezed)) * 2)[:, :, None, None]
    y = y * block.gain * 0.2
    if block.shortcut is None:
        return x + y
    pooled = torch.stack([h[:, :, i : i + block.stride].mean(2) for i in range(0, h.shape[2], block.stride)], dim=2)
    return conv(block.shortcut, pooled) + y


@torch.no_grad()
@pytest.mark.parametrize(("inputs", "stride", "first"), [(6, 2, True), (8, 1, True), (8, 1, False)])
def test_a_block_is_the_slow_one(inputs: int, stride: int, first: bool) -> None:
    torch.manual_seed(1)
    block = Block(inputs, 8, 2, stride, 1.04**0.5, 1.0, first).eval()
    block.gain.fill_(0.7)
    x = torch.randn(2, inputs, 5, 6)
    torch.testing.assert_close(block(x), reference_block(block, x, 1.04**-0.5), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_new_block_is_its_shortcut() -> None:
    block, x = Block(8, 8, 2, 1, 1.0, 1.0, first=False), torch.randn(2, 8, 5, 6)
    assert torch.equal(block(x), x)


@torch.no_grad()
def test_stochastic_depth_leaves_out_whole_examples_and_scales_nothing() -> None:
    torch.manual_seed(2)
    block = Block(8, 8, 2, 1, 1.0, survival=0.75, first=False)
    block.gain.fill_(1.0)
    x = torch.randn(1, 8, 3, 4).expand(2000, -1, -1, -1)
    whole = block.eval()(x[:1])[0]
    out = block.train()(x)
    kept = (out - whole).abs().amax((1, 2, 3)) < 1e-5
    left_out = (out == x).flatten(1).all(1)
    assert (kept | left_out).all()
    assert kept.float().mean() == pytest.approx(0.75, abs=0.04)


def test_depth_rates_rise_to_eleven_twelfths() -> None:
    network = unfilled(lambda: SFNFNet(paper()))
    for path in (network.slow, network.fast):
        survivals = [block.survival for stage in path.stages for block in stage]  # type: ignore[attr-defined]
        np.testing.assert_allclose(survivals, 1 - 0.1 * np.arange(12) / 12)


@torch.no_grad()
def test_a_kept_kernel_follows_its_weights() -> None:
    conv, x = StandardisedConv2d(3, 4, (3, 3)).eval(), torch.randn(1, 3, 5, 5)
    first = conv(x)
    assert conv.kernel() is conv.kernel()
    conv.gain.mul_(2)
    torch.testing.assert_close(conv(x), 2 * first)
    other = StandardisedConv2d(3, 4, (3, 3)).eval()
    conv.load_state_dict(other.state_dict())
    torch.testing.assert_close(conv(x), other(x))
    conv.load_state_dict(StandardisedConv2d(3, 4, (3, 3)).state_dict(), assign=True)
    assert not torch.allclose(conv(x), other(x))
    assert conv.to(torch.float64)(x.double()).dtype == torch.float64
    assert set(conv.state_dict()) == {"weight", "gain", "bias"}
    assert conv.train().kernel() is not conv.kernel()


def test_gradients_are_the_same_with_checkpointing() -> None:
    network, x = tiny(stochastic_depth=0.0).train(), torch.randn(2, 96, 64)
    gradients = []
    for checkpointing in (False, True):
        network.zero_grad()
        network(x, checkpointing=checkpointing).square().sum().backward()
        gradients.append([parameter.grad for parameter in network.parameters()])
    for plain, again in zip(*gradients, strict=True):
        assert plain is not None
        torch.testing.assert_close(again, plain)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="96"):
        tiny()(torch.zeros(1, 64, 300))
    with pytest.raises(ValueError, match=r"slow is 0\.3"):
        SFNFNetConfig(slow=0.3)
    with pytest.raises(ValueError, match="stochastic_depth"):
        SFNFNetConfig(stochastic_depth=1.0)
