"""What is no sound, is broken, ends too early, or holds what is no number."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sound_files import noise, tones, write

from partimento.audio import AudioError, check_audio, read_audio, read_info, stream_audio


def cut(path: Path, keep: float) -> Path:
    """The same file without its end."""
    data = path.read_bytes()
    shorter = path.with_stem(f"{path.stem}-cut")
    shorter.write_bytes(data[: int(len(data) * keep)])
    return shorter


def test_what_is_no_sound_is_refused_with_file_and_reason(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_bytes(b"not sound at all" * 100)
    (tmp_path / "text.mp3").write_bytes(b"not sound at all" * 100)
    (tmp_path / "folder.wav").mkdir()
    os.mkfifo(tmp_path / "pipe.wav")
    write(tmp_path / "nothing.wav", np.empty(0), 8_000)
    cut(write(tmp_path / "a.flac", tones(8_000, 8_000), 8_000), 0.01)
    reasons = {
        "empty.wav": "empty file",
        "text.wav": "cannot be decoded: Format not recognised",
        "text.mp3": "cannot be decoded: ",
        "folder.wav": "a folder, not a file",
        "pipe.wav": "not a regular file",
        "nothing.wav": "holds no samples",
        "a-cut.flac": "cannot be decoded: ",
    }
    for name, reason in reasons.items():
        path = tmp_path / name
        with pytest.raises(AudioError) as refused:
            read_info(path)
        assert str(refused.value).startswith(f"{path}: {reason}"), name
        assert refused.value.reason.startswith(reason)
        with pytest.raises(AudioError):
            read_audio(path, 16_000)
        with pytest.raises(AudioError):
            list(stream_audio(path, 16_000, 1.0))
    with pytest.raises(FileNotFoundError):
        read_audio(tmp_path / "gone.wav", 16_000)


def test_an_error_travels_between_processes(tmp_path: Path) -> None:
    error = pickle.loads(pickle.dumps(AudioError(tmp_path / "a.wav", "empty file")))
    assert (str(error), error.reason) == (f"{tmp_path / 'a.wav'}: empty file", "empty file")


def test_flac_without_its_end_reads_up_to_the_break(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.flac", noise(44_100 * 24), 44_100)
    path = cut(whole, 0.5)
    assert read_info(path).seconds == 24  # its header says so
    assert np.abs(read_audio(path, 16_000, 2.0, 1.0) - read_audio(whole, 16_000, 2.0, 1.0)).max() < 1e-6
    for broken in (lambda: read_audio(path, 16_000), lambda: read_audio(path, 16_000, 20.0, 1.0)):
        with pytest.raises(AudioError, match=r"a-cut.flac: cannot be decoded beyond \d+\.\d\d s: "):
            broken()
    blocks = stream_audio(path, 16_000, 1.0)
    heard = [next(blocks) for _ in range(5)]  # what lies before the break
    assert np.abs(np.concatenate(heard) - read_audio(whole, 16_000, 0.0, 5.0)).max() < 1e-6
    with pytest.raises(AudioError, match="cannot be decoded beyond"):
        list(blocks)
    with pytest.raises(AudioError, match="cannot be decoded beyond"):
        check_audio(path)


def test_a_decoder_that_only_ends_early_gives_what_there_is(tmp_path: Path) -> None:
    for name in ("a.mp3", "a.ogg", "a.opus", "a.wav"):
        whole = write(tmp_path / name, noise(48_000 * 6), 48_000)
        path = cut(whole, 0.5)
        got, expected = read_audio(path, 16_000), read_audio(whole, 16_000)
        assert 16_000 < len(got) < 16_000 * 4, name
        assert np.abs(got - expected[: len(got)])[: len(got) - 2_000].max() < 1e-5, name
    with pytest.raises(AudioError, match=r"a-cut.mp3: ends at \d\.\d\d s of the 6\.00 s that its header says"):
        check_audio(tmp_path / "a-cut.mp3")


def test_lengths_that_the_header_does_not_tell(tmp_path: Path) -> None:
    sound = noise(44_100 * 9 + 123)
    flac = write(tmp_path / "a.flac", sound, 44_100)
    data = bytearray(flac.read_bytes())
    data[21] &= 0xF0  # STREAMINFO: the 36 bits of the number of samples, 0 where it was not known
    data[22:26] = bytes(4)
    flac.write_bytes(data)
    assert read_info(flac).frames == len(sound)
    assert len(read_audio(flac, 44_100)) == len(sound)
    assert np.abs(read_audio(flac, 44_100, 5.0, 1.0) - sound[220_500:264_600]).max() < 1e-4
    mp3 = write(tmp_path / "a.mp3", sound, 44_100, bitrate_mode="CONSTANT", compression_level=0.9)
    assert b"Xing" not in mp3.read_bytes()[:4096]
    assert read_info(mp3).seconds == pytest.approx(9, rel=0.05)  # from the size of the file
    assert check_audio(mp3).seconds == pytest.approx(9, abs=0.1)


def test_few_samples_that_are_no_numbers_become_silence_and_many_are_refused(tmp_path: Path) -> None:
    sound = np.stack([tones(16_000, 16_000)] * 2, axis=1)
    few = sound.copy()
    few[5_000:5_100, 0] = np.nan
    few[6_000] = [np.inf, -np.inf]
    expected = sound.mean(axis=1)
    expected[5_000:5_100] = expected[6_000] = 0
    path = write(tmp_path / "few.wav", few, 16_000, "FLOAT")
    assert np.allclose(read_audio(path, 16_000), expected, atol=1e-6)
    assert np.isfinite(read_audio(path, 22_050)).all()
    assert np.allclose(read_audio(path, 16_000, 0.3125, 0.00625), 0)  # a window of nothing else
    many = sound.copy()
    many[5_000:5_200] = np.nan
    path = write(tmp_path / "many.wav", many, 16_000, "FLOAT")
    for refused in (
        lambda: read_audio(path, 22_050),
        lambda: list(stream_audio(path, 16_000, 0.1)),
        lambda: check_audio(path),
    ):
        with pytest.raises(AudioError, match=r"many.wav: more than 1% of its samples are NaN or infinite"):
            refused()


def test_loud_floats_are_kept_and_silence_is_no_error(tmp_path: Path) -> None:
    loud = write(tmp_path / "loud.wav", 7 * tones(16_000, 16_000), 16_000, "FLOAT")
    assert np.allclose(read_audio(loud, 16_000), 7 * tones(16_000, 16_000), atol=1e-5)
    silent = write(tmp_path / "silent.flac", np.zeros(44_100), 44_100)
    assert np.array_equal(read_audio(silent, 16_000), np.zeros(16_000, dtype=np.float32))


def test_short_files_are_read(tmp_path: Path) -> None:
    for samples in (1, 2, 37):
        path = write(tmp_path / "short.wav", np.full(samples, 0.5), 44_100, "FLOAT")
        assert len(read_audio(path, 44_100)) == samples
        assert abs(len(read_audio(path, 16_000)) - samples * 16 / 44.1) <= 0.5


def test_a_check_measures_silence(tmp_path: Path) -> None:
    sound = tones(22_050, 22_050 * 6)
    sound[22_050 : 2 * 22_050] = 0
    sound[-11_025:] *= 1e-3
    path = write(tmp_path / "a.flac", sound, 22_050, "PCM_24")
    found = check_audio(path)
    assert found.seconds == 6
    assert found.silence_s == pytest.approx(1.5, abs=0.03)
    decoded, _ = soundfile.read(path)
    assert np.abs(decoded[-11_025:]).max() < 1e-3
