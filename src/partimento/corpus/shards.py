"""Shards in the making, and the corpus that is put together of finished ones.

A shard is finished when its record in the folder `ingest/` exists. The record also holds what the corpus's lists and
counts are made of, so nothing of a finished shard has to be read again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

import partimento
from partimento.corpus.files import Source
from partimento.corpus.store import (
    BLOCK_PIECES,
    CORPUS_VERSION,
    SHARD_BLOCKS,
    SHARD_NAME,
    schema,
    write_json,
    write_shard,
)

SHARD_FILES = BLOCK_PIECES * SHARD_BLOCKS


class Shard:
    """A shard in the making: what came of its files so far."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.files = 0
        self.blocks: dict[int, list[pa.RecordBatch]] = {}  # more than one where a crash has cut a batch
        self.pieces: list[tuple[str, str]] = []
        self.rejected: list[tuple[str, str]] = []
        self.duplicates: list[tuple[str, str]] = []

    def add(
        self, batch: Sequence[Source], packed: pa.Buffer | None, reasons: Sequence[str | None], seen: dict[bytes, str]
    ) -> None:
        """Take in a batch as its worker packed it, without the pieces whose bytes were `seen`."""
        block = self.blocks.setdefault(self.files // BLOCK_PIECES, [])
        self.files += len(batch)
        self.rejected += [
            (file.path, reason) for file, reason in zip(batch, reasons, strict=True) if reason is not None
        ]
        if packed is None:
            return
        rows = pa.ipc.read_record_batch(packed, schema(()))
        fresh = []
        for path, digest in zip(rows.column("path").to_pylist(), rows.column("content_hash").to_pylist(), strict=True):
            first = seen.setdefault(bytes.fromhex(digest), path)
            fresh.append(first == path)
            if first == path:
                self.pieces.append((path, digest))
            else:
                self.duplicates.append((path, first))
        block.append(rows if all(fresh) else rows.filter(pa.array(fresh)))

    def write(self, output: Path, labels: Mapping[str, dict[str, str]], label_names: Sequence[str]) -> None:
        """Write the shard, then the record that says it is finished."""
        blocks = [pa.concat_batches(parts) if len(parts) > 1 else parts[0] for parts in self.blocks.values() if parts]
        blocks = [_with_labels(block, labels, label_names) for block in blocks if block.num_rows]
        if blocks:
            write_shard(output / SHARD_NAME.format(self.number), blocks)
        record = {
            "pieces": self.pieces,
            "notes": sum(len(block.column("onset").values) for block in blocks),
            "seconds": [second for block in blocks for second in block.column("seconds").to_pylist()],
            "rejected": self.rejected,
            "duplicates": self.duplicates,
        }
        write_json(record_path(output, self.number), record)


def _with_labels(
    block: pa.RecordBatch, labels: Mapping[str, dict[str, str]], label_names: Sequence[str]
) -> pa.RecordBatch:
    if not label_names:
        return block
    made = schema(label_names)
    rows = [{name: labels[path].get(name) for name in label_names} for path in block.column("path").to_pylist()]
    at, kind = made.get_field_index("labels"), made.field("labels").type
    columns = block.columns
    return pa.record_batch([*columns[:at], pa.array(rows, kind), *columns[at:]], schema=made)


def record_path(output: Path, number: int) -> Path:
    return output / "ingest" / f"{number:05d}.json"


def finish(output: Path, files: int, label_names: Sequence[str]) -> None:
    """Gather the records of the shards into the corpus's own files, `corpus.json` last."""
    shards: list[str] = []
    rejected: list[dict[str, str]] = []
    duplicates: list[dict[str, str]] = []
    pieces, notes, seconds = 0, 0, 0.0
    for number in range(-(-files // SHARD_FILES)):
        record = json.loads(record_path(output, number).read_text(encoding="utf-8"))
        if record["pieces"]:
            shards.append(SHARD_NAME.format(number))
        pieces += len(record["pieces"])
        notes += record["notes"]
        seconds += sum(record["seconds"])
        rejected += [{"path": path, "reason": reason} for path, reason in record["rejected"]]
        duplicates += [{"path": path, "same_as": first} for path, first in record["duplicates"]]
    write_lines(output / "rejected.jsonl", rejected)
    write_lines(output / "duplicates.jsonl", duplicates)
    about = {
        "version": CORPUS_VERSION,
        "made_by": f"partimento {partimento.__version__}",
        "files": files,
        "pieces": pieces,
        "notes": notes,
        "seconds": round(seconds, 3),
        "rejected": len(rejected),
        "duplicates": len(duplicates),
        "labels": list(label_names),
        "shards": shards,
    }
    write_json(output / "corpus.json", about)


def write_lines(path: Path, lines: Iterable[Mapping[str, str]]) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    part.replace(path)


def read_lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
