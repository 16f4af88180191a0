"""Labels of rendered clips at the frames of a network: what to predict at each time, and for the clip as a whole.

All functions take the times of the frames' centres, so that any frame rate will do (`frame_times` gives even ones).
Shapes: T frames.
"""

from __future__ import annotations

import numpy as np

from partimento.corpus.datasets.rendered import MAJOR, MINOR, NO_CHORD, NO_ROOT, UNKNOWN, TimedLabels

NEAR_S = 0.025
LOWEST_PIANO, PIANO_KEYS = 21, 88
FAMILIES = (
    *("piano", "chromatic percussion", "organ", "guitar", "bass", "strings", "ensemble", "brass", "reed", "pipe"),
    *("synth lead", "synth pad", "synth effects", "ethnic", "percussive", "sound effects"),
)  # General MIDI's, of eight programs each


def frame_times(seconds: float, rate_hz: float) -> np.ndarray:
    """(T,) centres of the whole frames of a clip, the first half a frame after its beginning.

    >>> frame_times(1.0, 4.0).tolist()
    [0.125, 0.375, 0.625, 0.875]
    """
    return (np.arange(int(seconds * rate_hz + 1e-9)) + 0.5) / rate_hz


def key_of(labels: TimedLabels) -> int:
    """The key, 0-11 major and 12-23 minor from C, that lasts longest; UNKNOWN where none is labelled."""
    known = labels.key >= 0
    if not known.any():
        return UNKNOWN
    seconds = (labels.key_end_s - labels.key_start_s)[known]
    return int(np.bincount(labels.key[known], weights=seconds).argmax())


def keys(labels: TimedLabels, times_s: np.ndarray) -> np.ndarray:
    """(T,) key at each time, UNKNOWN where none is labelled."""
    return at(labels.key_start_s, labels.key_end_s, labels.key, times_s)


def chords(labels: TimedLabels, times_s: np.ndarray) -> np.ndarray:
    """(T,) 0-11 major, 12-23 minor, NO_CHORD; UNKNOWN where the chord is another or not labelled."""
    return at(labels.chord_start_s, labels.chord_end_s, labels.chord_class, times_s)


def chord_roots(labels: TimedLabels, times_s: np.ndarray) -> np.ndarray:
    """(T,) 0-11, NO_ROOT where no chord sounds, UNKNOWN where it is not labelled; of chords of every kind."""
    return at(labels.chord_start_s, labels.chord_end_s, labels.chord_root, times_s)


def chord_modes(labels: TimedLabels, times_s: np.ndarray) -> np.ndarray:
    """(T,) 0 major, 1 minor, 2 no chord; UNKNOWN where the chord is another or not labelled."""
    quality = labels.chord_quality
    mode = np.select([np.isin(quality, MAJOR), np.isin(quality, MINOR), quality == "N"], [0, 1, 2], UNKNOWN)
    return at(labels.chord_start_s, labels.chord_end_s, mode, times_s)


def root_of_class(chord: np.ndarray) -> np.ndarray:
    """Roots of chord classes: 0-11, NO_ROOT of NO_CHORD, UNKNOWN of UNKNOWN."""
    return np.where(chord == NO_CHORD, NO_ROOT, np.where(chord < 0, UNKNOWN, chord % 12))


def at(start_s: np.ndarray, end_s: np.ndarray, value: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """(T,) int64 value of the span at each time, spans sorted and apart; UNKNOWN outside all of them."""
    if not len(start_s):
        return np.full(len(times_s), UNKNOWN)
    place = np.searchsorted(start_s, times_s, side="right") - 1
    inside = (place >= 0) & (times_s < end_s[place])
    return np.where(inside, value[place], UNKNOWN).astype(np.int64)


def event_targets(event_s: np.ndarray, times_s: np.ndarray, near_s: float = NEAR_S, near: float = 0.5) -> np.ndarray:
    """(T,) float32, 1 at the frame nearest to each event and `near` at others within `near_s` of one, else 0.

    Events farther than `near_s` outside of the frames are left out, as is one to which no frame is nearest.
    """
    target = np.zeros(len(times_s), dtype=np.float32)
    event_s = np.sort(event_s)
    event_s = event_s[(event_s >= times_s[0] - near_s) & (event_s <= times_s[-1] + near_s)]
    if len(event_s):
        closest = event_s[np.searchsorted((event_s[1:] + event_s[:-1]) / 2, times_s)]
        target[np.abs(closest - times_s) <= near_s] = near
        target[np.searchsorted((times_s[1:] + times_s[:-1]) / 2, event_s)] = 1.0
    return target


def pitch_roll(
    labels: TimedLabels, times_s: np.ndarray, lowest: int = LOWEST_PIANO, count: int = PIANO_KEYS
) -> np.ndarray:
    """(T, count) bool, whether a note of each pitch is held at each time; a note between two frames takes the nearest.

    Drums and notes outside of the range say nothing. With `lowest=0, count=128` it holds every MIDI pitch.
    """
    roll = np.zeros((len(times_s), count), dtype=bool)
    mine = (labels.note_program >= 0) & (labels.note_pitch >= lowest) & (labels.note_pitch < lowest + count)
    begin_s, end_s, pitch = labels.note_onset_s[mine], labels.note_offset_s[mine], labels.note_pitch[mine] - lowest
    begin, end = np.searchsorted(times_s, begin_s), np.searchsorted(times_s, end_s)
    nearest = np.searchsorted((times_s[1:] + times_s[:-1]) / 2, np.maximum(begin_s, 0.0))
    begin = np.where(begin == end, nearest, begin)
    for first, last, row in zip(begin, np.maximum(end, begin + 1), pitch, strict=True):
        roll[first:last, row] = True
    return roll


def chroma(labels: TimedLabels, times_s: np.ndarray) -> np.ndarray:
    """(T, 12) bool, whether a note of each pitch class from C is held."""
    roll = pitch_roll(labels, times_s, 0, 132)
    return np.any(roll.reshape(len(times_s), 11, 12), axis=1)


def families(labels: TimedLabels) -> np.ndarray:
    """(16,) bool, which of FAMILIES play in the clip; percussion keys of the drum channel are in none."""
    found = np.zeros(len(FAMILIES), dtype=bool)
    found[labels.note_program[labels.note_program >= 0] // 8] = True
    return found
