"""The drummer of this software: any hidden bars and voices of a drum part given all other instruments and the rest.

It answers Dahale et al. 2022 (2209.00291) with one network in place of three, sampled instead of regressed. A value
that binds network, hiding and recipe; `training.drums` is handed it, `drum_model` opens what came out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from partimento.networks.drummer import DrummerConfig
from partimento.recipe import BatchConfig, OptimizerConfig, Recipe, ScheduleConfig, WatchConfig

SYSTEM = "drummer"
DENSITY_EDGES = (1, 6, 9, 12, 15, 18, 24)  # hits of a bar at which the next class of density begins


@dataclass(frozen=True)
class Hiding:
    """What of a window's drums is hidden in training; the shares add up to 1.

    Args:
        whole: all bars, which then are told from left to right.
        rest: every bar from a drawn one on.
        runs: one to three runs of one to eight bars.
        single: bars drawn on their own, a fifth of them.
        voices: some drum classes, in all bars or in a run.
    """

    whole: float = 0.3
    rest: float = 0.2
    runs: float = 0.25
    single: float = 0.15
    voices: float = 0.1

    def __post_init__(self) -> None:
        shares = (self.whole, self.rest, self.runs, self.single, self.voices)
        if min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
            raise ValueError(f"the shares of hiding are {shares}; they must be at least 0 and add up to 1")


@dataclass(frozen=True)
class Wishes:
    """How often the network is told what it could find out, so that it obeys when it is and guesses when not.

    Args:
        fills: share of the windows in which it is said of some bars, or all, whether they are fills.
        density: share in which it is said how many hits some bars have.
        feel: share in which the feel is said.
        phrase: share in which it is said where the phrases begin.
    """

    fills: float = 0.5
    density: float = 0.3
    feel: float = 0.8
    phrase: float = 0.9


@dataclass(frozen=True)
class Changes:
    """How the other instruments are changed in training.

    Args:
        semitones: they are transposed by so many at most.
        silenced: share of the windows in which one family is silent (the paper: 40 %).
        alone: share in which all are, as in recordings of a drummer alone.
    """

    semitones: int = 6
    silenced: float = 0.4
    alone: float = 0.05


@dataclass(frozen=True)
class DrummerSystem:
    """The drummer whole.

    Args:
        recipe: `batch.length` is the bars of a window; `batch.augment` the share of the windows that are changed.
        fill_share: share of the recordings of single fills that an epoch has; they are short, and padded.
    """

    network: DrummerConfig
    recipe: Recipe
    hiding: Hiding = field(default_factory=Hiding)
    wishes: Wishes = field(default_factory=Wishes)
    changes: Changes = field(default_factory=Changes)
    fill_share: float = 0.25

    def __post_init__(self) -> None:
        if self.recipe.batch.length > self.network.bars:
            raise ValueError(
                f"batch.length {self.recipe.batch.length} is over the network's {self.network.bars} bars of a window"
            )
        if self.network.density_classes != len(DENSITY_EDGES) + 1:
            raise ValueError(f"density_classes must be {len(DENSITY_EDGES) + 1}: {DENSITY_EDGES} are their edges")


def small() -> DrummerSystem:
    """3.1 M parameters; a pass over 150,000 bars takes five minutes on one CPU core."""
    return DrummerSystem(
        DrummerConfig(),
        Recipe(
            schedule=ScheduleConfig(steps=4500, warmup=100, decay_from=0.4, final=0.02),
            batch=BatchConfig(rows=8, length=32, micro_rows=8),
            optimizer=OptimizerConfig(kind="muon", lr=1.5e-3, matrix_lr=3e-3),
            watch=WatchConfig(log_every=20, validate_every=250, validate_rows=96, sample_every=0, save_every=125),
        ),
    )


def base() -> DrummerSystem:
    """6.9 M parameters, half the speed."""
    system = small()
    network = replace(system.network, width=256, heads=4, feedforward=704, encoder_layers=4, decoder_layers=4)
    return replace(system, network=network)


PRESETS = {"small": small, "base": base}
