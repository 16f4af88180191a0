"""A piece on the drum grid as columns, one row a hit or a note: a hundredth of the dense grid, for keeping many."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from partimento.notes import Notes
from partimento.tokens.drum_kit import CLASSES, FAMILY, GENERAL_MIDI
from partimento.tokens.drum_lines import LEAST_STRENGTH, STEPS_PER_QUARTER, bar_lines, check_beats

LOWEST, HIGHEST = 21, 83  # MIDI pitches of the other instruments


@dataclass(frozen=True, eq=False)
class DrumColumns:
    """The hits of the drums, each cell once, in order of time; the notes of the others, from soft to loud.

    Args:
        hit_step: (H,) int32 steps from the first bar line.
        hit_class: (H,) uint8 index into `CLASSES`.
        hit_velocity: (H,) uint8, 1-127.
        hit_shift: (H,) float32 steps, [-0.5, 0.5).
        note_start, note_stop: (N,) int32 steps; a note sounds at least one.
        note_family: (N,) uint8 index into `FAMILIES`.
        note_line: (N,) uint8, 1-63, MIDI pitch - 20.
        note_velocity: (N,) uint8, 1-127.
        bar_ticks: (bars + 1,) int64.
    """

    hit_step: np.ndarray
    hit_class: np.ndarray
    hit_velocity: np.ndarray
    hit_shift: np.ndarray
    note_start: np.ndarray
    note_stop: np.ndarray
    note_family: np.ndarray
    note_line: np.ndarray
    note_velocity: np.ndarray
    bar_ticks: np.ndarray


def earlier(columns: DrumColumns, steps: float) -> DrumColumns:
    """The columns with the drums so many steps earlier (later, if negative), in the same bars.

    What would fall out of the first or the last bar stays in its first or last step.
    """
    total = (len(columns.bar_ticks) - 1) * 4 * STEPS_PER_QUARTER
    at = np.clip(columns.hit_step + columns.hit_shift.astype(np.float64) - steps, -0.5, total - 0.501)
    step, order = _cells(at, columns.hit_class.astype(np.int32), columns.hit_velocity.astype(np.int32))
    return replace(
        columns,
        hit_step=step,
        hit_class=columns.hit_class[order],
        hit_velocity=columns.hit_velocity[order],
        hit_shift=(at[order] - step).astype(np.float32),
    )


def _cells(at: np.ndarray, drum: np.ndarray, velocity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The (H,) int32 steps of hits at times in steps, each cell once, and which hit each is.

    Of one cell the loudest hit counts, of equally loud ones the first.
    """
    step = np.floor(at + 0.5).astype(np.int32)
    key = ((step * len(CLASSES) + drum).astype(np.int64) << 7) | (127 - velocity)
    order = np.argsort(key, kind="stable")  # by cell and loudness: the first of each cell
    cell = key[order] >> 7
    order = order[np.append(True, cell[1:] != cell[:-1])[: len(cell)]]
    return step[order], order


def drum_columns(notes: Notes, kit: np.ndarray = GENERAL_MIDI, least_strength: float = LEAST_STRENGTH) -> DrumColumns:
    """The columns of a piece; arguments and errors are those of `drumgrid.to_grid`."""
    bar_ticks = bar_lines(notes)
    check_beats(notes, least_strength)
    origin = int(bar_ticks[0])
    steps_per_tick = STEPS_PER_QUARTER / notes.ticks_per_quarter
    drums = np.flatnonzero(notes.is_drum)
    drum = kit[notes.pitch[drums]]
    drums, drum = drums[drum >= 0], drum[drum >= 0].astype(np.int32)
    at = (notes.onset[drums] - origin) * steps_per_tick
    step, order = _cells(at, drum, notes.velocity[drums])

    family = FAMILY[notes.program]
    pitch = notes.pitch
    which = np.flatnonzero((family >= 0) & ~notes.is_drum & (pitch >= LOWEST) & (pitch <= HIGHEST))
    which = which[np.argsort(notes.velocity[which].astype(np.uint8), kind="stable")]
    onset = notes.onset[which] - origin
    start = np.floor(onset * steps_per_tick + 0.5).astype(np.int32)
    stop = np.floor((onset + notes.duration[which]) * steps_per_tick + 0.5).astype(np.int32)
    steps = (len(bar_ticks) - 1) * 4 * STEPS_PER_QUARTER
    stop = np.minimum(np.maximum(stop, start + 1), steps)
    return DrumColumns(
        hit_step=step,
        hit_class=drum[order].astype(np.uint8),
        hit_velocity=notes.velocity[drums[order]].astype(np.uint8),
        hit_shift=(at[order] - step).astype(np.float32),
        note_start=start,
        note_stop=stop,
        note_family=family[which].astype(np.uint8),
        note_line=(pitch[which] - (LOWEST - 1)).astype(np.uint8),
        note_velocity=notes.velocity[which].astype(np.uint8),
        bar_ticks=bar_ticks,
    )
