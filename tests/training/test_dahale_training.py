from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from interrupted import assert_same_end, stopping
from tiny_published import basic_stage, infill_stage, location_stage, songs

from partimento.checkpoint import read_config
from partimento.generate.dahale import load_basic, load_infill, load_location
from partimento.networks.dahale.location import KINDS, Kind
from partimento.systems.dahale import basic, infill, location
from partimento.tokens.drum_serial import decode
from partimento.training import dahale
from partimento.training.dahale import (
    Part,
    all_windows,
    basic_windows,
    improvised_windows,
    ordinary_windows,
    parts_of,
    train_basic,
    train_infill,
    train_location,
)
from partimento.training.distributed import World
from partimento.training.state import State

ALONE = World(0, 1, torch.device("cpu"))
ABOUT = {"name": "tiny", "data": "none"}


@pytest.fixture(scope="module")
def parts() -> list[Part]:
    return parts_of(songs())


def losses(folder: Path) -> list[float]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


def test_windows_are_where_the_drums_and_the_fills_are(parts: list[Part]) -> None:
    assert all_windows(parts) == [(song, start) for song in range(3) for start in (0, 11)]
    assert improvised_windows(parts) == [(song, start) for song in range(3) for start in (2, 10)]
    drawn = ordinary_windows(parts, np.random.default_rng(0))
    assert len(drawn) == 6
    assert not set(drawn) & set(improvised_windows(parts))
    windows = basic_windows(parts, all_windows(parts)[:1])
    assert (decode(windows.told[0, : windows.length[0]].numpy()) == parts[0].hits[:11]).all()
    assert windows.others.shape == (1, 352, 4, 64)


RUNS: dict[str, tuple[Callable[[Path, list[Part]], State], Callable[..., torch.nn.Module]]] = {
    "basic": (lambda to, parts: train_basic(basic_stage(10), parts, parts, to, ALONE, ABOUT), load_basic),
    "infill": (lambda to, parts: train_infill(infill_stage(20), parts, parts, to, ALONE, ABOUT), load_infill),
}


@pytest.mark.parametrize("name", RUNS)
def test_training_lowers_the_loss(name: str, parts: list[Part], tmp_path: Path) -> None:
    run, load = RUNS[name]
    state = run(tmp_path / "run", parts)
    found = losses(tmp_path / "run")
    assert len(found) == state.step
    assert np.mean(found[-3:]) < 0.8 * np.mean(found[:3])
    best = tmp_path / "run" / "checkpoints" / "best"
    assert read_config(best)["trained"]["valid_loss"] == state.best
    network = load(best, "cpu")
    assert not network.training


@pytest.mark.parametrize("kind", KINDS)
def test_each_location_model_trains(kind: Kind, parts: list[Part], tmp_path: Path) -> None:
    steps = 2 if kind == "sub-beat" else 12
    train_location(location_stage(steps, kind), parts, parts, tmp_path / "run", ALONE, ABOUT)
    found = losses(tmp_path / "run")
    assert np.isfinite(found).all()
    if kind != "sub-beat":  # which is slow
        assert np.mean(found[-3:]) < np.mean(found[:3])
    assert load_location(tmp_path / "run" / "checkpoints" / "last", "cpu").config.kind == kind


def test_a_resumed_run_ends_like_an_uninterrupted_one(
    parts: list[Part], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = infill_stage(6)
    train = partial(train_infill, stage, parts, parts, world=ALONE, about=ABOUT)
    train(tmp_path / "whole")
    monkeypatch.setattr(dahale, "infilled_bar", stopping(dahale.infilled_bar, 6))
    assert train(tmp_path / "parted").step == 3
    monkeypatch.undo()
    assert train(tmp_path / "parted").step == 6
    assert_same_end(tmp_path / "whole", tmp_path / "parted")


def test_songs_without_a_window_are_refused(tmp_path: Path) -> None:
    short = parts_of(songs(bars=10))
    assert short == []
    with pytest.raises(ValueError, match="at least 11 bars"):
        train_basic(basic_stage(2), short, short, tmp_path / "run", ALONE, ABOUT)


def test_presets_are_those_of_the_paper() -> None:
    recipe = basic("paper").recipe
    assert (recipe.optimizer.lr, recipe.optimizer.lr * recipe.schedule.final) == (1e-4, pytest.approx(1e-6))
    assert recipe.schedule.steps * recipe.batch.rows == pytest.approx(300 * 127_107, rel=1e-3)
    assert location("raw").recipe.schedule.steps * 5 == location("mini-bert").recipe.schedule.steps
    assert [location(kind).huber for kind in KINDS] == [False, True, False, False]
    for small, paper in ((basic("small"), basic()), (infill("conv", "small"), infill("conv"))):
        assert small.network == paper.network
        assert small.recipe.schedule.steps < paper.recipe.schedule.steps
