"""Which files are in the folders a user names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = (".mid", ".midi", ".kar")


@dataclass(frozen=True)
class Source:
    """A file to be ingested.

    Args:
        path: its name in the corpus: relative to the source it was found in, "/" between parts, valid text.
        inner: the same without the name of the source that tells several sources apart.
        location: where it is opened.
        size: bytes; -1 if it cannot be asked.
        mtime_ns: when it was changed; -1 if it cannot be asked.
    """

    path: str
    inner: str
    location: str
    size: int
    mtime_ns: int


def find_files(sources: Sequence[str | Path], suffixes: Sequence[str] = SUFFIXES) -> list[Source]:
    """The files of folders, walked, that have one of the suffixes, and files named one by one, sorted by path.

    Raises:
        FileNotFoundError: if a source does not exist.
        ValueError: if there is no such file, or two would have one path.
    """
    found: dict[str, Source] = {}
    prefixes = {
        folder: f"{_text(folder.resolve().name)}/" if len(sources) > 1 else ""
        for folder in map(Path, sources)
        if folder.is_dir()
    }
    for source, relative, location in walk_all(sources, suffixes):
        inner = _text(relative).replace(os.sep, "/")
        path = prefixes.get(source, "") + inner
        if path in found:
            raise ValueError(f"two files would be called {path}: {found[path].location} and {location}")
        found[path] = _source(path, inner, location)
    return [found[path] for path in sorted(found)]


def walk_all(sources: Sequence[str | Path], suffixes: Sequence[str] = SUFFIXES) -> Iterator[tuple[Path, str, str]]:
    """(source, path relative to it, path) of each file named and of each file of the folders with a suffix, in order.

    Raises:
        FileNotFoundError: if a source does not exist.
        ValueError: if there is no such file.
    """
    found = False
    for source in map(Path, sources):
        if not source.exists():
            raise FileNotFoundError(f"{source} does not exist")
        for relative, location in walk(source, suffixes) if source.is_dir() else [(source.name, str(source))]:
            found = True
            yield source, relative, location
    if not found:
        what = "MIDI files" if suffixes == SUFFIXES else "files"
        raise ValueError(f"no {what} ({', '.join(suffixes)}) in {', '.join(str(source) for source in sources)}")


def walk(root: str | Path, suffixes: Sequence[str] = SUFFIXES) -> Iterator[tuple[str, str]]:
    """(path relative to the root, path) of each file with a suffix, in any case; links are followed, once each.

    A folder that may not be listed comes as if it were a file, to be rejected with its reason.
    """
    ends = tuple(suffixes)
    walked: set[tuple[int, int]] = set()
    closed: list[str] = []
    for folder, folders, files in os.walk(root, followlinks=True, onerror=lambda error: closed.append(error.filename)):
        about = Path(folder).stat()
        if (about.st_dev, about.st_ino) in walked:  # a link back to where the walk has been
            folders.clear()
            continue
        walked.add((about.st_dev, about.st_ino))
        folders.sort()
        inside = os.path.relpath(folder, root)
        for name in sorted(files):
            if name.lower().endswith(ends):
                location = os.path.join(folder, name)  # noqa: PTH118 (a million times)
                yield name if inside == os.curdir else f"{inside}{os.sep}{name}", location
    for location in closed:
        yield os.path.relpath(location, root), location


def _source(path: str, inner: str, location: str) -> Source:
    try:
        about = os.stat(location)  # noqa: PTH116 (a million times)
    except OSError:  # a link to nothing: it is rejected with its reason when it is read
        return Source(path, inner, location, -1, -1)
    return Source(path, inner, location, about.st_size, about.st_mtime_ns)


def _text(name: str) -> str:
    """A file name as valid text; bytes that are none appear as \\xNN."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
