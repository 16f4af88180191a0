"""The C kernel that reads a MIDI file, where the installation could compile it; `PARTIMENTO_NO_KERNEL=1` leaves it aside."""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

LIBRARY = Path(__file__).with_name("libmidi_kernel.so")  # not midi_kernel.so, which Python would import as this module
INTERFACE = 1
PROGRAM, TRACK = 0x100, 0x101  # types of marks beside those of meta events


@dataclass(frozen=True, eq=False)
class Found:
    """What a file says, as midi_kernel.c leaves it.

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


def _open() -> ctypes.CDLL | None:
    if os.environ.get("PARTIMENTO_NO_KERNEL", "0") not in ("", "0") or not LIBRARY.exists():
        return None
    try:
        library = ctypes.CDLL(str(LIBRARY))
        if library.midi_interface() != INTERFACE:
            return None  # left over from another version
    except (OSError, AttributeError):  # of another platform, or not ours
        return None
    library.midi_words.argtypes, library.midi_words.restype = [ctypes.c_int64], ctypes.c_int64
    library.midi_read.argtypes = [ctypes.c_char_p, ctypes.c_int64, ctypes.c_void_p]
    library.midi_columns.argtypes, library.midi_columns.restype = [ctypes.c_void_p] * 3, None
    return library


_library = _open()


def is_used() -> bool:
    """Whether files are read by the kernel; otherwise numpy reads them, with the same outcome."""
    return _library is not None


def read(data: bytes) -> Found | None:
    """What the bytes of a MIDI file with a sound header say; None if there is no kernel or it leaves the file to numpy."""
    if _library is None:
        return None
    size = _library.midi_words(len(data))
    if size < 0:
        return None
    words = np.empty(size, dtype=np.int32)
    address = words.ctypes.data
    if not _library.midi_read(data, len(data), address):
        return None
    count, chunks, marks, marks_at, pedals, *pedal_at = words[:8].tolist()
    columns, is_drum = np.empty((6, count), dtype=np.int32), np.empty(count, dtype=bool)
    _library.midi_columns(address, columns.ctypes.data, is_drum.ctypes.data)
    tick, value, group = (words[at : at + pedals].copy() for at in pedal_at)
    rows = words[marks_at : marks_at + 5 * marks].reshape(-1, 5).tolist()
    return Found(columns, is_drum, chunks, rows, tick, value, group)
