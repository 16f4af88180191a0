"""Notes moved a little, to be put right, and the piano roll of their bar: after M2BERT (Wang & Su 2025, 2507.04776).

A share of the notes is shown at a wrong position, pitch and duration, all near the right ones; no mask tells which.
The network says the right ones, so it has to find what does not fit. At every note it says as well what sounds in each
sixteenth of the bar, and at the note's own onset: 12 chromas and the keys, each adding up to 1 where something sounds.

The constants are those of the published program (york135/M2BERT): 30 % of the notes; a position moved by 4 sixteenths,
a pitch by 12 semitones, a duration by 12 of its ids at most; 16 sixteenths of the bar and the onset's own, 17 rows of
12 + 86; squared errors added up over the roll, weighing 1 to the 176 of the fields. What differs:
- Positions are 64ths of a whole note here: 16 ids are 4 sixteenths. A note on a grid of sixteenths would give itself
  away by leaving it, so half of the notes are moved by whole sixteenths.
- Durations have 128 ids of steps that grow with length, so 12 ids are a share of the length; there they are
  thirty-seconds.
- All of the range is drawn from with the same chance; there the upper end of the interval is left out.
- Scored are the three fields and what was not known to the network at a moved note; there the bar is scored too, which
  is never hidden.
- A key is one of 88, not of 86; a bar has its own length, and what is beyond 16 sixteenths is not in the roll; drums
  are not in it.
- As there, notes stay where they were in the sequence, so that its order still tells a little.

Shapes: B batch, T words, F fields, N real notes of all rows, M bars.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from partimento.networks.packed import FILLER
from partimento.networks.roll import RollEncoder
from partimento.networks.rows import PackedWords
from partimento.objectives.masked import Masking, hide, restored
from partimento.tokens.octuple import (
    BAR,
    BAR_UNITS,
    DRUM_PITCHES,
    DURATION,
    DURATION_UNITS,
    OCTUPLE,
    PITCH,
    POSITION,
    TIME_SIGNATURE,
    UNITS_PER_WHOLE,
)

SIXTEENTH = UNITS_PER_WHOLE // 16  # units of the positions
BAR_STEPS = 16  # sixteenths of a bar in its roll
LONGEST_STEPS = OCTUPLE.sizes[POSITION] // SIXTEENTH  # sixteenths of the longest bar
CHROMAS, LOWEST_KEY, KEYS = 12, 21, 88
ROLL_STEPS, ROLL_COLUMNS = BAR_STEPS + 1, CHROMAS + KEYS
MOVED = (POSITION, PITCH, DURATION)


@dataclass(frozen=True)
class Noise:
    """How far a note is moved.

    Args:
        position: 64ths of a whole note at most; a note stays in its bar.
        pitch: semitones at most, drums among drums.
        duration: ids at most.
        sixteenths: share of the notes that are moved by whole sixteenths.
        roll: weight of the piano roll's squared error of a note, against the loss of a field in nats.
    """

    position: int = 16
    pitch: int = 12
    duration: int = 12
    sixteenths: float = 0.5
    roll: float = 1 / 176

    def __post_init__(self) -> None:
        for name in ("position", "pitch", "duration"):
            if getattr(self, name) < 0:
                raise ValueError(f"noise.{name} is {getattr(self, name)}; it must be at least 0")


def corrected(
    network: RollEncoder, batch: PackedWords, generator: torch.Generator, masking: Masking, noise: Noise
) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss in nats a scored field, plus the weighted squared error of the piano roll a note.

    Args:
        batch: octuples.
        masking: which notes are scored and which fields are not known; it should not mask or replace any.

    Returns:
        the loss, and for the log sums of the fields' losses ("loss") and of how often the likeliest id is right
        ("hits"), their number ("count"), and the squared error of a note's roll ("roll") times that number.
    """
    encoder, words, documents = network.encoder, batch.words, batch.documents
    sizes = torch.tensor(encoder.config.fields.sizes, device=words.device)
    seen, drawn = hide(words, documents, encoder.config.fields, masking, generator)
    shown = moved(seen, drawn, noise, generator)
    scored = drawn & (shown >= sizes)
    scored[..., list(MOVED)] = drawn[..., list(MOVED)]
    hidden = encoder.hidden(shown, documents)
    losses, hits = restored(encoder, hidden, words, scored)

    real = documents != FILLER
    rolls, bars, steps = bar_rolls(words, documents)
    bars, steps = bars[real], steps[real]
    said = network.roll(hidden[real]).float()
    own = rolls[bars, steps]
    error = (said[:, :BAR_STEPS] - rolls[bars, :BAR_STEPS]).square().sum() + (said[:, BAR_STEPS] - own).square().sum()
    error = error / len(bars)

    count = scored.sum()
    logs = {
        "loss": losses.detach().sum(),
        "hits": hits.sum(),
        "count": count,
        "roll": error.detach() * count,
    }
    usual = masking.share * documents.numel() * len(MOVED)  # fields that are scored of a full batch
    return losses.sum() / usual + noise.roll * error, logs


