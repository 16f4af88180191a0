"""The verbs on sound files, run as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_audio_model import saved
from test_cli import partimento
from tiny_sound import write_recordings


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("user")
    saved("vit1d", folder), saved("cola", folder)
    write_recordings(folder / "songs", 4, seconds=2.0)
    (folder / "songs" / "broken.wav").write_bytes(b"RIFF nothing")
    return folder


def test_sound_is_embedded_and_found(place: Path) -> None:
    run = partimento("embed", "songs", "-o", "index", "--model", "vit1d", cwd=place, status=1)
    assert "4 pieces (4 new" in run.stdout
    assert "broken.wav" in run.stderr
    again = partimento("embed", "songs", "-o", "index", "--model", "vit1d", cwd=place, status=1)
    assert "0 new, 4 were there" in again.stdout
    found = partimento("search", "index", "songs/02.flac", "--model", "vit1d", "-k", "2", "--json", cwd=place)
    first = json.loads(found.stdout.splitlines()[0])
    assert first["path"].endswith("02.flac")
    assert first["score"] == pytest.approx(1.0, abs=1e-4)


def test_a_picture_is_drawn(place: Path) -> None:
    partimento("analyse", "songs/01.flac", "--model", "vit1d", "--layers", "1", "2", cwd=place)
    assert (place / "01.png").read_bytes().startswith(b"\x89PNG")
    error = partimento("analyse", "songs/01.flac", "--model", "vit1d", cwd=place, status=1).stderr
    assert "01.png exists; --overwrite replaces it" in error
    error = partimento("analyse", "songs/01.flac", "-o", "a.png", "--model", "cola", cwd=place, status=2).stderr
    assert "no attention" in error
    error = partimento(
        "analyse", "songs/01.flac", "-o", "a.png", "--start", "9", "--model", "vit1d", cwd=place, status=1
    )
    assert "no sound after 9 s" in error.stderr


def test_both_kinds_of_files_need_a_model(place: Path, tmp_path: Path) -> None:
    (tmp_path / "a.mid").write_bytes(b"MThd")
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    error = partimento("embed", tmp_path, "-o", tmp_path / "index", status=2).stderr
    assert "both MIDI and sound files" in error


def test_compatible_is_for_piano(place: Path) -> None:
    error = partimento("embed", "songs", "-o", "other", "--model", "vit1d", "--compatible", cwd=place, status=2).stderr
    assert "reads sound" in error
