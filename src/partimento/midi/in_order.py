"""The other rule of which note-off ends which note: the note that began first ends first.

symusic and miditoolkit since version 1.0 go by it. `read_midi` has a note-off end every open note of its pitch, and so
leaves out notes of no length (grace notes of rendered scores) and shortens notes that overlap at one pitch; here they
are all kept, at their written lengths. OctupleMIDI is defined on these.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from symusic.core import ScoreTick

from partimento.midi import read_bytes, read_midi
from partimento.notes import NOTE_COLUMNS, Notes

PEDAL_CONTROLLER = 64


def read_in_order(source: str | Path | bytes) -> Notes:
    """Notes of a MIDI file, given by path or by its bytes, each ended by the first note-off that is left for it.

    Raises:
        MidiError: as `read_midi`, and where it finds no note.
        OSError: if the path cannot be read.
    """
    data = source if isinstance(source, bytes) else read_bytes(source)
    notes = read_midi(data)  # its checks, its tempo and its metre
    try:
        score = ScoreTick.from_midi(data)
    except RuntimeError:  # a damaged file that only `read_midi` can read
        return notes
    return with_score(notes, score) if score.note_num() else notes


def with_score(notes: Notes, score: ScoreTick) -> Notes:
    """The tempo and metre of `notes` with the notes, tracks and pedal of a score of the same file."""
    columns: dict[str, list[np.ndarray]] = {name: [] for name in NOTE_COLUMNS}
    pedal: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for number, track in enumerate(score.tracks):
        arrays = track.notes.numpy()
        count = len(arrays["time"])
        values = (arrays["time"], arrays["duration"], arrays["pitch"], arrays["velocity"])
        constant = (track.program, track.is_drum, number)
        rows = (*values, *(np.full(count, value) for value in constant))
        for column, row in zip(columns.values(), rows, strict=True):
            column.append(row)
        controls = track.controls.numpy()
        which = controls["number"] == PEDAL_CONTROLLER
        pedal.append((controls["time"][which], controls["value"][which], np.full(int(which.sum()), number)))
    found = {name: np.concatenate(parts) for name, parts in columns.items()}
    order = np.lexsort((found["onset"] + found["duration"], found["onset"]))
    numbers = (found[name][order].astype(np.int32) for name in NOTE_COLUMNS if name != "is_drum")
    onset, duration, pitch, velocity, program, on = numbers
    tick, value, on_track = (np.concatenate(parts).astype(np.int32) for parts in zip(*pedal, strict=True))
    return Notes(
        *(onset, duration, pitch, velocity, program, found["is_drum"][order].astype(bool), on),
        track_names=tuple(track.name for track in score.tracks),
        ticks_per_quarter=notes.ticks_per_quarter,
        tempo_tick=notes.tempo_tick,
        tempo_us=notes.tempo_us,
        metre_tick=notes.metre_tick,
        metre_numerator=notes.metre_numerator,
        metre_denominator=notes.metre_denominator,
        pedal_tick=tick,
        pedal_value=value,
        pedal_track=on_track,
    )
