from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_published import BASIC, INFILL, locator_sizes, songs

from partimento.networks.dahale.basic import BasicDrums
from partimento.networks.dahale.blocks import melody_values
from partimento.networks.dahale.infill import Infill
from partimento.networks.dahale.location import Locator
from partimento.objectives.dahale import (
    BasicWindows,
    basic_pattern,
    improvised_or_not,
    infilled_bar,
    masked_melody,
)
from partimento.training.dahale import (
    all_windows,
    basic_windows,
    improvised_windows,
    infill_windows,
    location_windows,
    parts_of,
)

CHANCE = torch.Generator()
BARE = {"masked_family": 0.0, "masked_steps": 0.0}


def test_masked_families_are_silent_and_masked_steps_empty() -> None:
    others = torch.full((400, 30, 4, 64), 100, dtype=torch.uint8)
    others[..., 0] = 0
    values = masked_melody(others, 0.4, 0.2, torch.Generator().manual_seed(0)).unflatten(2, (4, 64))
    empty = (values == 0).all(-1).all(-1)
    assert empty.float().mean() == pytest.approx(0.2, abs=0.02)
    silent = values[..., 0] == 1
    assert (values[..., 1:][silent] == 0).all()
    per_window = silent.any(1).sum(1)
    assert per_window.max() == 1
    assert (per_window == 1).float().mean() == pytest.approx(0.4, abs=0.08)
    whole = masked_melody(others, 0.0, 0.0, CHANCE).unflatten(2, (4, 64))
    assert (whole[..., 1:] == 100 / 127).all()


def test_padding_of_tokens_counts_for_nothing() -> None:
    torch.manual_seed(0)
    network = BasicDrums(BASIC).eval()
    parts = parts_of(songs(2))
    windows = basic_windows(parts, all_windows(parts)[:2])
    padded = BasicWindows(windows.others, torch.nn.functional.pad(windows.told, (0, 9), value=3), windows.length)
    losses = [basic_pattern(network, batch, CHANCE, **BARE) for batch in (windows, padded)]
    assert torch.allclose(losses[0][0], losses[1][0])
    assert losses[0][1]["count"] == windows.length.sum()
    alone = [basic_pattern(network, windows[i : i + 1], CHANCE, **BARE)[1]["loss"] for i in range(2)]
    assert torch.allclose(torch.stack(alone).sum(), losses[0][1]["loss"], rtol=1e-4)


def test_huber_is_half_the_squared_error_of_the_chances() -> None:
    torch.manual_seed(0)
    network = Locator(locator_sizes("sub-beat")).eval()
    parts = parts_of(songs())
    windows = location_windows(parts, [*improvised_windows(parts)[:2], (0, 5)])
    assert windows.improvised.tolist() == [1, 1, 0]
    loss, logs = improvised_or_not(network, windows, CHANCE, huber=True)
    chance = network(melody_values(windows.others)).softmax(1).detach().numpy()
    wanted = np.array([[0, 1], [0, 1], [1, 0]])
    assert loss.item() == pytest.approx(((chance - wanted) ** 2).mean() / 2, rel=1e-5)
    assert logs["right"] == (chance.argmax(1) == wanted.argmax(1)).sum()


def test_a_whole_branch_is_masked_in_training_alone() -> None:
    torch.manual_seed(0)
    network = Infill(INFILL)
    parts = parts_of(songs())
    windows = infill_windows(parts, improvised_windows(parts))
    seen = []
    hook = network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs))
    infilled_bar(network.eval(), windows, CHANCE, masked_branch=1.0, noise=0.1)
    infilled_bar(network.train(), windows, CHANCE.manual_seed(0), masked_branch=1.0, noise=0.1)
    hook.remove()
    (melody, drums), (masked_melody_, masked_drums) = seen
    assert (melody.flatten(1) != 0).any(1).all()
    assert torch.equal(drums, windows.hits.float())
    none = (masked_melody_.flatten(1) == 0).all(1), (masked_drums.flatten(1) == 0).all(1)
    assert torch.equal(none[0], ~none[1])  # just one of the two in each window
    assert none[0].any()
    assert none[1].any()
