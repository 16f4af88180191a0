"""What the ear gets from the notes of a piece: times in seconds, with the sustain pedal held into the lengths."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from partimento.notes import PEDAL_DOWN, Notes, pedal_intervals


@dataclass(frozen=True, eq=False)
class Heard:
    """Times of the notes of one piece, in its order.

    Args:
        onset_s: (N,) seconds from the start of the file.
        held_s: (N,) seconds a key is held down, as the file writes it.
        sounding_s: (N,) seconds until the string is damped: at least `held_s`, longer under the pedal.
    """

    onset_s: np.ndarray
    held_s: np.ndarray
    sounding_s: np.ndarray


def heard(notes: Notes) -> Heard:
    """Onsets and lengths in seconds; a note let go under the pedal sounds until the pedal comes up or its key down."""
    notes = share_pedal(notes)
    onset, end = notes.onset.astype(np.int64), notes.onset.astype(np.int64) + notes.duration
    damped = end.copy()
    for track in np.unique(notes.pedal_track):
        down_up = pedal_intervals(notes, int(track))
        mine = np.flatnonzero((notes.track == track) & ~notes.is_drum)
        if not len(down_up) or not len(mine):
            continue
        latest = np.searchsorted(down_up[:, 0], end[mine], side="right") - 1
        lifted = np.where(latest >= 0, down_up[np.maximum(latest, 0), 1], 0)
        damped[mine] = np.maximum(end[mine], lifted)
    order = np.lexsort((onset, notes.pitch, notes.track))
    again = np.full(len(notes), np.iinfo(np.int64).max)
    if len(notes) > 1:
        before, after = order[:-1], order[1:]
        same = (notes.track[before] == notes.track[after]) & (notes.pitch[before] == notes.pitch[after])
        again[before] = np.where(same, onset[after], again[before])
    damped = np.maximum(end, np.minimum(damped, again))
    start_s = notes.seconds_at(onset)
    return Heard(start_s, notes.seconds_at(end) - start_s, notes.seconds_at(damped) - start_s)


def share_pedal(notes: Notes) -> Notes:
    """The same notes where tracks that never use the pedal take that of another track of their program.

    Files often hold the two hands of one piano as two tracks of one channel, with every pedal event in one of them.
    """
    pedalled = np.unique(notes.pedal_track[notes.pedal_value >= PEDAL_DOWN])
    played = [track for track in np.unique(notes.track) if not notes.is_drum[notes.track == track][0]]
    program = {int(track): int(notes.program[notes.track == track][0]) for track in played}
    lender = {program[int(track)]: int(track) for track in pedalled if int(track) in program}
    tick, value, owner = [notes.pedal_tick], [notes.pedal_value], [notes.pedal_track]
    for track in program:
        if track in pedalled or program[track] not in lender:
            continue
        lent = notes.pedal_track == lender[program[track]]
        tick.append(notes.pedal_tick[lent])
        value.append(notes.pedal_value[lent])
        owner.append(np.full(int(lent.sum()), track, dtype=np.int32))
    return replace(
        notes,
        pedal_tick=np.concatenate(tick),
        pedal_value=np.concatenate(value),
        pedal_track=np.concatenate(owner),
    )
