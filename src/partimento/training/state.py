"""What an interrupted run goes on from: weights, optimizers, position in the stream and random states.

state/run.pt holds what all processes share, state/rank-N.pt what each has of its own. Each file is replaced whole; a
process killed between the two leaves a rank's file one save ahead, so that file keeps the save before it too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from partimento.training.distributed import World


class Resumable(Protocol):
    """A stream whose position can be saved."""

    def state(self) -> dict[str, int]: ...
    def restore(self, state: dict[str, int]) -> None: ...


Window = dict[str, float | Tensor]  # what an objective sums, over the steps since the last line of the log


@dataclass
class State:
    """What changes while a run goes on, beside weights, optimizers and the stream's position.

    Args:
        step: optimizer steps done.
        tokens: positions read in them, by all processes.
        seconds: spent in them.
        best: lowest validation loss up to now.
        window: as this process saw it.
    """

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    best: float = float("inf")
    window: Window = field(default_factory=dict)


@dataclass(frozen=True)
class Moving:
    """The parts of a run whose states are saved."""

    network: nn.Module
    optimizers: list[torch.optim.Optimizer]
    batches: Resumable
    generator: torch.Generator


def save_state(folder: Path, world: World, state: State, moving: Moving) -> None:
    """Write both files; each is on disk whole before the next is begun."""
    folder.mkdir(exist_ok=True)
    path = folder / f"rank-{world.rank}.pt"
    own = {
        "step": state.step,
        "generator": moving.generator.get_state(),
        "torch": torch.get_rng_state(),
        "window": {name: float(value) for name, value in state.window.items()},
    }
    before = torch.load(path, weights_only=True) if path.exists() else {}
    before.pop("before", None)
    _write(own | {"before": before}, path)
    world.wait()
    if world.leads:
        whole = {
            "state": {name: value for name, value in vars(state).items() if name != "window"},
            "network": moving.network.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in moving.optimizers],
            "batches": moving.batches.state(),
            "processes": world.size,
        }
        _write(whole, folder / "run.pt")
    world.wait()


def restore_state(folder: Path, world: World, moving: Moving) -> State:
    """Bring all parts to the last save, or leave them as they are where there is none.

    Raises:
        ValueError: if it was saved by another number of processes, or files of different saves lie together.
    """
    path = folder / "run.pt"
    if not path.exists():
        return State()
    whole = torch.load(path, map_location=world.device, weights_only=True)
    if whole["processes"] != world.size:
        raise ValueError(
            f"{folder.parent} was trained by {whole['processes']} process(es); resume it with as many, not {world.size}"
        )
    state = State(**whole["state"])
    own = _own(folder / f"rank-{world.rank}.pt", state.step)
    moving.network.load_state_dict(whole["network"])
    for optimizer, saved in zip(moving.optimizers, whole["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    moving.batches.restore(whole["batches"])
    moving.generator.set_state(own["generator"])
    torch.set_rng_state(own["torch"])
    state.window = dict(own["window"])
    return state


def _own(path: Path, step: int) -> dict[str, Any]:
    own = torch.load(path, map_location="cpu", weights_only=True) if path.exists() else {}
    for saved in (own, own.get("before", {})):
        if saved.get("step") == step:
            return saved
    raise ValueError(f"{path} is not of step {step} as run.pt beside it; start the run anew in another folder")


def _write(value: dict[str, Any], path: Path) -> None:
    part = path.with_suffix(".part")
    torch.save(value, part)
    part.replace(path)
