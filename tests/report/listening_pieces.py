"""Small pieces made for the tests of the page."""

from __future__ import annotations

import numpy as np

from partimento.notes import Notes, from_ms


def scale(pitches: tuple[int, ...] = (60, 62, 64, 65, 67, 69, 71, 72), each_ms: int = 500, program: int = 0) -> Notes:
    """One note after the other."""
    count = len(pitches)
    onset = np.arange(count) * each_ms
    return from_ms(onset, np.full(count, each_ms - 20), np.array(pitches), np.full(count, 80), program)


def band(seconds: int = 4) -> Notes:
    """Piano, bass, strings and a drum kit, a beat every half second."""
    beats = np.arange(seconds * 2)
    rows = []  # onset ms, duration ms, pitch, velocity, program, drum
    for beat in beats:
        ms = int(beat) * 500
        rows.append((ms, 450, 60 + int(beat) % 5, 80, 0, False))
        rows.append((ms, 450, 36, 90, 33, False))
        rows.append((ms, 480, 67, 60, 48, False))
        rows.append((ms, 50, 36 if beat % 2 == 0 else 38, 100, 0, True))
        rows.append((ms, 50, 42, 70, 0, True))
        rows.append((ms + 250, 50, 46, 70, 0, True))
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return from_ms(*columns)
