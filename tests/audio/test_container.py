"""What PyAV reads: AAC in MP4 and other containers, exactly where their times allow."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from sound_files import noise, tones, write_container

from partimento.audio import AudioError, check_audio, read_audio, read_info, stream_audio

pytest.importorskip("av", reason="needs PyAV, the extra audio")


def test_aac_in_mp4_gives_the_sound_that_was_written(tmp_path: Path) -> None:
    path = write_container(tmp_path / "a.m4a", tones(44_100, 132_300), 44_100, "aac")
    info = read_info(path)
    assert (info.rate_hz, info.channels, info.frames, info.format) == (44_100, 1, 132_300, "MOV AAC")
    for rate_hz in (16_000, 44_100):
        got = read_audio(path, rate_hz)
        assert len(got) == round(132_300 * rate_hz / 44_100)
        assert np.abs(got - tones(rate_hz, len(got)))[2000:-2000].max() < 0.01
    assert check_audio(path).seconds == 132_300 / 44_100


@pytest.mark.parametrize(("name", "codec"), [("a.m4a", "aac"), ("a.mka", "aac"), ("a.aac", "aac"), ("b.m4a", "alac")])
def test_blocks_and_windows_equal_the_whole(tmp_path: Path, name: str, codec: str) -> None:
    sound = np.repeat(noise(1470), 420) * tones(44_100, 617_400)  # 14 s
    path = write_container(tmp_path / name, sound, 44_100, codec)
    for rate_hz in (16_000, 44_100) if name == "a.m4a" else (16_000,):
        whole = read_audio(path, rate_hz)
        assert np.abs(np.concatenate(list(stream_audio(path, rate_hz, 0.7))) - whole).max() < 1e-6
        for start_s in (0.0, 3.21, 11.117, 13.6):
            first = round(start_s * rate_hz)
            got = read_audio(path, rate_hz, start_s, 0.5)
            expected = whole[first : first + rate_hz // 2]
            assert got.shape == expected.shape
            # Beyond 10 s AAC's own noise may differ after a seek: by less than half of what a shift by one does.
            shift = np.abs(np.diff(expected)).max()
            assert np.abs(got - expected).max() < (1e-5 if start_s < 10 or codec == "alac" else 0.5 * shift), start_s
    if codec == "alac":
        assert np.abs(read_audio(path, 44_100) - sound).max() < 1e-4


def test_what_cannot_be_read_has_its_reason(tmp_path: Path) -> None:
    import av

    (tmp_path / "text.m4a").write_bytes(b"not sound at all" * 100)
    with pytest.raises(AudioError, match=r"text.m4a: cannot be decoded: "):
        read_info(tmp_path / "text.m4a")
    whole = write_container(tmp_path / "a.m4a", tones(44_100, 44_100), 44_100, "aac")
    (tmp_path / "cut.m4a").write_bytes(whole.read_bytes()[:5000])
    with pytest.raises(AudioError, match=r"cut.m4a: cannot be decoded: "):
        read_audio(tmp_path / "cut.m4a", 16_000)
    with av.open(str(tmp_path / "mute.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, width=16, height=16, pix_fmt="yuv420p")
        picture = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), dtype=np.uint8), format="rgb24")
        container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    with pytest.raises(AudioError, match=r"mute.mp4: holds no sound"):
        read_info(tmp_path / "mute.mp4")


def test_without_the_extra_one_message_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_container(tmp_path / "a.m4a", tones(44_100, 4_410), 44_100, "aac")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(
        AudioError, match=r"\.m4a files are read by PyAV, which is not installed: .*partimento\[audio\]"
    ):
        read_audio(path, 16_000)
