from __future__ import annotations

import pytest
import torch
from tiny_published import BASIC, INFILL, locator_sizes
from torch import nn

from partimento.networks.dahale.basic import BEGIN, BasicConfig, BasicDrums
from partimento.networks.dahale.blocks import EncoderLayer, Positions, melody_values
from partimento.networks.dahale.infill import DECODERS, Infill, InfillConfig
from partimento.networks.dahale.location import KINDS, Kind, Locator, paper_sizes
from partimento.networks.unfilled import unfilled


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def dense(inputs: int, outputs: int) -> int:
    return (inputs + 1) * outputs


def encoder_layer(width: int, feedforward: int, inner: int | None = None) -> int:
    inner = inner or width
    attention = 3 * dense(width, inner) + dense(inner, width)
    return attention + dense(width, feedforward) + dense(feedforward, width) + 2 * 2 * width


def test_sizes_of_the_paper() -> None:
    embedded = dense(256, 1024) + dense(1024, 128) + dense(256, 128)
    decoder = encoder_layer(128, 512) + 4 * dense(128, 128) + 2 * 128
    basic = embedded + 2 * encoder_layer(128, 512) + 18 * 128 + dense(256, 128) + 2 * decoder + dense(128, 18)
    assert parameters(unfilled(lambda: BasicDrums(BasicConfig()))) == basic
    head = dense(121, 256) + dense(256, 128) + dense(128, 2)
    bars = dense(8192, 1024) + dense(1024, 128)
    expected: dict[Kind, int] = {
        "raw": head,
        "learned": dense(8192, 512) + dense(512, 128) + dense(128, 128) + head,
        "mini-bert": bars + dense(256, 128) + 2 * encoder_layer(128, 256) + dense(128, 128) + head,
        "sub-beat": dense(256, 1024)
        + dense(1024, 64)
        + dense(128, 64)
        + 2 * encoder_layer(64, 512, 12 * 64)
        + dense(64, 1024)
        + dense(1024, 2),
    }
    found = {kind: parameters(unfilled(lambda kind=kind: Locator(paper_sizes(kind)))) for kind in KINDS}  # type: ignore[misc]
    assert found == expected
    branch = dense(1024, 128) + dense(256, 128) + 2 * encoder_layer(128, 256)
    branches = dense(8192, 1024) + dense(512, 1024) + 2 * branch
    mlp = dense(256, 2048) + dense(2048, 2048) + dense(2048, 512)
    assert parameters(unfilled(lambda: Infill(InfillConfig("mlp")))) == branches + mlp


def test_melody_values_keep_the_flag() -> None:
    others = torch.zeros(1, 2, 4, 64, dtype=torch.uint8)
    others[0, 0, :, 0] = 1
    others[0, 1, 2, 5] = 127
    values = melody_values(others)
    assert values.shape == (1, 2, 256)
    assert values[0, 0].nonzero()[:, 0].tolist() == [0, 64, 128, 192]
    assert values[0, 1, 2 * 64 + 5] == 1 == values[0].max()


def test_positions_are_concatenated() -> None:
    torch.manual_seed(0)
    positions = Positions(8, 0.0)
    x = torch.randn(1, 5, 8)
    with torch.no_grad():
        positions.project.weight[:, :8] = 0  # what is left says the place alone
    found = positions(x)
    assert torch.allclose(found, positions(torch.randn(1, 5, 8)))
    assert torch.allclose(found[:, 3:], positions(x[:, 3:], start=3), atol=1e-6)
    assert not torch.allclose(found[:, 1], found[:, 2])


def test_encoder_layer_is_that_of_torch() -> None:
    torch.manual_seed(0)
    ours = EncoderLayer(8, 2, 16, 0.0)
    theirs = nn.TransformerEncoderLayer(8, 2, 16, 0.0, layer_norm_eps=1e-6, batch_first=True)
    part = ours.attention
    with torch.no_grad():
        theirs.self_attn.in_proj_weight.copy_(torch.cat([part.query.weight, part.key.weight, part.value.weight]))
        theirs.self_attn.in_proj_bias.copy_(torch.cat([part.query.bias, part.key.bias, part.value.bias]))
    theirs.self_attn.out_proj.load_state_dict(part.out.state_dict())
    theirs.linear1.load_state_dict(ours.feedforward[0].state_dict())
    theirs.linear2.load_state_dict(ours.feedforward[2].state_dict())
    x = torch.randn(2, 5, 8)
    assert torch.allclose(ours(x), theirs(x), atol=1e-5)


@pytest.fixture(scope="module")
def basic() -> BasicDrums:
    torch.manual_seed(0)
    return BasicDrums(BASIC).eval()


def test_decoder_sees_no_later_token(basic: BasicDrums) -> None:
    melody, told = torch.rand(2, 352, 256), torch.randint(18, (2, 30))
    changed = told.clone()
    changed[:, 12] = (changed[:, 12] + 1) % 18
    before, after = basic(melody, told), basic(melody, changed)
    assert before.shape == (2, 30, 18)
    assert torch.allclose(before[:, :13], after[:, :13], atol=1e-6)
    assert (before[:, 13:] - after[:, 13:]).abs().amax((1, 2)).min() > 1e-4
    assert (basic(torch.rand(2, 352, 256), told) - before).abs().max() > 1e-4  # it hears the others


def test_cached_logits_are_those_of_the_whole(basic: BasicDrums) -> None:
    melody, told = torch.rand(2, 352, 256), torch.randint(18, (2, 25))
    heard, cache = basic.heard(basic.hear(melody)), BASIC.cache(2, 25, torch.device("cpu"))
    inputs = torch.cat([torch.full((2, 1), BEGIN), told[:, :-1]], 1)
    one_by_one = torch.stack([basic.next_logits(inputs[:, place], heard, cache) for place in range(25)], 1)
    assert torch.allclose(one_by_one, basic(melody, told), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_bars_embedded_once_are_judged_alike(kind: Kind) -> None:
    torch.manual_seed(0)
    network = Locator(locator_sizes(kind)).eval()
    song = torch.rand(14, 32, 256)
    windows = song.unfold(0, 11, 1).movedim(-1, 1)
    logits = network(windows)
    assert logits.shape == (4, 2)
    once = network.embed(song)
    assert torch.allclose(network.judge(once.unfold(0, 11, 1).movedim(-1, 1)), logits, atol=1e-5)
    assert (logits[0] - logits[1]).abs().max() > 1e-6


@pytest.mark.parametrize("decoder", DECODERS)
def test_the_middle_bar_is_hidden(decoder: str) -> None:
    torch.manual_seed(0)
    network = Infill(InfillConfig(**{**vars(INFILL), "decoder": decoder})).eval()
    melody, drums = torch.rand(2, 11, 32, 256), (torch.rand(2, 11, 32, 16) < 0.2).float()
    cells = network(melody, drums)
    assert cells.shape == (2, 32, 16)
    assert 0 < cells.min() < cells.max() < 1
    middle, beside = drums.clone(), drums.clone()
    middle[:, 5] = 1 - middle[:, 5]
    beside[:, 4] = 1 - beside[:, 4]
    assert torch.equal(network(melody, middle), cells)
    assert (network(melody, beside) - cells).abs().max() > 1e-5
    assert drums[:, 5].any()  # what was given is left as it was
