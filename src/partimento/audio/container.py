"""Sound that libsndfile does not read (AAC, the sound of a video), through PyAV, the extra `audio`."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from partimento.audio.formats import LEAD_FRAMES, NOISY_S, AudioError

if TYPE_CHECKING:
    import av


class ContainerSound:
    """The first sound stream of a file open in FFmpeg's libraries (a `Sound`).

    Raises:
        AudioError: if PyAV is not installed, the file cannot be opened or holds no sound.
    """

    def __init__(self, path: str | Path) -> None:
        try:
            import av
        except ImportError as error:
            kind = Path(path).suffix.lower()
            way_out = "python -m pip install 'partimento[audio]'"
            raise AudioError(path, f"{kind} files are read by PyAV, which is not installed: {way_out}") from error
        self.path = path
        try:
            self._container = av.open(str(path))
        except av.FFmpegError as error:
            raise AudioError(path, f"cannot be decoded: {error.strerror}") from error
        if not self._container.streams.audio:
            self._container.close()
            raise AudioError(path, "holds no sound")
        self._stream = self._container.streams.audio[0]
        self.rate_hz, self.channels = self._stream.rate, self._stream.channels
        self.format = f"{self._container.format.name.partition(',')[0]} {self._stream.codec_context.name}".upper()
        # Only where the stream's clock ticks once a frame (MP4, WavPack) do its times tell frames apart.
        self.frames_exact = self._stream.time_base == Fraction(1, self.rate_hz) and self._stream.duration is not None
        self.frames = self._length()
        if self.frames == 0:
            self._container.close()
            raise AudioError(path, "holds no samples")

    def __enter__(self) -> ContainerSound:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def blocks(self, start: int, stop: int | None) -> Iterator[np.ndarray]:
        """See `Sound.blocks`; seeks where times tell frames apart, and decodes from the beginning elsewhere.

        AAC may fill bands with noise that differs after a seek, as Opus does.
        """
        import av

        if self.frames_exact:  # the last packet is filled up with what does not belong to the music
            length = cast(int, self.frames)
            stop = length if stop is None else min(stop, length)
        at = 0
        try:
            seeks = self.frames_exact and start > max(LEAD_FRAMES, NOISY_S * self.rate_hz)
            if seeks:
                self._container.seek(start - LEAD_FRAMES + self._origin, stream=self._stream)
            for time, block in self._decode():
                if seeks:
                    at, seeks = time - self._origin, False
                if at + len(block) > start:
                    yield block[max(0, start - at) : None if stop is None else max(0, stop - at)]
                at += len(block)
                if stop is not None and at >= stop:
                    return
        except (av.FFmpegError, ValueError) as error:  # ValueError: rate or channels change on the way
            reason = error.strerror if isinstance(error, av.FFmpegError) else error
            raise AudioError(self.path, f"cannot be decoded beyond {at / self.rate_hz:.2f} s: {reason}") from error

    @property
    def _origin(self) -> int:
        return self._stream.start_time or 0

    def _length(self) -> int | None:
        if self.frames_exact:
            return cast(int, self._stream.duration)
        if self._container.duration is None:
            return None
        return round(self._container.duration * self.rate_hz / 1_000_000)  # microseconds

    def _decode(self) -> Iterator[tuple[int, np.ndarray]]:
        """(time in the stream's clock, (frames, channels) float32) of what is decoded from here on."""
        import av

        to_float = av.AudioResampler(format="fltp", rate=self.rate_hz)
        frame: av.AudioFrame
        for frame in self._container.decode(self._stream):
            time = frame.pts or 0
            for made in to_float.resample(frame):
                planes = made.to_ndarray()  # (channels, frames)
                yield time, np.ascontiguousarray(planes.T)
                time += planes.shape[1]
