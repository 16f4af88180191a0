"""Objective scores of excerpts of piano music, and how near two sets of excerpts are by them.

A set of N excerpts gives (N, D) values a score. Two sets are compared as Yang and Lerch (2020) do: the distances
between all excerpts of one set and those to the excerpts of the other set are two distributions; their overlapping area
is 1 where the second set might be more of the first. That says nothing of whether an excerpt belongs to its own prompt,
so the distance of each to the true continuation of its own piece stands beside it.

Performances have no bars, so groove is a matter of time lags; see `groove`.

- Wu and Yang 2020, The Jazz Transformer on the front line, ISMIR: pitch-class entropy, grooving similarity.
- Yang and Lerch 2020, On the evaluation of generative models in music, Neural Computing and Applications 32: note
  count, pitch range, inter-onset interval, pitch-class histogram, overlapping area.
- Lartillot, Eerola, Toiviainen and Fornari 2008, Multi-feature modeling of pulse clarity, ISMIR.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from partimento.notes import Notes, from_ms
from partimento.report.heard import heard
from partimento.tokens.vocabulary import SEGMENT_MS

CHORD_MS = 30  # onsets within so much of a chord's first are one
GROOVE_STEP_MS = 10
GROOVE_BLUR_MS = 25  # how far players are from the beat; the deviation of the bell that an onset is drawn as
GROOVE_LAGS_S = (0.2, 4.0)
GAP_CLASSES_S = (0.06, 0.12, 0.25, 0.5, 1.0, 2.0)  # bounds of the classes of gaps between onsets, each twice the last
WINDOW_S = 2.0  # of the chroma in self-similarity
APART_S = 4.0  # nearer windows are not compared: they share notes that ring
GRID = 128  # points at which two densities are compared

Score = Callable[[Notes, float], np.ndarray | float]


def excerpt(notes: Notes, start_s: float, stop_s: float) -> Notes:
    """The notes that begin in [start_s, stop_s), from time zero on, with the pedal held into their lengths."""
    times = heard(notes)
    kept = (times.onset_s >= start_s) & (times.onset_s < stop_s) & ~notes.is_drum
    onset_ms = np.rint((times.onset_s[kept] - start_s) * 1e3)
    duration_ms = np.maximum(1, np.rint(times.sounding_s[kept] * 1e3))
    return from_ms(onset_ms, duration_ms, notes.pitch[kept], notes.velocity[kept])


def note_density(notes: Notes, seconds: float) -> float:
    """Notes a second."""
    return len(notes) / seconds


def note_length(notes: Notes, seconds: float) -> float:
    """Mean seconds that a note sounds, each taken as 5 s at most, which is what a token can say."""
    return float(np.minimum(notes.duration_ms, SEGMENT_MS).mean() / 1e3) if len(notes) else 0.0


def pitch_class_entropy(notes: Notes, seconds: float) -> float:
    """Bits of the distribution of pitch classes, 0 to 3.58: low where few notes make the key (Wu and Yang 2020)."""
    share = pitch_classes(notes, seconds)
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum()) + 0.0


def pitch_range(notes: Notes, seconds: float) -> float:
    """Semitones from the lowest to the highest note (Yang and Lerch 2020)."""
    return float(np.ptp(notes.pitch)) if len(notes) else 0.0


def inter_onset(notes: Notes, seconds: float) -> float:
    """Mean seconds from a chord or note to the next; all of them where there is no next (Yang and Lerch 2020)."""
    onset_s = _chord_onsets(notes)
    return float(np.diff(onset_s).mean()) if len(onset_s) > 1 else seconds


def groove(notes: Notes, seconds: float) -> float:
    """How alike the rhythm is to itself at the time lag where it is most so, -1 to 1.

    Wu and Yang (2020) compare the onset positions of two bars. Here, without bars, the curve of onsets is correlated
    with itself at lags of 0.2 to 4 s, and the largest correlation counts, which Lartillot et al. (2008) call the
    clarity of the pulse. 0 where there are fewer than three onsets.
    """
    onset_s = _chord_onsets(notes)
    if len(onset_s) < 3:
        return 0.0
    steps = int(np.ceil(seconds * 1e3 / GROOVE_STEP_MS))
    hit = np.bincount(np.minimum(onset_s * 1e3 / GROOVE_STEP_MS, steps - 1).astype(int), minlength=steps)
    width = np.arange(-4, 5) * GROOVE_STEP_MS / GROOVE_BLUR_MS
    curve = np.convolve(hit, np.exp(-(width**2) / 2), mode="same")
    curve = curve - curve.mean()
    power = np.abs(np.fft.rfft(curve, 2 * steps)) ** 2
    correlation = np.fft.irfft(power)[:steps] / np.arange(steps, 0, -1)  # the mean over what overlaps
    first, last = (round(lag_s * 1e3 / GROOVE_STEP_MS) for lag_s in GROOVE_LAGS_S)
    return float(correlation[first : last + 1].max() / correlation[0])


def self_similarity(notes: Notes, seconds: float) -> float:
    """How well a moment of the harmony returns, 0 to 1: the mean over windows of the best likeness to another.

    Cosines of the chroma (seconds that each pitch class sounds) of windows of 2 s that begin every second, with windows
    at least 4 s away. 0 where nothing sounds.
    """
    start = np.arange(max(1, int(seconds - WINDOW_S) + 1), dtype=np.float64)
    onset_s = notes.onset_ms / 1e3
    end_s = onset_s + notes.duration_ms / 1e3
    overlap = np.minimum(end_s, start[:, None] + WINDOW_S) - np.maximum(onset_s, start[:, None])  # (windows, N)
    chroma = np.maximum(overlap, 0) @ np.eye(12)[notes.pitch % 12]  # (windows, 12)
    length = np.linalg.norm(chroma, axis=1)
    sounding = length > 0
    unit, start = chroma[sounding] / length[sounding, None], start[sounding]
    alike = np.where(np.abs(start - start[:, None]) >= APART_S, unit @ unit.T, -1.0)
    best = alike.max(axis=1, initial=-1.0)
    return float(best[best >= 0].mean()) if (best >= 0).any() else 0.0


def pitch_classes(notes: Notes, seconds: float) -> np.ndarray:
    """(12,) share of the notes of each pitch class; zeros for no notes (Yang and Lerch 2020)."""
    return np.bincount(notes.pitch % 12, minlength=12) / max(1, len(notes))


def inter_onsets(notes: Notes, seconds: float) -> np.ndarray:
    """(7,) share of the gaps between onsets in classes of lengths, each twice as long as the one before."""
    gaps_s = np.diff(_chord_onsets(notes))
    return np.bincount(np.digitize(gaps_s, GAP_CLASSES_S), minlength=len(GAP_CLASSES_S) + 1) / max(1, len(gaps_s))


SCORES: tuple[Score, ...] = (
    *(note_density, note_length, pitch_class_entropy, pitch_range, inter_onset, groove, self_similarity),
    *(pitch_classes, inter_onsets),
)


def values(pieces: Sequence[Notes], seconds: float) -> dict[str, np.ndarray]:
    """(N, D) float64 of each score by its name; D is 1 but for the two histograms."""
    return {
        score.__name__: np.array([np.atleast_1d(score(notes, seconds)) for notes in pieces], dtype=np.float64)
        for score in SCORES
    }


def compared(found: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """How near the values of N excerpts (N, D) are to those of the N true continuations (N, D), row by row of one song.

    `mean` (for D = 1), `error` (mean distance of a row to its own true row) and `overlap` (overlapping area), each with
    the ends of its 95 % interval over songs, `_low` and `_high`.

    Raises:
        ValueError: if there are fewer than four songs.
    """
    count = len(true)
    if count < 4:
        raise ValueError(f"{count} songs are too few to compare distributions; take at least four")
    error = np.linalg.norm(found - true, axis=1)
    among = np.linalg.norm(true[:, None] - true, axis=-1)  # (N, N)
    across = np.linalg.norm(found[:, None] - true, axis=-1)
    other_song = ~np.eye(count, dtype=bool)

    def overlap(rows: np.ndarray) -> float:
        kept = np.ix_(rows, rows)
        return overlapping_area(among[kept][other_song[kept]], across[kept][other_song[kept]])

    metrics = jackknife("error", lambda rows: float(error[rows].mean()), count, (0.0, np.inf))
    if found.shape[1] == 1:
        metrics |= jackknife("mean", lambda rows: float(found[rows].mean()), count)
    return metrics | jackknife("overlap", overlap, count, (0.0, 1.0))


def jackknife(
    name: str, statistic: Callable[[np.ndarray], float], count: int, within: tuple[float, float] = (-np.inf, np.inf)
) -> dict[str, float]:
    """A statistic of all rows and the ends of its 95 % interval, as `name`, `name_low` and `name_high`.

    By the jackknife (Efron and Stein 1981): the statistic of all rows but one, for each. The bootstrap would be
    biased here, as rows that are drawn twice have no distance.

    Args:
        statistic: of row numbers (K,).
        count: of all rows, one a song.
        within: what the statistic can be; the ends are kept within it.
    """
    rows = np.arange(count)
    value = statistic(rows)
    without = np.array([statistic(np.delete(rows, row)) for row in rows])
    half = 1.96 * float(np.sqrt((count - 1) * without.var()))
    low, high = max(within[0], value - half), min(within[1], value + half)
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def overlapping_area(first: np.ndarray, second: np.ndarray) -> float:
    """The area below both of two densities, 0 to 1, estimated by Gaussian kernels from samples (A,) and (B,).

    Where all samples of one are the same there is no density: 1 if the other has that value alone too, else 0.
    """
    from scipy.stats import gaussian_kde

    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float(np.array_equal(np.unique(first), np.unique(second)))
    densities = [gaussian_kde(sample) for sample in (first, second)]
    margin = max(3 * np.sqrt(density.covariance[0, 0]) for density in densities)
    grid = np.linspace(min(first.min(), second.min()) - margin, max(first.max(), second.max()) + margin, GRID)
    return float(np.trapezoid(np.minimum(*(density(grid) for density in densities)), grid))


def _chord_onsets(notes: Notes) -> np.ndarray:
    """(K,) seconds at which a note or a chord begins."""
    onset_ms = np.sort(notes.onset_ms)
    stop = np.searchsorted(onset_ms, onset_ms + CHORD_MS, side="right").tolist()
    first, at = [], 0
    while at < len(stop):
        first.append(at)
        at = stop[at]
    return onset_ms[first] / 1e3
