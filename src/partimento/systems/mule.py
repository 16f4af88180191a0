"""MULE: SF-NFNet-F0 on windows of three seconds, by SimCLR or by tags, with mixup (McCallum et al., ISMIR 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from partimento.configuration import from_plain
from partimento.networks import sfnfnet
from partimento.networks.logmel import LogMelConfig, mule_mel
from partimento.networks.sfnfnet import SFNFNet, SFNFNetConfig
from partimento.networks.slicing import MULE_SLICES, Slicing
from partimento.networks.sound import ProjectorConfig
from partimento.objectives.crops import PairsConfig
from partimento.recipe import BatchConfig, OptimizerConfig, Recipe, ScheduleConfig, WatchConfig
from partimento.systems.sound import CropsConfig, SoundConfig


@dataclass(frozen=True)
class MULESystem(SoundConfig):
    """The system whole; arguments as `SoundConfig`.

    Args:
        front: waveform to log-mel.
        network: sizes of the trunk.
    """

    front: LogMelConfig
    network: SFNFNetConfig


def trunk_of(plain: Any) -> SFNFNet:
    """The network of a checkpoint's config.

    Raises:
        ValueError: naming what is unknown, missing or of the wrong type.
    """
    return SFNFNet(from_plain(SFNFNetConfig, plain, "network"))


def paper() -> MULESystem:
    """1,920 pairs a step, 200,000 steps of Adam, the rate rising to 2e-4 in 5,000 (section 3.3 and its configuration).

    Its rate falls along a cosine, ours along a line.
    """
    return MULESystem(
        crops=CropsConfig(apart_s=5.0),
        pairs=PairsConfig(temperature=0.1, mixup=True, chunk=120),
        projector=ProjectorConfig(hidden=(4096, 4096, 4096), outputs=4096),
        windows=MULE_SLICES,
        recipe=Recipe(
            schedule=ScheduleConfig(steps=200_000, warmup=5_000, final=0.0),
            batch=BatchConfig(rows=1920, length=1, micro_rows=1),
            optimizer=OptimizerConfig(lr=2e-4, betas=(0.9, 0.999), weight_decay=0.0, clip_norm=0.0),
            compile=True,
        ),
        front=mule_mel(),
        network=sfnfnet.paper(),
    )


def small() -> MULESystem:
    """A narrow network, for two CPU cores; its windows cover a file from the first frame to the last."""
    return MULESystem(
        crops=CropsConfig(apart_s=5.0),
        pairs=PairsConfig(temperature=0.1, mixup=True, chunk=32),
        projector=ProjectorConfig(hidden=(512,), outputs=128),
        windows=Slicing(frames=300, hop=200, first=150),
        recipe=Recipe(
            schedule=ScheduleConfig(steps=800, warmup=40, final=0.0),
            batch=BatchConfig(rows=64, length=1, micro_rows=1),
            optimizer=OptimizerConfig(lr=1e-3, betas=(0.9, 0.999), weight_decay=0.0),
            watch=WatchConfig(validate_every=100, validate_rows=128, sample_every=0, save_every=100),
        ),
        front=mule_mel(),
        network=sfnfnet.small(),
    )


PRESETS = {"small": small, "paper": paper}
