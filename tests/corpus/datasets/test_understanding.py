"""The table of the masked models' corpus: open sets alone, no song on two sides."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from partimento.corpus.datasets import solo_piano
from partimento.corpus.datasets.understanding import SAME_SONG, SETS, Row, main, tune_titles, understanding

FOLDERS = ("pop909", "pianist8", "emopia", "piano_midi_de", "nottingham", "multitrack", "midibert", "acpas_meta")


@pytest.fixture(scope="module")
def root(raw: Callable[[str], Path]) -> Path:
    folders = [raw(name) for name in FOLDERS]  # skips where one is missing
    return folders[0].parent


@pytest.fixture(scope="module")
def rows(root: Path) -> list[Row]:
    return understanding(root)


def test_every_piece_is_there_once(rows: list[Row], root: Path) -> None:
    assert len({row.path for row in rows}) == len(rows)
    assert Counter(row.set for row in rows) == {
        **{"pop909": 909, "pianist8": 411, "emopia": 1078, "piano_midi_de": 337},
        **{"nottingham": 1034, "multitrack": 109},
    }
    for row in rows:
        assert (root / row.path.replace("pop909_aligned/", "pop909/mid/")).is_file()


def test_only_open_songs_are_taken(rows: list[Row]) -> None:
    assert {row.tier for row in rows} == {"open"}
    assert {row.path.split("/")[1] for row in rows if row.set == "multitrack"} == {"freedoom", "openmsx"}


def test_no_song_is_on_two_sides(rows: list[Row]) -> None:
    sides: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        for key in row.song.split("|"):
            sides.setdefault((row.set, key), set()).add({"kept-out": "test"}.get(row.split, row.split))
    assert {song: side for song, side in sides.items() if len(side) > 1} == {}


def test_the_piano_sets_are_split_as_the_language_model_splits_them(rows: list[Row], root: Path) -> None:
    side = {row.path: row.split for row in rows}
    for row in solo_piano.solo_piano(root):
        assert side[row.path.replace("pop909/mid/", "pop909_aligned/")] == row.split
    assert side["pop909_aligned/018.mid"] == "test"
    assert side["pop909_aligned/017.mid"] == "kept-out"


def test_a_tenth_of_the_tunes_and_songs_is_tested(rows: list[Row]) -> None:
    for name in ("nottingham", "multitrack"):
        count = Counter(row.split for row in rows if row.set == name)
        assert set(count) == {"train", "valid", "test"}
        assert 0.07 < count["test"] / count.total() < 0.13


def test_the_training_side_is_the_one_that_the_documents_speak_of(rows: list[Row]) -> None:
    """A change of these numbers changes what a model trained on this split has heard."""
    count = Counter((row.set, row.split) for row in rows)
    assert [count[name, "train"] for name in SETS] == [780, 316, 460, 151, 908, 92]


def test_tunes_are_named_by_their_titles(root: Path) -> None:
    titles = tune_titles(root)
    assert titles["ashover1"] == "a and as waltz"
    assert titles["jigs134"] == titles["jigs136"] == "the hundred pipers"
    songs = {*titles.values(), "d_dm26", "d_dm28"}
    assert {*SAME_SONG, *SAME_SONG.values()} <= songs


def test_an_unknown_set_is_refused(root: Path) -> None:
    with pytest.raises(ValueError, match="asap"):
        understanding(root, without=("asap",))


def test_the_table_is_written_without_the_sets_that_are_left_out_whole(
    root: Path, rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "labels.csv"
    monkeypatch.setattr("sys.argv", ["understanding", str(root), "-o", str(table), "--without", "pianist8", "emopia"])
    main()
    with table.open(encoding="utf-8", newline="") as file:
        lines = [Row(**line) for line in csv.DictReader(file)]
    assert lines == [row for row in rows if row.set not in ("pianist8", "emopia")]
