"""Tokens of files, for programs to read and for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypedDict

from partimento.midi import MidiError, read_midi
from partimento.tokens.performance import PerformanceTokenizer, events_from_ids
from partimento.tokens.vocabulary import FULL, INSTRUMENTS, vocabulary_of_size

KINDS = ("aria",)
PITCH_NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")


class FileTokens(TypedDict, total=False):
    """One file: its path as given, and either sorted prefix ids and the ids from <S> to <E>, or why there are none."""

    path: str
    prefix: list[int]
    ids: list[int]
    error: str


def tokens_of_files(
    paths: Iterable[str | Path], as_: str = "aria", vocabulary_size: int = FULL.size
) -> Iterator[FileTokens]:
    """The tokens of each file, one after another; a file that cannot be read has an `error` instead of ids.

    Raises:
        ValueError: at the first file, if the kind of tokens or the size of the vocabulary is not known.
    """
    if as_ not in KINDS:
        raise ValueError(f"no tokens called {as_!r}; the known kinds are {', '.join(KINDS)}")
    tokenizer = PerformanceTokenizer(vocabulary_of_size(vocabulary_size))
    for path in paths:
        try:
            notes = read_midi(path)
        except (MidiError, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            yield {"path": str(path), "error": reason or type(error).__name__}
            continue
        yield {"path": str(path), "prefix": tokenizer.prefix(notes), "ids": tokenizer.encode(notes).tolist()}


def as_text(tokens: FileTokens, vocabulary_size: int = FULL.size) -> str:
    """What the tokens of one file say, one note a line."""
    if "error" in tokens:
        return f"{tokens['path']}: {tokens['error']}"
    vocabulary = vocabulary_of_size(vocabulary_size)
    prefix = " ".join(str(vocabulary.word(token)[-1]) for token in tokens["prefix"])
    lines = [f"{tokens['path']}: {len(tokens['ids']):,} tokens, {prefix}"]
    events = events_from_ids(tokens["ids"], vocabulary)
    columns = (events.onset_ms, events.duration_ms, events.pitch, events.velocity, events.instrument)
    for onset_ms, duration_ms, pitch, velocity, instrument in zip(*(c.tolist() for c in columns), strict=True):
        if instrument < 0:
            lines.append(f"{onset_ms / 1e3:9.2f} s  drum        {pitch:3}")
            continue
        name = f"{PITCH_NAMES[pitch % 12]}{pitch // 12 - 1}"
        said = f"{INSTRUMENTS[instrument]:10}  {pitch:3} {name:4}  velocity {velocity:3}"
        lines.append(f"{onset_ms / 1e3:9.2f} s  {said}  {duration_ms / 1e3:.2f} s")
    return "\n".join(lines)
