"""MusicBERT: a bidirectional transformer over OctupleMIDI that restores hidden bars (Zeng et al. 2021, 2106.05630).

A value that binds words, network, masking and recipe; `training` is handed it, `model` opens what came out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from partimento.configuration import from_plain
from partimento.networks.encoder import EncoderConfig
from partimento.networks.transformer import TransformerConfig
from partimento.objectives.masked import Masking
from partimento.recipe import BatchConfig, OptimizerConfig, Recipe, ScheduleConfig, WatchConfig
from partimento.tokens.octuple import OCTUPLE

SIZES = {  # layers, width (section 4.1 has small and base; the program names the others)
    "tiny": (2, 128),
    "mini": (4, 256),
    "small": (4, 512),
    "medium": (8, 512),
    "base": (12, 768),
    "large": (24, 1024),
}
CONTEXT = 1024  # octuples, 8,192 ids
HEAD_DIM = 64


@dataclass(frozen=True)
class MaskedConfig:
    """A masked system whole.

    Args:
        network: sizes of the encoder.
        recipe: `batch.length` counts words, `batch.augment` is the share of the pieces that are transposed and, where
            they have no metre, stretched in an epoch.
        masking: what is hidden and scored.
        coarse: chance that a piece of 4/4 is put on a grid of sixteenths, as many encodings are.
    """

    network: EncoderConfig
    recipe: Recipe
    masking: Masking
    coarse: float = 0.0

    def __post_init__(self) -> None:
        if self.recipe.batch.length > self.network.context:
            raise ValueError(f"batch.length {self.recipe.batch.length} is over the context {self.network.context}")


def encoder_of(plain: Any) -> EncoderConfig:
    """The sizes in a checkpoint's config.

    Raises:
        ValueError: naming what is unknown, missing or of the wrong type.
    """
    return from_plain(EncoderConfig, plain, "network")


def paper(size: str = "base") -> MaskedConfig:
    """The paper's recipe: 125,000 updates of 256 sequences, bars masked as in its program (section 4.1; train_mask.sh).

    The transformer is this software's (pre-norm, rotary positions, SwiGLU of as many parameters) instead of RoBERTa's.
    """
    layers, width = SIZES[size]
    return MaskedConfig(
        network=EncoderConfig(
            TransformerConfig(
                width=width,
                heads=width // HEAD_DIM,
                layers=layers,
                feedforward=round(width * 8 / 3 / HEAD_DIM) * HEAD_DIM,
                dropout=0.1,
            ),
            OCTUPLE,
            field_width=width,
            context=CONTEXT,
            table="shared",
        ),
        recipe=Recipe(
            schedule=ScheduleConfig(steps=125_000, warmup=25_000, final=0.0),
            batch=BatchConfig(rows=256, length=CONTEXT, micro_rows=8, augment=0.0),
            optimizer=OptimizerConfig(lr=5e-4, betas=(0.9, 0.98), epsilon=1e-6, weight_decay=0.01, clip_norm=0.0),
            checkpointing=True,
            compile=True,
        ),
        masking=Masking(units=("bar_instrument",)),
    )


def small() -> MaskedConfig:
    """A size that two CPU cores train within the hour: 3.3 M parameters, fields with output layers of their own.

    Velocity, tempo, metre and instrument are unknown in part of the pieces, so that music without them is read as well.
    """
    return MaskedConfig(
        network=EncoderConfig(
            TransformerConfig(width=192, heads=3, layers=6, feedforward=576, rope_base=10_000.0),
            OCTUPLE,
            field_width=64,
            context=CONTEXT,
        ),
        recipe=Recipe(
            schedule=ScheduleConfig(steps=3000, warmup=100, final=0.0),
            batch=BatchConfig(rows=16, length=512, micro_rows=8, augment=0.8),
            optimizer=OptimizerConfig(kind="muon", lr=2e-3, matrix_lr=4e-3),
            watch=WatchConfig(validate_every=250, validate_rows=64, sample_every=0, save_every=250),
        ),
        masking=Masking(
            units=("bar", "octuple", "random"),
            share=0.3,
            unknown=(("velocity", 0.5), ("tempo", 0.6), ("time_signature", 0.5), ("instrument", 0.1)),
        ),
        coarse=0.5,
    )


PRESETS = {"small": small, "paper": paper} | {f"paper-{size}": partial(paper, size) for size in SIZES}


@dataclass(frozen=True)
class LabelsConfig:
    """How an encoder learns to label notes or sequences.

    Args:
        recipe: `batch.length` is the longest sequence; `schedule.steps` and when it validates follow from `epochs`.
        epochs: passes over the training sequences.
        validations: how often the checkpoint may be chosen.
        hidden: share of the notes that are hidden in training (mask fine-tuning), 0 for none.
        semitones: a sequence is transposed by so many at most.
        smoothing: share of a label that is spread over all classes.
        dropout: in the heads.
        trunk_dropout: on the residual branches of the encoder, rising from 0 to this value with depth.
    """

    recipe: Recipe
    epochs: float = 10.0
    validations: int = 10
    hidden: float = 0.12
    semitones: int = 6
    smoothing: float = 0.0
    dropout: float = 0.1
    trunk_dropout: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.hidden < 1:
            raise ValueError(f"hidden is {self.hidden}; it must be at least 0 and below 1")
        if not self.epochs > 0 or self.validations < 1:
            raise ValueError(f"epochs {self.epochs} and validations {self.validations} must be above 0")


def labels_paper() -> LabelsConfig:
    """MidiBERT's fine-tuning with Adversarial-MidiBERT's masks: AdamW at 2e-5, batches of 12, at most 10 epochs."""
    return LabelsConfig(
        Recipe(
            schedule=ScheduleConfig(steps=1, warmup=0, final=1.0),
            batch=BatchConfig(rows=12, length=512, micro_rows=12),
            optimizer=OptimizerConfig(lr=2e-5, weight_decay=0.01, clip_norm=3.0),
        )
    )


def labels_small() -> LabelsConfig:
    """A recipe for the small encoder: few epochs at a high rate, in many small steps."""
    return LabelsConfig(
        Recipe(
            schedule=ScheduleConfig(steps=1, warmup=50, final=0.0),
            batch=BatchConfig(rows=4, length=512, micro_rows=4),
            optimizer=OptimizerConfig(kind="muon", lr=1e-3, matrix_lr=2e-3),
        ),
        epochs=4.0,
        validations=12,
    )


LABELS = {"small": labels_small, "paper": labels_paper}
