"""Ingest of sound: what each file is, found out in worker processes, and the corpus put together of it.

Files are taken in parts of 64. A part is done when its record in `ingest/` exists; the record holds its rows, so a run
that was killed goes on after the last one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

import partimento
from partimento.audio import AudioError, check_audio, read_info
from partimento.corpus.files import Source
from partimento.corpus.reading import map_isolated
from partimento.corpus.recordings import write_table
from partimento.corpus.shards import record_path, write_lines
from partimento.corpus.store import CORPUS_VERSION, write_json
from partimento.corpus.worker import Failure, Guard

PART_FILES = 64
BATCH_FILES = 8
HEADER_LIMIT_S = 300.0  # the bytes of a long recording are all read, for its hash
CHECK_LIMIT_S = 3600.0


def root_of(sources: Sequence[str | Path]) -> Path:
    """The folder that all sources are in: the folder itself if it is the only one."""
    folders = [path if path.is_dir() else path.parent for path in (Path(source).absolute() for source in sources)]
    return Path(os.path.commonpath([os.path.normpath(folder) for folder in folders]))


def read_all(files: Sequence[Source], output: Path, root: Path, check: bool, jobs: int | None, progress: bool) -> None:
    """Write the record of every part that is not done."""
    (output / "ingest").mkdir(exist_ok=True)
    done = 0
    seen: dict[str, str] = {}
    while (record := record_path(output, done)).exists():
        for row in json.loads(record.read_text(encoding="utf-8"))["rows"]:
            seen[row["content_hash"]] = row["path"]
        done += 1
    todo = files[done * PART_FILES :]
    read = partial(read_recording, root=root, check=check)
    guard = Guard(time_s=CHECK_LIMIT_S if check else HEADER_LIMIT_S)
    part = _Part()
    bar = tqdm(total=len(files), initial=len(files) - len(todo), unit="file", disable=not progress, dynamic_ncols=True)
    with bar:
        for batch, results in map_isolated(read, todo, jobs=jobs, batch_size=BATCH_FILES, guard=guard):
            for file, result in zip(batch, results, strict=True):
                part.add(file, result, seen)
                bar.update()
                if part.files == PART_FILES or done * PART_FILES + part.files == len(files):
                    write_json(record_path(output, done), part.record())
                    part, done = _Part(), done + 1


def read_recording(file: Source, root: Path, check: bool) -> dict[str, Any] | Failure:
    """One file as a row without labels, or why not (runs in a worker).

    Args:
        file: the file.
        root: what its location is told from.
        check: decode it all, not the header alone.
    """
    location = os.path.relpath(file.location, root)
    try:
        location.encode()
        info = read_info(file.location)
        checked = check_audio(file.location) if check else None
        with Path(file.location).open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
    except UnicodeEncodeError:
        return Failure("its name is not UTF-8, so that the corpus cannot point to it; rename it")
    except AudioError as error:
        return Failure(error.reason)
    return {
        "path": file.path,
        "location": location,
        "content_hash": digest,
        "seconds": checked.seconds if checked else info.seconds,
        "rate_hz": info.rate_hz,
        "channels": info.channels,
        "silence_s": checked.silence_s if checked else None,
    }


class _Part:
    """What came of some files."""

    def __init__(self) -> None:
        self.files = 0
        self.rows: list[dict[str, Any]] = []
        self.rejected: list[tuple[str, str]] = []
        self.duplicates: list[tuple[str, str]] = []

    def add(self, file: Source, result: dict[str, Any] | Failure, seen: dict[str, str]) -> None:
        """Take in one file, unless its bytes were `seen`."""
        self.files += 1
        if isinstance(result, Failure):
            self.rejected.append((file.path, result.reason))
        elif (first := seen.setdefault(result["content_hash"], file.path)) != file.path:
            self.duplicates.append((file.path, first))
        else:
            self.rows.append(result)

    def record(self) -> dict[str, Any]:
        return {"rows": self.rows, "rejected": self.rejected, "duplicates": self.duplicates}


def finish(
    output: Path,
    files: int,
    root: Path,
    checked: bool,
    labels: Mapping[str, Mapping[str, str]],
    label_names: Sequence[str],
) -> None:
    """Gather the records of the parts into the corpus's own files, `corpus.json` last."""
    rows: list[dict[str, Any]] = []
    rejected: list[dict[str, str]] = []
    duplicates: list[dict[str, str]] = []
    for number in range(-(-files // PART_FILES)):
        record = json.loads(record_path(output, number).read_text(encoding="utf-8"))
        rows += [row | {"labels": labels[row["path"]]} for row in record["rows"]]
        rejected += [{"path": path, "reason": reason} for path, reason in record["rejected"]]
        duplicates += [{"path": path, "same_as": first} for path, first in record["duplicates"]]
    write_table(output, rows, label_names)
    write_lines(output / "rejected.jsonl", rejected)
    write_lines(output / "duplicates.jsonl", duplicates)
    about = {
        "version": CORPUS_VERSION,
        "made_by": f"partimento {partimento.__version__}",
        "kind": "audio",
        "root": str(root),
        "root_from_here": os.path.relpath(root, output.absolute()),
        "files": files,
        "recordings": len(rows),
        "seconds": round(sum(row["seconds"] for row in rows), 3),
        "silence_s": round(sum(row["silence_s"] for row in rows), 3) if checked else None,
        "rejected": len(rejected),
        "duplicates": len(duplicates),
        "labels": list(label_names),
    }
    write_json(output / "corpus.json", about)
