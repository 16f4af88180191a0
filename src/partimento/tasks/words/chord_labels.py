"""Chord, key and beat labels as POP909 and POP909-CL write them, laid on notes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from symusic.core import ScoreTick

from partimento.notes import Notes
from partimento.tasks.words.labelled_pieces import NO_CHORD, pitch_class
from partimento.tasks.words.task import NO_LABEL

# Semitones above the root. A chord whose lowest note is the root may be any of them, an inversion one of the first.
INVERTIBLE = (
    *((0, 4, 7), (0, 3, 7), (0, 3, 6), (0, 4, 7, 10), (0, 4, 7, 11), (0, 3, 7, 10), (0, 3, 6, 10), (0, 3, 7, 11)),
)
ROOT_POSITION = (*((0, 4, 8), (0, 3, 6, 9), (0, 4, 8, 10), (0, 2, 7), (0, 5, 7), (0, 4, 7, 9), (0, 5, 7, 10)),)


def beats(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """(B,) seconds of the beats of `beat_midi.txt`, and (B,) bool whether each begins a bar."""
    lines = np.loadtxt(path, ndmin=2)
    return lines[:, 0], lines[:, 2] > 0


def beat_at(beat_s: np.ndarray, time_s: np.ndarray) -> np.ndarray:
    """Times as beats from the first one; before it and after the last the beats go on as the nearest two do."""
    number = np.clip(np.searchsorted(beat_s, time_s, side="right") - 1, 0, len(beat_s) - 2)
    return number + (time_s - beat_s[number]) / (beat_s[number + 1] - beat_s[number])


def pop909_roots(path: Path, beat_s: np.ndarray, step: np.ndarray, steps: int) -> np.ndarray:
    """(N,) int64 root of the chord of `chord_midi.txt` at each note; NO_CHORD where it says N.

    Args:
        path: of the table: start and end in seconds, and the name of the chord, such as "B:min7".
        beat_s: the beats.
        step: (N,) onset of each note, in parts of a beat from the first beat.
        steps: parts of a beat.
    """
    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    span = np.array([[float(row[0]), float(row[1])] for row in rows])
    root = np.array([NO_CHORD if row[2] == "N" else pitch_class(row[2].partition(":")[0]) for row in rows])
    start, end = np.rint(beat_at(beat_s, span) * steps).T
    row = np.searchsorted(start, step, side="right") - 1
    inside = (row >= 0) & (step < end[row])
    return np.where(inside, root[row], NO_LABEL)


def pop909_keys(path: Path, onset_s: np.ndarray) -> np.ndarray:
    """(N,) int64 key of `key_audio.txt` at each onset; the first key reaches back to the beginning."""
    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    start = np.array([float(row[0]) for row in rows])
    key = np.array([pitch_class(name) + 12 * (mode == "min") for name, mode in (row[2].split(":") for row in rows)])
    return key[np.maximum(np.searchsorted(start, onset_s, side="right") - 1, 0)]


def root_of_notes(chords: Notes, onset: np.ndarray) -> np.ndarray:
    """(N,) int64 root of the chord that a track of chords holds at each onset, in ticks.

    NO_CHORD where none sounds; NO_LABEL where it is none that `chord_root` knows.
    """
    start = np.unique(chords.onset)
    together = np.searchsorted(start, chords.onset)
    end = np.zeros(len(start), dtype=np.int64)
    np.maximum.at(end, together, chords.onset + chords.duration)
    root = np.array([chord_root(chords.pitch[together == i]) for i in range(len(start))])
    row = np.searchsorted(start, onset, side="right") - 1
    sounds = (row >= 0) & (onset < end[row])
    return np.where(sounds, root[row], NO_CHORD)


def chord_root(pitch: np.ndarray) -> int:
    """The pitch class that a chord stands on, that of its lowest note if it can be; NO_LABEL of an unknown chord.

    >>> chord_root(np.array([52, 60, 67])), chord_root(np.array([60, 61, 62]))
    (0, -1)
    """
    bass = int(pitch.min()) % 12
    classes = {int(each) % 12 for each in pitch}
    above = tuple(sorted((each - bass) % 12 for each in classes))
    if above in INVERTIBLE or above in ROOT_POSITION:
        return bass
    for root in sorted(classes):
        if tuple(sorted((each - root) % 12 for each in classes)) in INVERTIBLE:
            return root
    return NO_LABEL


def signature_keys(path: Path, onset: np.ndarray) -> np.ndarray:
    """(N,) int64 key by the key signatures of a MIDI file at each onset in ticks; NO_LABEL where it has none.

    The first signature reaches back to the beginning.
    """
    signatures = sorted(ScoreTick(path).key_signatures, key=lambda signature: signature.time)
    if not signatures:
        return np.full(len(onset), NO_LABEL)
    start = np.array([signature.time for signature in signatures])
    key = np.array([(7 * each.key + 9 * each.tonality) % 12 + 12 * each.tonality for each in signatures])
    return key[np.maximum(np.searchsorted(start, onset, side="right") - 1, 0)]
