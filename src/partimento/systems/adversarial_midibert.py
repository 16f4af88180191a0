"""Adversarial-MidiBERT: an encoder over OctupleMIDI that a masker trains (Zhao 2024, 2407.08306).

Its control is `musicbert` with `masking.units=octuple`: the same network and music, notes hidden by chance.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from partimento.networks.encoder import EncoderConfig
from partimento.networks.transformer import TransformerConfig
from partimento.objectives.adversarial import Adversary
from partimento.objectives.masked import Masking
from partimento.recipe import BatchConfig, OptimizerConfig, Recipe, ScheduleConfig
from partimento.systems import musicbert
from partimento.systems.musicbert import CONTEXT, MaskedConfig
from partimento.tokens.octuple import OCTUPLE


@dataclass(frozen=True)
class AdversarialConfig(MaskedConfig):
    """A masked system whose notes are chosen by a masker.

    Args:
        masking: how hidden notes are shown; its units and share are those of validation, where chance chooses.
        adversary: how notes are chosen in training.
    """

    adversary: Adversary = field(default_factory=Adversary)


def paper() -> AdversarialConfig:
    """The published recipe: a table of 256 a field, 12 layers of 768, AdamW at 1e-4, 16 sequences of 1,024 notes.

    The program goes on for 500 epochs, or until 30 bring nothing; `schedule.steps` has to be set for the data. The
    transformer is this software's (pre-norm, rotary positions, SwiGLU of as many parameters) instead of BERT's with
    relative positions.
    """
    return AdversarialConfig(
        network=EncoderConfig(
            TransformerConfig(width=768, heads=12, layers=12, feedforward=2048, dropout=0.1),
            OCTUPLE,
            field_width=256,
            context=CONTEXT,
        ),
        recipe=Recipe(
            schedule=ScheduleConfig(steps=100_000, warmup=0, final=1.0),
            batch=BatchConfig(rows=16, length=CONTEXT, micro_rows=8, augment=0.0),
            optimizer=OptimizerConfig(lr=1e-4, betas=(0.9, 0.999), weight_decay=0.01, clip_norm=3.0),
        ),
        masking=Masking(units=("octuple",)),
    )


def small() -> AdversarialConfig:
    """The size, data and recipe of MusicBERT's small preset, which two CPU cores train within hours."""
    base = musicbert.small()
    masking = replace(base.masking, units=("octuple",), share=0.15)
    return AdversarialConfig(base.network, base.recipe, masking, base.coarse)


PRESETS = {"small": small, "paper": paper}
