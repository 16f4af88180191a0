"""What verbs say on stderr, so that stdout stays for results."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

FAILURES_SHOWN = 20


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


def midi_files(sources: Sequence[Path]) -> list[Path]:
    """The MIDI files named, folders walked, in order.

    Raises:
        FileNotFoundError: if a source does not exist.
        ValueError: if there is none.
    """
    from partimento.corpus.files import walk

    found: list[Path] = []
    for source in sources:
        if source.is_dir():
            found += [Path(location) for _, location in walk(source)]
        elif source.exists():
            found.append(source)
        else:
            raise FileNotFoundError(f"{source} does not exist")
    if not found:
        raise ValueError(f"no MIDI files in {', '.join(map(str, sources)) or 'nothing'}; name files or folders")
    return found