def moved(words: Tensor, drawn: Tensor, noise: Noise, generator: torch.Generator) -> Tensor:
    """Words (B, T, 8) with position, pitch and duration drawn anew near their values where `drawn` (B, T, 8) says so.

    What is unknown stays so.
    """
    shown = words.clone()
    position, pitch, duration = (words[..., field] for field in MOVED)
    whole = torch.rand(position.shape, device=words.device, generator=generator) < noise.sixteenths
    drums = pitch >= DRUM_PITCHES
    last = bar_units(words) - 1
    lowest, highest = drums * DRUM_PITCHES, DRUM_PITCHES - 1 + drums * DRUM_PITCHES
    shown[..., POSITION] = torch.where(
        whole,
        _near(position, noise.position, 0, last, SIXTEENTH, generator),
        _near(position, noise.position, 0, last, 1, generator),
    )
    shown[..., PITCH] = _near(pitch, noise.pitch, lowest, highest, 1, generator)
    shown[..., DURATION] = _near(duration, noise.duration, 0, OCTUPLE.sizes[DURATION] - 1, 1, generator)
    known = words < torch.tensor(OCTUPLE.sizes, device=words.device)
    return torch.where(drawn & known, shown, words)


def bar_units(words: Tensor) -> Tensor:
    """(B, T) the length of each word's bar in 64ths, of a whole note where the metre is unknown; its note is inside."""
    lengths = torch.from_numpy(BAR_UNITS).to(words.device)
    signature = words[..., TIME_SIGNATURE]
    known = signature < len(lengths)
    units = torch.where(known, lengths[torch.where(known, signature, 0)], UNITS_PER_WHOLE)
    position = words[..., POSITION]
    inside = torch.where(position < OCTUPLE.sizes[POSITION], position, 0)
    return torch.maximum(units.clamp(max=OCTUPLE.sizes[POSITION]), inside + 1)


def bar_rolls(words: Tensor, documents: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What sounds in each bar, for words (B, T, 8) and documents (B, T).

    A note that is held over the bar line sounds in the next bar too, if there are words of it, not in those after it.

    Returns:
        rolls (M, 32, 100) float32, at each sixteenth the chromas that sound and the keys that sound, each summing to 1
        or 0; for each word its bar (B, T), below M, and the sixteenth of its onset (B, T).
    """
    device = words.device
    known = words < torch.tensor(OCTUPLE.sizes, device=device)
    steps = torch.where(known[..., POSITION], words[..., POSITION], 0) // SIXTEENTH
    row = torch.arange(len(words), device=device)[:, None]
    piece = row * (documents.shape[1] + 1) + documents - FILLER
    bars, numbers = torch.unique(piece * (OCTUPLE.sizes[BAR] + 8) + words[..., BAR], return_inverse=True)
    following = torch.searchsorted(bars, bars + 1).clamp(max=len(bars) - 1)
    follows = bars[following] == bars + 1

    counts = (documents != FILLER) & known[..., [BAR, *MOVED]].all(-1) & (words[..., PITCH] < DRUM_PITCHES)
    note, bar, start = words[counts], numbers[counts], steps[counts]
    length = ((bar_units(words)[counts] + SIXTEENTH - 1) // SIXTEENTH)[:, None]
    units = torch.from_numpy(DURATION_UNITS).to(device)[note[:, DURATION]]
    sounding = ((units + SIXTEENTH // 2) // SIXTEENTH).clamp(min=1)[:, None]
    offset = torch.arange(LONGEST_STEPS, device=device)
    step = start[:, None] + offset
    over = step >= length  # in the next bar
    step = torch.where(over, step - length, step)
    sounds = (offset < sounding) & (~over | follows[bar][:, None]) & (step < length)
    place = torch.where(over, following[bar][:, None], bar[:, None]) * LONGEST_STEPS + step
    pitch = note[:, PITCH, None].expand_as(place)
    key = pitch - LOWEST_KEY
    on_piano = sounds & (key >= 0) & (key < KEYS)
    chromas = _counted(place[sounds], pitch[sounds] % CHROMAS, len(bars), CHROMAS)
    keys = _counted(place[on_piano], key[on_piano], len(bars), KEYS)
    return torch.cat([chromas, keys], dim=-1), numbers, steps


def _counted(place: Tensor, column: Tensor, bars: int, columns: int) -> Tensor:
    """(M, 32, columns) how often each column is named at each place, as shares of all of that place."""
    found = torch.bincount(place * columns + column, minlength=bars * LONGEST_STEPS * columns).float()
    found = found.view(bars, LONGEST_STEPS, columns)
    return found / found.sum(-1, keepdim=True).clamp(min=1)


def _near(
    value: Tensor, span: int, low: Tensor | int, high: Tensor | int, step: int, generator: torch.Generator
) -> Tensor:
    """Numbers drawn from those at most `span` from a value and from low to high, so many steps away."""
    below = (value - low).clamp(max=span) // step
    above = (high - value).clamp(max=span) // step
    drawn = torch.rand(value.shape, device=value.device, generator=generator)
    return value + step * ((drawn * (below + above + 1)).long() - below)
