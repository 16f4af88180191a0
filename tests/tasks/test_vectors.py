"""The store of vectors: nothing is embedded twice, a run that was stopped goes on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import toy

from partimento.notes import Notes
from partimento.tasks import vectors
from partimento.tasks.representations import Representation
from partimento.tasks.task import Example
from partimento.tasks.vectors import VectorStore, vectors_of


class Counted:
    """A representation that counts what it is given, and may be stopped after so many pieces."""

    def __init__(self, key: str = "mean pitch", stop_after: int | None = None) -> None:
        self.pieces = 0
        self.stop_after = stop_after
        self.representation = Representation("mean pitch", key, self.embed)

    def embed(self, pieces: Sequence[Notes]) -> np.ndarray:
        if self.stop_after is not None and self.pieces + len(pieces) > self.stop_after:
            raise KeyboardInterrupt
        self.pieces += len(pieces)
        return np.array([[notes.pitch.mean(), len(notes)] for notes in pieces], dtype=np.float32)


def examples(folder: Path, count: int = 20) -> list[Example]:
    return [Example(path, "a", path.name) for path in toy.folder_of_pieces(folder, count)]


def test_a_stopped_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "GROUP", 4)
    some = examples(tmp_path / "music")
    stopped, again = Counted(stop_after=10), Counted()
    with VectorStore(tmp_path / "cache") as store, pytest.raises(KeyboardInterrupt):
        vectors_of(stopped.representation, some, store, None)
    with VectorStore(tmp_path / "cache") as store:
        found = vectors_of(again.representation, some, store, None)
    assert (stopped.pieces, again.pieces) == (8, 12)
    with VectorStore(tmp_path / "other") as store:
        assert (vectors_of(Counted().representation, some, store, None) == found).all()
    assert found.dtype == np.float32
    assert found.shape == (20, 2)


def test_tasks_share_their_files_and_copies_do_not(tmp_path: Path) -> None:
    some = examples(tmp_path / "music", 6)
    moved = [Example(e.path, e.label, e.group, semitones=2) for e in some]
    counted = Counted()
    with VectorStore(tmp_path) as store:
        first = vectors_of(counted.representation, [*some, *some], store, None)
        assert counted.pieces == 6
        assert (first[:6] == first[6:]).all()
        assert vectors_of(counted.representation, moved, store, None)[:, 0] == pytest.approx(first[:6, 0] + 2)
        assert counted.pieces == 12
        vectors_of(counted.representation, some, store, 600)
        assert counted.pieces == 18
        other = Counted("another key")
        vectors_of(other.representation, some, store, None)
        assert other.pieces == 6


def test_a_file_with_other_content_is_embedded_anew(tmp_path: Path) -> None:
    [example] = examples(tmp_path / "music", 1)
    counted = Counted()
    with VectorStore(tmp_path) as store:
        vectors_of(counted.representation, [example], store, None)
        vectors.content_hash.cache_clear()
        example.path.write_bytes(toy.folder_of_pieces(tmp_path / "others", 2)[1].read_bytes())
        vectors_of(counted.representation, [example], store, None)
    assert counted.pieces == 2


def test_some_columns_of_a_shared_computation(tmp_path: Path) -> None:
    some = examples(tmp_path / "music", 5)
    counted = Counted()
    second = Representation("length", counted.representation.key, counted.embed, columns=(1, 2))
    with VectorStore(tmp_path) as store:
        both = vectors_of(counted.representation, some, store, None)
        assert (vectors_of(second, some, store, None) == both[:, 1:]).all()
    assert counted.pieces == 5


def test_more_pieces_than_one_query_takes(tmp_path: Path) -> None:
    names = [f"{i}" for i in range(1200)]
    rows = np.arange(2400, dtype=np.float32).reshape(1200, 2)
    with VectorStore(tmp_path) as store:
        store.put("r", names, rows)
        found = store.get("r", names)
        assert len(found) == 1200
        assert found["777"].tolist() == [1554, 1555]
        assert store.get("s", names) == {}
