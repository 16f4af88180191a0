"""A long piece thinned to some windows, for work that cannot hear every piece whole.

An embedding reads windows of 300 notes anyway, so that to thin a piece is to leave some of its windows out.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from partimento.notes import DEFAULT_TEMPO_US, Notes
from partimento.tokens.slices import WINDOW_NOTES

TICKS_PER_QUARTER = 500  # at the tempo that a file without one has, a tick is a millisecond


def thinned(notes: Notes, most: int) -> Notes:
    """At most so many notes of a piece: windows of 300 notes, the first at its beginning, the last at its end.

    What stands between two windows is cut out; the next one begins when the note after the last one's did. The pedal is
    at the beginning of a window as it was there. A piece of no more than `most` notes comes back as it is; the notes of
    another have milliseconds for ticks.

    Raises:
        ValueError: if `most` is less than one window.
    """
    if most < WINDOW_NOTES:
        raise ValueError(f"at most {most} notes of a piece: a window has {WINDOW_NOTES}; give that many at least")
    if len(notes) <= most:
        return notes
    starts = np.rint(np.linspace(0, len(notes) - WINDOW_NOTES, most // WINDOW_NOTES)).astype(np.int64)
    return _joined(notes, starts, starts + WINDOW_NOTES)


def _joined(notes: Notes, starts: np.ndarray, stops: np.ndarray) -> Notes:
    """The notes [start, stop) of each window, end to end, a tick a millisecond."""
    onset = notes.onset_ms
    pedal = np.rint(notes.seconds_at(notes.pedal_tick) * 1e3).astype(np.int64)
    end = int((onset + notes.duration_ms).max())
    shift = 0  # milliseconds that are cut out before the present window
    onsets, pedals = [], []
    for number, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        begins = int(onset[start]) if number else 0
        ends = int(onset[stop]) if stop < len(onset) else end + 1
        if number:
            shift += begins - int(onset[stops[number - 1]])
            pedals += [_pedal_at(notes, pedal, begins, begins - shift)]
        inside = (pedal >= begins) & (pedal < ends)
        pedals += [np.stack([pedal[inside] - shift, notes.pedal_value[inside], notes.pedal_track[inside]])]
        onsets += [onset[start:stop] - shift]
    which = np.concatenate([np.arange(start, stop) for start, stop in zip(starts, stops, strict=True)])
    ticks, values, tracks = np.concatenate(pedals, axis=1).astype(np.int32)
    return replace(
        notes.select(which),
        onset=np.concatenate(onsets).astype(np.int32),
        duration=notes.duration_ms[which].astype(np.int32),
        ticks_per_quarter=TICKS_PER_QUARTER,
        tempo_tick=np.zeros(1, dtype=np.int32),
        tempo_us=np.full(1, DEFAULT_TEMPO_US, dtype=np.int32),
        metre_tick=np.zeros(1, dtype=np.int32),
        metre_numerator=np.full(1, 4, dtype=np.int32),
        metre_denominator=np.full(1, 4, dtype=np.int32),
        pedal_tick=ticks,
        pedal_value=values,
        pedal_track=tracks,
    )


def _pedal_at(notes: Notes, pedal_ms: np.ndarray, time_ms: int, new_ms: int) -> np.ndarray:
    """(3, tracks) new time, value and track of the pedals as they stand at a time of the whole piece."""
    tracks = np.unique(notes.pedal_track)
    before = [np.flatnonzero((notes.pedal_track == track) & (pedal_ms < time_ms)) for track in tracks]
    value = [int(notes.pedal_value[found[-1]]) if len(found) else 0 for found in before]
    return np.stack([np.full(len(tracks), new_ms), np.array(value, dtype=np.int64), tracks])
