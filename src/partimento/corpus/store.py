"""The corpus on disk: notes of many pieces in memory-mapped Arrow shards.

A corpus is a folder of `pieces-00000.arrow`, ... (Arrow IPC files, one row a piece, which Hugging Face `datasets` opens
too), `corpus.json` (version, counts, what made it) and `rejected.jsonl`. Rows are sorted by path. In a block of some
pieces (a record batch) a list column is one flat array and offsets, so a piece's onsets are a view of the mapped file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from partimento.notes import Notes

CORPUS_VERSION = 1
SHARD_NAME = "pieces-{:05d}.arrow"
BLOCK_PIECES = 64
SHARD_BLOCKS = 8

# Ticks are views of the file; the narrow columns are widened to int32 when a piece is opened.
LIST_COLUMNS = {
    "onset": pa.int32(),
    "duration": pa.int32(),
    "pitch": pa.uint8(),
    "velocity": pa.uint8(),
    "track": pa.uint16(),
    "track_program": pa.uint8(),
    "track_is_drum": pa.uint8(),
    "track_last_program": pa.uint8(),
    "tempo_tick": pa.int32(),
    "tempo_us": pa.int32(),
    "metre_tick": pa.int32(),
    "metre_numerator": pa.int32(),
    "metre_denominator": pa.int32(),
    "pedal_tick": pa.int32(),
    "pedal_value": pa.uint8(),
    "pedal_track": pa.uint16(),
}
NUMPY_TYPES = {name: np.dtype(kind.to_pandas_dtype()) for name, kind in LIST_COLUMNS.items()}


@dataclass(frozen=True)
class Piece:
    """One row of a corpus.

    Args:
        path: relative to the folder that was ingested, "/" between its parts.
        content_hash: sha256 of the file's bytes, 64 hexadecimal digits.
        seconds: from the start of the file to the end of the last note.
        labels: the labels this piece has, by name; a label it lacks is absent.
        notes: the music.
    """

    path: str
    content_hash: str
    seconds: float
    labels: dict[str, str]
    notes: Notes


def schema(label_names: Sequence[str]) -> pa.Schema:
    """The schema of a shard whose labels have these names."""
    fields = [pa.field("path", pa.string()), pa.field("content_hash", pa.string()), pa.field("seconds", pa.float64())]
    if label_names:
        fields.append(pa.field("labels", pa.struct([pa.field(name, pa.string()) for name in label_names])))
    fields += [pa.field("ticks_per_quarter", pa.int32()), pa.field("track_names", pa.list_(pa.string()))]
    fields += [pa.field(name, pa.list_(kind)) for name, kind in LIST_COLUMNS.items()]
    return pa.schema(fields)


def to_batch(pieces: Sequence[Piece], label_names: Sequence[str] = ()) -> pa.RecordBatch:
    """One record batch of pieces, one row each."""
    label_names = sorted(label_names)
    columns: dict[str, pa.Array] = {
        "path": pa.array([p.path for p in pieces], pa.string()),
        "content_hash": pa.array([p.content_hash for p in pieces], pa.string()),
        "seconds": pa.array([p.seconds for p in pieces], pa.float64()),
        "ticks_per_quarter": pa.array([p.notes.ticks_per_quarter for p in pieces], pa.int32()),
        "track_names": pa.array([p.notes.track_names for p in pieces], pa.list_(pa.string())),
    }
    rows = [_columns(p.notes) for p in pieces]
    for name, kind in LIST_COLUMNS.items():
        parts = [row[name] for row in rows]
        offsets = np.zeros(len(parts) + 1, dtype=np.int32)
        np.cumsum([len(part) for part in parts], out=offsets[1:])
        kept = NUMPY_TYPES[name]
        flat = np.concatenate(parts, dtype=kept, casting="unsafe") if parts else np.empty(0, dtype=kept)
        columns[name] = pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat, kind))
    made = schema(label_names)
    if label_names:
        labels = [{name: p.labels.get(name) for name in label_names} for p in pieces]
        columns["labels"] = pa.array(labels, made.field("labels").type)
    return pa.record_batch([columns[name] for name in made.names], schema=made)


def _columns(notes: Notes) -> dict[str, np.ndarray]:
    columns = {name: getattr(notes, name) for name in LIST_COLUMNS if not name.startswith("track_")}
    program, is_drum = np.zeros((2, len(notes.track_names)), dtype=np.uint8)
    if len(program) == 1 and len(notes):
        program[0], is_drum[0] = notes.program[0], notes.is_drum[0]
    else:
        program[notes.track], is_drum[notes.track] = notes.program, notes.is_drum
    last_program = np.array(notes.last_program, dtype=np.uint8)
    return columns | {"track_program": program, "track_is_drum": is_drum, "track_last_program": last_program}


def write_shard(path: str | Path, blocks: Sequence[pa.RecordBatch]) -> None:
    """Write one shard of at least one block, whole or not at all; the same blocks give the same bytes."""
    path = Path(path)
    part = path.with_name(f".{path.name}.part")
    with pa.OSFile(str(part), "wb") as sink, pa.ipc.new_file(sink, blocks[0].schema) as writer:
        for block in blocks:
            writer.write_batch(block)
    with part.open("rb") as written:
        os.fsync(written.fileno())
    part.replace(path)


def write_corpus(folder: str | Path, pieces: Iterable[Piece], block_pieces: int = BLOCK_PIECES) -> Corpus:
    """A corpus from pieces at hand (already read notes, a part of another corpus), opened.

    Raises:
        FileExistsError: if the folder already holds a corpus.
    """
    folder = Path(folder)
    if (folder / "corpus.json").exists():
        raise FileExistsError(f"{folder} already holds a corpus; choose another folder or remove it")
    folder.mkdir(parents=True, exist_ok=True)
    rows = sorted(pieces, key=lambda piece: piece.path)
    label_names = sorted({name for piece in rows for name in piece.labels})
    names: list[str] = []
    shard_pieces = block_pieces * SHARD_BLOCKS
    for start in range(0, len(rows), shard_pieces):
        shard = rows[start : start + shard_pieces]
        names.append(SHARD_NAME.format(len(names)))
        blocks = [to_batch(shard[at : at + block_pieces], label_names) for at in range(0, len(shard), block_pieces)]
        write_shard(folder / names[-1], blocks)
    notes = sum(len(piece.notes) for piece in rows)
    about = {"version": CORPUS_VERSION, "pieces": len(rows), "notes": notes, "shards": names}
    write_json(folder / "corpus.json", about)
    return Corpus.open(folder)


def write_json(path: Path, value: object) -> None:
    """Write a JSON file, whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(path)


