"""Decoding a file once to know that it is sound throughout, and how much of it is silence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from partimento.audio.formats import AudioError, open_sound
from partimento.audio.reading import in_blocks, joined

SILENCE = 10 ** (-60 / 20)  # 60 dB below full scale
STEP_S = 0.01
TOLERANCE_S = 0.1


@dataclass(frozen=True)
class AudioCheck:
    """What decoding the whole file has shown.

    Args:
        seconds: its length.
        silence_s: how much of it, in steps of 10 ms, stays more than 60 dB below full scale.
    """

    seconds: float
    silence_s: float


def check_audio(path: str | Path) -> AudioCheck:
    """Decode a file from beginning to end.

    Raises:
        AudioError: if it is broken anywhere, ends before its header says, holds no samples, or too many that are not
            finite.
        OSError: if the path cannot be read.
    """
    with open_sound(path) as sound:
        step = max(1, round(STEP_S * sound.rate_hz))
        frames = silent = 0
        for block in in_blocks(joined(path, sound, 0, None, "mean"), 1000 * step):
            frames += len(block)
            peaks = np.maximum.reduceat(np.abs(block), np.arange(0, len(block), step))
            silent += int(np.count_nonzero(peaks < SILENCE))
        if sound.frames_exact and sound.frames is not None:
            missing_s = (sound.frames - frames) / sound.rate_hz
            if missing_s > TOLERANCE_S:
                ends, says = frames / sound.rate_hz, sound.frames / sound.rate_hz
                raise AudioError(path, f"ends at {ends:.2f} s of the {says:.2f} s that its header says")
        seconds = frames / sound.rate_hz
        return AudioCheck(seconds, min(seconds, silent * step / sound.rate_hz))
