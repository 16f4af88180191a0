"""The corpus on disk: what goes in comes out, without copies, as whole or not at all."""

from __future__ import annotations

import dataclasses
import json
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from partimento.corpus.store import Corpus, Piece, to_batch, write_corpus, write_shard
from partimento.notes import Notes, from_ms


def piece(number: int, **labels: str) -> Piece:
    rng = np.random.default_rng(number)
    count = 5 + number
    notes = from_ms(
        rng.integers(0, 10_000, count),
        rng.integers(1, 500, count),
        rng.integers(0, 128, count),
        rng.integers(1, 128, count),
        rng.integers(0, 2, count) * 40,
        rng.random(count) < 0.3,
    )
    notes = dataclasses.replace(
        notes,
        track_names=tuple(f"楽 {track}" for track in range(len(notes.track_names))),
        last_program=tuple(number for number, _ in enumerate(notes.track_names)) if number % 2 else (),
        pedal_tick=np.array([10, 20], dtype=np.int32),
        pedal_value=np.array([127, 0], dtype=np.int32),
        pedal_track=np.array([0, 0], dtype=np.int32),
    )
    return Piece(f"folder/{number:03d}.mid", f"{number:064x}", notes.seconds, labels, notes)


PIECES = [piece(number, composer="AB"[number % 2], **({"era": "late"} if number < 3 else {})) for number in range(11)]


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return write_corpus(tmp_path / "corpus", reversed(PIECES), block_pieces=1)


def test_pieces_come_back(corpus: Corpus) -> None:
    assert len(corpus) == len(PIECES)
    assert len(corpus.blocks) == 11
    for found, given in zip(corpus, PIECES, strict=True):
        assert (found.path, found.content_hash, found.seconds) == (given.path, given.content_hash, given.seconds)
        assert found.labels == given.labels
        for column in dataclasses.fields(Notes):
            one, other = getattr(found.notes, column.name), getattr(given.notes, column.name)
            np.testing.assert_array_equal(one, other)
            if isinstance(other, np.ndarray):
                assert one.dtype == other.dtype, column.name


def test_ticks_are_views_of_the_file(corpus: Corpus) -> None:
    before = pa.total_allocated_bytes()
    opened = Corpus.open(corpus.folder)
    onset = opened[3].notes.onset
    assert pa.total_allocated_bytes() - before < 1000
    assert not onset.flags.writeable
    flat = opened.blocks[3].lists["onset"][1]
    assert np.shares_memory(onset, flat)


def test_choices(corpus: Corpus) -> None:
    assert corpus.label_names == ("composer", "era")
    assert corpus.label("era")[:4] == ["late", "late", "late", None]
    chosen = corpus.where(composer="B", era="late")
    assert [p.path for p in chosen] == ["folder/001.mid"]
    assert len(corpus.where(composer="C")) == 0
    assert corpus.select([7, 2]).column("path") == ["folder/007.mid", "folder/002.mid"]
    assert corpus.select([7, 2]).note_counts.tolist() == [12, 7]
    assert corpus.select([7, 2])[-1].path == "folder/002.mid"
    assert len(corpus.select([])) == 0
    with pytest.raises(KeyError, match="it has composer, era"):
        corpus.where(mood="sad")
    with pytest.raises(IndexError):
        corpus[len(corpus)]


def test_a_corpus_travels_to_another_process_by_name(corpus: Corpus) -> None:
    sent = pickle.dumps(corpus.where(composer="A"))
    assert len(sent) < 2000
    assert [p.path for p in pickle.loads(sent)] == [p.path for p in corpus.where(composer="A")]


def test_a_corpus_may_be_empty(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "empty", [])
    assert len(corpus) == 0
    assert list(corpus) == []
    assert corpus.column("path") == []
    assert corpus.note_counts.tolist() == []


def test_same_pieces_same_bytes(tmp_path: Path) -> None:
    write_shard(tmp_path / "one.arrow", [to_batch(PIECES, ["era", "composer"])])
    write_shard(tmp_path / "two.arrow", [to_batch(PIECES, ["composer", "era"])])
    assert (tmp_path / "one.arrow").read_bytes() == (tmp_path / "two.arrow").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.arrow", "two.arrow"]


def test_any_arrow_reader_opens_a_shard(corpus: Corpus) -> None:
    with pa.memory_map(str(corpus.folder / "pieces-00000.arrow")) as source:
        table = pa.ipc.open_file(source).read_all()
    row = table.slice(1, 1).to_pylist()[0]
    assert row["path"] == "folder/001.mid"
    assert row["labels"] == {"composer": "B", "era": "late"}
    assert row["onset"] == PIECES[1].notes.onset.tolist()


def test_what_is_no_corpus_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="make one with `partimento ingest`"):
        Corpus.open(tmp_path)
    with pytest.raises(FileExistsError, match="already holds a corpus"):
        write_corpus(corpus.folder, PIECES)
    about = json.loads((corpus.folder / "corpus.json").read_text())
    (corpus.folder / "corpus.json").write_text(json.dumps(about | {"version": 99}))
    with pytest.raises(ValueError, match="version 99"):
        Corpus.open(corpus.folder)
    (corpus.folder / "corpus.json").unlink()
    with pytest.raises(FileNotFoundError, match="did not finish"):
        Corpus.open(corpus.folder)
