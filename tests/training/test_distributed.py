"""Two gloo processes that torchrun starts train what one does with the same rows a step."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tiny import Settings, go, log_of, saved

from partimento.training.distributed import World, join_world


def torchrun(folder: Path, settings: Settings, *more: str) -> None:
    program = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*program, str(Path(__file__).with_name("tiny.py")), str(folder), json.dumps(vars(settings)), *more]
    done = subprocess.run(
        command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.timeout(600)
def test_two_processes_equal_one_and_an_interrupted_pair_goes_on(tmp_path: Path) -> None:
    settings = Settings(steps=10, rows=8, micro_rows=2, share=True)
    go(tmp_path / "one", settings)
    torchrun(tmp_path / "two", settings, "--stop-in-step", "7")  # one of the two is asked, both end after the step
    assert saved(tmp_path / "two")["state"]["step"] == 7
    torchrun(tmp_path / "two", settings)
    one, two = saved(tmp_path / "one"), saved(tmp_path / "two")
    assert two["processes"] == 2
    assert one["batches"] == two["batches"]
    assert sorted(path.name for path in (tmp_path / "two" / "state").iterdir()) == ["rank-0.pt", "rank-1.pt", "run.pt"]
    for name, value in one["network"].items():
        error = (two["network"][name] - value).norm() / value.norm()
        assert error < 2e-5, (name, float(error))
    for a, b in zip(log_of(tmp_path / "one"), log_of(tmp_path / "two"), strict=True):
        assert a == pytest.approx(b, rel=2e-5)


def test_alone_without_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    with join_world("cpu") as world:
        assert world == World(0, 1, torch.device("cpu"))
        assert world.leads
        assert world.totals({"a": 1, "b": torch.tensor(2.5)}) == {"a": 1.0, "b": 2.5}
        assert world.any(True)
        assert not world.any(False)
