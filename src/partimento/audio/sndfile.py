"""Sound files through libsndfile: WAV, FLAC, OGG Vorbis, Opus, MP3 and others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from partimento.audio.formats import LEAD_FRAMES, NOISY_S, AudioError

BLOCK_VALUES = 2**18
FRAMES_UNKNOWN = 2**62  # libsndfile gives the largest number there is for a FLAC stream of unknown length
NO_MPEG_FRAME = 7  # what libsndfile says here is of pipes
LOSSY = ("VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III")


class _Forward(soundfile.SoundFile):  # type: ignore[misc, unused-ignore]
    # soundfile seeks to where it already is after each read of a seekable file. That is slow in MP3, and in Opus it
    # restarts the decoder, so that samples come out otherwise than in one read.
    def seekable(self) -> bool:
        return False


class SndfileSound:
    """A file open in libsndfile (a `Sound`).

    A file whose end is missing has the frames that libsndfile finds. An error that it reports is an `AudioError`.

    Raises:
        AudioError: if libsndfile cannot open it, or it holds no samples.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = path
        try:
            self._file = _Forward(path)
        except soundfile.LibsndfileError as error:
            raise AudioError(path, f"cannot be decoded: {_reason(error)}") from error
        self.rate_hz, self.channels = self._file.samplerate, self._file.channels
        self.frames = self._file.frames if self._file.frames < FRAMES_UNKNOWN else None
        self.frames_exact = self.frames is not None and ("MPEG" not in self._file.subtype or _counts_frames(path))
        self.format = f"{self._file.format} {self._file.subtype}"
        if self.frames == 0:
            self._file.close()
            raise AudioError(path, "holds no samples")

    def __enter__(self) -> SndfileSound:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def blocks(self, start: int, stop: int | None) -> Iterator[np.ndarray]:
        """See `Sound.blocks`.

        FLAC, PCM, MP3 and Vorbis give the same samples after a seek as without. Opus does not (its decoder fills bands
        with noise that depends on all that went before; measured: 0.002 of full scale), so what lies in its first 10 s
        is decoded from the beginning.
        """
        at = 0
        try:
            if begin := self._begin(start):
                if self.frames is not None and begin >= self.frames:
                    return
                at = self._file.seek(begin)
            while stop is None or at < stop:
                wanted = max(1, BLOCK_VALUES // self.channels)
                if stop is not None:
                    wanted = min(wanted, stop - at)
                block = self._file.read(wanted, dtype="float32", always_2d=True)
                if len(block) == 0:
                    return
                if at + len(block) > start:
                    yield block[max(0, start - at) :]
                at += len(block)
        except soundfile.LibsndfileError as error:
            raise AudioError(
                self.path, f"cannot be decoded beyond {at / self.rate_hz:.2f} s: {_reason(error)}"
            ) from error

    def _begin(self, start: int) -> int:
        """The frame at which decoding has to begin."""
        subtype = self._file.subtype
        if subtype == "OPUS" and start < NOISY_S * self.rate_hz:
            return 0
        return max(0, start - LEAD_FRAMES) if subtype in LOSSY else start


def _counts_frames(path: str | Path) -> bool:
    """Whether an MP3 file begins with a frame that tells their number; else libsndfile guesses it from the size."""
    with Path(path).open("rb") as file:
        head = file.read(10)
        if head[:3] == b"ID3":  # its size: four bytes of seven bits
            tag = sum((byte & 127) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=False))
            file.seek(10 + tag)
        else:
            file.seek(0)
        begin = file.read(4096)
    return any(mark in begin for mark in (b"Xing", b"Info", b"VBRI"))


def _reason(error: soundfile.LibsndfileError) -> str:
    if error.code == NO_MPEG_FRAME:
        return "no frame of MPEG audio in it"
    return str(error.error_string).removeprefix("Error : ").rstrip(".")
