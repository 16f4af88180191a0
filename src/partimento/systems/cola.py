"""COLA: EfficientNet-B0 and a bilinear similarity on crops of one second (Saeed, Grangier & Zeghidour, ICASSP 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from partimento.configuration import from_plain
from partimento.networks.efficientnet import EfficientNet, EfficientNetConfig
from partimento.networks.logmel import LogMelConfig, cola_mel
from partimento.networks.slicing import Slicing
from partimento.networks.sound import ProjectorConfig
from partimento.objectives.crops import PairsConfig
from partimento.recipe import BatchConfig, OptimizerConfig, Recipe, ScheduleConfig, WatchConfig
from partimento.systems.sound import CropsConfig, SoundConfig

WINDOWS = Slicing(frames=98 * 160, hop=98 * 160, first=49 * 160)  # samples: a second, scaled to length 1 as a whole


@dataclass(frozen=True)
class COLASystem(SoundConfig):
    """The system whole; arguments as `SoundConfig`.

    Args:
        front: waveform to log-mel.
        network: sizes of the trunk.
    """

    front: LogMelConfig
    network: EfficientNetConfig


def trunk_of(plain: Any) -> EfficientNet:
    """The network of a checkpoint's config.

    Raises:
        ValueError: naming what is unknown, missing or of the wrong type.
    """
    return EfficientNet(from_plain(EfficientNetConfig, plain, "network"))


def paper() -> COLASystem:
    """Crops of one second anywhere in a clip, noise of 0.001 on the second, Adam: the constants of the program.

    Its defaults are batches of 64 at 1e-3, 100,000 steps; clips are scaled to length 1 there, so the noise, which is
    given for such clips, is set for samples in ±1 of a clip of 10 s here.
    """
    return COLASystem(
        crops=CropsConfig(apart_s=None),
        pairs=PairsConfig(noise=0.001, chunk=64),
        projector=ProjectorConfig(hidden=(), outputs=512, kind="tanh", bilinear=True),
        windows=WINDOWS,
        recipe=Recipe(
            schedule=ScheduleConfig(steps=100_000, warmup=0, decay_from=1.0),
            batch=BatchConfig(rows=64, length=1, micro_rows=1),
            optimizer=OptimizerConfig(lr=1e-3, betas=(0.9, 0.999), weight_decay=0.0, clip_norm=0.0),
            compile=True,
        ),
        front=cola_mel(),
        network=EfficientNetConfig(),
    )


def small() -> COLASystem:
    """Half the width, for two CPU cores."""
    return COLASystem(
        crops=CropsConfig(apart_s=5.0),
        pairs=PairsConfig(noise=0.001, chunk=64),
        projector=ProjectorConfig(hidden=(), outputs=256, kind="tanh", bilinear=True),
        windows=WINDOWS,
        recipe=Recipe(
            schedule=ScheduleConfig(steps=800, warmup=40, final=0.0),
            batch=BatchConfig(rows=64, length=1, micro_rows=1),
            optimizer=OptimizerConfig(lr=1e-3, betas=(0.9, 0.999), weight_decay=0.01),
            watch=WatchConfig(validate_every=100, validate_rows=128, sample_every=0, save_every=100),
        ),
        front=cola_mel(),
        network=EfficientNetConfig(width_factor=0.5),
    )


PRESETS = {"small": small, "paper": paper}
