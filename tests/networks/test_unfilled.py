"""Modules without values, to be filled from a file."""

from __future__ import annotations

import torch
from torch import nn

from partimento.networks.unfilled import unfilled


def test_nothing_is_drawn_and_nothing_stays_switched() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    module = unfilled(lambda: nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 2)))
    assert torch.equal(torch.rand(3), expected), "the global generator is untouched"
    assert {p.device.type for p in module.parameters()} == {"meta"}
    filled = nn.Linear(4, 2)
    assert filled.weight.device.type == "cpu"
    assert filled.weight.std() > 0
