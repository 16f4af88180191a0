"""The library of C kernels, where the installation could compile it; `PARTIMENTO_NO_KERNEL=1` leaves it aside.

A kernel does what slower numpy code beside it says too, with the same outcome to the bit, and leaves odd cases to it.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

LIBRARY = Path(__file__).with_name("libpartimento.so")
INTERFACE = 2  # as in midi/kernel.c: raised with every change of what a kernel takes or gives


def _open() -> ctypes.CDLL | None:
    if os.environ.get("PARTIMENTO_NO_KERNEL", "0") not in ("", "0") or not LIBRARY.exists():
        return None
    try:
        opened = ctypes.CDLL(str(LIBRARY))
        if opened.kernel_interface() != INTERFACE:
            return None  # left over from another version
    except (OSError, AttributeError):  # of another platform, or not ours
        return None
    number, pointer = ctypes.c_int64, ctypes.c_void_p
    opened.midi_words.argtypes, opened.midi_words.restype = [number], number
    opened.midi_read.argtypes, opened.midi_read.restype = [ctypes.c_char_p, number, pointer], ctypes.c_int32
    opened.midi_columns.argtypes, opened.midi_columns.restype = [pointer] * 3, None
    opened.performance_ids.argtypes = [pointer, pointer, number, number, pointer, pointer, number]
    opened.performance_ids.restype = number
    return opened


library = _open()
