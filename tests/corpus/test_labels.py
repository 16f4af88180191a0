"""Labels from tables and from folder names."""

from __future__ import annotations

from pathlib import Path

import pytest

from partimento.corpus.labels import from_folders, join_table, read_table


def test_rows_find_files_by_path_name_or_stem() -> None:
    paths = ["a/one.mid", "a/two.MID", "b/two.mid", "b/three.mid", "b/caf\u00e9.mid", "c/left.mid"]
    rows = {
        "a\\one.mid": {"mood": "1"},
        "./b/two.mid": {"mood": "2"},
        "three": {"mood": "3"},
        "cafe\u0301.mid": {"mood": "4"},  # the accent as a sign of its own, as macOS writes it
        "two": {"mood": "5"},  # two files have this stem
        "gone.mid": {"mood": "6"},
    }
    join = join_table(paths, rows)
    assert join.labels == {
        "a/one.mid": {"mood": "1"},
        "a/two.MID": {},
        "b/two.mid": {"mood": "2"},
        "b/three.mid": {"mood": "3"},
        "b/caf\u00e9.mid": {"mood": "4"},
        "c/left.mid": {},
    }
    assert join.rows_without_file == ("two", "gone.mid")
    assert join.files_without_row == ("a/two.MID", "c/left.mid")


def test_a_table_is_read_with_its_empty_cells_left_out(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_bytes(
        "\ufeffpath,composer,year\nx.mid,Dvo\u0159\u00e1k,\ny.mid, Bach ,1722\ny.mid,Bach,1722\n".encode()
    )
    assert read_table(table, "path") == {"x.mid": {"composer": "Dvořák"}, "y.mid": {"composer": "Bach", "year": "1722"}}
    with pytest.raises(ValueError, match="has no column 'file'; its columns are path, composer, year"):
        read_table(table, "file")
    table.write_text("path,composer\nx.mid,Bach\nx.mid,Haydn\n")
    with pytest.raises(ValueError, match=r"line 3: a second, different row for 'x.mid'"):
        read_table(table, "path")


def test_folders_give_labels_where_they_are_deep_enough() -> None:
    assert from_folders("Bach/Fugue/x.mid", {"composer": 1, "form": 2}) == {"composer": "Bach", "form": "Fugue"}
    assert from_folders("x.mid", {"composer": 1}) == {}
