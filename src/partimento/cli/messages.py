"""What verbs say on stderr, so that stdout stays for results."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

FAILURES_SHOWN = 20


class UsageError(ValueError):
    """Options that do not go together, or one that is missing: exit status 2."""


def say(text: str) -> None:
    """One line for the person, not for a program."""
    print(text, file=sys.stderr, flush=True)


def failures(rows: Sequence[tuple[str, str]]) -> int:
    """A table of what failed and why; the exit status: 1 if there is any, else 0."""
    if not rows:
        return 0
    say(f"{len(rows):,} failed:")
    for path, reason in rows[:FAILURES_SHOWN]:
        say(f"  {path}: {reason}")
    if len(rows) > FAILURES_SHOWN:
        say(f"  and {len(rows) - FAILURES_SHOWN:,} more")
    return 1


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Stop before work that would replace a file.

    Raises:
        FileExistsError: if the path exists and is not to be replaced.
    """
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; --overwrite replaces it")


def make_room(path: Path, overwrite: bool) -> None:
    """Make the folder of a file that is to be written, and stop before work whose result could not be kept.

    Raises:
        FileExistsError: if the file exists and is not to be replaced.
        OSError: if it is a folder, or its folder cannot be made or written to.
    """
    refuse_existing(path, overwrite)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file to write")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"{path.parent} cannot be written to; choose another place with -o")


def os_error(error: OSError) -> str:
    """The file and what is wrong with it, without the number."""
    if error.filename is None or error.strerror is None:
        return str(error)
    path = Path(os.fsdecode(error.filename))
    if path.name.startswith(".") and path.name.endswith(".part"):  # what a file is called until it is complete
        path = path.with_name(path.name[1:].removesuffix(".part"))
    return f"{path}: {error.strerror}"


def some_files(sources: Sequence[Path]) -> Sequence[Path]:
    """The sources themselves.

    Raises:
        UsageError: if there is none.
    """
    if not sources:
        raise UsageError("name at least one file or folder")
    return sources


def midi_files(sources: Sequence[Path]) -> list[Path]:
    """The MIDI files named, folders walked, in order.

    Raises:
        UsageError: if no source is named.
        FileNotFoundError: if a source does not exist.
        ValueError: if the sources have no MIDI files.
    """
    from partimento.corpus.files import walk_all

    return [Path(location) for _, _, location in walk_all(some_files(sources))]
