"""The published drummer, Dahale et al. 2022 (arXiv 2209.00291; the thesis of June 2022 has its sizes): three stages.

`paper` is what it was trained with: Adam, 1e-4 falling to 1e-6, 300 epochs (60 for the raw similarity) of its 16,832
songs. `small` has the same networks and some minutes of one CPU core. Not said in the thesis and chosen here: batches
of 64, a linear decay, the noise of 0.1; the bars that are not improvised are drawn anew in each epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from partimento.networks.dahale.basic import BasicConfig
from partimento.networks.dahale.infill import DecoderKind, InfillConfig
from partimento.networks.dahale.location import Kind, LocationConfig, paper_sizes
from partimento.recipe import BatchConfig, OptimizerConfig, Recipe, ScheduleConfig, WatchConfig

BASIC, LOCATION, INFILL = "dahale-basic", "dahale-location", "dahale-infill"  # names of the systems in checkpoints
Preset = Literal["paper", "small"]
BARS = 11
ROWS = 64  # of a batch
EPOCHS, RAW_EPOCHS = 300, 60
PAPER_WINDOWS = 127_107  # 1,779,712 bars by 11, 16,832 songs of 21,425
PAPER_IMPROVISED = 115_042  # 146,432 bars, likewise


@dataclass(frozen=True)
class BasicStage:
    """Stage 1.

    Args:
        masked_family: share of the windows of which one other instrument is silent.
        masked_steps: share of the steps that are empty.
        longest: tokens of a window that are learned from; 352 steps have at least 704.
    """

    recipe: Recipe
    network: BasicConfig = field(default_factory=BasicConfig)
    masked_family: float = 0.4
    masked_steps: float = 0.2
    longest: int = 1408


@dataclass(frozen=True)
class LocationStage:
    """Stage 2.

    Args:
        huber: the Huber loss instead of cross-entropy; the sub-beat transformer has it.
    """

    recipe: Recipe
    network: LocationConfig = field(default_factory=LocationConfig)
    huber: bool = False


@dataclass(frozen=True)
class InfillStage:
    """Stage 3.

    Args:
        masked_branch: share of the windows of which the other instruments or the drums are not seen.
        noise: deviation of what is added to the drums.
    """

    recipe: Recipe
    network: InfillConfig = field(default_factory=InfillConfig)
    masked_branch: float = 0.2
    noise: float = 0.1


def basic(preset: Preset = "paper") -> BasicStage:
    """Stage 1 as it is trained."""
    if preset == "paper":
        return BasicStage(_published(PAPER_WINDOWS, EPOCHS, micro_rows=16))
    return BasicStage(_minutes(steps=150, rows=16, micro_rows=8, lr=1e-3, validate_rows=64))


def location(kind: Kind, preset: Preset = "paper") -> LocationStage:
    """A model of stage 2 as it is trained."""
    epochs = RAW_EPOCHS if kind == "raw" else EPOCHS
    recipe = _published(2 * PAPER_IMPROVISED, epochs, micro_rows=ROWS)
    if preset == "small":
        if kind == "sub-beat":
            recipe = _minutes(steps=40, rows=32, micro_rows=8, lr=1e-3, validate_rows=128)
        else:
            steps, lr = {"raw": (500, 1e-3), "learned": (200, 5e-4), "mini-bert": (250, 3e-4)}[kind]
            recipe = _minutes(steps, ROWS, ROWS, lr, validate_rows=512)
    return LocationStage(recipe, paper_sizes(kind), huber=kind == "sub-beat")


def infill(decoder: DecoderKind, preset: Preset = "paper") -> InfillStage:
    """A model of stage 3 as it is trained."""
    recipe = _published(PAPER_IMPROVISED, EPOCHS, micro_rows=ROWS)
    if preset == "small":
        recipe = _minutes(steps=300, rows=ROWS, micro_rows=ROWS, lr=5e-4, validate_rows=512)
    return InfillStage(recipe, InfillConfig(decoder))


def _published(windows: int, epochs: int, micro_rows: int) -> Recipe:
    steps = -(-windows // ROWS) * epochs
    optimizer = OptimizerConfig(lr=1e-4, betas=(0.9, 0.999), epsilon=1e-7, weight_decay=0.0, clip_norm=0.0)
    return Recipe(
        ScheduleConfig(steps, warmup=0, final=0.01),
        BatchConfig(ROWS, BARS, micro_rows, augment=0.0),
        optimizer,
        WatchConfig(log_every=100, validate_every=2000, validate_rows=2048, sample_every=0, save_every=2000),
    )


def _minutes(steps: int, rows: int, micro_rows: int, lr: float, validate_rows: int) -> Recipe:
    published = _published(1, 1, micro_rows)
    every = max(1, steps // 5)
    return replace(
        published,
        schedule=ScheduleConfig(steps, warmup=steps // 10, final=0.01),
        batch=BatchConfig(rows, BARS, micro_rows, augment=0.0),
        optimizer=replace(published.optimizer, lr=lr, clip_norm=1.0),
        watch=WatchConfig(10, validate_every=every, validate_rows=validate_rows, sample_every=0, save_every=every),
    )
