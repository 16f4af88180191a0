"""The C kernel that reads MIDI files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partimento import compiled

PROGRAM, TRACK = 0x100, 0x101  # types of marks beside those of meta events


@dataclass(frozen=True, eq=False)
class Found:
    """What a file says, as kernel.c leaves it.

    Args:
        columns: (6, N) int32 onset, duration, pitch, velocity, program and track of each note, in their final order.
        is_drum: (N,) bool.
        chunks: how many track chunks there are.
        marks: [type, chunk, tick, first, second] each in the order of the file: meta events with place and length of
            their content, PROGRAM with channel and program, and after its chunk each TRACK with channel and program.
        pedal_tick, pedal_value, pedal_group: (P,) int32 controller 64 in the order of the file; chunk · 16 + channel.
    """

    columns: np.ndarray
    is_drum: np.ndarray
    chunks: int
    marks: list[list[int]]
    pedal_tick: np.ndarray
    pedal_value: np.ndarray
    pedal_group: np.ndarray


def read(data: bytes) -> Found | None:
    """What a MIDI file with a sound header says; None if there is no kernel or it leaves the file to numpy."""
    library = compiled.library
    if library is None:
        return None
    size = library.midi_words(len(data))
    if size < 0:
        return None
    words = np.empty(size, dtype=np.int32)
    address = words.ctypes.data
    if not library.midi_read(data, len(data), address):
        return None
    count, chunks, marks, marks_at, pedals, *pedal_at = words[:8].tolist()
    columns, is_drum = np.empty((6, count), dtype=np.int32), np.empty(count, dtype=bool)
    library.midi_columns(address, columns.ctypes.data, is_drum.ctypes.data)
    tick, value, group = (words[at : at + pedals].copy() for at in pedal_at)
    rows = words[marks_at : marks_at + 5 * marks].reshape(-1, 5).tolist()
    return Found(columns, is_drum, chunks, rows, tick, value, group)
