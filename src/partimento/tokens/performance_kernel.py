"""The C kernel that makes performance tokens of notes."""

from __future__ import annotations

import ctypes

import numpy as np

from partimento import compiled
from partimento.notes import Notes

EVERY = -2  # in place of the one instrument that is wanted
SPARE_TIME_STEPS = 4096  # more segments than that without a note's tokens are left to numpy
INT32 = np.dtype(np.int32)


class Tables(ctypes.Structure):
    """Addresses of the int64 tables of steps, and the first ids of the ranges; first_drum is -1 if there are none."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("onset", "duration", "velocity")),
        *((name, ctypes.c_int64) for name in ("first_note", "first_drum", "first_duration", "first_onset")),
    )


class _Piece(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("onset", "duration", "pitch", "velocity", "track")),
        *((name, ctypes.c_void_p) for name in ("instrument", "tempo_tick", "tempo_us")),
        *((name, ctypes.c_void_p) for name in ("pedal_tick", "pedal_value", "pedal_track")),
        *((name, ctypes.c_int64) for name in ("notes", "tempos", "pedals", "tracks", "ticks_per_quarter")),
    )


def encode(
    notes: Notes, instrument: np.ndarray, only: int | None, keep_silence: bool, tables: Tables
) -> np.ndarray | None:
    """(T,) int64 ids from <S> to <E>; None if there is no kernel or it leaves the piece to numpy.

    Args:
        notes: a piece.
        instrument: (N,) int64, as `instruments_of` gives it.
        only: the one instrument that is wanted; None for all that have tokens.
        keep_silence: count time from the start of the file.
        tables: of the vocabulary.
    """
    if compiled.library is None:
        return None
    count, tempos, pedals, tracks = len(notes), len(notes.tempo_tick), len(notes.pedal_tick), len(notes.track_names)
    lasting = (notes.onset, notes.duration, notes.pitch, notes.velocity, notes.track)
    tempo = (notes.tempo_tick, notes.tempo_us)
    pedal = (notes.pedal_tick, notes.pedal_value, notes.pedal_track)
    for columns, length in ((lasting, count), (tempo, tempos), (pedal, pedals)):
        for column in columns:
            if len(column) != length or column.dtype != INT32 or not column.flags.c_contiguous:
                return None
    if len(instrument) != count or instrument.dtype != np.int64:
        return None
    addresses = [column.ctypes.data for column in (*lasting, instrument, *tempo, *pedal)]
    piece = _Piece(*addresses, count, tempos, pedals, tracks, notes.ticks_per_quarter)
    work = np.empty(2 * tempos + pedals + 3 * tracks + 1, dtype=np.int64)
    ids = np.empty(3 * count + SPARE_TIME_STEPS, dtype=np.int64)
    wanted = EVERY if only is None else only
    length = compiled.library.performance_ids(
        ctypes.byref(piece),
        ctypes.byref(tables),
        wanted,
        keep_silence,
        work.ctypes.data,
        ids.ctypes.data,
        len(ids),
    )
    return ids[:length].copy() if length >= 0 else None
