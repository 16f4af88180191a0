"""Sound by FluidSynth, and what is said where it is missing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from listening_pieces import scale

from partimento.report.listen import Take, write_page
from partimento.report.render import RenderError, find_fluidsynth, find_soundfont, render_audio


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
