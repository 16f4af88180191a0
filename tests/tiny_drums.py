"""Songs, windows and drummers so small that they are made in a moment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from partimento.networks.drum_windows import CLASSES, FAMILIES, LINES, STEPS, DrumWindows
from partimento.networks.drummer import Drummer, DrummerConfig
from partimento.notes import Notes
from partimento.recipe import BatchConfig, Recipe, ScheduleConfig, WatchConfig
from partimento.systems.drummer import DrummerSystem
from partimento.training.drums import save_drummer

SIZES = DrummerConfig(
    bars=8,
    width=16,
    heads=1,
    feedforward=32,
    encoder_layers=1,
    decoder_layers=2,
    others_width=8,
    cell_width=12,
    repeat_heads=2,
)


def tiny_system(steps: int = 4, sizes: DrummerConfig = SIZES) -> DrummerSystem:
    """A system that trains in seconds."""
    recipe = Recipe(
        schedule=ScheduleConfig(steps=steps, warmup=1),
        batch=BatchConfig(rows=4, length=8, micro_rows=2),
        watch=WatchConfig(log_every=1, validate_every=2, validate_rows=4, sample_every=0, save_every=2),
    )
    return DrummerSystem(sizes, recipe)


def tiny_drummer(sizes: DrummerConfig = SIZES, seed: int = 0, spread: float = 0.1) -> Drummer:
    """A network with weights so far from 0 that everything in it can be seen in what comes out."""
    torch.manual_seed(seed)
    network = Drummer(sizes)
    network.initialise()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += spread * torch.randn_like(parameter)
        network.cells.out.bias += 2.6  # so that many cells are likely
    return network.eval()


def tiny_checkpoint(folder: Path, sizes: DrummerConfig = SIZES, seed: int = 0) -> Path:
    """A checkpoint folder of such a network."""
    about = {"name": "tiny", "preset": "small", "data": "none", "licence": "CC0-1.0"}
    facts = {"step": 0, "tokens": 0, "seconds": 0.0, "valid_loss": None}
    save_drummer(tiny_system(sizes=sizes), about, tiny_drummer(sizes, seed), folder, facts)
    return folder


def random_windows(count: int = 2, bars: int = 6, seed: int = 0) -> DrumWindows:
    """Windows of noise, every drum hidden."""
    random = np.random.default_rng(seed)
    shape = (count, bars, STEPS)
    velocity = random.integers(1, 128, (*shape, CLASSES)) * (random.random((*shape, CLASSES)) < 0.08)
    others = random.integers(1, 128, (*shape, FAMILIES, LINES)) * (random.random((*shape, FAMILIES, LINES)) < 0.02)
    others[..., 0] = ~others[..., 1:].any(-1)
    shift = np.where(velocity > 0, random.uniform(-0.5, 0.49, velocity.shape), 0)
    bar = np.tile(np.arange(bars), (count, 1))
    unsaid = np.zeros((count, bars), dtype=np.int64)
    arrays = (
        velocity.astype(np.uint8),
        shift.astype(np.float32),
        others.astype(np.uint8),
        np.zeros((count, bars, CLASSES), dtype=bool),
        bar,
        bars - 1 - bar,
        np.ones((count, bars), dtype=bool),
        unsaid,
        unsaid,
        np.zeros(count, dtype=np.int64),
        np.zeros(count, dtype=bool),
        random.integers(0, 2, (count, bars)),
        np.ones(count, dtype=bool),
    )
    return DrumWindows(*map(torch.from_numpy, arrays))


def with_known(windows: DrumWindows, *places: tuple[int, int | slice]) -> DrumWindows:
    """The windows with some (bar, class or classes) given in all rows."""
    known = windows.known.clone()
    for bar, which in places:
        known[:, bar, which] = True
    return replace(windows, known=known)


def tiny_song(bars: int = 20, drums: bool = True, seed: int = 0) -> Notes:
    """A bass in eighths over chords of two bars, with rock drums and a fill in every eighth bar."""
    random = np.random.default_rng(seed)
    rows: list[tuple[int, int, int, int, int, bool]] = []  # onset in steps, steps, pitch, velocity, program, drum
    for bar in range(bars):
        root = int((36, 41, 43, 36)[bar // 2 % 4])
        start = bar * STEPS
        rows += [(start + step, 4, root, 90, 33, False) for step in range(0, STEPS, 4)]
        rows += [(start, STEPS, root + 24 + third, 70, 0, False) for third in (0, 4, 7)]
        fill = bar % 8 == 7
        played = [(36, 0), (36, 20), (38, 8)] + ([] if fill else [(38, 24)])
        played += [(42, step) for step in range(0, 16 if fill else STEPS, 4)]
        played += [(pitch, 16 + 2 * k) for k, pitch in enumerate((50, 50, 48, 48, 45, 45, 43, 43))] if fill else []
        rows += [(start + step, 1, pitch, int(random.integers(50, 120)), 0, True) for pitch, step in played if drums]
    rows.sort(key=lambda row: (row[0], row[0] + row[1]))
    onset, duration, pitch, velocity, program, is_drum = (np.array(column) for column in zip(*rows, strict=True))
    track = np.where(is_drum, 2, np.where(program == 33, 1, 0))
    columns = [column.astype(np.int32) for column in (onset * 15, duration * 15, pitch, velocity, program)]
    names = ("Piano", "Bass", "Kit") if drums else ("Piano", "Bass")
    return Notes(*columns, is_drum.astype(bool), track.astype(np.int32), names, ticks_per_quarter=120)
