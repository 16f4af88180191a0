"""What a training run is told: plain numbers, saved beside every checkpoint. The loop is in `training`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class OptimizerConfig:
    """How weights move.

    Args:
        kind: "adamw", or "muon" for AdamW with orthogonalised momentum on the matrices inside the blocks (Jordan et al.
            2024).
        lr: peak learning rate of AdamW.
        matrix_lr: peak learning rate of Muon's matrices, in AdamW's units (the update's RMS is matched to AdamW's).
        betas, epsilon: AdamW's moments.
        weight_decay: on matrices inside the blocks and the output layer; norms and embeddings have none.
        clip_norm: largest global norm of the gradient; 0 turns clipping off.
    """

    kind: Literal["adamw", "muon"] = "adamw"
    lr: float = 3e-4
    matrix_lr: float = 3e-3
    betas: tuple[float, float] = (0.9, 0.95)
    epsilon: float = 1e-8
    weight_decay: float = 0.1
    clip_norm: float = 1.0


@dataclass(frozen=True)
class ScheduleConfig:
    """Learning rate over the run: linear warm-up, a plateau, then linear decay.

    Args:
        steps: optimizer steps of the whole run.
        warmup: steps from 0 to the peak.
        decay_from: share of the run after which the rate falls; 0 begins right after the warm-up.
        final: share of the peak that is left at the end.
    """

    steps: int
    warmup: int = 200
    decay_from: float = 0.0
    final: float = 0.1

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"schedule.steps is {self.steps}; it must be at least 1")
        if self.warmup < 0:
            raise ValueError(f"schedule.warmup is {self.warmup}; it must be at least 0")
        for name in ("decay_from", "final"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"schedule.{name} is {getattr(self, name)}; it must be from 0 to 1")


@dataclass(frozen=True)
class BatchConfig:
    """What one optimizer step sees.

    Args:
        rows: packed rows a step, over all processes and accumulation.
        length: tokens a row.
        micro_rows: rows a process takes through the network at once; smaller saves memory, the result stays the same.
        augment: share of the pieces whose tempo, pitch and velocity are drawn anew in an epoch; 0 turns it off.
        augmented_epochs: how many epochs are augmented, so that the last ones see the music as it is; None is all.
    """

    rows: int
    length: int
    micro_rows: int
    augment: float = 1.0
    augmented_epochs: int | None = None

    def __post_init__(self) -> None:
        for name in ("rows", "length", "micro_rows"):
            if getattr(self, name) < 1:
                raise ValueError(f"batch.{name} is {getattr(self, name)}; it must be at least 1")
        if not 0 <= self.augment <= 1:
            raise ValueError(f"batch.augment is {self.augment}; it must be from 0 to 1")
        if self.rows % self.micro_rows:
            raise ValueError(f"batch.rows {self.rows} must be a multiple of batch.micro_rows {self.micro_rows}")


@dataclass(frozen=True)
class WatchConfig:
    """How often the run says and saves something, in optimizer steps; 0 is never."""

    log_every: int = 10
    validate_every: int = 250
    validate_rows: int = 64
    sample_every: int = 500
    save_every: int = 250


@dataclass(frozen=True)
class Recipe:
    """A whole training run.

    Args:
        seed: decides the first weights, the order of the pieces and their augmentation.
        bf16: mixed precision: matrix products in bfloat16, weights and sums in float32.
        share_parts: embedding and output rows of related tokens share parts while they are learned (see
            `networks.factored`).
        checkpointing: compute activations again in the backward pass to save memory.
        compile: torch.compile, on GPUs.
    """

    schedule: ScheduleConfig
    batch: BatchConfig
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    watch: WatchConfig = field(default_factory=WatchConfig)
    seed: int = 0
    bf16: bool = True
    share_parts: bool = False
    checkpointing: bool = False
    compile: bool = False

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}; it must be at least 0")
