"""Aria: a language model of piano performance (Bradshaw et al. 2025, arXiv 2506.23869).

A value that binds tokens, network and recipe; `training` is handed it, `model` opens what came out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from partimento.configuration import from_plain
from partimento.networks.decoder import DecoderConfig, Pool
from partimento.networks.transformer import TransformerConfig
from partimento.recipe import BatchConfig, OptimizerConfig, Recipe, ScheduleConfig, WatchConfig

Preset = Literal["paper", "small"]


@dataclass(frozen=True)
class AriaConfig:
    """The system whole: what the network is and how it is trained. The vocabulary follows from `network.vocabulary`."""

    network: DecoderConfig
    recipe: Recipe


def network_of(plain: Any) -> DecoderConfig:
    """The sizes in a checkpoint's config.

    Raises:
        ValueError: naming what is unknown, missing or of the wrong type.
    """
    if isinstance(plain, dict):
        plain = {"pool": "end", **plain}  # which checkpoints from before there were two kinds do not say
    return from_plain(DecoderConfig, plain, "network")


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


@dataclass(frozen=True)
class ContrastiveConfig:
    """How a language model becomes an embedding: SimCLR on slices (section 3.4 of the paper).

    Args:
        recipe: `batch.rows` is the number of pieces a step, each with two slices of at most `batch.length` tokens, all
            of a process taken at once whatever `batch.micro_rows` says; `batch.augment` is 1 where slices are augmented
            and 0 where not.
        notes: fewest and most notes of a slice.
        outputs: features of the vector.
        temperature: of the softmax over cosine similarities.
        loss: "nt_xent", or the "infonce" of the original program.
        pool: which hidden state the vector is made of.
        one_key: chance that both slices of a piece are transposed alike: 1 lets the vector know the key, 0 makes it
            forget it.
    """

    recipe: Recipe
    notes: tuple[int, int] = (100, 650)
    outputs: int = 512
    temperature: float = 0.1
    loss: Literal["nt_xent", "infonce"] = "nt_xent"
    pool: Pool = "end"
    one_key: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= self.notes[0] <= self.notes[1]:
            raise ValueError(f"notes is {self.notes}; it must be fewest, most with 1 <= fewest <= most")
        if not 0 <= self.one_key <= 1:
            raise ValueError(f"one_key is {self.one_key}; it must be from 0 to 1")
        if self.recipe.batch.augment not in (0, 1):
            raise ValueError(f"batch.augment is {self.recipe.batch.augment}; slices are all augmented (1) or none (0)")
        if not self.temperature > 0:
            raise ValueError(f"temperature is {self.temperature}; it must be greater than 0")


def contrastive_paper() -> ContrastiveConfig:
    """The released embedding's recipe: slices of 100-650 notes, 2,048 tokens, 0.1, 25 epochs, AdamW at 1e-5.

    The original's batch size is not known; its loss is `loss="infonce"`, its loader never augments (`batch.augment=0`).
    """
    return ContrastiveConfig(
        Recipe(
            schedule=ScheduleConfig(steps=25_000, warmup=1000),
            batch=BatchConfig(rows=128, length=2048, micro_rows=1),
            optimizer=OptimizerConfig(lr=1e-5, epsilon=1e-5),
            checkpointing=True,
            compile=True,
        )
    )


def contrastive_small() -> ContrastiveConfig:
    """A recipe that two CPU cores go through in half an hour.

    Vectors are means over a slice: a small network learns within steps what takes <E> hundreds (docs/log.md).
    """
    return ContrastiveConfig(
        Recipe(
            schedule=ScheduleConfig(steps=240, warmup=20, final=0.0),
            batch=BatchConfig(rows=32, length=1024, micro_rows=1),
            optimizer=OptimizerConfig(kind="muon", lr=5e-4, matrix_lr=1e-3),
            watch=WatchConfig(log_every=5, validate_every=40, validate_rows=128, sample_every=0, save_every=40),
        ),
        notes=(60, 240),
        pool="mean",
        one_key=0.5,
    )


def generative_paper() -> Recipe:
    """One epoch of pieces from their start, each a row of its own (section 3.3); the original's rate is not known."""
    return Recipe(
        schedule=ScheduleConfig(steps=3000, warmup=200),
        batch=BatchConfig(rows=128, length=8192, micro_rows=16),
        optimizer=OptimizerConfig(lr=3e-5, epsilon=1e-5),
        checkpointing=True,
        compile=True,
    )


