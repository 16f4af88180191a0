"""The drummer's loss is the chain rule's, of what is hidden and of nothing else."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from tiny_drums import SIZES, random_windows, tiny_drummer, with_known
from torch.nn import functional as F

from partimento.networks.drum_windows import FILL
from partimento.objectives.drum_cells import LOCATION_SHARE, TOUCH_SHARE, bits_of_bars, drum_cells, told


def test_the_sum_over_hidden_cells_by_hand() -> None:
    network = tiny_drummer()
    windows = with_known(random_windows(2), (1, slice(None)), (3, slice(0, 16, 2)))
    with torch.no_grad():
        logits = network.cell_logits(windows)
    expected = 0.0
    for row in range(2):
        for bar in range(6):
            for drum in range(16):
                if not windows.known[row, bar, drum]:
                    chance = logits[row, bar, :, drum].double().sigmoid()
                    hits = windows.hits[row, bar, :, drum]
                    expected -= float(torch.where(hits, chance, 1 - chance).log().sum())
    loss, logs = drum_cells(network, windows)
    assert float(logs["loss"]) == pytest.approx(expected, rel=1e-5)
    assert float(logs["bits_per_bar"]) == pytest.approx(expected / math.log(2), rel=1e-5)
    assert int(logs["count"]) == 10
    bits = bits_of_bars(network, windows)
    assert float(bits.sum()) == pytest.approx(expected / math.log(2), rel=1e-5)
    assert bits[:, 1].abs().max() == 0
    parts = logs["loss"] + TOUCH_SHARE * (logs["velocity"] + logs["shift"]) + LOCATION_SHARE * logs["location"]
    assert float(loss.detach()) == pytest.approx(float(parts) / 10, rel=1e-5)


@torch.no_grad()
def test_velocity_and_shift_are_asked_of_hidden_hits_of_pieces_that_have_them() -> None:
    network, windows = tiny_drummer(), random_windows(2)
    touch = torch.tensor([True, False])
    both = told(network, replace(windows, touch=touch), network.hear(windows))
    one = told(network, windows[:1], network.hear(windows[:1]))
    assert float(both[1]) == pytest.approx(float(one[1]), rel=1e-4)
    assert float(both[2]) == pytest.approx(float(one[2]), rel=1e-4)
    hits = int(windows.hits[0].sum())
    assert 0.5 * math.log(16) < float(one[1]) / hits < 2 * math.log(16)
    plain = tiny_drummer(replace(SIZES, touch=False))
    assert [float(x) for x in told(plain, windows, plain.hear(windows))[1:]] == [0.0, 0.0]


def test_fills_are_asked_where_nothing_is_said_of_them() -> None:
    network, windows = tiny_drummer(), random_windows(1)
    is_fill = torch.tensor([[1, 0, -1, 1, 0, 1]])
    fill = torch.tensor([[0, 0, 0, FILL, 0, 0]])
    windows = with_known(replace(windows, is_fill=is_fill, fill=fill), (5, slice(None)))
    with torch.no_grad():
        logits = network.fill_logits(network.hear(windows))[0]
    expected = F.softplus(-logits[0]) + F.softplus(logits[1]) + F.softplus(logits[4])
    assert float(drum_cells(network, windows)[1]["location"]) == pytest.approx(float(expected), rel=1e-5)


def test_the_loss_falls_on_one_batch() -> None:
    network, windows = tiny_drummer(spread=0.0).train(), random_windows(2)
    losses = []
    for _ in range(8):
        loss, _ = drum_cells(network, windows)
        loss.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
        with torch.no_grad():
            for parameter in network.parameters():
                parameter -= 0.02 * parameter.grad.sign()
        network.zero_grad()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.9 * losses[0]
