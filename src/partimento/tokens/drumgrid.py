"""The grid that drums are learned on: 32 steps a bar, 16 drum classes, four families of other instruments.

It is that of Dahale et al. 2022 (arXiv 2209.00291): 8 steps a beat of 4/4; kick, snare, ride and crash are two General
MIDI sounds each; the other instruments are piano, guitar, bass and strings, held as long as they sound, with a flag
where they are silent. Beyond the paper it keeps how loud a drum is hit and how far from its step, so that swing,
triplets and a drummer's hand survive the grid.

Deviations: the low-mid tom (47), which the paper leaves out, counts as the low tom; bars of 2/2 and 8/8, as long as
those of 4/4, are taken too. Every other metre is refused, and so is a performance whose bars say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace as changed
from typing import Any

import numpy as np

from partimento.notes import NOTE_COLUMNS, Notes
from partimento.tokens.drum_columns import DrumColumns, drum_columns
from partimento.tokens.drum_kit import CLASSES, FAMILIES, GENERAL_MIDI, KIT
from partimento.tokens.drum_lines import LEAST_STRENGTH, STEPS

LINES = 64  # of a family: the silent flag, then MIDI pitches 21-83
TRACK_NAME = "Drums"


@dataclass(frozen=True, eq=False)
class DrumGrid:
    """One piece, or some bars of it.

    Args:
        velocity: (bars, 32, 16) uint8, 1-127 where a drum class is hit, else 0.
        shift: (bars, 32, 16) float32, how far from its step a hit is, in steps, [-0.5, 0.5); 0 where there is none.
        others: (bars, 32, 4, 64) uint8, families in the order of `FAMILIES`; index 0 is 1 where the family is silent,
            indices 1-63 are the velocities of the MIDI pitches 21-83 that sound, else 0.
        bar_ticks: (bars + 1,) int64, the bar lines in the ticks of the piece, its end included.
    """

    velocity: np.ndarray
    shift: np.ndarray
    others: np.ndarray
    bar_ticks: np.ndarray

    def __len__(self) -> int:
        return len(self.velocity)

    @property
    def hits(self) -> np.ndarray:
        """(bars, 32, 16) bool, where a drum begins to sound."""
        return self.velocity > 0

    def bars(self, start: int, stop: int) -> DrumGrid:
        """The bars [start, stop); views, nothing is copied."""
        which = slice(start, stop)
        bar_ticks = self.bar_ticks[start : stop + 1]
        return DrumGrid(self.velocity[which], self.shift[which], self.others[which], bar_ticks)


def to_grid(notes: Notes, kit: np.ndarray = GENERAL_MIDI, least_strength: float = LEAST_STRENGTH) -> DrumGrid:
    """The grid of a piece, from the start of the file to the bar of its last onset.

    Of several hits of one class on one step the loudest counts, of several notes of one pitch too. Drums and pitches
    that the grid has no place for are left out.

    Args:
        notes: any piece in 4/4.
        kit: (128,) int8, the class of each pitch of the drum channel, -1 for none (`drum_kit`).
        least_strength: how closely the onsets must gather around sixteenths or triplets, 0 to 1; 0 takes everything.

    Raises:
        ValueError: if there are no notes, the metre is another one, the ticks of a quarter are too few, or the notes do
            not lie on their own beats; the message says which and what to do.
    """
    return dense(drum_columns(notes, kit, least_strength))


def dense(columns: DrumColumns) -> DrumGrid:
    """The grid of the columns of a piece."""
    bars = len(columns.bar_ticks) - 1
    steps = bars * STEPS
    velocity = np.zeros(steps * len(CLASSES), dtype=np.uint8)
    shift = np.zeros(steps * len(CLASSES), dtype=np.float32)
    cell = columns.hit_step * len(CLASSES) + columns.hit_class  # each once
    velocity[cell], shift[cell] = columns.hit_velocity, columns.hit_shift
    others = np.zeros(steps * len(FAMILIES) * LINES, dtype=np.uint8)
    others[::LINES] = 1
    length = columns.note_stop - columns.note_start
    first = columns.note_start * (len(FAMILIES) * LINES) + columns.note_family.astype(np.int32) * LINES
    # Cell after cell of each note: its own first one, and a step more for each place within it.
    place = np.arange(int(length.sum()), dtype=np.int32) - np.repeat(np.cumsum(length) - length, length)
    flag = np.repeat(first, length) + place * np.int32(len(FAMILIES) * LINES)
    others[flag] = 0
    # The notes stand in order of velocity and numpy assigns in order: where two meet the louder stays.
    others[flag + np.repeat(columns.note_line, length)] = np.repeat(columns.note_velocity, length)
    return DrumGrid(
        velocity.reshape(bars, STEPS, len(CLASSES)),
        shift.reshape(bars, STEPS, len(CLASSES)),
        others.reshape(bars, STEPS, len(FAMILIES), LINES),
        columns.bar_ticks,
    )


def drum_notes(
    velocity: np.ndarray,
    shift: np.ndarray,
    bar_ticks: np.ndarray,
    ticks_per_quarter: int,
    kit: tuple[int, ...] = KIT,
) -> Notes:
    """The hits as notes of one track on the drum channel, half a step long or until the same drum is hit again.

    Args:
        velocity: (bars, 32, 16), 0 for no hit, at most 127.
        shift: (bars, 32, 16) in steps, [-0.5, 0.5).
        bar_ticks: (bars + 1,) bar lines.
        ticks_per_quarter: of the notes.
        kit: 16 pitches, one a class; classes of one pitch are played as one.

    Raises:
        ValueError: if the kit has not 16 pitches, or the bar lines are not one more than the bars.
    """
    if len(kit) != len(CLASSES) or not all(0 <= pitch <= 127 for pitch in kit):
        raise ValueError(f"a kit of {kit}; it must have a pitch from 0 to 127 for each of the {len(CLASSES)} classes")
    if len(bar_ticks) != len(velocity) + 1:
        raise ValueError(f"{len(bar_ticks)} bar lines for {len(velocity)} bars; there must be one more than bars")
    bar, step, drum = np.nonzero(velocity)
    width = np.diff(bar_ticks)[bar] / STEPS  # ticks a step
    from_line = step + np.asarray(shift)[bar, step, drum].astype(np.float64)
    # Not over the edge of its cell, where it would be read as the next step's.
    low, high = np.ceil((step - 0.5) * width), np.ceil((step + 0.5) * width) - 1
    onset = np.maximum(bar_ticks[bar] + np.clip(np.rint(from_line * width), low, high), 0)
    hits = np.stack([onset, np.asarray(kit)[drum], np.asarray(velocity)[bar, step, drum], width // 2]).astype(np.int64)
    hits = hits[:, np.lexsort((-hits[2], hits[0], hits[1]))]  # by pitch, then onset; the loudest of two at once
    again = (np.diff(hits[0]) == 0) & (np.diff(hits[1]) == 0)
    hits = hits[:, np.append(True, ~again)[: hits.shape[1]]]
    until_next = np.where(np.diff(hits[1]) == 0, np.diff(hits[0]), np.iinfo(np.int32).max)
    hits[3] = np.maximum(1, np.minimum(hits[3], np.append(until_next, np.iinfo(np.int32).max)[: hits.shape[1]]))
    onset, pitch, loudness, duration = hits[:, np.lexsort((hits[0] + hits[3], hits[0]))].astype(np.int32)
    nothing = np.zeros_like(onset)
    return Notes(
        *(onset, duration, pitch, np.clip(loudness, 1, 127), nothing, np.ones(len(onset), dtype=bool), nothing),
        track_names=(TRACK_NAME,),
        ticks_per_quarter=ticks_per_quarter,
    )


def with_drums(notes: Notes, grid: DrumGrid, replace: bool | np.ndarray = False, kit: tuple[int, ...] = KIT) -> Notes:
    """The piece with the grid's drums as a track more.

    `to_grid` of the result has the velocities of the grid, and its shifts as far as the ticks can tell them.

    Args:
        notes: the piece that the grid is of.
        grid: as `to_grid` gave it, with other drums.
        replace: whether drums that the piece has give way; or a (bars,) mask of the bars in which they do: then the
            others keep their drums as they were, to the tick, and nothing of the grid is written there.
        kit: 16 pitches, one a class.

    Raises:
        ValueError: if the piece has drums and `replace` is False.
    """
    velocity = grid.velocity
    given_way = notes.is_drum
    if isinstance(replace, np.ndarray):
        line = grid.bar_ticks[:-1]
        width = np.diff(grid.bar_ticks)
        # A hit belongs to the bar of its step: half a step before the line it is the next bar's.
        edges = np.ceil(line - width / (2 * STEPS))
        bar = np.clip(np.searchsorted(edges, notes.onset, side="right") - 1, 0, len(line) - 1)
        given_way = notes.is_drum & replace[bar]
        velocity = np.where(replace[:, None, None], velocity, 0)
    elif notes.is_drum.any() and not replace:
        raise ValueError(f"the piece has {int(notes.is_drum.sum()):,} drum notes already; say that they are replaced")
    kept = notes.select(~given_way)
    drums = drum_notes(velocity, grid.shift, grid.bar_ticks, notes.ticks_per_quarter, kit)
    drums = changed(drums, track=drums.track + np.int32(len(notes.track_names)))
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(kept, name), getattr(drums, name)]) for name in NOTE_COLUMNS
    }
    order = np.lexsort((columns["onset"] + columns["duration"], columns["onset"]))
    whole = changed(kept, **{name: column[order] for name, column in columns.items()})
    last_program = (*notes.last_program, 0) if notes.last_program else ()
    return changed(whole, track_names=(*notes.track_names, TRACK_NAME), last_program=last_program)
