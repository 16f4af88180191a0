"""What is taken for sound, and a sound file opened by the library that reads it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import numpy as np

SNDFILE_SUFFIXES = (
    *(".wav", ".wave", ".w64", ".rf64", ".flac", ".ogg", ".oga", ".opus", ".mp3"),
    *(".aif", ".aiff", ".aifc", ".au", ".caf"),
)
CONTAINER_SUFFIXES = (
    *(".m4a", ".m4b", ".mp4", ".mov", ".3gp", ".aac", ".webm", ".mka", ".mkv"),
    *(".wma", ".wv", ".ape", ".tta", ".ac3", ".amr"),
)
SUFFIXES = SNDFILE_SUFFIXES + CONTAINER_SUFFIXES

LEAD_FRAMES = 16_384  # decoded and dropped after a seek: a lossy decoder's first frames miss what went before them
NOISY_S = 10.0  # up to here a file whose samples come out otherwise after a seek is decoded from its beginning


class AudioError(ValueError):
    """A file from which no sound can be had; the message names the file and the reason."""

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason

    def __reduce__(self) -> tuple[object, ...]:
        return AudioError, (self.path, self.reason)


class Sound(Protocol):
    """An open file.

    Attributes:
        rate_hz: samples a second and channel.
        channels: their number.
        frames: what the header says of the length in samples a channel; None if it says nothing.
        frames_exact: whether the header tells that to the frame, not only about.
        format: container and coding, as "WAV PCM_24".
    """

    rate_hz: int
    channels: int
    frames: int | None
    frames_exact: bool
    format: str

    def blocks(self, start: int, stop: int | None) -> Iterator[np.ndarray]:
        """Frames start to stop, or to the end, as arrays (frames, channels) float32 of bounded size.

        Raises:
            AudioError: where the file is broken.
        """
        ...


def open_sound(path: str | Path) -> AbstractContextManager[Sound]:
    """A file, opened by libsndfile; by PyAV where its suffix is one that libsndfile does not read.

    Raises:
        AudioError: if it is no sound file, holds no samples, or PyAV is needed and missing.
        OSError: if the path cannot be read.
    """
    about = os.stat(path)  # noqa: PTH116 (before it is opened: a named pipe would wait for ever)
    if stat.S_ISDIR(about.st_mode):
        listable = os.access(path, os.R_OK | os.X_OK)
        raise AudioError(path, "a folder, not a file" if listable else "a folder that may not be listed")
    if not stat.S_ISREG(about.st_mode):
        raise AudioError(path, "not a regular file")
    if about.st_size == 0:
        raise AudioError(path, "empty file")
    Path(path).open("rb").close()  # the system's own words where it may not be read
    if Path(path).suffix.lower() in CONTAINER_SUFFIXES:
        from partimento.audio.container import ContainerSound

        return ContainerSound(path)
    from partimento.audio.sndfile import SndfileSound

    return SndfileSound(path)
