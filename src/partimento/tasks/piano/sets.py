"""Where the tasks find the unpacked data sets."""

from __future__ import annotations

import csv
from pathlib import Path


def folder(root: Path, name: str) -> Path:
    """The folder of a data set below the folder of unpacked sets.

    Raises:
        FileNotFoundError: if it is not there.
    """
    path = root / name
    if not path.is_dir():
        raise FileNotFoundError(f"{path} is not there; unpack the data set {name} into {root}, or name another folder")
    return path


def table(root: Path, name: str, file: str) -> list[dict[str, str]]:
    """The rows of a CSV file of a data set.

    Raises:
        FileNotFoundError: if the set or the file is not there.
    """
    path = folder(root, name) / file
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there; unpack the data set {name} into {root} again")
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))
