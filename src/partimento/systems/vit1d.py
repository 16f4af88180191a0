"""ViT-1D: a transformer over log-mel columns, NT-Xent on its class token (Kong et al., ISMIR 2025).

The paper gives no sizes of its front end, crops or batch: these are ours, near the published habits of its group (16
kHz, crops of four seconds, temperature 0.1). What emerges in the sequence tokens, which the loss never sees, is
measured by `partimento evaluate`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from partimento.configuration import from_plain
from partimento.networks.logmel import LogMelConfig, vit1d_mel
from partimento.networks.slicing import Slicing
from partimento.networks.sound import ProjectorConfig
from partimento.networks.transformer import TransformerConfig
from partimento.networks.vit1d import ViT1D, ViT1DConfig, vit1d_paper
from partimento.objectives.crops import PairsConfig
from partimento.objectives.scored import ScoreWeights
from partimento.recipe import BatchConfig, OptimizerConfig, Recipe, ScheduleConfig, WatchConfig
from partimento.systems.sound import CropsConfig, SoundConfig

PATCH_FRAMES = 2  # 40 ms a token


@dataclass(frozen=True)
class ViT1DSystem(SoundConfig):
    """The system whole; arguments as `SoundConfig`.

    Args:
        front: waveform to log-mel.
        network: sizes of the trunk; its `pool` is the class token, which the loss is put to. A checkpoint gives the
            mean of all tokens, the better vector by the paper.
    """

    front: LogMelConfig
    network: ViT1DConfig


def trunk_of(plain: Any) -> ViT1D:
    """The network of a checkpoint's config.

    Raises:
        ValueError: naming what is unknown, missing or of the wrong type.
    """
    return ViT1D(from_plain(ViT1DConfig, plain, "network"))


def paper() -> ViT1DSystem:
    """5.3 million parameters; batch, rate and length of the run are ours, for a GPU."""
    return ViT1DSystem(
        crops=CropsConfig(apart_s=5.0),
        pairs=PairsConfig(temperature=0.1, chunk=256),
        projector=ProjectorConfig(hidden=(1024,), outputs=128),
        windows=Slicing(frames=200, hop=100, first=100),
        recipe=Recipe(
            schedule=ScheduleConfig(steps=200_000, warmup=5_000, final=0.0),
            batch=BatchConfig(rows=512, length=1, micro_rows=1),
            optimizer=OptimizerConfig(lr=5e-4, weight_decay=0.05),
            compile=True,
        ),
        front=vit1d_mel(),
        network=replace(vit1d_paper(vit1d_mel().mels, PATCH_FRAMES), pool="class"),
    )


def small() -> ViT1DSystem:
    """2.0 million parameters, for two CPU cores: crops of three seconds, 64 pairs a step, matrices by Muon."""
    return ViT1DSystem(
        crops=CropsConfig(apart_s=5.0),
        pairs=PairsConfig(temperature=0.1, mixup=True, chunk=64),
        projector=ProjectorConfig(hidden=(512,), outputs=128),
        windows=Slicing(frames=150, hop=75, first=75),
        recipe=Recipe(
            schedule=ScheduleConfig(steps=800, warmup=40, final=0.0),
            batch=BatchConfig(rows=64, length=1, micro_rows=1),
            optimizer=OptimizerConfig(kind="muon", lr=1e-3, matrix_lr=2e-3, weight_decay=0.05),
            watch=WatchConfig(validate_every=100, validate_rows=128, sample_every=0, save_every=100),
        ),
        front=vit1d_mel(),
        network=ViT1DConfig(
            TransformerConfig(192, 3, 4, 512, rope_base=10_000.0),
            mels=vit1d_mel().mels,
            patch_frames=PATCH_FRAMES,
            pool="class",
        ),
    )


@dataclass(frozen=True)
class ScoredSystem(ViT1DSystem):
    """A ViT-1D that learns from rendered sound with its score as well; arguments as `ViT1DSystem`.

    Args:
        weights: of the parts of the loss.
        notes: share of a batch that is single notes.
        slot_s: seconds of each single note's slot.
        detune_cents: crops are detuned by so much at most.
        coloured: chance that a waveform is filtered, and that it gets a room.
    """

    weights: ScoreWeights
    notes: float = 0.3
    slot_s: float = 4.0
    detune_cents: float = 30.0
    coloured: float = 0.2


def scored() -> ScoredSystem:
    """`audio-small`: 3.6 million parameters; what tells recordings apart is learned beside what is played in them."""
    base = small()
    return ScoredSystem(
        **{field.name: getattr(base, field.name) for field in fields(base)}
        | {
            "network": replace(base.network, transformer=TransformerConfig(192, 3, 8, 512, rope_base=10_000.0)),
            "recipe": replace(
                base.recipe,
                schedule=ScheduleConfig(steps=3000, warmup=50, final=0.0),
                batch=BatchConfig(rows=32, length=1, micro_rows=1),
                watch=WatchConfig(validate_every=200, validate_rows=160, sample_every=0, save_every=100),
            ),
            "weights": ScoreWeights(),
        }
    )


PRESETS = {"small": small, "paper": paper, "scored": scored}
