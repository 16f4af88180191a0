"""Songs with a drum part and stages of the published drummer so small that they are made in a moment."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from partimento.corpus.datasets.drums import DrumPiece, DrumSet
from partimento.networks.dahale.basic import BasicConfig
from partimento.networks.dahale.infill import InfillConfig
from partimento.networks.dahale.location import Kind, LocationConfig
from partimento.recipe import BatchConfig, OptimizerConfig, Recipe, ScheduleConfig, WatchConfig
from partimento.systems.dahale import BasicStage, InfillStage, LocationStage
from partimento.tokens.drum_columns import DrumColumns

BASIC = BasicConfig(width=16, heads=2, feedforward=32, encoder_layers=1, decoder_layers=2, embedding=24, dropout=0.0)
INFILL = InfillConfig(
    width=8, heads=2, feedforward=16, layers=1, embedding=16, dense=32, channels=8, blocks=1, dropout=0.0
)


def locator_sizes(kind: Kind) -> LocationConfig:
    """A tiny model of stage 2."""
    return LocationConfig(kind, embedding=16, width=8, heads=2, head_width=4, feedforward=16, layers=1, dropout=0.0)


def recipe(steps: int, rows: int = 4, lr: float = 3e-3) -> Recipe:
    """A run of seconds, in single precision."""
    return Recipe(
        ScheduleConfig(steps, warmup=1, final=0.5),
        BatchConfig(rows, 11, rows // 2, augment=0.0),
        OptimizerConfig(lr=lr, weight_decay=0.0),
        WatchConfig(log_every=1, validate_every=2, validate_rows=4, sample_every=0, save_every=2),
        bf16=False,
    )


def basic_stage(steps: int) -> BasicStage:
    return BasicStage(recipe(steps), BASIC, masked_steps=0.1, longest=48)


def location_stage(steps: int, kind: Kind = "mini-bert") -> LocationStage:
    return LocationStage(recipe(steps), locator_sizes(kind), huber=kind == "sub-beat")


def infill_stage(steps: int) -> InfillStage:
    return InfillStage(recipe(steps, lr=1e-2), replace(INFILL, dropout=0.1))


def columns(bars: int, fills: tuple[int, ...] = (), seed: int = 0) -> DrumColumns:
    """A beat of kick and snare, other drums in the fills; a bass note a beat and chords that change in each bar."""
    generator = np.random.default_rng(seed)
    cells = set()
    for bar in range(bars):
        if bar in fills:
            cells |= {(bar * 32 + 4 * step, 7 + int(generator.integers(5))) for step in range(8)}
        else:
            cells |= {(bar * 32 + step, drum) for step, drum in ((0, 0), (8, 1), (16, 0), (24, 1))}
    hits = np.array(sorted(cells))
    start = np.arange(bars * 4, dtype=np.int32) * 8
    return DrumColumns(
        hit_step=hits[:, 0].astype(np.int32),
        hit_class=hits[:, 1].astype(np.uint8),
        hit_velocity=np.full(len(hits), 100, np.uint8),
        hit_shift=np.zeros(len(hits), np.float32),
        note_start=start,
        note_stop=start + np.int32(8),
        note_family=generator.integers(0, 4, len(start)).astype(np.uint8),
        note_line=generator.integers(1, 64, len(start)).astype(np.uint8),
        note_velocity=generator.integers(1, 128, len(start)).astype(np.uint8),
        bar_ticks=np.arange(bars + 1) * 1920,
    )


def songs(count: int = 3, bars: int = 24) -> DrumSet:
    """Songs with fills in their 8th and 16th bar."""
    pieces = tuple(DrumPiece(f"multitrack/{number}.mid", "multitrack", group=str(number)) for number in range(count))
    return DrumSet(pieces, tuple(columns(bars, (7, 15), seed=number) for number in range(count)))
