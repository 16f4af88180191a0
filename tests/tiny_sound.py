"""Small systems of sound and made-up recordings for them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from partimento.networks.efficientnet import EfficientNetConfig
from partimento.networks.samplecnn import SampleCNNConfig
from partimento.networks.sfnfnet import SFNFNetConfig
from partimento.networks.slicing import Slicing
from partimento.networks.sound import ProjectorConfig
from partimento.networks.transformer import TransformerConfig
from partimento.overrides import override
from partimento.systems import clmr, cola, mule, vit1d

RATE_HZ = 16_000
SETTINGS = (
    *("batch.rows=6", "bf16=false", "optimizer.lr=3e-3", "optimizer.kind=adamw", "schedule.warmup=2"),
    *("schedule.steps=6", "log_every=2", "validate_every=3", "save_every=3", "validate_rows=4"),
)
PROJECTOR = ProjectorConfig(hidden=(16,), outputs=8)


def tiny_systems() -> dict[str, Any]:
    """The four systems with networks that a test has time for."""
    sizes = TransformerConfig(16, 2, 2, 32, rope_base=10_000.0)
    vit = vit1d.small()
    small = {
        "mule": replace(
            mule.small(), network=SFNFNetConfig(slow=0.0625, fast=0.5), windows=Slicing(96, 64, 48), projector=PROJECTOR
        ),
        "vit1d": replace(
            vit,
            network=replace(vit.network, transformer=sizes),
            windows=Slicing(50, 25, 25),
            projector=PROJECTOR,
        ),
        "cola": replace(
            cola.small(),
            network=EfficientNetConfig(width_factor=0.1),
            projector=replace(cola.small().projector, outputs=8),
        ),
        "clmr": replace(clmr.small(), network=SampleCNNConfig(width_factor=1 / 32), projector=PROJECTOR),
    }
    return {name: override(system, list(SETTINGS)) for name, system in small.items()}


def tone(pitch_hz: float, seconds: float, seed: int = 0) -> np.ndarray:
    """A tone with two overtones that swells and falls, in a little noise: (S,) float32."""
    rng = np.random.default_rng((seed, round(pitch_hz)))
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    waves = sum(np.sin(2 * np.pi * pitch_hz * k * time_s + rng.uniform(0, 6)) / k for k in (1, 2, 3))
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * rng.uniform(0.5, 2) * time_s)
    return (0.1 * waves * swell + 0.003 * rng.standard_normal(len(time_s))).astype(np.float32)


def write_recordings(folder: Path, count: int, seconds: float = 4.0) -> list[Path]:
    """So many FLAC files of tones, a song each."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:02}.flac" for number in range(count)]
    for number, path in enumerate(paths):
        soundfile.write(path, tone(110 * 2 ** (number / 3), seconds, number), RATE_HZ)
    return paths
