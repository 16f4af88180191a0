"""Sound by FluidSynth, and what is said where it is missing."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from listening_pieces import scale

from partimento.notes import from_ms
from partimento.report.listen import Take, write_page
from partimento.report.render import (
    SAMPLE_RATE_HZ,
    RenderError,
    Room,
    find_fluidsynth,
    find_soundfont,
    render_audio,
    render_samples,
)


@pytest.fixture
def fluidsynth() -> str:
    try:
        find_soundfont()
        return find_fluidsynth()
    except RenderError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))


@pytest.mark.render
@pytest.mark.usefixtures("fluidsynth")
def test_render_gives_ogg_that_a_page_embeds(tmp_path: Path):
    sound = render_audio(scale())
    assert sound[:4] == b"OggS"
    assert b"vorbis" in sound[:200]
    last = sound.rindex(b"OggS")
    seconds = int.from_bytes(sound[last + 6 : last + 14], "little") / 44_100  # granule position: samples so far
    assert 4.5 < seconds < 9
    path = write_page([Take("Scale", scale())], tmp_path / "page.html", render=render_audio)
    assert path.stat().st_size > len(sound)


@pytest.mark.render
@pytest.mark.usefixtures("fluidsynth")
def test_a_bad_soundfont_is_named(tmp_path: Path):
    bad = tmp_path / "bad.sf2"
    bad.write_bytes(b"RIFF nothing")
    with pytest.raises(RenderError, match=r"bad\.sf2"):
        render_audio(scale(), bad)


@pytest.mark.render
@pytest.mark.usefixtures("fluidsynth")
def test_samples_begin_with_their_notes_and_a_room_rings_on():
    notes = from_ms(np.array([500, 1500]), np.array([100, 100]), np.array([72, 79]), np.array([110, 110]))
    dry, wet = (
        render_samples(notes, find_soundfont(), Room(reverb_level=level, reverb_size=0.9, chorus_level=0.0))
        for level in (0.0, 0.9)
    )
    loud = np.abs(dry).max(1)
    for onset_s in (0.5, 1.5):
        begin = round(onset_s * SAMPLE_RATE_HZ)
        before, after = loud[begin - 4_410 : begin - 441].max(), loud[begin : begin + 882].max()
        assert after > 5 * before + 0.01
    late = slice(round(2.5 * SAMPLE_RATE_HZ), round(3.0 * SAMPLE_RATE_HZ))
    assert np.abs(wet[late]).mean() > 3 * np.abs(dry[late]).mean() + 1e-5


def test_missing_program_names_the_packages(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RenderError, match="apt install fluidsynth"):
        find_fluidsynth()


def test_missing_soundfont_names_the_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("PARTIMENTO_SOUNDFONT", raising=False)
    monkeypatch.setattr("partimento.report.render.SOUNDFONT_FOLDERS", (str(tmp_path),))
    with pytest.raises(RenderError, match="timgm6mb-soundfont"):
        find_soundfont()
    monkeypatch.setenv("PARTIMENTO_SOUNDFONT", str(tmp_path / "mine.sf2"))
    with pytest.raises(RenderError, match=r"mine\.sf2.*not a file"):
        find_soundfont()
    (tmp_path / "mine.sf2").write_bytes(b"x")
    assert find_soundfont() == tmp_path / "mine.sf2"
