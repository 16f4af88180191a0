"""A run that was interrupted and goes on is the run that was not, bit for bit."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import Settings, at_step, go, log_of, saved

from partimento.training import state as state_module
from partimento.training.stopping import stop_requests

SETTINGS = Settings(dropout=0.3, share=True, kind="muon")


def assert_same_run(one: Path, other: Path) -> None:
    assert log_of(one) == log_of(other)
    a, b = saved(one), saved(other)
    assert a["batches"] == b["batches"]
    assert {**a["state"], "seconds": 0} == {**b["state"], "seconds": 0}
    assert a["network"].keys() == b["network"].keys()
    assert all(torch.equal(a["network"][name], b["network"][name]) for name in a["network"])
    for first, second in zip(a["optimizers"], b["optimizers"], strict=True):
        assert first["param_groups"] == second["param_groups"]
        for index, moments in first["state"].items():
            assert all(torch.equal(value, second["state"][index][name]) for name, value in moments.items())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "whole"
    go(folder, SETTINGS)
    return folder


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("step", [1, 7])
def test_a_signal_ends_the_step_and_the_run_goes_on(
    tmp_path: Path, whole: Path, number: signal.Signals, step: int, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(number)
    folder = tmp_path / "run"
    state = go(folder, SETTINGS, objective=at_step(step, lambda: signal.raise_signal(number), SETTINGS))
    assert state.step == step
    assert signal.getsignal(number) is before
    assert saved(folder)["state"]["step"] == step
    assert json.loads((folder / "checkpoints" / "last" / "facts.json").read_text())["step"] == step
    assert not [path for path in folder.rglob("*") if path.name.startswith(".") or path.suffix == ".part"]
    assert f"stopped after step {step} of 12" in capsys.readouterr().err
    assert go(folder, SETTINGS).step == 12
    assert_same_run(folder, whole)


def test_a_second_ctrl_c_ends_at_once() -> None:
    with stop_requests() as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.asked
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("step", [3, 9])
def test_a_process_killed_inside_a_step_leaves_a_run_that_goes_on(tmp_path: Path, whole: Path, step: int) -> None:
    """Before the first save, and after one: the log already has lines of steps that are done again."""
    folder = tmp_path / "run"
    settings = json.dumps(vars(SETTINGS))
    program = [sys.executable, str(Path(__file__).with_name("tiny.py")), str(folder), settings]
    killed = subprocess.run([*program, "--kill-in-step", str(step)], capture_output=True, timeout=120, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    with (folder / "log.jsonl").open("a") as log:
        log.write('{"step": 1')  # a line that was not written to its end
    go(folder, SETTINGS)
    assert_same_run(folder, whole)


@pytest.mark.parametrize("file", ["rank-0.pt", "run.pt"])
def test_killed_while_it_saves(tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    """Of the second save, neither file is there, or one of the two."""
    folder, write, count = tmp_path / "run", state_module._write, 0

    def break_off(value: dict[str, Any], path: Path) -> None:
        nonlocal count
        count += path.name == file
        if count == 2 and path.name == file:
            path.with_suffix(".part").write_bytes(b"half")
            raise KeyboardInterrupt
        write(value, path)

    monkeypatch.setattr(state_module, "_write", break_off)
    with pytest.raises(KeyboardInterrupt):
        go(folder, SETTINGS)
    monkeypatch.undo()
    assert saved(folder)["state"]["step"] == 5
    go(folder, SETTINGS)
    assert_same_run(folder, whole)


def test_a_longer_run_goes_on_where_a_shorter_one_ended(tmp_path: Path) -> None:
    settings = Settings(steps=6)
    go(tmp_path / "run", settings)
    first = log_of(tmp_path / "run")
    assert go(tmp_path / "run", settings).step == 6  # nothing is left to do
    assert log_of(tmp_path / "run") == first
    assert go(tmp_path / "run", replace(settings, steps=9)).step == 9
    assert log_of(tmp_path / "run")[: len(first)] == first


def test_files_of_different_saves_are_refused(tmp_path: Path) -> None:
    go(tmp_path / "run", SETTINGS)
    path = tmp_path / "run" / "state" / "rank-0.pt"
    torch.save({"step": 3}, path)
    with pytest.raises(ValueError, match=r"rank-0.pt is not of step 12"):
        go(tmp_path / "run", replace(SETTINGS, steps=20))
