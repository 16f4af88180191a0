"""Baselines that have learned nothing: statistics of a whole file's spectrogram, and its frames.

The front end (`statistics_mel`): 16 kHz, FFT and Hann window of 1,024 samples every 10 ms, 128 Slaney bands to 8 kHz,
decibels of the power with a floor at -100. MFCCs are the first 20 coefficients of the orthonormal DCT-II of these
bands, their deltas the slope of a line through nine frames.

    log-mel statistics: mean and deviation over the frames of each band, 256 numbers
    MFCC statistics: the same of 20 MFCCs and 20 deltas, 80 numbers
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch

from partimento.audio import read_audio, stream_audio
from partimento.audio_model import Frames
from partimento.networks.logmel import LogMel, LogMelConfig
from partimento.tasks.audio.signal_baselines import spectral_flux
from partimento.tasks.audio.sound_vectors import SoundRepresentation

BLOCK_S = 30.0
COEFFICIENTS = 20
DELTA_FRAMES = 4  # on either side
DECIBELS = 10 / np.log(10)


def statistics_mel() -> LogMelConfig:
    """The front end of the baselines."""
    shape = (16_000, 1024, 1024, 160, 128, 0.0, 8000.0)
    return LogMelConfig(*shape, scale="slaney", norm="slaney", compression="ln", floor=1e-10, zscore_floor=None)


@cache
def _front() -> LogMel:
    return LogMel(statistics_mel())


@torch.inference_mode()
def log_mel(path: str | Path) -> np.ndarray:
    """(T, M) float32 decibels of a file's bands, ten milliseconds a frame.

    Raises:
        AudioError: if it cannot be read.
    """
    front = _front()
    parts = list(front.stream(stream_audio(path, front.config.rate_hz, BLOCK_S)))
    return torch.cat(parts, dim=1).T.numpy() * np.float32(DECIBELS)


def mfcc(decibels: np.ndarray) -> np.ndarray:
    """(T, 20) of log-mel frames (T, M)."""
    from scipy.fft import dct

    coefficients: np.ndarray = dct(decibels, type=2, axis=1, norm="ortho")[:, :COEFFICIENTS]
    return coefficients


def deltas(values: np.ndarray) -> np.ndarray:
    """(T, D) slope a frame of the line through a frame and four on either side, the ends held."""
    padded = np.pad(values, ((DELTA_FRAMES, DELTA_FRAMES), (0, 0)), mode="edge")
    steps = np.arange(1, DELTA_FRAMES + 1)
    middle = DELTA_FRAMES + np.arange(len(values))
    slopes = sum(step * (padded[middle + step] - padded[middle - step]) for step in steps)
    return np.asarray(slopes / (2 * (steps**2).sum()), dtype=values.dtype)


def file_statistics(path: str | Path) -> np.ndarray:
    """(336,) float32: those of the log-mel bands, then those of the MFCCs."""
    bands = log_mel(path)
    coefficients = mfcc(bands)
    parts = (bands, np.concatenate([coefficients, deltas(coefficients)], axis=1))
    return np.concatenate([np.concatenate([part.mean(0), part.std(0)]) for part in parts]).astype(np.float32)


def statistics_of_files() -> tuple[SoundRepresentation, SoundRepresentation]:
    """Log-mel statistics and MFCC statistics; they share one computation."""

    def embed(paths: Sequence[Path]) -> np.ndarray:
        return np.stack([file_statistics(path) for path in paths])

    key, first = f"sound statistics 1 {statistics_mel()}", 2 * statistics_mel().mels
    return (
        SoundRepresentation("log-mel statistics", key, embed, (0, first)),
        SoundRepresentation("MFCC statistics", key, embed, (first, None)),
    )


def logmel_frames(path: Path) -> Frames:
    """The bands of the same front end, (T, 128) decibels, a hundred frames a second."""
    bands = log_mel(path)
    return Frames(bands, np.arange(len(bands)) / statistics_mel().frames_per_s)


def flux_frames(path: Path) -> Frames:
    """(T, 1) spectral flux, a hundred frames a second."""
    flux = spectral_flux(read_audio(path, 16_000)).astype(np.float32)
    return Frames(flux[:, None], np.arange(len(flux)) / 100)
