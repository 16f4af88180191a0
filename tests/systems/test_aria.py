"""The sizes of Aria's networks, counted without their memory."""

from __future__ import annotations

from dataclasses import replace

import pytest
from torch import nn

from partimento.networks.decoder import Decoder, DecoderConfig
from partimento.networks.transformer import Block
from partimento.networks.unfilled import unfilled
from partimento.systems.aria import PRESETS, paper

MEDIUM = paper().network


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("config", "count"),
    [
        (MEDIUM, 658_538_496),
        (replace(MEDIUM, head="embedding", outputs=512), 632_096_256),
        (replace(MEDIUM, condition=512), 659_324_928),
        (replace(MEDIUM, vocabulary=2_675, condition=512), 613_085_184),
    ],
    ids=["language model", "embedding", "conditioned", "demo"],
)
def test_parameters_of_each_variant(config: DecoderConfig, count: int) -> None:
    network = unfilled(lambda: Decoder(config))
    assert parameters(network) == count
    assert all(p.device.type == "meta" for p in network.parameters())


def test_parameters_of_the_stack() -> None:
    network = unfilled(lambda: Decoder(MEDIUM))
    assert parameters(unfilled(lambda: Block(MEDIUM.transformer))) == 37_754_880
    assert parameters(network.transformer) == 604_081_152
    assert len(network.state_dict()) == 148


def test_the_small_preset_fits_into_the_package() -> None:
    count = parameters(unfilled(lambda: Decoder(PRESETS["small"]().network)))
    assert 2 * count < 20e6, "bfloat16 bytes"
