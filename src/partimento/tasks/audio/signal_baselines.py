"""What a few lines of signal processing find without any training: keys, chords, onsets and beats of a waveform.

Floors for learned representations: key profiles (Krumhansl and Kessler 1982; Temperley 1999) and chord templates on
chroma, onsets and beats by spectral flux (SuperFlux of Böck and Widmer 2013) and `beat_tracking`.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from partimento.corpus.datasets.rendered import NO_CHORD
from partimento.tasks.audio.beat_tracking import pick_peaks, track_beats

CHROMA_HOP, CHROMA_FFT = 1_600, 4_096  # samples at 16 kHz: ten frames a second, bins of 3.9 Hz
FLUX_HOP, FLUX_FFT = 160, 1_024
LOW_PITCH, HIGH_PITCH = 33, 96  # of chroma: A1 to C7
BANDS_OF_OCTAVE = 24  # of flux, from 30 Hz up
FLUX_LAG = 2  # frames between the two that are compared
FLUX_LATE_S = -0.01  # added to the times of flux, whose windows see an onset coming; best on validation clips

PROFILES = {  # of a major and a minor key from C
    "krumhansl": (
        (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
        (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
    ),
    "temperley": (
        (5.0, 2.0, 3.5, 2.0, 4.5, 4.0, 2.0, 4.5, 2.0, 3.5, 1.5, 4.0),
        (5.0, 2.0, 3.5, 4.5, 2.0, 4.0, 2.0, 4.5, 3.5, 2.0, 1.5, 4.0),
    ),
}


def spectrogram(samples: np.ndarray, fft: int, hop: int) -> np.ndarray:
    """(T, fft / 2 + 1) magnitudes of Hann windows centred on every `hop` samples from the first."""
    padded = np.pad(np.asarray(samples, dtype=np.float32), fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, fft)[::hop]
    window = np.hanning(fft + 1)[:-1].astype(np.float32)
    return np.abs(np.fft.rfft(frames * window, axis=1)).astype(np.float32) / (fft / 4)


def chroma(samples: np.ndarray, rate_hz: int = 16_000) -> np.ndarray:
    """(T, 12) strength of the pitch classes from C, ten times a second at 16 kHz; compressed, each frame at most 1."""
    magnitude = np.sqrt(spectrogram(samples, CHROMA_FFT, CHROMA_HOP))
    hz = np.arange(CHROMA_FFT // 2 + 1) * (rate_hz / CHROMA_FFT)
    pitch = 69 + 12 * np.log2(np.maximum(hz, 1.0) / 440)
    nearest = np.rint(pitch)
    weight = np.exp(-0.5 * ((pitch - nearest) / 0.2) ** 2) * np.exp(-0.5 * ((pitch - 60) / 18) ** 2)
    weight *= (nearest >= LOW_PITCH) & (nearest <= HIGH_PITCH)
    peak = np.zeros_like(magnitude)  # partials alone: the flanks of a strong one would fill its neighbours' classes
    inner = magnitude[:, 1:-1]
    peak[:, 1:-1] = np.where((inner >= magnitude[:, :-2]) & (inner > magnitude[:, 2:]), inner, 0)
    to_class = np.zeros((len(hz), 12), dtype=np.float32)
    to_class[np.arange(len(hz)), nearest.astype(np.int64) % 12] = weight
    found = peak @ to_class
    return found / np.maximum(found.max(1, keepdims=True), 1e-6)


def find_key(chroma_frames: np.ndarray, profile: Literal["krumhansl", "temperley"] = "temperley") -> int:
    """The key, 0-11 major and 12-23 minor from C, whose profile correlates best with the mean chroma (T, 12)."""
    rows = np.array([np.roll(mode, tonic) for mode in PROFILES[profile] for tonic in range(12)])
    rows -= rows.mean(1, keepdims=True)
    heard = chroma_frames.mean(0)
    return int((rows / np.linalg.norm(rows, axis=1, keepdims=True) @ (heard - heard.mean())).argmax())


def find_chords(chroma_frames: np.ndarray, change_cost: float = 0.5, silence: float = 1e-3) -> np.ndarray:
    """(T,) classes 0-11 major, 12-23 minor, NO_CHORD where nothing sounds.

    Each frame is compared by cosine with the 24 triads; the path through them with the highest sum is taken, where a
    change of chord costs `change_cost`.
    """
    triads = np.zeros((24, 12))
    for root in range(12):
        triads[root, [root, (root + 4) % 12, (root + 7) % 12]] = 1
        triads[12 + root, [root, (root + 3) % 12, (root + 7) % 12]] = 1
    length = np.linalg.norm(chroma_frames, axis=1, keepdims=True)
    fit = chroma_frames / np.maximum(length, 1e-6) @ triads.T / np.sqrt(3)  # (T, 24)
    total, came_from = fit[0], np.zeros(fit.shape, dtype=np.int64)
    for t in range(1, len(fit)):
        best = int(total.argmax())
        change = total[best] - change_cost > total
        came_from[t] = np.where(change, best, np.arange(24))
        total = np.where(change, total[best] - change_cost, total) + fit[t]
    path = np.zeros(len(fit), dtype=np.int64)
    path[-1] = total.argmax()
    for t in range(len(fit) - 1, 0, -1):
        path[t - 1] = came_from[t, path[t]]
    return np.where(length[:, 0] < silence, NO_CHORD, path)


def spectral_flux(samples: np.ndarray, rate_hz: int = 16_000) -> np.ndarray:
    """(T,) how much louder quarter-tone bands are than two frames before, a hundred times a second at 16 kHz.

    The earlier frame is widened by a band on either side, so that vibrato is no onset (SuperFlux). It is divided by its
    mean over the clip, so that one threshold serves loud and soft clips.
    """
    bands = spectrogram(samples, FLUX_FFT, FLUX_HOP) @ _bands(rate_hz)
    level = np.log10(1 + bands * (100 / max(float(bands.max()), 1e-9)))
    beside = np.pad(level, ((0, 0), (1, 1)))
    wide = np.maximum(level, np.maximum(beside[:, :-2], beside[:, 2:]))
    flux = np.zeros(len(level))
    flux[FLUX_LAG:] = np.maximum(0, level[FLUX_LAG:] - wide[:-FLUX_LAG]).sum(1)
    return flux / max(float(flux.mean()), 1e-9)


def find_onsets(flux: np.ndarray, threshold: float = 0.5, rate_hz: float = 100.0) -> np.ndarray:
    """(P,) seconds of the peaks of a flux above its moving mean by `threshold`."""
    width = round(0.2 * rate_hz) | 1
    mean = np.convolve(np.pad(flux, width // 2, mode="edge"), np.full(width, 1 / width), mode="valid")
    return pick_peaks(flux - mean, rate_hz, threshold, start_s=FLUX_LATE_S)


def find_beats(flux: np.ndarray, rate_hz: float = 100.0) -> np.ndarray:
    """(B,) seconds of the beats that the tracker finds in a flux."""
    return track_beats(flux, rate_hz, start_s=FLUX_LATE_S)


def _bands(rate_hz: int) -> np.ndarray:
    """(bins, bands) triangles a quarter-tone apart from 30 Hz on; bands that would share their bin are one."""
    count = int(BANDS_OF_OCTAVE * np.log2(rate_hz / 2 / 30.0))
    edges = 30.0 * 2 ** (np.arange(count) / BANDS_OF_OCTAVE)
    edge = np.unique(np.rint(edges * FLUX_FFT / rate_hz).astype(np.int64))
    bins = np.arange(FLUX_FFT // 2 + 1)[:, None]
    low, peak, high = edge[:-2], edge[1:-1], edge[2:]
    return np.maximum(0, np.minimum((bins - low) / (peak - low), (high - bins) / (high - peak))).astype(np.float32)
