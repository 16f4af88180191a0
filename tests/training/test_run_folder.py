"""What a run folder may hold, and which run may go on in it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny import ALONE, Settings, go, saved, tiny_run

from partimento.configuration import to_plain
from partimento.recipe import WatchConfig
from partimento.training.loop import train


def test_the_config_is_written_at_the_start(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "a" / "run", Settings(steps=1))
    train(run, ALONE)
    assert json.loads((tmp_path / "a" / "run" / "config.json").read_text()) == run.config


def test_another_recipe_is_refused_with_the_names_of_what_differs(tmp_path: Path) -> None:
    go(tmp_path / "run", Settings(steps=2))
    with pytest.raises(ValueError, match="holds another run") as error:
        go(tmp_path / "run", Settings(steps=2, lr=0.5, clip_norm=2.0))
    text = str(error.value)
    assert "recipe.optimizer.lr was 0.01 and is 0.5" in text
    assert "recipe.optimizer.clip_norm was 1.0 and is 2.0" in text
    assert "schedule" not in text
    run = tiny_run(tmp_path / "run", Settings(steps=2))
    with pytest.raises(ValueError, match="pieces was not there and is 7"):
        train(replace(run, config={**run.config, "pieces": 7}), ALONE)


def test_length_watch_and_compilation_may_change(tmp_path: Path) -> None:
    go(tmp_path / "run", Settings(steps=2))
    run = tiny_run(tmp_path / "run", Settings(steps=4))
    recipe = replace(
        run.recipe,
        schedule=replace(run.recipe.schedule, decay_from=0.9),
        watch=WatchConfig(log_every=1, validate_every=0, save_every=0),
        compile=True,
    )
    config = {**run.config, "recipe": to_plain(recipe)}
    assert train(replace(run, recipe=recipe, config=config), ALONE).step == 4
    assert json.loads((tmp_path / "run" / "config.json").read_text())["recipe"]["compile"] is True


def test_a_folder_with_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(ValueError, match=r"holds thesis.tex, which no run has; give an empty folder"):
        go(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(ValueError, match="is a file"):
        go(tmp_path / "thesis.tex")


def test_a_broken_config_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match=r"config.json is not JSON"):
        go(tmp_path)


def test_what_a_killed_process_had_begun_to_write_is_removed(tmp_path: Path) -> None:
    (tmp_path / "checkpoints" / ".last.x1" / "new").mkdir(parents=True)
    go(tmp_path, Settings(steps=1))
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["best", "last"]


def test_another_number_of_processes_is_refused(tmp_path: Path) -> None:
    go(tmp_path, Settings(steps=1))
    torch.save({**saved(tmp_path), "processes": 4}, tmp_path / "state" / "run.pt")
    with pytest.raises(ValueError, match=r"was trained by 4 process\(es\); resume it with as many, not 1"):
        go(tmp_path, Settings(steps=2))
