"""Hand-crafted statistics of a whole piece: what a learned representation has to beat.

Histograms, means and quantiles of pitches, intervals, onsets, durations, velocities, chords and the pedal, in the
manner of jSymbolic (McKay and Fujinaga 2006). They hear the key: a transposed piece has other statistics.

A bin of a histogram holds the square root of its share, so that a linear model sees a change of a rare interval as well
as one of a frequent one (the geometry of the Hellinger distance).
"""

from __future__ import annotations

import numpy as np

from partimento.notes import Notes, pedal_intervals

CHORD_S = 0.035  # onsets no further apart than this are struck together
SHORTEST_S = 1e-3  # floor of times before a logarithm
WINDOW_S = 5.0  # over which the density of a piece is measured
LONGEST_S = 2.0  # what a note counts at most in the fit of a key
QUANTILES = (0.1, 0.5, 0.9)

# How well each pitch class fits a key of C, as listeners rate it (Krumhansl and Kessler 1982).
MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)

_SPREAD = ("mean", "deviation", "low", "median", "high")
_PITCH_CLASSES = ("c", "c_sharp", "d", "e_flat", "e", "f", "f_sharp", "g", "a_flat", "a", "b_flat", "b")

STATISTIC_NAMES: tuple[str, ...] = (
    *(f"pitch_class_{name}" for name in _PITCH_CLASSES),
    *(f"pitch_{name}" for name in _SPREAD),
    "pitch_range",
    "pitch_class_entropy",
    "fit_of_best_major_key",
    "fit_of_best_minor_key",
    "major_less_minor",
    *(f"melodic_interval_{size}" for size in range(13)),
    "melodic_interval_above_12",
    "melodic_interval_mean",
    *(f"chord_interval_{size}" for size in range(1, 13)),
    "chord_interval_above_12",
    *(f"chord_of_{size}" for size in (1, 2, 3, 4)),
    "chord_of_5_and_more",
    "chord_span",
    *(f"log_time_between_onsets_{name}" for name in _SPREAD),
    *(f"log_duration_{name}" for name in _SPREAD),
    *(f"velocity_{name}" for name in _SPREAD),
    "velocity_change",
    "velocity_by_pitch",
    "notes_a_second",
    "notes_a_second_deviation",
    "sounding_notes",
    "log_notes",
    "log_seconds",
    "pedal_share",
    "pedal_changes_a_second",
)


def piece_statistics(notes: Notes) -> np.ndarray:
    """(F,) float32 statistics of a piece, F = len(STATISTIC_NAMES); what the percussion plays is left out.

    Raises:
        ValueError: if the piece has no pitched note.
    """
    played = notes.select(np.flatnonzero(~notes.is_drum))
    if not len(played):
        raise ValueError("the piece has no pitched note; statistics need one at least")
    onset = played.seconds_at(played.onset)
    duration = played.seconds_at(played.onset + played.duration) - onset
    order = np.lexsort((played.pitch, onset))
    onset, duration = onset[order], duration[order]
    pitch, velocity = played.pitch[order].astype(np.float64), played.velocity[order].astype(np.float64)
    length = max(float((onset + duration).max() - onset[0]), SHORTEST_S)
    chord = np.cumsum(np.diff(onset, prepend=onset[0]) > CHORD_S)  # (N,) number of the chord that a note is in
    return np.concatenate(
        [
            _pitches(pitch),
            _keys(pitch, duration),
            _intervals(pitch, chord),
            _spread(np.log(np.maximum(np.diff(np.unique(onset)), SHORTEST_S))),
            _spread(np.log(np.maximum(duration, SHORTEST_S))),
            _spread(velocity),
            [np.abs(np.diff(velocity)).mean() if len(velocity) > 1 else 0.0, _correlation(velocity, pitch)],
            _density(onset, duration, length),
            _pedal(notes, length),
        ]
    ).astype(np.float32)


def _pitches(pitch: np.ndarray) -> np.ndarray:
    classes = _histogram(pitch % 12, np.arange(12))
    share = classes[classes > 0] ** 2
    return np.concatenate([classes, _spread(pitch), [np.ptp(pitch), -(share * np.log2(share)).sum()]])


def _keys(pitch: np.ndarray, duration: np.ndarray) -> np.ndarray:
    """The correlation with the best fitting major key, with the best fitting minor key, and their difference."""
    weight = np.bincount(pitch.astype(np.int64) % 12, weights=np.minimum(duration, LONGEST_S), minlength=12)
    major, minor = (_KEYS @ _standard(weight)).max(axis=1)
    return np.array([major, minor, major - minor])


def _intervals(pitch: np.ndarray, chord: np.ndarray) -> np.ndarray:
    """Of the highest notes of chords that follow each other, and of neighbours in a chord."""
    first = np.flatnonzero(np.diff(chord, prepend=-1))
    size = np.diff(np.append(first, len(chord)))
    top = np.maximum.reduceat(pitch, first)
    steps = np.diff(top)
    by_chord = np.lexsort((pitch, chord))
    inside = np.diff(pitch[by_chord])[np.diff(chord) == 0]
    return np.concatenate(
        [
            _histogram(np.minimum(np.abs(steps), 13), np.arange(14)),
            [steps.mean() if len(steps) else 0.0],
            _histogram(np.minimum(inside, 13), np.arange(1, 14)),
            _histogram(np.minimum(size, 5), np.arange(1, 6)),
            [(top - np.minimum.reduceat(pitch, first)).mean()],
        ]
    )


def _density(onset: np.ndarray, duration: np.ndarray, length: float) -> np.ndarray:
    windows = np.bincount(((onset - onset[0]) // WINDOW_S).astype(np.int64)) / WINDOW_S
    rate = len(onset) / length
    return np.array([rate, windows.std(), duration.sum() / length, np.log(len(onset)), np.log(length)])


def _pedal(notes: Notes, length: float) -> np.ndarray:
    """The share of the time that the pedal is down, and how often a second it goes down; of the busiest track."""
    if not len(notes.pedal_tick):
        return np.zeros(2)
    track = int(np.bincount(notes.pedal_track).argmax())
    down = notes.seconds_at(pedal_intervals(notes, track))
    return np.array([min((down[:, 1] - down[:, 0]).sum() / length, 1.0), len(down) / length])


def _histogram(values: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """The square root of the share of each bin, consecutive integers; zeros where nothing is in them."""
    count = np.bincount(values.astype(np.int64), minlength=bins[-1] + 1)[bins]
    return np.sqrt(count / max(count.sum(), 1))


def _spread(values: np.ndarray) -> np.ndarray:
    """Mean, standard deviation and quantiles; zeros of nothing."""
    if not len(values):
        return np.zeros(len(_SPREAD))
    return np.concatenate([[values.mean(), values.std()], np.quantile(values, QUANTILES)])


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(_standard(a) @ _standard(b))


def _standard(values: np.ndarray) -> np.ndarray:
    """The values less their mean, of length one; zeros where all are equal."""
    centred = values - values.mean()
    size = np.sqrt((centred * centred).sum())
    return centred / size if size > 0 else centred


# (2, 12, 12): mode, tonic, pitch class
_KEYS = np.array([[np.roll(_standard(np.array(mode)), tonic) for tonic in range(12)] for mode in (MAJOR, MINOR)])
