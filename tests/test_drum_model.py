"""A drummer opened from its folder: windows over songs of any length, bits, chances of fills."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_drums import SIZES, tiny_checkpoint, tiny_song

from partimento.checkpoint import CheckpointError, read_config
from partimento.drum_model import DrumModel, Wanted, everything_hidden, first_bar, load_drummer
from partimento.objectives.drum_cells import bits_of_bars
from partimento.tokens.drumgrid import DrumGrid, to_grid


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> DrumModel:
    return load_drummer(tiny_checkpoint(tmp_path_factory.mktemp("drummer") / "tiny"), "cpu")


@pytest.fixture(scope="module")
def grid() -> DrumGrid:
    return to_grid(tiny_song(21))


def test_what_is_opened_is_what_was_saved(model: DrumModel) -> None:
    assert model.title == "tiny"
    assert len(model.hash) == 12
    assert model.network.config == SIZES
    assert not model.network.training


def test_another_system_and_damaged_sizes_are_refused(tmp_path: Path) -> None:
    folder = tiny_checkpoint(tmp_path / "one")
    text = (folder / "config.json").read_text()
    (folder / "config.json").write_text(text.replace('"drummer"', '"aria"', 1))
    with pytest.raises(CheckpointError, match="a drummer"):
        load_drummer(folder, "cpu")
    (folder / "config.json").write_text(text.replace('"bars": 8', '"beats": 8', 1))
    with pytest.raises(CheckpointError, match=r"unknown network\.beats"):
        load_drummer(folder, "cpu")
    assert read_config(folder)["system"] == "drummer"


@pytest.mark.parametrize("bars", [1, 2, 7, 8, 9, 23])
def test_every_bar_is_told_once_with_bars_on_both_sides(model: DrumModel, bars: int) -> None:
    told = []
    for part in model.stretches(bars):
        told += range(part.start, part.stop)
        assert part.first >= 0
        assert part.start >= part.first
        assert part.stop <= min(part.first + 8, bars)
        assert part.first == 0 or part.start - part.first >= 4
    assert told == list(range(bars))


def test_bits_are_those_of_the_objective(model: DrumModel) -> None:
    grid = to_grid(tiny_song(8))
    window = model.window(grid, 0, everything_hidden(8))
    expected = bits_of_bars(model.network, window)[0].numpy()
    np.testing.assert_allclose(model.bits(grid)[:2], expected[:2], rtol=1e-5)
    chances = model.cell_probabilities(grid)
    hits = grid.hits[0]
    by_hand = -np.log2(np.where(hits, chances[0], 1 - chances[0]).astype(np.float64)).sum()
    assert by_hand == pytest.approx(expected[0], rel=1e-4)


def test_given_bars_cost_nothing_and_tell_of_the_others(model: DrumModel, grid: DrumGrid) -> None:
    hidden = everything_hidden(21)
    known = hidden.known.copy()
    known[4:] = True
    given = replace(hidden, known=known)
    bits = model.bits(grid, given)
    assert bits[4:].max() == 0
    assert bits.shape == (21,)
    assert not np.allclose(bits[:4], model.bits(grid)[:4])


def test_chances_of_fills_do_not_hang_on_hidden_drums(model: DrumModel, grid: DrumGrid) -> None:
    chances = model.fill_probabilities(grid)
    assert chances.shape == (21,)
    assert ((chances > 0) & (chances < 1)).all()
    silent = replace(grid, velocity=np.zeros_like(grid.velocity))
    np.testing.assert_array_equal(chances, model.fill_probabilities(silent))
    known = Wanted(np.ones((21, 16), bool), np.zeros(21, np.int64), np.zeros(21, np.int64))
    assert not np.allclose(chances, model.fill_probabilities(grid, known))


def test_phrases_begin_with_the_other_instruments(grid: DrumGrid, model: DrumModel) -> None:
    others = grid.others.copy()
    others[:3, ..., 1:] = 0
    later = replace(grid, others=others)
    assert first_bar(later) == 3
    assert first_bar(replace(grid, others=np.zeros_like(others))) == 0
    window = model.window(later, 2, everything_hidden(21))
    assert window.phrase[0].tolist() == [-1, 0, 1, 2, 3, 4, 5, 6]
    assert window.left[0].tolist() == [18, 17, 16, 15, 14, 13, 12, 11]
    assert torch.equal(window.velocity[0], torch.from_numpy(grid.velocity[2:10].copy()))
