"""M2BERT's objectives on this software's encoder: notes moved a little are put right (Wang & Su 2025, 2507.04776)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from partimento.objectives.correction import Noise
from partimento.systems import musicbert
from partimento.systems.musicbert import MaskedConfig


@dataclass(frozen=True)
class CorrectionConfig(MaskedConfig):
    """A system that corrects notes.

    Args:
        masking: which notes are moved, and which fields are not known; no other is masked or replaced.
        noise: how far they are moved.
    """

    noise: Noise = field(default_factory=Noise)


def small() -> CorrectionConfig:
    """The size, data and recipe of MusicBERT's small preset, with 30 % of the notes moved."""
    base = musicbert.small()
    masking = replace(base.masking, units=("octuple",), share=0.3, masked=0.0, replaced=0.0)
    return CorrectionConfig(base.network, base.recipe, masking, base.coarse)


PRESETS = {"small": small}
