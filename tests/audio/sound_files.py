"""Sound files for the tests, of tones whose samples at any rate are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

TONES = ((220.0, 0.2), (997.0, 0.15), (2500.0, 0.1))  # Hz below the lowest band limit of the tests, and level


def tones(rate_hz: int, samples: int) -> np.ndarray:
    """(samples,) float64, the same sound at any rate."""
    time_s = np.arange(samples) / rate_hz
    return np.sum([level * np.sin(2 * np.pi * hz * time_s) for hz, level in TONES], axis=0)


def write(path: Path, samples: np.ndarray, rate_hz: int, subtype: str | None = None, **options: object) -> Path:
    """Write (frames,) or (frames, channels), in blocks: in one call soundfile crashes on long Vorbis."""
    samples = samples[:, None] if samples.ndim == 1 else samples
    container = "OGG" if path.suffix == ".opus" else None
    with soundfile.SoundFile(
        path, "w", rate_hz, samples.shape[1], subtype or ("OPUS" if container else None), format=container, **options
    ) as file:
        for start in range(0, len(samples), 4096):
            file.write(samples[start : start + 4096])
    return path


def write_container(path: Path, samples: np.ndarray, rate_hz: int, codec: str) -> Path:
    """Write (frames,) with PyAV."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate_hz, layout="mono")
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = 128_000
        for start in range(0, len(samples), 4096):
            part = np.ascontiguousarray(samples[None, start : start + 4096], dtype=np.float32)
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = rate_hz, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def noise(samples: int, seed: int = 0) -> np.ndarray:
    """(samples,) float32 noise with pauses, which shows any shift."""
    generator = np.random.default_rng(seed)
    loud = np.repeat(generator.uniform(0, 0.3, samples // 1000 + 1), 1000)[:samples]
    return (loud * generator.uniform(-1, 1, samples)).astype(np.float32)
