"""Reading sound: one channel of float32 samples at the rate asked for.

Channels are joined first, then resampled by soxr ("HQ", the filter of `soxr.resample`). Sample n of the result lies at
n / rate seconds, from whichever point the decoding began, so a window equals the same slice of the whole file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import Literal

import numpy as np
import soxr

from partimento.audio.formats import AudioError, Sound, open_sound

Channels = Literal["mean", "sum"]

# soxr's filter reaches 160 samples of the lower of the two rates to either side before its tail is under 1e-6.
FILTER_SAMPLES = 512
MOST_NOT_FINITE = 0.01


@dataclass(frozen=True)
class AudioInfo:
    """What a file's header says.

    Args:
        rate_hz: samples a second and channel.
        channels: their number.
        frames: samples a channel; of a container whose header tells only about, an estimate.
        seconds: frames / rate_hz.
        format: container and coding, as "WAV PCM_24", "FLAC PCM_16", "MP3 MPEG_LAYER_III", "MOV AAC".
    """

    rate_hz: int
    channels: int
    frames: int
    seconds: float
    format: str


def read_info(path: str | Path) -> AudioInfo:
    """What the header says; the file is decoded only where it does not tell the length.

    Raises:
        AudioError: if it is no sound file, holds no samples, or PyAV is needed and missing.
        OSError: if the path cannot be read.
    """
    with open_sound(path) as sound:
        frames = sound.frames
        if frames is None:
            frames = sum(len(block) for block in sound.blocks(0, None))
        if frames == 0:
            raise AudioError(path, "holds no samples")
        return AudioInfo(sound.rate_hz, sound.channels, frames, frames / sound.rate_hz, sound.format)


def read_audio(
    path: str | Path, rate_hz: int, start_s: float = 0.0, seconds: float | None = None, channels: Channels = "mean"
) -> np.ndarray:
    """(samples,) float32, full scale ±1: a file, or a window of it.

    Equal to `read_audio(path, rate_hz)[first : first + count]` with first = round(start_s * rate_hz) and count =
    round(seconds * rate_hz), but only the window and a margin are decoded where the format can be sought in: shorter
    than `seconds` where the file ends before, empty beyond its end. Samples of float files beyond ±1 are kept. NaN and
    infinite samples become silence if no more than one in a hundred. Beyond the first 10 s of Opus and AAC, whose
    decoders fill bands with noise, that noise may differ from the whole file's.

    Where a decoder reports an error, the file is broken; where it only ends early, what it gave is all there is
    (`check_audio` tells).

    Args:
        path: a sound file.
        rate_hz: samples a second of the result, whatever the file has.
        start_s: where the window begins.
        seconds: its length; None goes to the end.
        channels: "mean", or "sum" to add them up.

    Raises:
        AudioError: if the file is broken, holds no samples, or too many that are not finite.
        OSError: if the path cannot be read.
        ValueError: if an argument is not possible.
    """
    _check(rate_hz, channels)
    if start_s < 0 or (seconds is not None and seconds < 0):
        raise ValueError(f"a window from {start_s} s of {seconds} s: neither may be negative")
    first = round(start_s * rate_hz)
    count = None if seconds is None else round(seconds * rate_hz)
    with open_sound(path) as sound:
        parts = list(_resampled(path, sound, rate_hz, first, count, channels))
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.float32)


def stream_audio(path: str | Path, rate_hz: int, block_s: float, channels: Channels = "mean") -> Iterator[np.ndarray]:
    """A file of any length as arrays of round(block_s * rate_hz) samples, the last one shorter, in constant memory.

    Together they equal `read_audio(path, rate_hz, channels=channels)`.

    Raises:
        AudioError: if the file is broken, holds no samples, or too many that are not finite; where that shows only on
            the way, after the blocks before it.
        OSError: if the path cannot be read.
        ValueError: if an argument is not possible.
    """
    _check(rate_hz, channels)
    size = round(block_s * rate_hz)
    if size < 1:
        raise ValueError(f"blocks of {block_s} s at {rate_hz} Hz hold no sample")
    return _stream(path, rate_hz, size, channels)


def _stream(path: str | Path, rate_hz: int, size: int, channels: Channels) -> Iterator[np.ndarray]:
    with open_sound(path) as sound:
        yield from in_blocks(_resampled(path, sound, rate_hz, 0, None, channels), size)


def _check(rate_hz: int, channels: str) -> None:
    if rate_hz < 1:
        raise ValueError(f"rate_hz is {rate_hz}; it must be at least 1")
    if channels not in ("mean", "sum"):
        raise ValueError(f'channels is {channels!r}; it is "mean" or "sum"')


def _resampled(
    path: str | Path, sound: Sound, rate_hz: int, first: int, count: int | None, channels: Channels
) -> Iterator[np.ndarray]:
    """Samples first to first + count at the rate, or to the end, in pieces."""
    common = gcd(sound.rate_hz, rate_hz)
    p, q = sound.rate_hz // common, rate_hz // common  # p frames of the file last as long as q samples
    if p == q:
        yield from joined(path, sound, first, None if count is None else first + count, channels)
        return
    margin = FILTER_SAMPLES * -(-max(p, q) // p)
    # Decoding begins where a frame and a sample coincide, so that the filter falls as it would from the beginning.
    begin = max(0, first - margin) // q
    stop = None if count is None else -(-(first + count + margin) * p // q)
    resampler = soxr.ResampleStream(sound.rate_hz, rate_hz, 1, dtype="float32", quality="HQ")
    at = begin * q  # the sample that the resampler gives next
    end = None if count is None else first + count
    frames = begin * p
    for block in joined(path, sound, begin * p, stop, channels):
        frames += len(block)
        made = resampler.resample_chunk(block)
        yield from _cut(made, at, first, end)
        at += len(made)
    # soxr rounds a half up or down as its arithmetic has it; here down, wherever decoding began.
    length = (2 * frames * q + p - 1) // (2 * p)
    rest = resampler.resample_chunk(np.empty(0, dtype=np.float32), last=True)
    yield from _cut(rest, at, first, length if end is None else min(end, length))


def _cut(made: np.ndarray, at: int, first: int, end: int | None) -> Iterator[np.ndarray]:
    """The part of `made`, which begins at sample `at`, that lies within first and end."""
    part = made[max(0, first - at) : None if end is None else max(0, end - at)]
    if len(part):
        yield part


def joined(path: str | Path, sound: Sound, start: int, stop: int | None, channels: Channels) -> Iterator[np.ndarray]:
    """Frames start to stop as one channel (frames,) float32, finite, at the file's own rate.

    Raises:
        AudioError: if the file is broken, or more than a hundredth of its frames are not finite.
    """
    weights = np.full(sound.channels, 1 / sound.channels if channels == "mean" else 1, dtype=np.float32)
    found = not_finite = 0
    for block in sound.blocks(start, stop):
        with np.errstate(invalid="ignore", over="ignore"):
            samples = block @ weights if sound.channels > 1 else block[:, 0]
        found += len(samples)
        finite = np.isfinite(samples)
        if not finite.all():
            not_finite += int(len(samples) - finite.sum())
            # Of the whole file, so that a window is never refused where the file is not.
            if not_finite > MOST_NOT_FINITE * (sound.frames or found):
                raise AudioError(path, f"more than {MOST_NOT_FINITE:.0%} of its samples are NaN or infinite")
            samples = np.where(finite, samples, np.float32(0))
        yield samples
    if found == 0 and start == 0 and stop != 0:
        raise AudioError(path, "holds no samples")


def in_blocks(parts: Iterator[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """The samples of all parts in arrays of `size`, the last one shorter."""
    held: list[np.ndarray] = []
    count = 0
    for part in parts:
        held.append(part)
        count += len(part)
        if count >= size:
            whole = np.concatenate(held)
            for start in range(0, count - size + 1, size):
                yield whole[start : start + size].copy()
            held, count = [whole[count - count % size :].copy()], count % size
    if count:
        yield np.concatenate(held)
