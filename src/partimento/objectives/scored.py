"""Learning from sound with its score: pairs of crops as in contrastive learning, and what is played at every moment.

A score tells for each token which pitches sound, where notes begin, beats and bars, and the chord; and for the crop as
a whole its key and its instruments. The vector of a crop learns what tells recordings apart, its tokens what is played.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partimento.networks.sound import Front, ProjectorConfig, SoundLearner
from partimento.networks.vit1d import ViT1D
from partimento.objectives.crops import heard, judged

PITCHES = 88  # of a piano, from MIDI pitch 21 on
EVENTS = ("onset", "beat", "downbeat")
CHORDS = 25  # major and minor from C, none
KEYS = 24  # major and minor from C
PROGRAMS = 129  # of General MIDI, and percussion
UNKNOWN = -1
RARE, SELDOM = -3.5, -2.0  # logits of 3 % and of 12 %


@dataclass(frozen=True)
class ScoredPairs:
    """Two crops of each of N recordings with what is played in them, T' tokens each.

    Args:
        sound: (N, 2, S) float32 waveforms.
        songs: (N,) int64; pairs of one song are not each other's negatives.
        roll: (N, 2, T', PITCHES) float32, 1 where a pitch sounds.
        events: (N, 2, T', 3) float32 from 0 to 1, the EVENTS at a token; below 0 where not known.
        chord: (N, 2, T') int64, UNKNOWN where it is not.
        key: (N, 2) int64, UNKNOWN where it is not.
        programs: (N, 2, PROGRAMS) float32, 1 for what plays in the crop.
    """

    sound: Tensor
    songs: Tensor
    roll: Tensor
    events: Tensor
    chord: Tensor
    key: Tensor
    programs: Tensor

    @property
    def tokens(self) -> int:
        """Samples that are read."""
        return self.sound.numel()

    def __len__(self) -> int:
        return len(self.sound)

    def __getitem__(self, rows: slice) -> ScoredPairs:
        return ScoredPairs(*(getattr(self, field.name)[rows] for field in fields(self)))

    def to(self, device: torch.device) -> ScoredPairs:
        return ScoredPairs(*(getattr(self, field.name).to(device, non_blocking=True) for field in fields(self)))


@dataclass(frozen=True)
class ScoreWeights:
    """What each part of the loss weighs; the parts are in nats a crop or, of what is timed, a token.

    Args:
        contrast: NT-Xent on the class token.
        roll: binary cross-entropy, summed over the pitches.
        events: the same, summed over onset, beat and downbeat.
        chord, key: cross-entropy.
        programs: binary cross-entropy, summed over the instruments.
    """

    contrast: float = 1.0
    roll: float = 0.2
    events: float = 1.0
    chord: float = 0.5
    key: float = 0.3
    programs: float = 0.3


class ScoredLearner(SoundLearner):
    """A ViT-1D with a projector on its class token and linear outputs for the score on its sequence tokens."""

    trunk: ViT1D

    def __init__(self, front: Front, trunk: ViT1D, projector: ProjectorConfig) -> None:
        super().__init__(front, trunk, projector)
        width = trunk.config.width
        self.timed = nn.Linear(width, PITCHES + len(EVENTS) + CHORDS)
        self.whole = nn.Linear(2 * width, KEYS + PROGRAMS)
        with torch.no_grad():  # most pitches and instruments are silent: the outputs begin there
            self.timed.bias[:PITCHES] = RARE
            self.timed.bias[PITCHES : PITCHES + len(EVENTS)] = SELDOM
            self.whole.bias[KEYS:] = RARE


def scored_crops(
    network: ScoredLearner, batch: ScoredPairs, generator: torch.Generator, *, temperature: float, weights: ScoreWeights
) -> tuple[Tensor, dict[str, Tensor]]:
    """Weighted sum of the losses, a crop.

    Returns:
        the loss, and for the log sums of it ("loss"), of its parts, of how often a crop's partner is the nearest of all
        ("hits"), and the number of crops ("count").
    """
    assert network.projector is not None
    hidden = network.trunk.hidden(heard(network, batch.sound, generator, mix=False))  # (2N, 1 + T', D)
    first, sequence = hidden[:, 0], hidden[:, 1:]
    roll, events, chord = network.timed(sequence).float().split([PITCHES, len(EVENTS), CHORDS], dim=-1)
    key, programs = network.whole(torch.cat([first, sequence.mean(1)], -1)).float().split([KEYS, PROGRAMS], dim=-1)
    vectors = network.projector(first).float().unflatten(0, (-1, 2))
    with torch.autocast(vectors.device.type, enabled=False):
        contrast, hits = judged(network, vectors, batch.songs, temperature)
    parts = {
        "contrast": contrast.mean(),
        "roll": _binary(roll, batch.roll.flatten(0, 1)),
        "events": _binary(events, batch.events.flatten(0, 1)),
        "chord": _classes(chord.transpose(1, 2), batch.chord.flatten(0, 1)),
        "key": _classes(key, batch.key.flatten(0, 1)),
        "programs": _binary(programs, batch.programs.flatten(0, 1)),
    }
    loss = torch.stack([getattr(weights, name) * part for name, part in parts.items()]).sum()
    count = torch.tensor(2 * len(batch), device=loss.device)
    logs = {name: part.detach() * count for name, part in parts.items()}
    return loss, {"loss": loss.detach() * count, "hits": hits.sum(), "count": count, **logs}


def _binary(logits: Tensor, truth: Tensor) -> Tensor:
    """Binary cross-entropy, summed over the last axis, averaged over the others; what is not known costs nothing."""
    losses = F.binary_cross_entropy_with_logits(logits, truth.clamp_min(0), reduction="none")
    return (losses * (truth >= 0)).sum(-1).mean()


def _classes(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy, averaged over all places; what is not known costs nothing."""
    return F.cross_entropy(logits, truth, ignore_index=UNKNOWN, reduction="sum") / truth.numel()
