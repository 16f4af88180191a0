"""Many files into an index: read in worker processes, embedded in batches, written as they come."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from partimento.audio import AudioError, read_info
from partimento.corpus.reading import read_many
from partimento.corpus.worker import explain
from partimento.notes import Notes
from partimento.search.index import Index, Row

if TYPE_CHECKING:
    from partimento.audio_model import AudioModel
    from partimento.midi_model import MidiModel
    from partimento.model import Model

BLOCK_FILES = 1024  # files whose hashes are asked for at once, and which share one set of worker processes
WRITE_ROWS = 256  # rows written at once: what an interrupted run may have to do again
TIDY_ROWS = 50_000


class Embedder(Protocol):
    """What is needed of a model of notes: `partimento.midi_model.MidiModel` has it."""

    @property
    def hash(self) -> str: ...

    @property
    def embed_dim(self) -> int: ...

    def embed_notes(self, pieces: Sequence[Notes]) -> np.ndarray: ...


@dataclass(frozen=True)
class Compatible:
    """A model that embeds as the original program does; its hash keeps an index from taking both kinds of vectors."""

    model: MidiModel

    @property
    def hash(self) -> str:
        return f"{self.model.hash}-compatible"

    @property
    def embed_dim(self) -> int:
        return self.model.embed_dim

    def embed(self, music: str | Path) -> np.ndarray:
        """(D,) float32 vector of a file, as `MidiModel.embed` with `compatible`."""
        return self.model.embed(music, compatible=True)

    def embed_notes(self, pieces: Sequence[Notes]) -> np.ndarray:
        """(N, D) float32 vectors of pieces, likewise."""
        return self.model.embed(pieces, compatible=True)


def embedder_of(model: Model, index: Index) -> Model | Compatible:
    """The model, embedding in the way in which the vectors of the index were made.

    Raises:
        ValueError: if the index holds vectors of another model.
    """
    from partimento.midi_model import MidiModel

    embedder: Model | Compatible = model
    if isinstance(model, MidiModel) and index.model_hash == Compatible(model).hash:
        embedder = Compatible(model)
    index.check(embedder.hash, embedder.embed_dim)
    return embedder


@dataclass
class Embedded:
    """What came of a run.

    Args:
        added: files embedded and written.
        skipped: files that the index had already, with this content.
        failures: (path, reason) of each file that could not be embedded.
    """

    added: int = 0
    skipped: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)


def embed_files(
    model: Embedder | AudioModel,
    paths: Iterable[str | Path],
    index: Index,
    *,
    batch: int = 64,
    jobs: int | None = None,
    labels: Callable[[str], Mapping[str, str]] | None = None,
    progress: Callable[[int], object] | None = None,
) -> Embedded:
    """Embed files that an index does not have yet; a run that was stopped is gone on with by starting it again.

    A file whose bytes have changed takes the place of what it was. Memory does not grow with the number of files.

    Args:
        paths: files of the kind that the model reads; the index names them as they are given here.
        batch: files that the model is given at once.
        jobs: processes that read files; one a core by default.
        labels: the labels of a path.
        progress: called with the number of files dealt with since the last call, such as `tqdm.update`.

    Raises:
        ValueError: if the index holds vectors of another model.
    """
    index.check(model.hash, model.embed_dim)
    done = Embedded()
    since_tidy = 0
    remaining = iter(paths)
    while block := list(islice(remaining, BLOCK_FILES)):
        todo = _unknown(block, index, done)
        if progress:
            progress(len(block) - len(todo))
        rows = _rows(model, todo, batch, jobs, labels or _no_labels, progress or _nothing, done)
        written = index.add(rows, WRITE_ROWS)
        done.added += written
        since_tidy += written
        if since_tidy >= TIDY_ROWS:
            index.tidy()
            since_tidy = 0
    if since_tidy:
        index.tidy()
    return done


def _unknown(block: list[str | Path], index: Index, done: Embedded) -> dict[str, tuple[str | Path, str]]:
    """Name -> (path, content hash) of the files of a block that are to be embedded."""
    hashed: dict[str, tuple[str | Path, str]] = {}
    for path in block:
        try:
            with Path(path).open("rb") as file:
                content_hash = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            done.failures.append((_name(path), explain(error)))
        else:
            hashed[_name(path)] = (path, content_hash)
    known = index.known(list(hashed))
    todo = {name: item for name, item in hashed.items() if known.get(name) != item[1]}
    done.skipped += len(hashed) - len(todo)
    return todo


def _rows(
    model: Embedder | AudioModel,
    todo: dict[str, tuple[str | Path, str]],
    batch: int,
    jobs: int | None,
    labels: Callable[[str], Mapping[str, str]],
    progress: Callable[[int], object],
    done: Embedded,
) -> Iterator[Row]:
    """The rows of files that are to be embedded, batch after batch, as (path, content hash) by name."""
    from partimento.audio_model import AudioModel

    embedded = (
        _of_sound(model, todo, batch, progress, done)
        if isinstance(model, AudioModel)
        else _of_notes(model, todo, batch, jobs, progress, done)
    )
    for name, seconds, vector in embedded:
        yield Row(name, todo[name][1], seconds, vector, dict(labels(name)))


def _of_notes(
    model: Embedder,
    todo: dict[str, tuple[str | Path, str]],
    batch: int,
    jobs: int | None,
    progress: Callable[[int], object],
    done: Embedded,
) -> Iterator[tuple[str, float, np.ndarray]]:
    """Name, seconds and vector of MIDI files, which are read by other processes."""
    read = read_many([path for path, _ in todo.values()], jobs) if todo else iter(())
    while group := list(islice(read, batch)):
        pieces: dict[str, Notes] = {}
        for path, notes in group:
            if isinstance(notes, Notes):
                pieces[_name(path)] = notes
            else:
                done.failures.append((_name(path), notes))
        for name, vector in _vectors(model, pieces, done):
            yield name, pieces[name].seconds, vector
        progress(len(group))


def _of_sound(
    model: AudioModel,
    todo: dict[str, tuple[str | Path, str]],
    batch: int,
    progress: Callable[[int], object],
    done: Embedded,
) -> Iterator[tuple[str, float, np.ndarray]]:
    """Name, seconds and vector of sound files; one that cannot be read does not cost the others theirs."""
    names = iter(todo)
    while group := list(islice(names, batch)):
        seconds: dict[str, float] = {}
        for name in group:
            try:
                seconds[name] = read_info(todo[name][0]).seconds
            except (AudioError, OSError) as error:
                done.failures.append((name, explain(error)))
        whole = list(seconds)
        try:
            vectors = list(model.embed([todo[name][0] for name in whole]))
        except (AudioError, OSError):
            vectors = []
            for name in list(whole):
                try:
                    vectors.append(model.embed(todo[name][0]))
                except (AudioError, OSError) as error:
                    done.failures.append((name, explain(error)))
                    whole.remove(name)
        for name, vector in zip(whole, vectors, strict=True):
            yield name, seconds[name], vector
        progress(len(group))


def _no_labels(name: str) -> Mapping[str, str]:
    return {}


def _nothing(count: int) -> None:
    pass


def _vectors(model: Embedder, pieces: dict[str, Notes], done: Embedded) -> Iterator[tuple[str, np.ndarray]]:
    """The vector of each piece; where the model refuses a batch, each piece on its own, to find those it refuses."""
    if not pieces:
        return
    try:
        vectors = model.embed_notes(list(pieces.values()))
    except ValueError as error:
        if len(pieces) == 1:
            done.failures.append((next(iter(pieces)), str(error)))
        else:
            for name, notes in pieces.items():
                yield from _vectors(model, {name: notes}, done)
    else:
        yield from zip(pieces, vectors, strict=True)


def _name(path: str | Path) -> str:
    """The path as text that can be stored: bytes of a file name that are not UTF-8 are written as escapes."""
    return str(path).encode("utf-8", "backslashreplace").decode()
