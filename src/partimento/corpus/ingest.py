"""Ingest: from folders of MIDI files to a corpus of notes, from folders of sound to one of recordings.

The files are sorted by path and cut into shards of 512. A shard is finished when its record in `ingest/` exists, so a
run that was killed goes on after the last finished one and ends with the very bytes that an unbroken run would give.
`ingest.json` says from which files and with which settings a corpus is made; other ones are noticed. What differs for
sound is in `recording_files`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from tqdm import tqdm

import partimento
from partimento.audio import SUFFIXES as AUDIO_SUFFIXES
from partimento.corpus import labels as label_tables
from partimento.corpus import recording_files, shards
from partimento.corpus.files import SUFFIXES, Source, find_files
from partimento.corpus.reading import map_isolated
from partimento.corpus.store import CORPUS_VERSION, Piece, to_batch, write_json
from partimento.corpus.worker import Failure, Guard
from partimento.midi import MidiError, read_bytes, read_midi
from partimento.notes import Notes

Kind = Literal["midi", "audio"]

MOST_NOTES_POSSIBLE = 2**25  # a block of such files just fits its 31-bit offsets


@dataclass(frozen=True)
class Limits:
    """What a piece may be; a file beyond is rejected with its figure and the option that moves the limit.

    Args:
        max_notes: notes.
        max_silence_s: the longest stretch without a sounding note, from the start of the file on.
        time_s: wall clock for reading the file.
        memory_bytes: memory for reading the file.
    """

    max_notes: int = 500_000
    max_silence_s: float = 3600.0
    time_s: float = 60.0
    memory_bytes: int = 2 * 2**30

    def __post_init__(self) -> None:
        if not 0 < self.max_notes <= MOST_NOTES_POSSIBLE:
            raise ValueError(f"max_notes is {self.max_notes:,}; it must be within 1 and {MOST_NOTES_POSSIBLE:,}")


@dataclass(frozen=True)
class IngestReport:
    """What came of an ingest.

    Args:
        folder: the corpus.
        files: files found.
        pieces, notes, seconds: what the corpus holds; of sound, recordings, no notes and their length.
        rejected: (path, reason) of each file that could not be read.
        duplicates: (path, path of the piece with the same bytes).
        rows_without_file, files_without_row: what the table of labels and the files did not share.
        kind: what the files are.
        silence_s: how much of the recordings is silent; None if they were not checked.
        elapsed_s: how long this run took.
    """

    folder: Path
    files: int
    pieces: int
    notes: int
    seconds: float
    rejected: tuple[tuple[str, str], ...] = ()
    duplicates: tuple[tuple[str, str], ...] = ()
    rows_without_file: tuple[str, ...] = ()
    files_without_row: tuple[str, ...] = ()
    kind: Kind = "midi"
    silence_s: float | None = None
    elapsed_s: float = field(default=0.0, compare=False)

    def summary(self) -> str:
        """The outcome in a few lines, as the command prints it."""
        hours = f"{self.seconds / 3600:,.1f} h"
        if self.kind == "midi":
            held, told = _count(self.pieces, "piece"), f"{_count(self.notes, 'note')}, {hours}"
        else:
            held, told = _count(self.pieces, "recording"), hours
            if self.silence_s is not None:
                told += f", {self.silence_s / 3600:,.1f} h of it silent"
        lines = [f"{self.folder}: {held} of {_count(self.files, 'file')}, {told}"]
        if self.duplicates:
            lines.append(f"{_count(len(self.duplicates), 'file')} with the bytes of another one (duplicates.jsonl)")
        if self.rows_without_file:
            rows = _count(len(self.rows_without_file), "row")
            lines.append(f"{rows} of the labels without a file, {self.rows_without_file[0]!r} first")
        if self.files_without_row:
            unnamed = _count(len(self.files_without_row), "file")
            lines.append(f"{unnamed} without a row in the labels, {self.files_without_row[0]!r} first")
        if self.rejected:
            lines.append(f"{_count(len(self.rejected), 'file')} could not be used (rejected.jsonl):")
            lines += [f"  {path}: {reason}" for path, reason in self.rejected[:20]]
            if len(self.rejected) > 20:
                lines.append(f"  and {len(self.rejected) - 20:,} more")
        return "\n".join(lines)


def ingest(
    sources: str | Path | Sequence[str | Path],
    output: str | Path,
    *,
    labels_csv: str | Path | None = None,
    key: str = "path",
    label_from: Mapping[str, int] | None = None,
    only_labelled: bool = False,
    jobs: int | None = None,
    limits: Limits | None = None,
    overwrite: bool = False,
    progress: bool = True,
    kind: Kind | None = "midi",
    check: bool = False,
) -> IngestReport:
    """Make a corpus of the MIDI or sound files in folders, or go on with one that was not finished.

    Args:
        sources: a folder, or several folders and files; the paths in the corpus are relative to them.
        output: the folder of the corpus.
        labels_csv: a table with a column of paths or file names; its other columns become labels.
        key: that column.
        label_from: labels from folder names: {"composer": 1} takes the first folder under the source.
        only_labelled: leave out the files without a row in the table.
        jobs: worker processes; one a core by default.
        limits: what a piece of notes may be.
        overwrite: make it anew where another corpus is.
        progress: show a bar on stderr.
        kind: which files are taken, "midi" or "audio"; None takes those that there are.
        check: decode every recording once, so that broken ones are rejected and silence is measured; without it, only
            headers are read. MIDI files are always read whole.

    Raises:
        ValueError: if there is no such file, there are both kinds and none is chosen, a label cannot be made, or the
            output is of other files or settings.
        BlockingIOError: if another ingest is writing there.
    """
    began = time.monotonic()
    output, limits, label_from = Path(output), limits or Limits(), dict(label_from or {})
    sources = [sources] if isinstance(sources, str | Path) else sources
    kind, files = _find(sources, kind)
    root = recording_files.root_of(sources) if kind == "audio" else None
    table = label_tables.read_table(labels_csv, key) if labels_csv else {}
    join = label_tables.join_table([file.path for file in files], table) if labels_csv else label_tables.Join({})
    if only_labelled:
        left_out = set(join.files_without_row)
        files = [file for file in files if file.path not in left_out]
    label_names = _label_names(table, label_from)
    settings: dict[str, Any] = {"limits": asdict(limits)}
    if root:
        settings = {"kind": "audio", "check": check, "root": str(root)}
    plan = _plan(files, settings, table, label_from)
    if overwrite:
        _remove(output)
    output.mkdir(parents=True, exist_ok=True)
    if not (output / "ingest.json").exists():
        if (output / "corpus.json").exists():
            raise ValueError(
                f"{output} holds a corpus that was not made by ingest; choose another folder, or --overwrite"
            )
        write_json(output / "ingest.json", plan)
    with (output / "ingest.json").open(encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BlockingIOError(
                f"another ingest is writing to {output}; wait for it or choose another folder"
            ) from error
        _compare(output, json.load(lock), plan)
        if not (output / "corpus.json").exists():
            labels = {
                file.path: join.labels.get(file.path, {}) | label_tables.from_folders(file.inner, label_from)
                for file in files
            }
            if root:
                recording_files.read_all(files, output, root, check, jobs, progress)
                recording_files.finish(output, len(files), root, check, labels, label_names)
            else:
                _read_all(files, output, labels, label_names, limits, jobs, progress)
                shards.finish(output, len(files), label_names)
        shutil.rmtree(output / "ingest", ignore_errors=True)
    about = json.loads((output / "corpus.json").read_text(encoding="utf-8"))
    return IngestReport(
        folder=output,
        files=len(files),
        pieces=about["recordings"] if root else about["pieces"],
        notes=0 if root else about["notes"],
        seconds=about["seconds"],
        rejected=tuple((line["path"], line["reason"]) for line in shards.read_lines(output / "rejected.jsonl")),
        duplicates=tuple((line["path"], line["same_as"]) for line in shards.read_lines(output / "duplicates.jsonl")),
        rows_without_file=join.rows_without_file,
        files_without_row=join.files_without_row,
        kind=kind,
        silence_s=about.get("silence_s"),
        elapsed_s=time.monotonic() - began,
    )


def _find(sources: Sequence[str | Path], kind: Kind | None) -> tuple[Kind, list[Source]]:
    """The files of a kind; without one, of the kind that there is. A file named by itself counts by its suffix.

    Raises:
        ValueError: if there are both.
    """
    if kind:
        return kind, find_files(sources, SUFFIXES if kind == "midi" else AUDIO_SUFFIXES)
    files = find_files(sources, SUFFIXES + AUDIO_SUFFIXES)
    sound = sum(file.path.lower().endswith(AUDIO_SUFFIXES) for file in files)
    midi = sum(file.path.lower().endswith(SUFFIXES) for file in files)
    if sound and midi:
        raise ValueError(
            f"{_count(midi, 'MIDI file')} and {_count(sound, 'sound file')} in "
            f"{', '.join(str(source) for source in sources)}: a corpus holds one of them; choose with --kind midi or "
            "--kind audio"
        )
    return ("audio" if sound else "midi"), files


def _label_names(table: Mapping[str, dict[str, str]], label_from: Mapping[str, int]) -> list[str]:
    columns = {name for row in table.values() for name in row}
    for name, level in label_from.items():
        if level < 1:
            raise ValueError(
                f"label {name!r} from folder level {level}; levels count from 1, the first under the source"
            )
        if name in columns:
            raise ValueError(f"label {name!r} comes from the table and from folder names; give one another name")
    return sorted(columns | set(label_from))


def _plan(
    files: Sequence[Source],
    settings: Mapping[str, Any],
    table: Mapping[str, dict[str, str]],
    label_from: Mapping[str, int],
) -> dict[str, Any]:
    seen = hashlib.sha256()
    for file in files:
        seen.update(f"{file.path}\0{file.size}\0{file.mtime_ns}\n".encode())
    return {
        "partimento": partimento.__version__,
        "corpus version": CORPUS_VERSION,
        "number of files": len(files),
        "files (names, sizes, times)": seen.hexdigest(),
        **settings,
        "labels": hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest() if table else None,
        "label from": dict(label_from),
    }


def _compare(output: Path, then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    changed = [
        f"{name} was {_shown(then.get(name))}, is {_shown(now[name])}" for name in now if then.get(name) != now[name]
    ]
    if changed:
        way_out = "put them back, choose another folder, or make it anew with --overwrite"
        raise ValueError(f"{output} was made from other files or settings: {'; '.join(changed)}. Either {way_out}.")


def _shown(value: object) -> str:
    """A setting as it is told to a person: of a sha256 the first digits."""
    return value[:12] if isinstance(value, str) and len(value) == 64 else str(value)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _remove(output: Path) -> None:
    for path in (*output.glob("pieces-*.arrow"), *output.glob("recordings.arrow"), *output.glob(".*.part")):
        path.unlink()
    for name in ("corpus.json", "rejected.jsonl", "duplicates.jsonl", "ingest.json"):
        (output / name).unlink(missing_ok=True)
    shutil.rmtree(output / "ingest", ignore_errors=True)


def _read_all(
    files: Sequence[Source],
    output: Path,
    labels: Mapping[str, dict[str, str]],
    label_names: Sequence[str],
    limits: Limits,
    jobs: int | None,
    progress: bool,
) -> None:
    """Write every shard that is not finished, each followed by its record."""
    (output / "ingest").mkdir(exist_ok=True)
    done = 0
    seen: dict[bytes, str] = {}
    while (record := shards.record_path(output, done)).exists():
        for path, digest in json.loads(record.read_text(encoding="utf-8"))["pieces"]:
            seen[bytes.fromhex(digest)] = path
        done += 1
    todo = files[done * shards.SHARD_FILES :]
    guard = Guard(limits.time_s, limits.memory_bytes)
    batches = map_isolated(
        partial(read_piece, limits=limits), todo, jobs=jobs, collect=_pack, batch_size=shards.BLOCK_PIECES, guard=guard
    )
    shard = shards.Shard(done)
    writing: Future[None] | None = None
    bar = tqdm(total=len(files), initial=len(files) - len(todo), unit="file", disable=not progress, dynamic_ncols=True)
    with bar, ThreadPoolExecutor(1) as writer:
        for batch, (packed, reasons) in batches:
            shard.add(batch, packed, reasons, seen)
            bar.update(len(batch))
            if shard.files == shards.SHARD_FILES or shard.number * shards.SHARD_FILES + shard.files == len(files):
                if writing:
                    writing.result()  # one shard is written while the next is read, no more
                writing = writer.submit(shard.write, output, labels, label_names)
                shard = shards.Shard(shard.number + 1)
        if writing:
            writing.result()


def read_piece(file: Source, limits: Limits) -> Piece | Failure:
    """One file as a piece without labels, or why not (runs in a worker)."""
    try:
        data = read_bytes(file.location)
        notes = read_midi(data)
        seconds = notes.seconds
        _check(notes, seconds, limits)
    except MidiError as error:
        return Failure(str(error))
    return Piece(file.path, hashlib.sha256(data).hexdigest(), seconds, {}, notes)


def _check(notes: Notes, seconds: float, limits: Limits) -> None:
    if len(notes) > limits.max_notes:
        raise MidiError(f"{len(notes):,} notes; the limit is {limits.max_notes:,} (--max-notes)")
    if seconds > limits.max_silence_s and (silence := notes.longest_silence_s) > limits.max_silence_s:
        raise MidiError(f"a silence of {silence:,.0f} s; the limit is {limits.max_silence_s:,.0f} s (--max-silence)")


def _pack(results: Sequence[Piece | Failure]) -> tuple[pa.Buffer | None, list[str | None]]:
    """The pieces of a batch as one Arrow message, and for each file its reason, None where there is a piece."""
    pieces = [result for result in results if isinstance(result, Piece)]
    reasons = [result.reason if isinstance(result, Failure) else None for result in results]
    return (to_batch(pieces).serialize() if pieces else None), reasons
