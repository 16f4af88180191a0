"""Which files a walk finds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from partimento.corpus.files import find_files, walk_all


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_suffixes_in_any_case_and_names_in_any_script(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ("b.MID", "a.midi", "ä/楽.kar", "Ω.Mid", "z.txt", "mid", "folder.mid/c.mid")))
    assert [file.path for file in find_files([tmp_path])] == [
        "a.midi",
        "b.MID",
        "folder.mid/c.mid",
        "ä/楽.kar",
        "Ω.Mid",
    ]


def test_undecodable_names_are_shown_in_hexadecimal(tmp_path: Path) -> None:
    try:
        touch(Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mid")))
    except OSError:
        pytest.skip("this file system allows names in UTF-8 alone")
    (found,) = find_files([tmp_path])
    assert found.path == "caf\\xe9.mid"
    assert Path(found.location).read_bytes() == b"x"


def test_links_are_followed_once_and_loops_end(tmp_path: Path) -> None:
    touch(tmp_path / "music" / "deep" / "a.mid", tmp_path / "elsewhere" / "b.mid")
    (tmp_path / "music" / "deep" / "up").symlink_to(tmp_path / "music")
    (tmp_path / "music" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "music" / "dead.mid").symlink_to(tmp_path / "nothing.mid")
    assert [file.path for file in find_files([tmp_path / "music"])] == ["dead.mid", "deep/a.mid", "link/b.mid"]


def test_several_sources_are_told_apart(tmp_path: Path) -> None:
    touch(tmp_path / "one" / "x" / "a.mid", tmp_path / "two" / "x" / "a.mid", tmp_path / "single.dat")
    found = find_files([tmp_path / "one", tmp_path / "two", tmp_path / "single.dat"])
    assert [file.path for file in found] == ["one/x/a.mid", "single.dat", "two/x/a.mid"]
    assert [file.inner for file in found] == ["x/a.mid", "single.dat", "x/a.mid"]
    with pytest.raises(ValueError, match=r"two files would be called one/x/a.mid"):
        find_files([tmp_path / "one", tmp_path / "one"])


def test_nothing_found_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no MIDI files \(.mid, .midi, .kar\) in"):
        find_files([tmp_path])
    with pytest.raises(FileNotFoundError, match="does not exist"):
        find_files([tmp_path / "gone"])


def test_a_walk_keeps_the_order_in_which_things_were_named(tmp_path: Path) -> None:
    touch(tmp_path / "z" / "b.mid", tmp_path / "z" / "a.mid", tmp_path / "a" / "b.mid", tmp_path / "single.dat")
    sources = [tmp_path / "z", tmp_path / "single.dat", tmp_path / "a", tmp_path / "z" / "b.mid"]
    assert [(source.name, relative, Path(location)) for source, relative, location in walk_all(sources)] == [
        ("z", "a.mid", tmp_path / "z" / "a.mid"),
        ("z", "b.mid", tmp_path / "z" / "b.mid"),
        ("single.dat", "single.dat", tmp_path / "single.dat"),
        ("a", "b.mid", tmp_path / "a" / "b.mid"),
        ("b.mid", "b.mid", tmp_path / "z" / "b.mid"),
    ]
