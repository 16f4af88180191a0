"""A corpus of recordings: which sound files there are, and windows of them read when they are asked for.

The folder holds `recordings.arrow` (an Arrow IPC file, one row a file, sorted by path), `corpus.json` and the lists
that a corpus of notes has too. The sound stays where it is: a row has its place relative to the root that was ingested.
`corpus.json` knows the root both from the corpus's own folder and from the top of the file system, so the corpus may
move with its sound or alone; otherwise `Recordings.open` is told the new root.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from partimento.audio import Channels, read_audio
from partimento.corpus.store import CORPUS_VERSION

TABLE_NAME = "recordings.arrow"
BLOCK_ROWS = 4096


@dataclass(frozen=True)
class Recording:
    """One row of a corpus of recordings.

    Args:
        path: relative to the folder that was ingested, "/" between its parts.
        location: the file.
        content_hash: sha256 of the file's bytes, 64 hexadecimal digits.
        seconds: its length.
        rate_hz: samples a second and channel, as the file has them.
        channels: their number.
        labels: the labels this recording has, by name; a label it lacks is absent.
        silence_s: how much of it is silent; None if it was not checked at ingest.
    """

    path: str
    location: Path
    content_hash: str
    seconds: float
    rate_hz: int
    channels: int
    labels: dict[str, str]
    silence_s: float | None = None


def schema(label_names: Sequence[str]) -> pa.Schema:
    """The schema of a table whose labels have these names; `location` is relative to the root."""
    fields = [
        pa.field("path", pa.string()),
        pa.field("location", pa.string()),
        pa.field("content_hash", pa.string()),
        pa.field("seconds", pa.float64()),
        pa.field("rate_hz", pa.int32()),
        pa.field("channels", pa.int32()),
        pa.field("silence_s", pa.float64()),
    ]
    if label_names:
        fields.append(pa.field("labels", pa.struct([pa.field(name, pa.string()) for name in label_names])))
    return pa.schema(fields)


def write_table(folder: Path, rows: Sequence[Mapping[str, Any]], label_names: Sequence[str]) -> None:
    """Write the table of a corpus, whole or not at all; the same rows give the same bytes."""
    part = folder / f".{TABLE_NAME}.part"
    table = pa.Table.from_pylist(list(rows), schema(label_names))
    with pa.OSFile(str(part), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=BLOCK_ROWS)
    with part.open("rb") as written:
        os.fsync(written.fileno())
    part.replace(folder / TABLE_NAME)


@dataclass(frozen=True, eq=False)
class Recordings:
    """Recordings of a corpus folder, or some of them, in order of path.

    Args:
        folder: where the corpus lies.
        root: where the sound lies.
        about: what `corpus.json` says.
        table: the whole table, memory-mapped.
        rows: (len,) int64, which of its rows are in this view.
    """

    folder: Path
    root: Path
    about: dict[str, Any]
    table: pa.Table
    rows: np.ndarray

    @classmethod
    def open(cls, folder: str | Path, root: str | Path | None = None) -> Recordings:
        """The corpus in a folder.

        Args:
            folder: where the corpus lies.
            root: where its sound lies, if it is no longer where it was ingested.

        Raises:
            FileNotFoundError: if the folder holds no finished corpus, or the root is gone.
            ValueError: if it is a corpus of notes, or was made by a later version.
        """
        folder = Path(folder)
        about_path = folder / "corpus.json"
        if not about_path.is_file():
            hint = (
                "its ingest did not finish; run it again to go on"
                if (folder / "ingest").is_dir()
                else "make one with `partimento ingest`"
            )
            raise FileNotFoundError(f"no corpus in {folder}: {hint}")
        about = json.loads(about_path.read_text(encoding="utf-8"))
        if about["version"] > CORPUS_VERSION:
            raise ValueError(f"{folder} is a corpus of version {about['version']}; this program reads {CORPUS_VERSION}")
        if about.get("kind") != "audio":
            raise ValueError(f"{folder} is a corpus of notes, not of recordings")
        with pa.memory_map(str(folder / TABLE_NAME)) as source:
            table = pa.ipc.open_file(source).read_all()
        return cls(folder, _root(folder, about, root), about, table, np.arange(table.num_rows))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Recording:
        row = self.table.slice(int(self.rows[index]), 1).to_pylist()[0]
        labels = row.pop("labels", None) or {}
        row["location"] = self.root / row["location"]
        return Recording(**row, labels={name: value for name, value in labels.items() if value is not None})

    def __iter__(self) -> Iterator[Recording]:
        return (self[index] for index in range(len(self)))

    def __reduce__(self) -> tuple[object, ...]:
        # A copy in another process maps the table again instead of carrying it.
        return _reopen, (self.folder, self.root, self.rows)

    def column(self, name: str) -> list[Any]:
        """A column ("path", "seconds", "rate_hz", "channels", "content_hash", "silence_s") of every recording."""
        return self.table.column(name).take(pa.array(self.rows)).to_pylist()

    @cached_property
    def seconds(self) -> np.ndarray:
        """(len,) float64, the length of each recording."""
        return self.table.column("seconds").to_numpy()[self.rows]

    def label(self, name: str) -> list[str | None]:
        """One label of every recording, None where one lacks it.

        Raises:
            KeyError: if no recording of the corpus has this label.
        """
        if name not in self.label_names:
            raise KeyError(f"{self.folder} has no label {name!r}; it has {', '.join(self.label_names) or 'none'}")
        return pc.struct_field(self.table.column("labels"), name).take(pa.array(self.rows)).to_pylist()

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of the labels that recordings of this corpus may have."""
        if "labels" not in self.table.schema.names:
            return ()
        return tuple(field.name for field in self.table.schema.field("labels").type)

    def select(self, indices: Sequence[int] | np.ndarray) -> Recordings:
        """The recordings at these positions (or where a boolean mask is true), in the order given."""
        return replace(self, rows=self.rows[np.asarray(indices if len(indices) else np.empty(0, dtype=np.int64))])

    def where(self, **labels: str) -> Recordings:
        """The recordings that have all these labels: `recordings.where(instrument="oboe", dynamic="forte")`."""
        keep = np.ones(len(self), dtype=bool)
        for name, value in labels.items():
            keep &= np.array([found == value for found in self.label(name)], dtype=bool)
        return self.select(keep)

    def window(
        self, index: int, start_s: float, seconds: float, rate_hz: int, channels: Channels = "mean"
    ) -> np.ndarray:
        """(round(seconds * rate_hz),) float32 from a recording, with zeros where the file has ended.

        Raises:
            AudioError: if the file is broken.
            OSError: if it is no longer there.
        """
        location = self.root / self.table.column("location")[int(self.rows[index])].as_py()
        samples = read_audio(location, rate_hz, start_s, seconds, channels)
        missing = round(seconds * rate_hz) - len(samples)
        return np.pad(samples, (0, missing)) if missing else samples


def _root(folder: Path, about: Mapping[str, Any], root: str | Path | None) -> Path:
    """The first place for the sound that exists."""
    if root is not None:
        if not Path(root).is_dir():
            raise FileNotFoundError(f"{root} is no folder")
        return Path(root).absolute()
    places = [Path(os.path.normpath(folder.absolute() / about["root_from_here"])), Path(about["root"])]
    found = next((place for place in places if place.is_dir()), None)
    if found is None:
        looked = " and ".join(str(place) for place in dict.fromkeys(places))
        raise FileNotFoundError(f"the sound of {folder} is not in {looked}; say where: Recordings.open(folder, root)")
    return found


def _reopen(folder: Path, root: Path, rows: np.ndarray) -> Recordings:
    return replace(Recordings.open(folder, root), rows=rows)
