"""The key of a piece, so that music of all keys can be compared in C major and A minor."""

from __future__ import annotations

import numpy as np

from partimento.notes import Notes

# how well each degree fits the tonic, heard by listeners (Krumhansl and Kessler 1982)
MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
C, A = 0, 9  # pitch classes


def semitones_to_c_or_a(notes: Notes) -> int:
    """By how many semitones, -6 to 5, to transpose a piece so that it is in C major or A minor.

    The key is that of the 24 whose profile correlates best with the pitch classes, each weighed by how long and how
    loud it is heard (Krumhansl and Schmuckler's rule). Drums say nothing; without other notes it is 0.
    """
    pitched = ~notes.is_drum
    weight = notes.duration[pitched].astype(np.float64) * notes.velocity[pitched]
    heard = np.bincount(notes.pitch[pitched] % 12, weight, minlength=12)
    if not heard.any():
        return 0
    fit = _profiles() @ (heard - heard.mean())
    mode, tonic = divmod(int(fit.argmax()), 12)
    return ((A if mode else C) - tonic + 6) % 12 - 6


def _profiles() -> np.ndarray:
    """(24, 12) of the major keys from C, then of the minor ones, each of mean 0 and length 1."""
    rows = np.array([np.roll(profile, tonic) for profile in (MAJOR, MINOR) for tonic in range(12)])
    rows -= rows.mean(1, keepdims=True)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
