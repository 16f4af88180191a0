"""What the systems that learn from sound have in common: which crops are drawn, how pairs are judged, files are cut.

`mule`, `vit1d`, `cola` and `clmr` each add their front end, their network and their numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

from partimento.networks.slicing import Slicing
from partimento.networks.sound import ProjectorConfig
from partimento.objectives.crops import PairsConfig
from partimento.recipe import Recipe


@dataclass(frozen=True)
class CropsConfig:
    """Which stretches of a recording are crops; each is as long as a window of the trained network.

    Args:
        apart_s: centres of the two crops of a pair lie at most so far apart; None lets them lie anywhere.
        within_s: both lie inside a random stretch of this length; None takes the whole recording.
        augment: CLMR's chain on the waveforms: polarity, noise, gain, filter, delay, pitch, reverb.
    """

    apart_s: float | None = 5.0
    within_s: float | None = None
    augment: bool = False

    def __post_init__(self) -> None:
        for name in ("apart_s", "within_s"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"crops.{name} is {value}; it must be at least 0, or none")


@dataclass(frozen=True)
class SoundConfig:
    """A system that learns from sound, whole but for its front end and its network.

    Args:
        crops: which stretches are set against each other.
        pairs: how.
        projector: the head that is put away after training.
        windows: of a file, for the trained network, in frames of the front end; in samples where the network, or its
            front end, hears a window as a whole.
        recipe: `batch.rows` counts pairs (recordings, for tags); `batch.length` and `batch.micro_rows` are not used.
    """

    crops: CropsConfig
    pairs: PairsConfig
    projector: ProjectorConfig
    windows: Slicing
    recipe: Recipe
