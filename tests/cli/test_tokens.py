"""The verb `tokens` with the words of the masked systems; in this process, which is quicker."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from partimento.cli import main
from partimento.examples import example_paths
from partimento.midi import read_midi, write_midi
from partimento.midi.in_order import read_in_order
from partimento.notes import from_ms
from partimento.tokens import compound, octuple

Run = Callable[..., str]


@pytest.fixture
def tokens(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the verb; its exit status must be the one that is expected."""

    def run(*args: str | Path, status: int = 0) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["tokens", *map(str, args)])
        out, err = capsys.readouterr()
        assert ended.value.code == status, err
        return out

    return run


def test_words_as_json_one_line_a_file(tokens: Run, tmp_path: Path) -> None:
    paths = example_paths()[:2]
    (tmp_path / "bad.mid").write_bytes(b"")
    rows = [
        json.loads(line)
        for line in tokens(*paths, tmp_path / "bad.mid", "--as", "octuple", "--json", status=1).splitlines()
    ]
    assert rows == [{"path": str(path), "octuple": octuple.encode(read_in_order(path))[0].tolist()} for path in paths]
    (row,) = [json.loads(line) for line in tokens(paths[0], "--as", "compound", "--json").splitlines()]
    assert row == {"path": str(paths[0]), "compound": compound.encode(read_midi(paths[0]))[0].tolist()}


def test_words_for_people(tokens: Run, tmp_path: Path) -> None:
    path = tmp_path / "two notes.mid"
    write_midi(from_ms([0, 2250], [500, 100], [61, 38], [80, 90], 0, [False, True]), path)
    head, first, second = tokens(path, "--as", "octuple").splitlines()
    assert head == f"{path}: 2 words"
    assert " ".join(first.split()) == "bar 0 + 0.0000 program 0 61 C♯4 velocity 82 1.0000 quarters 4/4 121 bpm"
    assert " ".join(second.split()) == "bar 1 + 0.5000 drum 38 velocity 90 0.1875 quarters 4/4 121 bpm"
    head, only = tokens(path, "--as", "compound").splitlines()
    assert head == f"{path}: 1 words"
    assert " ".join(only.split()) == "bar + 0.00 61 C♯4 1.000 quarters"
