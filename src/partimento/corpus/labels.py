"""Labels of files: from a table joined on their paths, and from the names of their folders."""

from __future__ import annotations

import csv
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True)
class Join:
    """Labels by path, and what found no counterpart: keys of rows without a file, paths of files without a row."""

    labels: dict[str, dict[str, str]]
    rows_without_file: tuple[str, ...] = ()
    files_without_row: tuple[str, ...] = ()


def read_table(path: str | Path, key: str) -> dict[str, dict[str, str]]:
    """The rows of a CSV file by their key; an empty cell is no label.

    Raises:
        ValueError: if the key column is missing, or two rows with one key differ.
    """
    rows: dict[str, dict[str, str]] = {}
    with Path(path).open(newline="", encoding="utf-8-sig") as source:
        reader = csv.DictReader(source, restkey="")
        columns = reader.fieldnames or []
        if key not in columns:
            raise ValueError(f"{path} has no column {key!r}; its columns are {', '.join(columns) or 'none'} (--key)")
        for row in reader:
            name = (row[key] or "").strip()
            labels = {column: row[column].strip() for column in columns if column != key and row[column]}
            labels = {column: value for column, value in labels.items() if column and value}
            if rows.setdefault(name, labels) != labels:
                raise ValueError(f"{path}, line {reader.line_num}: a second, different row for {name!r}")
    return rows


def join_table(paths: Sequence[str], rows: Mapping[str, dict[str, str]]) -> Join:
    """Each path with the labels of its row.

    A key is a path relative to the folder, or a file name, or a file name without its suffix; the latter two only where
    one file has it.
    """
    found: dict[str, str] = {}
    whole = {_normal(path): path for path in paths}
    names = _unique((PurePosixPath(path).name, path) for path in paths)
    stems = _unique((PurePosixPath(path).stem, path) for path in paths)
    missing = []
    for key in rows:
        normal = _normal(key)
        path = whole.get(normal) or names.get(normal) or stems.get(normal)
        if path is None or path in found:
            missing.append(key)
        else:
            found[path] = key
    labels = {path: rows[found[path]] if path in found else {} for path in paths}
    return Join(labels, tuple(missing), tuple(path for path in paths if path not in found))


def from_folders(path: str, levels: Mapping[str, int]) -> dict[str, str]:
    """Labels from the folders of a path relative to the root: level 1 is the first folder under it.

    >>> from_folders("Bach/Fugue/bwv_846.mid", {"composer": 1, "form": 2, "opus": 3})
    {'composer': 'Bach', 'form': 'Fugue'}
    """
    folders = PurePosixPath(path).parts[:-1]
    return {name: folders[level - 1] for name, level in levels.items() if level <= len(folders)}


def _normal(path: str) -> str:
    # One spelling of accents (file systems differ), "/" between parts, no "./" before them.
    return unicodedata.normalize("NFC", path.replace("\\", "/")).removeprefix("./")


def _unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    normal = [(_normal(name), path) for name, path in pairs]
    counts = Counter(name for name, _ in normal)
    return {name: path for name, path in normal if counts[name] == 1}
