"""Tokens of files as dicts and as text."""

from __future__ import annotations

from pathlib import Path

import pytest

from partimento.midi import read_midi, write_midi
from partimento.notes import from_ms
from partimento.tokens.performance import PerformanceTokenizer
from partimento.tokens.show import as_text, tokens_of_files
from partimento.tokens.vocabulary import PIANO


@pytest.fixture
def path(tmp_path: Path) -> Path:
    notes = from_ms([0, 500], [480, 100], [61, 38], [80, 90], 0, [False, True])
    write_midi(notes, tmp_path / "two notes.mid")
    return tmp_path / "two notes.mid"


def test_each_file_has_its_path_prefix_and_ids(path: Path) -> None:
    (tokens,) = tokens_of_files([path])
    assert tokens["path"] == str(path)
    assert tokens["prefix"] == [6, 16]
    assert tokens["ids"] == PerformanceTokenizer().encode(read_midi(path)).tolist()
    (small,) = tokens_of_files([path], vocabulary_size=2675)
    assert small["ids"] == PerformanceTokenizer(PIANO).encode(read_midi(path)).tolist()


def test_a_bad_file_has_its_reason_and_the_next_is_read(path: Path, tmp_path: Path) -> None:
    (tmp_path / "text.mid").write_text("no music")
    text, missing, good = tokens_of_files([tmp_path / "text.mid", tmp_path / "missing.mid", path])
    assert text["error"].startswith("not a MIDI file")
    assert missing["error"] == "No such file or directory"
    assert good["ids"]
    assert as_text(text) == f"{tmp_path / 'text.mid'}: {text['error']}"


def test_text_for_people(path: Path) -> None:
    (tokens,) = tokens_of_files([path])
    head, first, second = as_text(tokens).splitlines()
    assert head == f"{path}: 7 tokens, piano drum"
    assert first.split() == ["0.00", "s", "piano", "61", "C♯4", "velocity", "80", "0.48", "s"]
    assert second.split() == ["0.50", "s", "drum", "38"]


def test_unknown_kinds_and_sizes_are_refused(path: Path) -> None:
    with pytest.raises(ValueError, match="no tokens called 'remi'; the known kinds are aria"):
        next(tokens_of_files([path], as_="remi"))
    with pytest.raises(ValueError, match="the known sizes are"):
        next(tokens_of_files([path], vocabulary_size=3))
