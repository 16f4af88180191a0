"""The one training loop. It is handed a network, an objective and batches, and knows nothing of music.

An objective gives the loss of a part of a batch and, for the log, sums: "count", how many things were judged, "loss",
the sum of their losses, and what else it can say of them; the log shows each sum divided by the count.

Run folder: config.json, log.jsonl (one line a log or validation), checkpoints/last and checkpoints/best (folders that
`partimento.load` opens), samples/, and state/, from which an interrupted run goes on as if nothing had happened.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from tqdm import tqdm

from partimento.networks.decoder import Decoder
from partimento.networks.encoder import Encoder
from partimento.recipe import Recipe
from partimento.training.distributed import World
from partimento.training.folder import cut_log, open_folder, write_log
from partimento.training.optimizer import make_optimizers, rate, set_rates
from partimento.training.state import Moving, Resumable, State, Window, restore_state, save_state
from partimento.training.stopping import stop_requests

Objective = Callable[[Any, Any, torch.Generator], tuple[Tensor, dict[str, Tensor]]]

PEAK_FLOPS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "4090": 165e12}  # dense bf16


class Rows(Protocol):
    """A batch that can be cut along its first axis; `tokens` is how many positions the network reads of it."""

    @property
    def tokens(self) -> int: ...
    def __len__(self) -> int: ...
    def __getitem__(self, rows: slice) -> Self: ...
    def to(self, device: torch.device) -> Self: ...


class Batches(Resumable, Protocol):
    """An endless stream of rows with a position that can be saved."""

    def rows(self, count: int) -> Any: ...  # Rows of the kind that the objective takes


@dataclass(frozen=True)
class Run:
    """Everything one training run is made of.

    Args:
        config: plain values that say what run this is; a run folder with another config is refused.
        save: writes the network of a step as a checkpoint folder; called on the leading process only.
        validation_part: validation rows that are judged together; None is the recipe's batch.micro_rows.
        sample: makes something to listen to from the network of a step, or None; it is given a path without suffix.
    """

    network: nn.Module
    objective: Objective
    batches: Batches
    validation: Rows
    recipe: Recipe
    folder: Path
    config: dict[str, Any]
    save: Callable[[nn.Module, Path, dict[str, Any]], None]
    sample: Callable[[nn.Module, Path], None] | None = None
    validation_part: int | None = None


class Step(nn.Module):
    """Network and objective as one module, so that what wraps a module (several processes, a compiler) wraps both."""

    def __init__(self, network: nn.Module, objective: Objective) -> None:
        super().__init__()
        self.network, self.objective = network, objective

    def forward(self, batch: Any, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        return self.objective(self.network, batch, generator)


def train(run: Run, world: World) -> State:
    """Train to the recipe's last step, going on from state/ where the folder has one.

    SIGINT and SIGTERM end it after the present step; everything is saved, and the same call goes on from there.

    Returns:
        the state after the last step done; checkpoints and log lie in the run folder.

    Raises:
        ValueError: if rows cannot be shared out, or the folder holds something else or another run.
        FloatingPointError: if the loss is no longer a number.
    """
    recipe, batch, watch = run.recipe, run.recipe.batch, run.recipe.watch
    per_process = batch.rows // world.size
    if batch.rows % (world.size * batch.micro_rows):
        raise ValueError(
            f"batch.rows {batch.rows} must be a multiple of processes x batch.micro_rows = "
            f"{world.size} x {batch.micro_rows}"
        )
    open_folder(run.folder, run.config, world)
    network = run.network.to(world.device)
    optimizers = make_optimizers(network, recipe.optimizer)
    generator = torch.Generator(world.device).manual_seed(recipe.seed + world.rank)
    torch.manual_seed(recipe.seed + world.rank)
    moving = Moving(network, optimizers, run.batches, generator)
    state = restore_state(run.folder / "state", world, moving)
    cut_log(run.folder, world, state.step)
    model = _wrap(run, world)
    steps = recipe.schedule.steps
    window_start_s, window_tokens = time.monotonic(), 0
    with (
        stop_requests() as stop,
        tqdm(total=steps, initial=state.step, unit="step", disable=not world.leads, dynamic_ncols=True) as bar,
    ):
        stopping = False
        while state.step < steps and not stopping:
            step_start_s = time.monotonic()

            # forward and backward, in parts that fit into memory
            rows = run.batches.rows(batch.rows)
            mine = rows[world.rank * per_process : (world.rank + 1) * per_process]
            for start in range(0, per_process, batch.micro_rows):
                last = start + batch.micro_rows >= per_process
                with _sync_when(model, last):
                    part = mine[start : start + batch.micro_rows].to(world.device)
                    with _precision(recipe, world.device):
                        loss, logs = model(part, generator)
                    (loss * batch.micro_rows / per_process).backward()
                for name, value in logs.items():
                    state.window[name] = state.window.get(name, 0.0) + value

            # step
            share = rate(state.step, recipe.schedule)
            set_rates(optimizers, share)
            clip = recipe.optimizer.clip_norm or math.inf
            norm = torch.nn.utils.clip_grad_norm_(network.parameters(), clip)
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            state.step += 1
            state.tokens += rows.tokens
            state.seconds += time.monotonic() - step_start_s
            window_tokens += rows.tokens
            stopping = stop.anywhere(world)
            bar.update()

            # log
            if _due(state.step, watch.log_every, steps):
                means, norm_value = _means(state.window, world), float(norm)
                _check_finite(means["loss"], norm_value, state.step, run.folder)
                now_s = time.monotonic()
                tokens_per_s = window_tokens / (now_s - window_start_s)
                line = {
                    "step": state.step,
                    "tokens": state.tokens,
                    **means,
                    "lr": recipe.optimizer.lr * share,
                    "grad_norm": norm_value,
                    "tokens_per_s": tokens_per_s,
                    **_share_of_peak(network, tokens_per_s, world),
                }
                write_log(run.folder, world, line)
                bar.set_postfix(loss=f"{means['loss']:.3f}", tok_s=f"{tokens_per_s:.0f}", refresh=False)
                state.window, window_start_s, window_tokens = {}, now_s, 0
            pause_start_s = time.monotonic()

            # validate
            if _due(state.step, watch.validate_every, steps):
                validation = {f"valid_{name}": value for name, value in evaluate(model, run, world).items()}
                write_log(run.folder, world, {"step": state.step, "tokens": state.tokens, **validation})
                if validation["valid_loss"] < state.best:
                    state.best = validation["valid_loss"]
                    if world.leads:
                        run.save(network, run.folder / "checkpoints" / "best", _facts(state))

            # sample
            if world.leads and run.sample and _due(state.step, watch.sample_every, steps):
                _sample(run, state.step, world)

            # save
            if stopping or _due(state.step, watch.save_every, steps):
                if world.leads:
                    run.save(network, run.folder / "checkpoints" / "last", _facts(state))
                save_state(run.folder / "state", world, state, moving)
            window_start_s += time.monotonic() - pause_start_s  # tokens/s are those of training alone

    if state.step < steps and world.leads:
        tqdm.write(
            f"stopped after step {state.step:,} of {steps:,}; everything is saved in {run.folder}, "
            "and the same command goes on from there",
            file=sys.stderr,
        )
    return state


@torch.no_grad()
def evaluate(model: nn.Module, run: Run, world: World) -> dict[str, float]:
    """Means over the validation rows: "loss" and whatever else the objective sums."""
    step = model.module if isinstance(model, nn.parallel.DistributedDataParallel) else model
    run.network.eval()
    rows = run.validation_part or run.recipe.batch.micro_rows
    generator = torch.Generator(world.device).manual_seed(0)
    sums: dict[str, float | Tensor] = {}
    for start in range(world.rank * rows, len(run.validation), world.size * rows):
        part = run.validation[start : start + rows].to(world.device)
        with _precision(run.recipe, world.device):
            _, logs = step(part, generator)
        sums = {name: sums.get(name, 0.0) + value for name, value in logs.items()}
    run.network.train()
    return _means(sums, world)


def _means(sums: Window, world: World) -> dict[str, float]:
    """The sums of all processes, divided by their count."""
    total = world.totals(sums)
    count = max(1.0, total.pop("count", 0.0))
    return {"loss": 0.0} | {name: value / count for name, value in total.items()}


def _sample(run: Run, step: int, world: World) -> None:
    """Call the hook; what it draws leaves the random state of the training alone."""
    assert run.sample
    path = run.folder / "samples" / f"step-{step:06d}"
    path.parent.mkdir(exist_ok=True)
    run.network.eval()
    devices = [world.device] if world.device.type == "cuda" else []
    with torch.random.fork_rng(devices), torch.no_grad(), parametrize.cached():
        run.sample(run.network, path)
    run.network.train()


def _wrap(run: Run, world: World) -> nn.Module:
    run.network.train()
    for part in run.network.modules():
        if isinstance(part, Decoder | Encoder):
            part.checkpointing = run.recipe.checkpointing
    model: nn.Module = Step(run.network, run.objective)
    if run.recipe.compile and world.device.type == "cuda":
        model = cast(nn.Module, torch.compile(model))
    if world.size > 1:
        model = nn.parallel.DistributedDataParallel(model, gradient_as_bucket_view=True, broadcast_buffers=False)
    return model


def _sync_when(model: nn.Module, last: bool) -> AbstractContextManager[None]:
    """Gradients travel between processes once a step, in the backward pass of its last part."""
    return model.no_sync() if isinstance(model, nn.parallel.DistributedDataParallel) and not last else nullcontext()


def _precision(recipe: Recipe, device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, torch.bfloat16, enabled=recipe.bf16 and device.type in ("cpu", "cuda"))


def _due(step: int, every: int, steps: int) -> bool:
    return every > 0 and (step % every == 0 or step == steps)


def _facts(state: State) -> dict[str, Any]:
    best = state.best if math.isfinite(state.best) else None  # not validated yet
    return {"step": state.step, "tokens": state.tokens, "seconds": round(state.seconds, 1), "valid_loss": best}


def _check_finite(loss: float, norm: float, step: int, folder: Path) -> None:
    if not (math.isfinite(loss) and math.isfinite(norm)):
        raise FloatingPointError(
            f"the loss is {loss} and the gradient's norm {norm} at step {step}; the last saved state is in {folder}: "
            "start anew with a lower optimizer.lr or a longer schedule.warmup"
        )


def _share_of_peak(network: nn.Module, tokens_per_s: float, world: World) -> dict[str, float]:
    """Model FLOP/s utilisation (PaLM, appendix B, without the attention term), on GPUs whose peak is known."""
    if world.device.type != "cuda":
        return {}
    name = torch.cuda.get_device_name(world.device)
    peak = next((flops for key, flops in PEAK_FLOPS.items() if key in name), None)
    if peak is None:
        return {}
    looked_up = sum(p.numel() for m in network.modules() if isinstance(m, nn.Embedding) for p in m.parameters())
    multiplied = sum(p.numel() for p in network.parameters()) - looked_up
    return {"share_of_peak": 6 * multiplied * tokens_per_s / (peak * world.size)}
