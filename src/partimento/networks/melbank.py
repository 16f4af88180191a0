"""Mel filters: which FFT bins make each band of a mel spectrogram."""

from __future__ import annotations

from typing import Literal

import numpy as np

Scale = Literal["htk", "slaney"]
Slopes = Literal["hz", "mel"]
Norm = Literal["l2", "slaney", "none"]

SLANEY_HZ_PER_MEL = 200 / 3  # below 1 kHz, where that scale is linear
SLANEY_BEND_HZ = 1000.0
SLANEY_LOG_STEP = np.log(6.4) / 27  # above it: 27 mels from 1 to 6.4 kHz


def hz_to_mel(hz: np.ndarray | float, scale: Scale) -> np.ndarray:
    """Frequencies in Hz on a mel scale: HTK's 2595 log10(1 + f / 700), or Slaney's, linear up to 1 kHz.

    >>> [round(float(hz_to_mel(1000.0, scale)), 3) for scale in ("slaney", "htk")]
    [15.0, 999.986]
    """
    hz = np.asarray(hz, dtype=np.float64)
    if scale == "htk":
        return 2595.0 * np.log10(1.0 + hz / 700.0)
    bent = np.log(np.maximum(hz, SLANEY_BEND_HZ) / SLANEY_BEND_HZ) / SLANEY_LOG_STEP
    return np.minimum(hz, SLANEY_BEND_HZ) / SLANEY_HZ_PER_MEL + bent


def mel_to_hz(mel: np.ndarray, scale: Scale) -> np.ndarray:
    """The inverse of `hz_to_mel`."""
    if scale == "htk":
        return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    bend = SLANEY_BEND_HZ / SLANEY_HZ_PER_MEL
    return np.minimum(mel, bend) * SLANEY_HZ_PER_MEL * np.exp(SLANEY_LOG_STEP * np.maximum(mel - bend, 0.0))


def filterbank(
    rate_hz: int, fft: int, mels: int, low_hz: float, high_hz: float, scale: Scale, slopes: Slopes, norm: Norm
) -> np.ndarray:
    """Weights (mels, fft // 2 + 1) float32 of the bins in triangular bands whose peaks lie evenly on the mel scale.

    Args:
        slopes: whether the sides of a triangle are straight lines over Hz, as librosa has them, or over mels, as
            TensorFlow and Kaldi have them.
        norm: "l2" divides a filter by its Euclidean norm, "slaney" by half its width in Hz; "none" leaves peaks of 1.
    """
    low_mel, high_mel = hz_to_mel(np.array([low_hz, high_hz]), scale)
    edges = np.linspace(low_mel, high_mel, mels + 2)
    bins = np.arange(fft // 2 + 1) * (rate_hz / fft)
    edges_hz = mel_to_hz(edges, scale)
    if slopes == "hz":
        edges = edges_hz
    else:
        bins = hz_to_mel(bins, scale)
    low, peak, high = (edges[i : mels + i, None] for i in range(3))
    weights = np.maximum(0.0, np.minimum((bins - low) / (peak - low), (high - bins) / (high - peak)))
    if norm == "slaney":
        weights *= (2.0 / (edges_hz[2:] - edges_hz[:-2]))[:, None]
    elif norm == "l2":
        length = np.linalg.norm(weights, axis=1, keepdims=True)
        weights /= np.where(length > 0, length, 1.0)
    return weights.astype(np.float32)
