"""Which process this is among those that torchrun started, and what they share."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed


@dataclass(frozen=True)
class World:
    """One process among `size`; rank 0 writes files and draws the progress bar."""

    rank: int
    size: int
    device: torch.device

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def totals(self, values: Mapping[str, float | torch.Tensor]) -> dict[str, float]:
        """Each value summed over the processes that have one of its name."""
        mine = {name: float(value) for name, value in values.items()}
        if self.size == 1:
            return mine
        everyones: list[dict[str, float]] = [{}] * self.size
        distributed.all_gather_object(everyones, mine)
        names = dict.fromkeys(name for values in everyones for name in values)
        return {name: sum(values.get(name, 0.0) for values in everyones) for name in names}

    def any(self, here: bool) -> bool:
        """Whether it is so in any process."""
        if self.size == 1:
            return here
        flag = torch.tensor(float(here), device=self.device)
        distributed.all_reduce(flag, distributed.ReduceOp.MAX)
        return bool(flag)

    def wait(self) -> None:
        """Until every process is here."""
        if self.size > 1:
            distributed.barrier()


@contextmanager
def join_world(device: str = "auto") -> Iterator[World]:
    """The world of this process: alone, or one of `torchrun --nproc-per-node N`; NCCL on GPUs, gloo on CPUs."""
    size, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    local = int(os.environ.get("LOCAL_RANK", "0"))
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    chosen = torch.device(device, local) if device == "cuda" else torch.device(device)
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    if size == 1:
        yield World(0, 1, chosen)
        return
    distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield World(rank, size, chosen)
    finally:
        distributed.destroy_process_group()
