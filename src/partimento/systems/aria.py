"""Aria: a language model of piano performance (Bradshaw et al. 2025, arXiv 2506.23869).

A value that binds tokens, network and recipe; `training` is handed it, `model` opens what came out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from partimento.networks.decoder import DecoderConfig
from partimento.networks.transformer import TransformerConfig
from partimento.recipe import BatchConfig, OptimizerConfig, Recipe, ScheduleConfig

Preset = Literal["paper", "small"]


@dataclass(frozen=True)
class AriaConfig:
    """The system whole: what the network is and how it is trained. The vocabulary follows from `network.vocabulary`."""

    network: DecoderConfig
    recipe: Recipe


def paper() -> AriaConfig:
    """The paper's size and recipe: 658,538,496 parameters, 8,192 positions, 17,727 tokens.

    Steps are one pass over 60,473 h at 1.05 M tokens a step, times 75 (section 3.2 of the paper); the original has
    neither clipping nor a piece mask and decays all weights.
    """
    return AriaConfig(
        network=DecoderConfig(
            TransformerConfig(width=1536, heads=24, layers=16, feedforward=6144), vocabulary=17_727, context=8192
        ),
        recipe=Recipe(
            schedule=ScheduleConfig(steps=350_000, warmup=200),
            batch=BatchConfig(rows=128, length=8192, micro_rows=16),
            optimizer=OptimizerConfig(lr=3e-4, epsilon=1e-5),
            checkpointing=True,
            compile=True,
        ),
    )


def small() -> AriaConfig:
    """A size that two CPU cores train within hours, on the 2,675 tokens of solo piano with pedal."""
    return AriaConfig(
        network=DecoderConfig(
            TransformerConfig(width=256, heads=4, layers=5, feedforward=768), vocabulary=2_675, context=1024
        ),
        recipe=Recipe(
            schedule=ScheduleConfig(steps=2800, warmup=100, decay_from=0.18, final=0.0),
            batch=BatchConfig(rows=8, length=1024, micro_rows=4, augment=0.5, augmented_epochs=2),
            optimizer=OptimizerConfig(kind="muon", lr=3e-3, matrix_lr=8e-3),
            share_parts=True,
        ),
    )


PRESETS = {"paper": paper, "small": small}