def generative_small() -> Recipe:
    """Ten minutes on two CPU cores, at a rate that leaves the language model what it has learned."""
    return Recipe(
        schedule=ScheduleConfig(steps=300, warmup=20, final=0.0),
        batch=BatchConfig(rows=8, length=1024, micro_rows=4, augment=0.0),
        optimizer=OptimizerConfig(kind="muon", lr=1e-3, matrix_lr=1e-3),
        watch=WatchConfig(validate_every=100, validate_rows=64, sample_every=0, save_every=50),
    )


PRESETS = {"paper": paper, "small": small}
GENERATIVE = {"paper": generative_paper, "small": generative_small}
CONTRASTIVE = {"paper": contrastive_paper, "small": contrastive_small}


@dataclass(frozen=True)
class ClassesConfig:
    """How a language model or an embedding becomes a classifier of pieces (section 4 of the paper).

    Args:
        recipe: `batch.rows` is the number of pieces a step, each with one slice of at most `batch.length` tokens;
            `batch.augment` is the share of the slices that are augmented. Up to `watch.validate_rows` pieces of the
            validation side choose the checkpoint.
        notes: fewest and most notes of a slice; a whole piece is read in windows of 300.
        windows: most windows of a piece that are read in validation, spread evenly over it; 0 is all.
        probe_slices: number of slices, from the pieces in turn, by which the head is fitted before anything else is
            trained; 0 begins with a random head.
        dropout: on the residual branches, rising from 0 to this value with depth.
        pool: which hidden state a slice is judged by; none is the base's own way.
        lora: rank of low-rank adapters (Hu et al. 2021), 0 to train all weights.
        lora_alpha: the adapters' scale is alpha / rank.
    """

    recipe: Recipe
    notes: tuple[int, int] = (100, 300)
    windows: int = 0
    probe_slices: int = 0
    dropout: float = 0.2
    pool: Pool | None = None
    lora: int = 0
    lora_alpha: float = 16.0

    def __post_init__(self) -> None:
        if not 1 <= self.notes[0] <= self.notes[1]:
            raise ValueError(f"notes is {self.notes}; it must be fewest, most with 1 <= fewest <= most")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}; it must be at least 0 and below 1")
        for name in ("windows", "probe_slices", "lora"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 0")


def classes_paper() -> ClassesConfig:
    """The paper's full fine-tuning: 1e-5 without warm-up, falling linearly, 1,024 tokens, 10 epochs of 10,000 pieces.

    The original's batch size is not known, nor how far the rate falls; it chose the checkpoint on the test side.
    Adapters (`lora`) ask for a higher rate, 1e-4 say.
    """
    return ClassesConfig(
        Recipe(
            schedule=ScheduleConfig(steps=12_500, warmup=0),
            batch=BatchConfig(rows=8, length=1024, micro_rows=8, augment=0.0),
            optimizer=OptimizerConfig(lr=1e-5, epsilon=1e-5),
            watch=WatchConfig(validate_every=1250, validate_rows=1000, sample_every=0, save_every=1250),
            checkpointing=True,
            compile=True,
        )
    )


def classes_small() -> ClassesConfig:
    """A recipe that two CPU cores go through in some minutes, for some hundreds of pieces."""
    return ClassesConfig(
        Recipe(
            schedule=ScheduleConfig(steps=200, warmup=10, final=0.0),
            batch=BatchConfig(rows=8, length=1024, micro_rows=8, augment=0.0),
            optimizer=OptimizerConfig(lr=3e-4),
            watch=WatchConfig(validate_every=25, validate_rows=100, sample_every=0, save_every=25),
        ),
        windows=3,
        probe_slices=512,
        pool="mean",
    )


CLASSES = {"paper": classes_paper, "small": classes_small}
