"""From activation curves to moments: peaks, beats at a steady tempo (Ellis 2007), and the beats that begin bars.

"Beat Tracking by Dynamic Programming", D. P. W. Ellis, Journal of New Music Research 36(1), 2007. An activation is
(T,) values at even times, higher where an onset or a beat is likelier: of a network, or a spectral flux.
"""

from __future__ import annotations

import numpy as np

CENTRE_BPM, OCTAVES_WIDE = 120.0, 0.9  # of the prior over tempi
TIGHTNESS = 100.0


def pick_peaks(
    activation: np.ndarray, rate_hz: float, threshold: float, apart_s: float = 0.03, start_s: float = 0.0
) -> np.ndarray:
    """(P,) seconds of local maxima of at least `threshold`; of those nearer than `apart_s` the highest stays.

    Args:
        activation: (T,) frames.
        rate_hz: frames a second.
        threshold: the caller chooses it on validation material.
        apart_s: least seconds between two peaks.
        start_s: time of the first frame.
    """
    from scipy.signal import find_peaks

    lowest = float(np.min(activation, initial=0.0)) - 1.0
    padded = np.concatenate([[lowest], np.asarray(activation, dtype=np.float64), [lowest]])
    frames, _ = find_peaks(padded, height=threshold, distance=max(1.0, apart_s * rate_hz))
    return start_s + (frames - 1) / rate_hz


def tempo(activation: np.ndarray, rate_hz: float, bpm: tuple[float, float] = (50.0, 220.0)) -> float:
    """Beats a minute: the lag of the activation's autocorrelation that is highest under a prior around 120.

    Half and a third of the strength of the double and the triple lag are added, so that a beat that carries bars is
    preferred (Ellis 2007, 3.2). Between lags it is refined by a parabola.
    """
    centred = np.asarray(activation, dtype=np.float64) - np.mean(activation)
    longest = round(60.0 / bpm[0] * rate_hz)
    size = 1 << int(len(centred) + 3 * longest).bit_length()
    spectrum = np.fft.rfft(centred, size)
    correlation = np.fft.irfft(spectrum * spectrum.conj(), size)[: 3 * longest + 3]
    lag = np.arange(max(2, round(60.0 / bpm[1] * rate_hz)), longest + 1)
    octaves = np.log2(60.0 * rate_hz / lag / CENTRE_BPM)
    strength = correlation[lag] + 0.5 * correlation[2 * lag] + correlation[3 * lag] / 3
    strength = strength * np.exp(-0.5 * (octaves / OCTAVES_WIDE) ** 2)
    best = int(lag[strength.argmax()])
    before, here, after = correlation[best - 1 : best + 2]
    bend = before - 2 * here + after
    shift = 0.5 * (before - after) / bend if bend < 0 else 0.0
    return 60.0 * rate_hz / (best + float(np.clip(shift, -0.5, 0.5)))


def track_beats(
    activation: np.ndarray,
    rate_hz: float,
    bpm: float | None = None,
    tightness: float = TIGHTNESS,
    start_s: float = 0.0,
) -> np.ndarray:
    """(B,) seconds of beats: those that together have the highest activation at the evenest intervals.

    The score of a beat at t after one at s is activation(t) - tightness · log((t - s) / period)²; the best sequence is
    found by dynamic programming. The activation is brought to a standard deviation of 1 and smoothed over a beat.

    Args:
        activation: (T,) frames.
        rate_hz: frames a second.
        bpm: the tempo; if None it is that of `tempo`.
        tightness: how much an uneven interval costs.
        start_s: time of the first frame.
    """
    activation = np.asarray(activation, dtype=np.float64)
    deviation = float(activation.std()) if len(activation) else 0.0
    if deviation < 1e-12:
        return np.zeros(0)
    period = 60.0 / (bpm or tempo(activation, rate_hz)) * rate_hz  # frames
    reach = round(period)
    window = np.exp(-0.5 * (np.arange(-reach, reach + 1) * 32.0 / period) ** 2)
    local = np.convolve(activation / deviation, window, mode="full")[reach : reach + len(activation)]
    before = np.arange(-round(2 * period), -max(1, round(period / 2)) + 1)
    cost = -tightness * np.log(-before / period) ** 2
    score, previous = local.copy(), np.full(len(local), -1)
    started = False
    quiet = 0.01 * local.max()
    for t in range(len(local)):
        first = max(0, -(t + int(before[0])))  # frames before the clip are none
        if first < len(before):
            candidates = cost[first:] + score[t + before[first:]]
            best = int(candidates.argmax())
            score[t] = local[t] + candidates[best]
            if started or local[t] >= quiet:
                previous[t] = t + int(before[first + best])
        started = started or local[t] >= quiet
    beats = [_last_beat(score)]
    while previous[beats[-1]] >= 0:
        beats.append(int(previous[beats[-1]]))
    return start_s + _trimmed(np.array(beats[::-1]), local) / rate_hz


def choose_downbeats(
    beat_s: np.ndarray, activation: np.ndarray, rate_hz: float, metres: tuple[int, ...] = (4, 3), start_s: float = 0.0
) -> np.ndarray:
    """(D,) seconds of the beats that begin bars: the metre and the phase with the highest mean downbeat activation.

    Args:
        beat_s: (B,) beats.
        activation: (T,) of downbeats; the highest value within a frame of a beat counts.
        rate_hz: frames a second.
        metres: beats of a bar; of equally good ones the first.
        start_s: time of the first frame.
    """
    if not len(beat_s) or not len(activation):
        return np.zeros(0)
    frame = np.rint((np.asarray(beat_s) - start_s) * rate_hz).astype(np.int64)
    near = np.clip(frame[:, None] + np.arange(-1, 2), 0, len(activation) - 1)
    value = np.asarray(activation)[near].max(1)
    choices = [(metre, phase) for metre in metres for phase in range(min(metre, len(value)))]
    metre, phase = max(choices, key=lambda choice: float(value[choice[1] :: choice[0]].mean() - value.mean()))
    return np.asarray(beat_s)[phase::metre]


def _last_beat(score: np.ndarray) -> int:
    """The last local maximum that is at least half the median of all: where the music, not the file, ends."""
    inner = np.flatnonzero((score >= np.append(-np.inf, score[:-1])) & (score > np.append(score[1:], -np.inf)))
    return int(inner[score[inner] * 2 > np.median(score[inner])].max(initial=int(score.argmax())))


def _trimmed(beats: np.ndarray, local: np.ndarray) -> np.ndarray:
    """The beats without those at either end on which nothing happens."""
    smoothed = np.convolve(local[beats], np.hanning(5), mode="same")
    loud = np.flatnonzero(smoothed > 0.5 * np.sqrt(np.mean(smoothed**2)))
    return beats[loud[0] : loud[-1] + 1] if len(loud) else beats
