"""A run small enough to be made many times, in the test's process or, as a program, in one of its own.

    python tiny.py FOLDER SETTINGS_AS_JSON [--kill-in-step N | --stop-in-step N]

The first kills the process, the second asks one process of several to stop.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from partimento.configuration import to_plain
from partimento.networks.decoder import Decoder, DecoderConfig
from partimento.networks.factored import share_parts
from partimento.networks.transformer import TransformerConfig
from partimento.objectives.next_token import PackedRows, next_token
from partimento.recipe import BatchConfig, OptimizerConfig, Recipe, ScheduleConfig, WatchConfig
from partimento.training.batches import PackedBatches, validation_rows
from partimento.training.distributed import World, join_world
from partimento.training.loop import Run, train
from partimento.training.state import State

VOCABULARY, LENGTH = 40, 24
ALONE = World(0, 1, torch.device("cpu"))


@dataclass(frozen=True)
class Settings:
    """What the tests vary."""

    steps: int = 12
    rows: int = 4
    micro_rows: int = 2
    kind: str = "adamw"
    bf16: bool = False
    dropout: float = 0.0
    share: bool = False
    save_every: int = 5
    log_every: int = 3
    sample_every: int = 0
    lr: float = 1e-2
    clip_norm: float = 1.0


def pieces(count: int = 15) -> list[np.ndarray]:
    """Ids of pieces of 2 to 60 tokens, all below VOCABULARY."""
    generator = np.random.default_rng(5)
    return [generator.integers(0, VOCABULARY, generator.integers(2, 61)) for _ in range(count)]


def augmented(ids: np.ndarray, generator: np.random.Generator | None) -> np.ndarray:
    """The ids moved up by a chance amount."""
    return ids if generator is None else (ids + generator.integers(0, 3)) % VOCABULARY


def network(settings: Settings = Settings()) -> Decoder:
    torch.manual_seed(0)
    transformer = TransformerConfig(width=16, heads=2, layers=2, feedforward=32, dropout=settings.dropout)
    decoder = Decoder(DecoderConfig(transformer, vocabulary=VOCABULARY, context=LENGTH))
    decoder.initialise()
    if settings.share:
        features = np.random.default_rng(0).random((VOCABULARY, 6)).astype(np.float32)
        share_parts(decoder.embedding, features)
        share_parts(decoder.head, features)
    return decoder


def tiny_run(
    folder: Path,
    settings: Settings = Settings(),
    objective: Callable[..., Any] = next_token,
    sample: Callable[[nn.Module, Path], None] | None = None,
) -> Run:
    recipe = Recipe(
        schedule=ScheduleConfig(steps=settings.steps, warmup=2, decay_from=0.5),
        batch=BatchConfig(rows=settings.rows, length=LENGTH, micro_rows=settings.micro_rows),
        optimizer=OptimizerConfig(kind=settings.kind, lr=settings.lr, clip_norm=settings.clip_norm),  # type: ignore[arg-type]
        watch=WatchConfig(
            log_every=settings.log_every,
            validate_every=4,
            sample_every=settings.sample_every,
            save_every=settings.save_every,
        ),
        bf16=settings.bf16,
    )
    music = pieces()

    def save(trained: nn.Module, place: Path, facts: dict[str, Any]) -> None:
        place.mkdir(parents=True, exist_ok=True)
        (place / "facts.json").write_text(json.dumps(facts))

    return Run(
        network=network(settings),
        objective=objective,
        batches=PackedBatches(len(music), lambda i, generator: augmented(music[i], generator), LENGTH, seed=3),
        validation=validation_rows([0, 1, 2], lambda i, _: music[i], LENGTH, most=5),
        recipe=recipe,
        folder=folder,
        config={"system": "tiny", "recipe": to_plain(recipe)},
        save=save,
        sample=sample,
    )


def at_step(number: int, action: Callable[[], None], settings: Settings, processes: int = 1) -> Callable[..., Any]:
    """The objective, with an action in the middle of a step, counted from 1 in this process."""
    calls, parts = 0, settings.rows // settings.micro_rows // processes

    def objective(decoder: Decoder, batch: PackedRows, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        nonlocal calls
        if decoder.training:
            calls += 1
            if calls == (number - 1) * parts + 2:
                action()
        return next_token(decoder, batch, generator)

    return objective


def go(folder: Path, settings: Settings = Settings(), **more: Any) -> State:
    """Run to the end, or as far as it comes."""
    return train(tiny_run(folder, settings, **more), ALONE)


def log_of(folder: Path) -> list[dict[str, float]]:
    """The log without what depends on the clock."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "tokens_per_s"} for line in lines]


def saved(folder: Path) -> dict[str, Any]:
    whole: dict[str, Any] = torch.load(folder / "state" / "run.pt", weights_only=True)
    return whole


def main() -> None:
    torch.set_num_threads(1)
    settings, objective = Settings(**json.loads(sys.argv[2])), next_token
    with join_world("cpu") as world:
        if len(sys.argv) > 3:
            number, kill = int(sys.argv[4]), sys.argv[3] == "--kill-in-step"
            meant = signal.SIGKILL if kill else signal.SIGTERM
            if world.rank == world.size - 1:
                objective = at_step(number, lambda: os.kill(os.getpid(), meant), settings, world.size)
        train(tiny_run(Path(sys.argv[1]), settings, objective), world)


if __name__ == "__main__":
    main()