class Block:
    """Some pieces that lie together; `piece(row)` opens one without copying its ticks."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch = batch

    @cached_property
    def lists(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Offsets (rows + 1,) and flat values of each list column, as views."""
        columns = {name: self.batch.column(name) for name in LIST_COLUMNS if name in self.batch.schema.names}
        lists = {name: (column.offsets.to_numpy(), column.values.to_numpy()) for name, column in columns.items()}
        nothing = np.zeros(self.batch.num_rows + 1, dtype=np.int32)  # a column that an earlier program did not write
        return {name: lists.get(name, (nothing, np.empty(0, dtype=NUMPY_TYPES[name]))) for name in LIST_COLUMNS}

    def value(self, name: str, row: int) -> Any:
        """One value of a plain column."""
        return self.batch.column(name)[row].as_py()

    def piece(self, row: int) -> Piece:
        """The piece of one row."""
        part = {name: flat[offset[row] : offset[row + 1]] for name, (offset, flat) in self.lists.items()}
        track = part["track"].astype(np.int32)
        notes = Notes(
            onset=part["onset"],
            duration=part["duration"],
            pitch=part["pitch"].astype(np.int32),
            velocity=part["velocity"].astype(np.int32),
            program=part["track_program"].astype(np.int32)[track],
            is_drum=part["track_is_drum"].astype(bool)[track],
            track=track,
            track_names=tuple(self.value("track_names", row)),
            ticks_per_quarter=self.value("ticks_per_quarter", row),
            tempo_tick=part["tempo_tick"],
            tempo_us=part["tempo_us"],
            metre_tick=part["metre_tick"],
            metre_numerator=part["metre_numerator"],
            metre_denominator=part["metre_denominator"],
            pedal_tick=part["pedal_tick"],
            pedal_value=part["pedal_value"].astype(np.int32),
            pedal_track=part["pedal_track"].astype(np.int32),
            last_program=tuple(part["track_last_program"].tolist()),
        )
        labels = self.value("labels", row) if "labels" in self.batch.schema.names else {}
        return Piece(
            path=self.value("path", row),
            content_hash=self.value("content_hash", row),
            seconds=self.value("seconds", row),
            labels={name: value for name, value in labels.items() if value is not None},
            notes=notes,
        )


def open_blocks(path: Path) -> list[Block]:
    """The blocks of a shard, memory-mapped; the mapping lasts as long as an array of them does."""
    with pa.memory_map(str(path)) as source:
        reader = pa.ipc.open_file(source)
        return [Block(reader.get_batch(number)) for number in range(reader.num_record_batches)]


