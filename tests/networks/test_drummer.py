"""The drummer: every chance is one given all that comes before, and what is looked at is what may be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_drums import SIZES, random_windows, tiny_drummer, with_known
from torch.nn import functional as F

from partimento.networks.drum_cells import SHIFT_BINS, shift_bin, velocity_bin
from partimento.networks.drum_repeats import begins, likeness, may_see
from partimento.networks.drum_windows import CLASSES, STEPS, DrumWindows, stack
from partimento.networks.drummer import Drummer, DrummerConfig, attention


@pytest.fixture(scope="module")
def network() -> Drummer:
    return tiny_drummer()


def flipped(windows: DrumWindows, cell: int) -> DrumWindows:
    """The windows with one cell of the first row hit where it was not, and the reverse."""
    velocity = windows.velocity.clone()
    flat = velocity[0].view(-1)
    flat[cell] = 0 if flat[cell] else 77
    return replace(windows, velocity=velocity)


@torch.no_grad()
def test_hidden_cells_hang_on_the_cells_before_them_alone(network: Drummer) -> None:
    windows = with_known(random_windows(1), (1, slice(None)), (4, slice(None)), (3, slice(0, 16, 2)))
    hidden = (~windows.known[:, :, None]).expand_as(windows.velocity).flatten()
    plain = network.cell_logits(windows).flatten()
    cells = hidden.nonzero()[:, 0]
    later = 0
    for cell in cells[torch.randperm(len(cells), generator=torch.Generator().manual_seed(1))[:40]].tolist():
        changed = (network.cell_logits(flipped(windows, cell)).flatten() - plain).abs() > 1e-6
        assert not changed[: cell + 1][hidden[: cell + 1]].any()
        later += bool(changed[cell + 1 :][hidden[cell + 1 :]].any())
    assert later == 40
    given = flipped(windows, 4 * STEPS * CLASSES + 5)  # what is given is seen from before it too
    assert ((network.cell_logits(given).flatten() - plain).abs() > 1e-6)[: STEPS * CLASSES].any()


@torch.no_grad()
def test_the_chances_of_all_endings_add_up_to_one(network: Drummer) -> None:
    windows = random_windows(1, bars=2)
    known = torch.ones_like(windows.known)
    known[0, 1, [2, 9]] = False
    windows = replace(windows, known=known)
    hidden = torch.zeros(2, STEPS, CLASSES, dtype=torch.bool)
    hidden[1, :, [2, 9]] = True
    last = hidden.flatten().nonzero()[-8:, 0]  # of two drums, over the edge of two patches
    ways = torch.tensor([[way >> bit & 1 for bit in range(8)] for way in range(256)], dtype=torch.uint8)
    whole = stack([windows] * 256)
    velocity = whole.velocity.flatten(1).clone()
    velocity[:, last] = ways * 99
    logits = network.cell_logits(replace(whole, velocity=velocity.view_as(whole.velocity))).flatten(1)[:, last]
    nats = F.binary_cross_entropy_with_logits(logits, ways.float(), reduction="none").sum(1)
    assert float((-nats).double().exp().sum()) == pytest.approx(1.0, abs=1e-5)
    assert float((-nats).exp().max()) > 2 / 256


@torch.no_grad()
def test_rows_do_not_see_each_other(network: Drummer) -> None:
    windows = random_windows(3)
    one = network.cell_logits(windows[1:2])
    torch.testing.assert_close(network.cell_logits(windows)[1:2], one, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_bars_outside_the_song_are_not_copied_from(network: Drummer) -> None:
    windows = random_windows(1)
    inside = windows.inside.clone()
    inside[0, 5] = False
    seen = may_see(replace(windows, inside=inside))[0]
    assert not seen[:, 5].any()
    assert seen[3].tolist() == [True, True, True, False, False, False]
    assert may_see(with_known(windows, (4, slice(None))))[0, 2].tolist() == [True, True, False, False, True, False]


@torch.no_grad()
def test_weights_of_repeated_bars_are_shares(network: Drummer) -> None:
    weights = network.hear(random_windows(2)).weights
    assert weights.shape == (2, 2, 6, 6)
    assert (weights >= 0).all()
    assert (weights.sum(-1) <= 1 + 1e-6).all()
    assert weights[:, :, 0].abs().max() == 0  # there is nothing before the first bar


@torch.no_grad()
def test_what_a_repeated_bar_had_is_brought_over(network: Drummer) -> None:
    velocity = torch.zeros(1, 3, STEPS, CLASSES, dtype=torch.uint8)
    velocity[0, 1, 8, 3] = 127
    weights = torch.zeros(1, 2, 1, 3)
    weights[0, 1, 0, 1] = 0.75
    copied = network.copied_cells(weights, velocity)
    assert copied.shape == (1, 1, STEPS, 2, 2, CLASSES)
    assert copied[0, 0, 8, 1, :, 3].tolist() == [0.75, 0.75]
    assert copied.sum() == 1.5


def test_likeness_is_that_of_sounding_notes_and_of_rhythm() -> None:
    windows = random_windows(1, bars=4)
    others = windows.others.clone()
    others[:, 1], others[:, 2] = others[:, 0], others[:, 0].roll(1, -1)  # the same again; a semitone higher
    others[:, 2:, ..., 0] = 0
    others[:, 3] = 0
    like = likeness(replace(windows, others=others))[0]
    assert like[0, 1, 0] == pytest.approx(1.0)
    assert like[0, 2, 0] < 0.5
    assert like[0, 2, 1] > 0.9
    assert like[3].abs().max() == 0


def test_a_note_begins_where_its_cell_did_not_sound_before() -> None:
    windows = random_windows(1, bars=2)
    others = torch.zeros_like(windows.others)
    others[0, 0, 4:9, 2, 11] = 80
    others[0, 0, 9:12, 2, 11] = 90  # struck again, louder
    others[0, 0, 31, 1, 5] = others[0, 1, 0, 1, 5] = 60  # over the bar line
    found = begins(replace(windows, others=others)).nonzero().tolist()
    assert found == [[0, 0, 4, 2, 10], [0, 0, 9, 2, 10], [0, 0, 31, 1, 4]]


@torch.no_grad()
@pytest.mark.parametrize("config", [SIZES, replace(SIZES, future=False)], ids=["both sides", "past"])
def test_the_other_instruments_are_heard_on_both_sides_unless_told_not_to(config: DrummerConfig) -> None:
    network, windows = tiny_drummer(config), random_windows(1)
    others = windows.others.clone()
    others[0, 4, :, 2, 30] = 100
    changed = (network.cell_logits(replace(windows, others=others)) - network.cell_logits(windows)).abs() > 1e-6
    assert changed[0, 5].any()
    assert bool(changed[0, :4].any()) == config.future


@torch.no_grad()
def test_without_the_phrase_it_is_not_told_where_it_is() -> None:
    windows = random_windows(1)
    moved = replace(windows, phrase=windows.phrase + 1, left=windows.left + 3)
    for phrase in (True, False):
        network = tiny_drummer(replace(SIZES, phrase=phrase))
        assert torch.equal(network.cell_logits(windows), network.cell_logits(moved)) != phrase


@torch.no_grad()
def test_without_repeats_nothing_is_copied() -> None:
    network = tiny_drummer(replace(SIZES, repeat_heads=0))
    assert network.hear(random_windows(1)).weights.abs().max() == 0
    assert network.cell_logits(random_windows(1)).isfinite().all()


def test_plain_attention_is_the_fused_one() -> None:
    q, k, v = torch.randn(3, 2, 2, 9, 8).requires_grad_()
    for causal in (False, True):
        fused = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        torch.testing.assert_close(attention(causal)(q, k, v), fused)


def test_bins() -> None:
    shifts = torch.tensor([-0.5, -1 / 12, -0.04, 0.0, 0.04, 1 / 3, 0.499])
    assert shift_bin(shifts).tolist() == [0, 5, 6, 6, 6, 10, SHIFT_BINS - 1]
    assert velocity_bin(torch.tensor([1, 7, 8, 127], dtype=torch.uint8)).tolist() == [0, 0, 1, 15]


def test_sizes_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="density_classes 1"):
        DrummerConfig(density_classes=1)
    with pytest.raises(ValueError, match="layers is 0"):
        DrummerConfig(decoder_layers=0)


def test_windows_are_cut_and_joined() -> None:
    windows = random_windows(3)
    again = stack([windows[:1], windows[1:]])
    assert len(again) == 3
    assert again.tokens == 18
    assert np.array_equal(again.others.numpy(), windows.others.numpy())
