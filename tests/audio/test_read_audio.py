"""Files of every format and rate against the tones they were made of; windows and blocks against the whole."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from sound_files import noise, tones, write

from partimento.audio import read_audio, read_info, stream_audio

EDGE = 800  # samples at 16 kHz in which a resampler, or a codec, meets the sudden beginning and end


@pytest.mark.parametrize(
    ("name", "subtype", "tolerance"),
    [
        ("a.wav", "PCM_16", 1e-4),
        ("a.wav", "PCM_24", 1e-5),
        ("a.wav", "PCM_U8", 0.01),
        ("a.wav", "FLOAT", 1e-5),
        ("a.wav", "DOUBLE", 1e-5),
        ("a.aiff", "PCM_16", 1e-4),
        ("a.flac", "PCM_16", 1e-4),
        ("a.flac", "PCM_24", 1e-5),
        ("a.ogg", "VORBIS", 0.02),
        ("a.mp3", "MPEG_LAYER_III", 0.03),
        ("a.opus", "OPUS", 0.04),
    ],
)
def test_every_format_gives_the_sound_that_was_written(
    tmp_path: Path, name: str, subtype: str, tolerance: float
) -> None:
    rate_hz = 48_000
    path = write(tmp_path / name, tones(rate_hz, 60_001), rate_hz, subtype)
    info = read_info(path)
    assert (info.rate_hz, info.channels, info.frames, info.seconds) == (rate_hz, 1, 60_001, 60_001 / rate_hz)
    assert info.format.endswith(subtype)
    for asked_hz in (16_000, rate_hz):
        got = read_audio(path, asked_hz)
        assert got.dtype == np.float32
        assert len(got) == round(60_001 * asked_hz / rate_hz)
        expected = tones(asked_hz, len(got))
        assert np.abs(got - expected)[EDGE:-EDGE].max() < tolerance
        lags = [float(np.dot(got[EDGE:-EDGE], np.roll(expected, lag)[EDGE:-EDGE])) for lag in (-1, 0, 1)]
        assert max(lags) == lags[1]


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 22_050, 44_100, 44_101, 96_000, 192_000])
def test_every_rate_gives_the_sound_that_was_written(tmp_path: Path, rate_hz: int) -> None:
    path = write(tmp_path / "a.wav", tones(rate_hz, rate_hz), rate_hz, "FLOAT")
    for asked_hz in (8_000, 16_000, 22_050):
        got = read_audio(path, asked_hz)
        assert len(got) == asked_hz
        assert np.abs(got - tones(asked_hz, asked_hz))[EDGE:-EDGE].max() < 1e-4


def test_channels_are_averaged_or_added(tmp_path: Path) -> None:
    gains = np.array([1, -0.5, 0.25, 0.5, 0.0, 0.75])
    sound = tones(16_000, 16_000)
    for count in (1, 2, 6):
        path = write(tmp_path / f"{count}.wav", sound[:, None] * gains[:count], 16_000, "FLOAT")
        assert read_info(path).channels == count
        assert np.allclose(read_audio(path, 16_000), sound * gains[:count].mean(), atol=1e-6)
        assert np.allclose(read_audio(path, 16_000, channels="sum"), sound * gains[:count].sum(), atol=1e-6)
    added = read_audio(path, 8_000, 0.1, 0.2, channels="sum")
    assert np.allclose(added, 2 * soxr.resample(sound.astype(np.float32), 16_000, 8_000)[800:2400], atol=1e-5)


def sounds(folder: Path) -> dict[Path, int]:
    """Some seconds of noise in each way of coding, and the rate to be asked for."""
    stereo = np.stack([noise(4 * 44_100), noise(4 * 44_100, 1)], axis=1)
    return {
        write(folder / "a.wav", stereo, 44_100): 16_000,
        write(folder / "same.wav", stereo, 44_100): 44_100,
        write(folder / "up.wav", stereo[:44_100], 11_025): 16_000,
        write(folder / "odd.wav", stereo, 44_101): 22_050,
        write(folder / "down.wav", stereo, 192_000): 8_000,
        write(folder / "a.flac", stereo, 44_100): 22_050,
        write(folder / "a.ogg", stereo, 44_100): 16_000,
        write(folder / "a.mp3", stereo, 44_100, bitrate_mode="VARIABLE"): 16_000,
        write(folder / "a.opus", stereo, 48_000): 16_000,
    }


def test_blocks_and_windows_equal_the_whole(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for path, rate_hz in sounds(tmp_path).items():
        whole = read_audio(path, rate_hz)
        for block_s in (0.0337, 2.5, 100.0):
            blocks = list(stream_audio(path, rate_hz, block_s))
            size = round(block_s * rate_hz)
            assert {len(block) for block in blocks[:-1]} <= {size}
            assert 0 < len(blocks[-1]) <= size
            joined = np.concatenate(blocks)
            assert joined.shape == whole.shape
            assert np.abs(joined - whole).max() < 1e-6, path.name
        length_s = len(whole) / rate_hz
        for start_s in (*generator.uniform(0, length_s, 4), 0.0, length_s - 0.01):
            first = round(start_s * rate_hz)
            for seconds in (0.5, None):
                got = read_audio(path, rate_hz, start_s, seconds)
                expected = whole[first:] if seconds is None else whole[first : first + round(seconds * rate_hz)]
                assert got.shape == expected.shape
                assert np.abs(got - expected).max() < 1e-5, (path.name, start_s)
        assert len(read_audio(path, rate_hz, length_s + 1, 1.0)) == 0
        assert len(read_audio(path, rate_hz, 1.0, 0.0)) == 0


def test_a_length_that_ends_on_half_a_sample_is_one_length(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", noise(3200 + 480), 96_000)  # 3680 * 147 / 320 = 1690.5
    whole = read_audio(path, 44_100)
    assert len(whole) == 1690
    assert sum(map(len, stream_audio(path, 44_100, 0.005))) == 1690
    for first in (0, 600, 1200, 1689):
        assert len(read_audio(path, 44_100, first / 44_100)) == 1690 - first


def test_windows_deep_in_a_file_need_little_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    original = soundfile.SoundFile.read

    def counting(self: soundfile.SoundFile, frames: int, **options: object) -> np.ndarray:
        read.append(frames)
        return original(self, frames, **options)

    monkeypatch.setattr(soundfile.SoundFile, "read", counting)
    sound = noise(44_100 * 12)
    for path in (tmp_path / "a.wav", tmp_path / "a.flac", tmp_path / "a.mp3", tmp_path / "a.ogg"):
        write(path, sound, 44_100)
        whole = read_audio(path, 16_000)
        read.clear()
        got = read_audio(path, 16_000, 9.0, 1.0)
        assert sum(read) < 2 * 44_100
        assert np.abs(got - whole[144_000:160_000]).max() < 1e-5, path.name


def test_opus_is_sought_in_beyond_its_first_ten_seconds(tmp_path: Path) -> None:
    path = write(tmp_path / "a.opus", noise(24_000 * 13), 24_000)
    whole = read_audio(path, 16_000)
    assert np.abs(read_audio(path, 16_000, 9.0, 1.0) - whole[144_000:160_000]).max() < 1e-5
    late = read_audio(path, 16_000, 12.0, 1.0)
    expected = whole[192_000:]
    assert np.abs(late - expected).max() < 0.05
    assert np.corrcoef(late, expected)[0, 1] > 0.999


def test_real_files_stream_as_they_are_read(raw: Callable[[str], Path]) -> None:
    paths = [
        *sorted((raw("esc10")).glob("*/*.opus"))[::80],
        *sorted((raw("philharmonia") / "notes").glob("*.opus"))[::1200],
        *sorted((raw("mdb_drums") / "audio").glob("*.flac"))[::6],
    ]
    assert len(paths) >= 13
    for path in paths:
        whole = read_audio(path, 16_000)
        info = read_info(path)
        assert len(whole) == pytest.approx(info.seconds * 16_000, abs=1)
        assert np.abs(np.concatenate(list(stream_audio(path, 16_000, 0.21))) - whole).max() < 1e-6
        start_s = 0.6 * info.seconds
        got = read_audio(path, 16_000, start_s, 0.5)
        first = round(16_000 * start_s)
        assert np.abs(got - whole[first : first + 8000]).max() < 1e-5
    decoded, rate_hz = soundfile.read(paths[-1], dtype="float32")
    assert np.abs(soxr.resample(decoded, rate_hz, 16_000) - whole).max() < 1e-6


# Resident memory that reading has added to that of the program, in MB, and the seconds that were read.
STREAMING = """
import sys
from partimento.audio import read_audio, stream_audio
def high_water_mb():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
read_audio(sys.argv[1], 16_000, 0.0, 5.0)
before, samples = high_water_mb(), 0
for block in stream_audio(sys.argv[1], 16_000, 10.0):
    samples += len(block)
print(high_water_mb() - before, samples / 16_000)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="resident memory is read from /proc")
def test_a_long_file_streams_in_constant_memory(tmp_path: Path) -> None:
    minute = np.tile((30_000 * tones(44_100, 44_100)).astype(np.int16), 60)
    path = tmp_path / "long.flac"
    with soundfile.SoundFile(path, "w", 44_100, 1, "PCM_16", compression_level=0.0) as file:
        for _ in range(20):
            file.write(minute)
    run = subprocess.run([sys.executable, "-c", STREAMING, path], capture_output=True, text=True, check=True)
    grown_mb, seconds = map(float, run.stdout.split())
    assert seconds == 1200
    assert grown_mb < 25  # at 16 kHz the whole would take 77 MB, at its own rate 212


def test_arguments_that_cannot_be_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tones(8_000, 800), 8_000)
    with pytest.raises(ValueError, match="rate_hz is 0"):
        read_audio(path, 0)
    with pytest.raises(ValueError, match="channels is 'left'"):
        stream_audio(path, 8_000, 1.0, channels="left")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="neither may be negative"):
        read_audio(path, 8_000, -1.0)
    with pytest.raises(ValueError, match="hold no sample"):
        stream_audio(path, 8_000, 0.0)