@dataclass(frozen=True, eq=False)
class Corpus:
    """Pieces of a corpus folder, or some of them, in order of path.

    Args:
        folder: where it lies.
        about: what `corpus.json` says.
        blocks: its mapped blocks.
        rows: (len,) int64, which rows of all blocks laid end to end are in this view.
    """

    folder: Path
    about: dict[str, Any]
    blocks: tuple[Block, ...]
    rows: np.ndarray

    @classmethod
    def open(cls, folder: str | Path) -> Corpus:
        """The corpus in a folder.

        Raises:
            FileNotFoundError: if the folder holds no finished corpus.
            ValueError: if it is a corpus of recordings, or was made by a later version.
        """
        folder = Path(folder)
        about_path = folder / "corpus.json"
        if not about_path.is_file():
            begun = any(folder.glob("pieces-*.arrow")) or (folder / "ingest").is_dir()
            hint = "its ingest did not finish; run it again to go on" if begun else "make one with `partimento ingest`"
            raise FileNotFoundError(f"no corpus in {folder}: {hint}")
        about = json.loads(about_path.read_text(encoding="utf-8"))
        if about["version"] > CORPUS_VERSION:
            raise ValueError(f"{folder} is a corpus of version {about['version']}; this program reads {CORPUS_VERSION}")
        if about.get("kind") == "audio":
            raise ValueError(f"{folder} is a corpus of recordings, not of notes")
        blocks = tuple(block for name in about["shards"] for block in open_blocks(folder / name))
        count = sum(block.batch.num_rows for block in blocks)
        return cls(folder, about, blocks, np.arange(count))

    @cached_property
    def starts(self) -> np.ndarray:
        """(blocks + 1,) the first row of each block among all rows, and the number of all rows."""
        return np.cumsum([0, *(block.batch.num_rows for block in self.blocks)])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Piece:
        row = int(self.rows[index])
        block = int(np.searchsorted(self.starts, row, side="right")) - 1
        return self.blocks[block].piece(row - int(self.starts[block]))

    def __iter__(self) -> Iterator[Piece]:
        return (self[index] for index in range(len(self)))

    def __reduce__(self) -> tuple[object, ...]:
        # A copy in another process maps the files again instead of carrying them.
        return _reopen, (self.folder, self.rows)

    def column(self, name: str) -> list[object]:
        """A plain column ("path", "content_hash", "seconds") of every piece, without opening its notes."""
        return self._gather([block.batch.column(name) for block in self.blocks]).to_pylist()

    def label(self, name: str) -> list[str | None]:
        """One label of every piece, None where a piece lacks it.

        Raises:
            KeyError: if no piece of the corpus has this label.
        """
        if name not in self.label_names:
            raise KeyError(f"{self.folder} has no label {name!r}; it has {', '.join(self.label_names) or 'none'}")
        return self._gather([pc.struct_field(block.batch.column("labels"), name) for block in self.blocks]).to_pylist()

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of the labels that pieces of this corpus may have."""
        if not self.blocks or "labels" not in self.blocks[0].batch.schema.names:
            return ()
        return tuple(field.name for field in self.blocks[0].batch.schema.field("labels").type)

    @property
    def note_counts(self) -> np.ndarray:
        """(len,) int64, the number of notes of each piece, without opening it."""
        counts = [np.diff(block.lists["onset"][0]) for block in self.blocks]
        return np.concatenate([np.empty(0, dtype=np.int64), *counts]).astype(np.int64)[self.rows]

    def _gather(self, arrays: list[pa.Array]) -> pa.ChunkedArray:
        return pa.chunked_array(arrays).take(pa.array(self.rows)) if arrays else pa.chunked_array([], pa.string())

    def select(self, indices: Sequence[int] | np.ndarray) -> Corpus:
        """The pieces at these positions (or where a boolean mask is true), in the order given."""
        return replace(self, rows=self.rows[np.asarray(indices if len(indices) else np.empty(0, dtype=np.int64))])

    def where(self, **labels: str) -> Corpus:
        """The pieces that have all these labels: `corpus.where(composer="Chopin", split="train")`."""
        keep = np.ones(len(self), dtype=bool)
        for name, value in labels.items():
            keep &= np.array([found == value for found in self.label(name)], dtype=bool)
        return self.select(keep)


def _reopen(folder: Path, rows: np.ndarray) -> Corpus:
    return replace(Corpus.open(folder), rows=rows)
