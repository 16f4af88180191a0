"""The split of the open solo-piano sets: no song of a test piece is on the training side."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from partimento.corpus.datasets.solo_piano import ALSO_TESTED, SAME_SONG, Row, solo_piano, work_keys
from partimento.midi import read_midi

SETS = ("pop909", "pianist8", "emopia", "piano_midi_de", "midibert", "acpas_meta")


@pytest.fixture(scope="module")
def root(raw: Callable[[str], Path]) -> Path:
    folders = [raw(name) for name in SETS]  # skips where one is missing
    return folders[0].parent


@pytest.fixture(scope="module")
def rows(root: Path) -> list[Row]:
    return solo_piano(root)


def test_every_piece_is_there_once(rows: list[Row], root: Path) -> None:
    assert Counter(row.set for row in rows) == {"pop909": 909, "pianist8": 411, "emopia": 1078, "piano_midi_de": 337}
    assert len({row.path for row in rows}) == len(rows)
    assert all((root / row.path).is_file() for row in rows)
    assert {row.split for row in rows} == {"train", "valid", "test", "kept-out"}


def test_published_test_pieces_are_on_the_test_side(rows: list[Row], root: Path) -> None:
    assert {row.path for row in rows if row.split == "test"} == {row.path for row in rows if row.tested_by}
    tested_by = Counter(name for row in rows for name in row.tested_by.split("+") if name)
    assert tested_by["midibert"] == 86 + 37 + 107
    assert tested_by["pianobart"] == 42 + 108
    assert tested_by["emopia_cls"] == 86
    with (root / "acpas_meta" / "distinct_pieces.csv").open(encoding="utf-8", newline="") as file:
        acpas = {line["CPM_title"] for line in csv.DictReader(file) if line["split"] == "test"} - {""}
    assert tested_by["acpas"] == len(acpas)


def test_no_song_or_work_is_on_two_sides(rows: list[Row]) -> None:
    side: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        for key in row.song.split("|"):
            side.setdefault((row.set, key), set()).add({"kept-out": "test"}.get(row.split, row.split))
    assert {key: sides for key, sides in side.items() if len(sides) > 1} == {}


def test_acpas_test_works_are_not_trained_on_under_any_title(rows: list[Row], root: Path) -> None:
    with (root / "acpas_meta" / "distinct_pieces.csv").open(encoding="utf-8", newline="") as file:
        tests = [line for line in csv.DictReader(file) if line["split"] == "test"]
    titles = [(line["composer"], line[name]) for line in tests for name in ("ASAP_title", "CPM_title") if line[name]]
    works = set().union(*(work_keys(*title) for title in titles))
    trained = {
        key
        for row in rows
        if row.set == "piano_midi_de" and row.split in ("train", "valid")
        for key in row.song.split("|")
    }
    assert trained & works == set()


def test_other_performances_of_a_tested_song_are_kept_out(rows: list[Row]) -> None:
    by_path = {row.path: row for row in rows}
    for song, tested in ALSO_TESTED.items():
        assert by_path[tested].split == "test"
        assert {row.split for row in rows if (row.set, row.song) == song} == {"kept-out"}


def test_grouped_songs_name_files_that_exist(rows: list[Row]) -> None:
    paths = {row.path for row in rows}
    assert all(f"pianist8/midi/{file}" in paths for file in SAME_SONG["pianist8"])
    assert all(f"pop909/mid/{song}.mid" in paths for song in SAME_SONG["pop909"])
    by_path = {row.path: row for row in rows}
    assert by_path["pop909/mid/017.mid"].split == "kept-out"
    assert by_path["pop909/mid/018.mid"].split == "test"


def test_the_training_side_is_the_one_that_the_documents_speak_of(rows: list[Row]) -> None:
    """A change of these numbers changes what a model trained on this split has heard.

    The shipped weights have heard two clips and a piece more, see docs/log.md.
    """
    count = Counter((row.set, row.split) for row in rows)
    assert [count[name, "train"] for name in SETS[:4]] == [780, 316, 460, 151]
    assert [count[name, "valid"] for name in SETS[:4]] == [42, 9, 14, 6]
    assert [count[name, "test"] for name in SETS[:4]] == [86, 76, 271, 58]


@pytest.mark.parametrize(
    ("composer", "title", "keys"),
    [
        ("Mozart", "Sonata_No.11_A_major_KV_331_2", {"Mozart kv 331", "Mozart sonata 11"}),
        ("Mozart", "Piano_Sonatas_11-3", {"Mozart sonata 11"}),
        ("Schubert", "Impromptu_op.90_D.899_1", {"Schubert opus 90", "Schubert d 899"}),
        ("Chopin", "Etudes_op_10_12", {"Chopin opus 10"}),
        ("Bach", "Fugue_bwv_858", {"Bach bwv 858"}),
        ("Debussy", "Suite_bergamasque_Clair_de_Lune", {"Debussy suite_bergamasque"}),
        ("Liszt", "Gran_Etudes_de_Paganini_6_Theme_and_Variations", {"Liszt paganini"}),
    ],
)
def test_titles_of_both_sets_give_the_work(composer: str, title: str, keys: set[str]) -> None:
    assert work_keys(composer, title) == keys


def runs_of_16(path: Path) -> np.ndarray:
    """Sorted hashes of 16 pitches that follow each other, by onset and then by pitch."""
    notes = read_midi(path)
    pitch = notes.pitch[np.lexsort((notes.pitch, notes.onset))].astype(np.uint64) + np.uint64(1)
    runs = np.zeros(max(len(pitch) - 15, 0), dtype=np.uint64)
    for place in range(16):
        runs = runs * np.uint64(1099511628211) + pitch[place : place + len(runs)]
    return np.unique(runs)


def test_no_training_piece_shares_a_fifth_of_its_16_note_runs_with_a_test_piece(rows: list[Row], root: Path) -> None:
    sides = [{"train": 0, "valid": 0, "test": 1}.get(row.split, -1) for row in rows]
    runs = [runs_of_16(root / row.path) for row in rows]
    owner = np.repeat(np.arange(len(runs)), [len(r) for r in runs])
    order = np.argsort(np.concatenate(runs), kind="stable")
    value, owner = np.concatenate(runs)[order], owner[order]
    shared: Counter[tuple[int, int]] = Counter()
    for group in np.split(owner, np.flatnonzero(value[1:] != value[:-1]) + 1):
        if len(group) > 1:
            trained, tested = ([i for i in group.tolist() if sides[i] == side] for side in (0, 1))
            shared.update((a, b) for a in trained for b in tested)
    leaks = {
        (rows[a].path, rows[b].path)
        for (a, b), count in shared.items()
        if count >= 0.2 * min(len(runs[a]), len(runs[b]))
    }
    assert leaks == set()
