"""A run that is stopped in the middle of a step, and the state in which runs ended."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch


def stopping(objective: Callable[..., Any], call: int) -> Callable[..., Any]:
    """The objective, which at this call of the training, from 1, asks the run to stop, as Ctrl-C does."""
    calls = 0

    def asked(network: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += network.training
        if network.training and calls == call:
            signal.raise_signal(signal.SIGINT)
        return objective(network, *args, **kwargs)

    return asked


def assert_same_end(one: Path, other: Path) -> None:
    """Weights, moments, position in the stream and random states of two runs are the same, bit for bit."""
    runs = [torch.load(folder / "state" / "run.pt", weights_only=True) for folder in (one, other)]
    a, b = runs
    assert a["state"]["step"] == b["state"]["step"]
    assert a["state"]["best"] == b["state"]["best"]
    assert a["batches"] == b["batches"]
    assert a["network"].keys() == b["network"].keys()
    assert all(torch.equal(a["network"][name], b["network"][name]) for name in a["network"])
    for first, second in zip(a["optimizers"], b["optimizers"], strict=True):
        for index, moments in first["state"].items():
            assert all(torch.equal(value, second["state"][index][name]) for name, value in moments.items())
    own = [torch.load(folder / "state" / "rank-0.pt", weights_only=True) for folder in (one, other)]
    assert all(torch.equal(own[0][name], own[1][name]) for name in ("generator", "torch"))
