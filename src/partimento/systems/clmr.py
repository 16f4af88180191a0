"""CLMR: SampleCNN on raw waveforms and a chain of augmentations (Spijkervet & Burgoyne, ISMIR 2021), as a baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from partimento.configuration import from_plain
from partimento.networks.samplecnn import WINDOW, SampleCNN, SampleCNNConfig
from partimento.networks.slicing import Slicing
from partimento.networks.sound import ProjectorConfig
from partimento.objectives.crops import PairsConfig
from partimento.recipe import BatchConfig, OptimizerConfig, Recipe, ScheduleConfig, WatchConfig
from partimento.systems.sound import CropsConfig, SoundConfig

RATE_HZ = 22_050
WINDOWS = Slicing(frames=WINDOW, hop=WINDOW, first=WINDOW // 2)


@dataclass(frozen=True)
class CLMRSystem(SoundConfig):
    """The system whole; arguments as `SoundConfig`.

    Args:
        network: sizes of the trunk, which reads samples at 22,050 Hz.
    """

    network: SampleCNNConfig


def trunk_of(plain: Any) -> SampleCNN:
    """The network of a checkpoint's config.

    Raises:
        ValueError: naming what is unknown, missing or of the wrong type.
    """
    return SampleCNN(from_plain(SampleCNNConfig, plain, "network"))


def paper() -> CLMRSystem:
    """Batches of 96, Adam at 3e-4, temperature 0.5; the published length is 10,000 epochs of MagnaTagATune."""
    return CLMRSystem(
        crops=CropsConfig(apart_s=None, augment=True),
        pairs=PairsConfig(temperature=0.5, chunk=96),
        projector=ProjectorConfig(hidden=(512,), outputs=64),
        windows=WINDOWS,
        recipe=Recipe(
            schedule=ScheduleConfig(steps=2_000_000, warmup=0, decay_from=1.0),
            batch=BatchConfig(rows=96, length=1, micro_rows=1),
            optimizer=OptimizerConfig(lr=3e-4, betas=(0.9, 0.999), weight_decay=0.0, clip_norm=0.0),
            compile=True,
        ),
        network=SampleCNNConfig(),
    )


def small() -> CLMRSystem:
    """A quarter of the width, for two CPU cores."""
    return CLMRSystem(
        crops=CropsConfig(apart_s=5.0, augment=True),
        pairs=PairsConfig(temperature=0.5, chunk=64),
        projector=ProjectorConfig(hidden=(256,), outputs=64),
        windows=WINDOWS,
        recipe=Recipe(
            schedule=ScheduleConfig(steps=800, warmup=40, final=0.0),
            batch=BatchConfig(rows=64, length=1, micro_rows=1),
            optimizer=OptimizerConfig(lr=1e-3, betas=(0.9, 0.999), weight_decay=0.01),
            watch=WatchConfig(validate_every=100, validate_rows=128, sample_every=0, save_every=100),
        ),
        network=SampleCNNConfig(width_factor=0.25),
    )


PRESETS = {"small": small, "paper": paper}
