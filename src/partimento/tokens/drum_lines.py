"""Whether and how a piece lies on the grid of 32 steps a bar: its bar lines, its deviation, its feel.

All that is needed is a histogram of the onsets within a quarter note.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partimento.notes import Notes
from partimento.tokens.clock import GRIDS, METRICAL_FROM

STEPS = 32  # a bar
STEPS_PER_QUARTER = 8
QUARTERS = 4  # of a bar
LEAST_STRENGTH = METRICAL_FROM
TRIPLET_SHARE = 0.5  # of the onsets beside the eighths; chance is a third
SWUNG = 0.75  # of the onsets on triplets, on those that a swung rhythm has
FEW = 0.02  # onsets beside the eighths, by all onsets: below there is no feel to speak of

STRAIGHT, SWING, SWUNG_SIXTEENTHS, TRIPLETS = "straight", "swing", "swung sixteenths", "triplets"


@dataclass(frozen=True)
class GridFit:
    """How the onsets of a piece lie on its beats.

    Args:
        deviation: mean distance from the nearest step, in steps; 0.25 is chance, pure triplets have about 0.2.
        strength: how closely they gather around sixteenths or sixteenth triplets, 0 to 1 (`tokens.clock`).
        triplet_share: of the onsets beside the eighths, those that are nearer to a triplet than to a step.
        feel: straight, swing, swung sixteenths or triplets.
    """

    deviation: float
    strength: float
    triplet_share: float
    feel: str


def grid_fit(notes: Notes) -> GridFit:
    """The fit of the drums of a piece, or of all its notes where it has none.

    Raises:
        ValueError: if it has no notes.
    """
    if not len(notes):
        raise ValueError("no notes: there is nothing to lay on a grid")
    onset = notes.onset[notes.is_drum] if notes.is_drum.any() else notes.onset
    counts = histogram(onset, notes.ticks_per_quarter)
    share, feel = _feel(counts)
    steps = np.arange(len(counts)) * (STEPS_PER_QUARTER / len(counts))
    deviation = float(counts @ np.abs(steps - np.rint(steps)) / counts.sum())
    return GridFit(deviation, strength(counts), share, feel)


def histogram(onset: np.ndarray, ticks_per_quarter: int) -> np.ndarray:
    """(ticks of a quarter,) how many onsets there are at each tick of the quarter note."""
    return np.bincount(onset % ticks_per_quarter, minlength=ticks_per_quarter)


def strength(counts: np.ndarray) -> float:
    """How closely onsets gather around a grid of sixteenths or sixteenth triplets, whichever they fit better.

    As `tokens.clock.grid_strength`, but of a histogram, in which each onset counts as often as notes begin there.
    """
    ticks = np.flatnonzero(counts)
    angle = (2j * np.pi / len(counts)) * ticks
    weight = counts[ticks] / counts.sum()
    return max(float(np.abs(weight @ np.exp(grid * angle))) for grid in GRIDS)


def steady_delay(steps: np.ndarray) -> tuple[float, float]:
    """How far behind the sixteenths times stand as a whole, in steps [-1, 1), and how closely they agree, 0 to 1.

    The delay is the circular mean of the distances from the sixteenths, two steps each.

    Args:
        steps: (N,) times in steps, N >= 1.
    """
    mean = np.exp(1j * np.pi * steps).mean()
    return float(np.angle(mean) / np.pi), float(np.abs(mean))


def check_beats(notes: Notes, least_strength: float) -> None:
    """Do nothing if the notes, or the drums among them, lie on their own beats.

    Raises:
        ValueError: if they do not.
    """
    if least_strength <= 0:
        return
    found = strength(histogram(notes.onset, notes.ticks_per_quarter))
    if found < least_strength and notes.is_drum.any():  # a rubato melody over drums that are in time
        found = max(found, strength(histogram(notes.onset[notes.is_drum], notes.ticks_per_quarter)))
    if found < least_strength:
        raise ValueError(
            "the notes do not lie on the file's own beats (they gather around its sixteenths or triplets with "
            f"strength {found:.2f}; at least {least_strength:.2f} is needed, chance is about 0): a performance "
            "recorded without a tempo map has no bars to play drums to; set its beats first, in a sequencer or with a "
            "beat tracker"
        )


def bar_lines(notes: Notes) -> np.ndarray:
    """(bars + 1,) int64 ticks of the bar lines, from the start of the file past the last onset.

    Only the metre while notes sound counts: what a file says before the first or after the last onset is passed over,
    but bars begin where the metre of the first onset does.

    Raises:
        ValueError: if a bar is not as long as one of 4/4, or a quarter has fewer ticks than steps.
    """
    per_quarter = notes.ticks_per_quarter
    if per_quarter < STEPS_PER_QUARTER:
        raise ValueError(f"{per_quarter} ticks a quarter note; the grid needs at least {STEPS_PER_QUARTER}")
    if not len(notes):
        raise ValueError("no notes: there is nothing to lay on a grid")
    first, last = int(notes.onset[0]), int(notes.onset[-1])
    origin = 0
    if len(notes.metre_tick):
        since = max(int(np.searchsorted(notes.metre_tick, first, side="right")) - 1, 0)
        until = max(int(np.searchsorted(notes.metre_tick, last, side="right")), since + 1)
        numerator, denominator = notes.metre_numerator[since:until], notes.metre_denominator[since:until]
        if (other := np.flatnonzero(numerator != denominator)).size:
            at, metre = since + int(other[0]), f"{numerator[other[0]]}/{denominator[other[0]]}"
            seconds = float(notes.seconds_at(notes.metre_tick[at : at + 1])[0])
            raise ValueError(
                f"the metre is {metre} from {int(seconds) // 60}:{int(seconds) % 60:02} on (tick "
                f"{int(notes.metre_tick[at])}); the drum grid takes 4/4 alone: cut the piece there, or write it in 4/4"
            )
        changed = notes.metre_numerator[:since] != notes.metre_denominator[:since]
        origin = int(notes.metre_tick[since]) if changed.any() else 0
    bar = QUARTERS * per_quarter
    half_step = per_quarter / (2 * STEPS_PER_QUARTER)
    bars = int((last - origin + half_step) // bar) + 1
    return origin + bar * np.arange(bars + 1, dtype=np.int64)


def _feel(counts: np.ndarray) -> tuple[float, str]:
    """The share of triplets among the onsets beside the eighths, and the feel that it stands for."""
    ticks = np.flatnonzero(counts)
    weight = counts[ticks]
    twenty_fourths = ticks * (24 / len(counts))  # of a quarter: a step is 3, a triplet of sixteenths 4
    triplet = np.rint(twenty_fourths / 4).astype(int) * 4  # 0, 4, ... 24
    straight = np.rint(twenty_fourths / 3) * 3
    nearer = np.abs(twenty_fourths - triplet) < np.abs(twenty_fourths - straight)
    beside = straight % 12 != 0
    on = {place: int(weight[nearer & (triplet == place)].sum()) for place in (4, 8, 16, 20)}
    others = int(weight[beside | nearer].sum())
    triplets = sum(on.values())
    if not triplets:
        return 0.0, STRAIGHT
    share = triplets / others
    if share <= TRIPLET_SHARE or others < FEW * weight.sum():
        return share, STRAIGHT
    if on[16] >= SWUNG * triplets:
        return share, SWING
    if on[8] + on[20] >= SWUNG * triplets and on[20] > on[16]:
        return share, SWUNG_SIXTEENTHS
    return share, TRIPLETS
