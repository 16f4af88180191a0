"""Vectors of pieces, kept on disk: what was embedded once is never embedded again, by this run or the next.

One SQLite file holds all of them. A vector is found by the representation that made it (its weights, its settings) and
by the content and the change of the file, so that the tasks that share files share vectors, and a run that was stopped
at any moment goes on. Two runs may use the file at once. To forget everything, delete it.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from tqdm import tqdm

from partimento.tasks.pieces import heard
from partimento.tasks.task import Example

if TYPE_CHECKING:
    from partimento.tasks.representations import Representation

GROUP = 64  # pieces that are read, embedded and written together: what a run that is stopped does again
ASKED = 500  # keys of one query
FILE = "vectors.sqlite"
Item = TypeVar("Item")


def default_folder() -> Path:
    """`partimento` in $XDG_CACHE_HOME or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "partimento"


class VectorStore:
    """Vectors by representation and piece, in `folder`/vectors.sqlite; to be used in a `with` block."""

    def __init__(self, folder: str | Path) -> None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        self.path = Path(folder) / FILE
        self._connection = sqlite3.connect(self.path, timeout=60)
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS vectors"
            " (representation TEXT, piece TEXT, vector BLOB, PRIMARY KEY (representation, piece)) WITHOUT ROWID"
        )

    def __enter__(self) -> VectorStore:
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()

    def get(self, representation: str, pieces: Sequence[str]) -> dict[str, np.ndarray]:
        """(D,) float32 of each of the pieces that are known."""
        found = {}
        for start in range(0, len(pieces), ASKED):
            some = pieces[start : start + ASKED]
            marks = ", ".join("?" * len(some))
            query = f"SELECT piece, vector FROM vectors WHERE representation = ? AND piece IN ({marks})"
            for piece, vector in self._connection.execute(query, (representation, *some)):
                found[piece] = np.frombuffer(vector, dtype="<f4")
        return found

    def put(self, representation: str, pieces: Sequence[str], vectors: np.ndarray) -> None:
        """Keep the vectors (N, D) of pieces; all of them or none."""
        rows = [(representation, p, v.astype("<f4").tobytes()) for p, v in zip(pieces, vectors, strict=True)]
        with self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)


def piece_key(example: Example, most_notes: int | None) -> str:
    """What an example's vector depends on: the content of its file, how it is changed, how much of it is heard."""
    content = content_hash(example.path)
    return f"{content} semitones={example.semitones} stretch={example.stretch:g} notes={most_notes or 'all'}"


@cache
def content_hash(path: Path) -> str:
    """16 hexadecimal digits of the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def vectors_of(
    representation: Representation, examples: Sequence[Example], store: VectorStore, most_notes: int | None
) -> np.ndarray:
    """(N, D) float32 vectors of examples, computed where the store has none.

    Raises:
        MidiError: if a file cannot be read or has no piano notes; the message names it.
    """
    most = None if representation.whole else most_notes
    keys = [piece_key(example, most) for example in examples]
    known = completed(
        *(store, representation.key, representation.name),
        dict(zip(keys, examples, strict=True)),
        lambda some: representation.embed([heard(example, most) for example in some]),
    )
    return np.stack([known[key] for key in keys])[:, slice(*representation.columns)]


def completed(
    store: VectorStore, key: str, name: str, items: Mapping[str, Item], embed: Callable[[list[Item]], np.ndarray]
) -> dict[str, np.ndarray]:
    """(D,) float32 of each item by its name in the store; those that it has not are computed and kept.

    Args:
        key: of the representation in the store.
        name: of the representation, as a progress bar shows it.
        items: pieces by what their vector depends on.
        embed: (N, D) of some items.
    """
    known = store.get(key, list(items))
    missing = [piece for piece in items if piece not in known]
    quiet = None if missing else True  # None: a bar only on a terminal
    with tqdm(total=len(missing), unit="piece", desc=name, disable=quiet, leave=False) as bar:
        for start in range(0, len(missing), GROUP):
            group = missing[start : start + GROUP]
            made = embed([items[piece] for piece in group])
            store.put(key, group, made)
            known |= dict(zip(group, made, strict=True))
            bar.update(len(group))
    return known
