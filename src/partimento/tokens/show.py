"""Tokens of files, for programs to read and for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypedDict

from partimento.midi import MidiError, read_midi
from partimento.midi.in_order import read_in_order
from partimento.tokens import compound, octuple
from partimento.tokens.performance import PerformanceTokenizer, events_from_ids
from partimento.tokens.vocabulary import FULL, INSTRUMENTS, vocabulary_of_size

KINDS = ("aria", "octuple", "compound")
PITCH_NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")


class FileTokens(TypedDict, total=False):
    """One file: its path as given, and its tokens, or why there are none.

    Aria's are sorted prefix ids and the ids from <S> to <E>; the others are words under the name of their kind.
    """

    path: str
    prefix: list[int]
    ids: list[int]
    octuple: list[list[int]]
    compound: list[list[int]]
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
            notes = read_in_order(path) if as_ == "octuple" else read_midi(path)
        except (MidiError, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            yield {"path": str(path), "error": reason or type(error).__name__}
            continue
        if as_ == "octuple":
            yield {"path": str(path), "octuple": octuple.encode(notes)[0].tolist()}
        elif as_ == "compound":
            yield {"path": str(path), "compound": compound.encode(notes)[0].tolist()}
        else:
            yield {"path": str(path), "prefix": tokenizer.prefix(notes), "ids": tokenizer.encode(notes).tolist()}


def as_text(tokens: FileTokens, vocabulary_size: int = FULL.size) -> str:
    """What the tokens of one file say, one note a line."""
    if "error" in tokens:
        return f"{tokens['path']}: {tokens['error']}"
    if "octuple" in tokens:
        return "\n".join([f"{tokens['path']}: {len(tokens['octuple']):,} words", *map(_octuple, tokens["octuple"])])
    if "compound" in tokens:
        return "\n".join([f"{tokens['path']}: {len(tokens['compound']):,} words", *map(_compound, tokens["compound"])])
    vocabulary = vocabulary_of_size(vocabulary_size)
    prefix = " ".join(str(vocabulary.word(token)[-1]) for token in tokens["prefix"])
    lines = [f"{tokens['path']}: {len(tokens['ids']):,} tokens, {prefix}"]
    events = events_from_ids(tokens["ids"], vocabulary)
    columns = (events.onset_ms, events.duration_ms, events.pitch, events.velocity, events.instrument)
    for onset_ms, duration_ms, pitch, velocity, instrument in zip(*(c.tolist() for c in columns), strict=True):
        if instrument < 0:
            lines.append(f"{onset_ms / 1e3:9.2f} s  drum        {pitch:3}")
            continue
        said = f"{INSTRUMENTS[instrument]:10}  {_pitch(pitch)}  velocity {velocity:3}"
        lines.append(f"{onset_ms / 1e3:9.2f} s  {said}  {duration_ms / 1e3:.2f} s")
    return "\n".join(lines)


def _octuple(word: list[int]) -> str:
    bar, position, instrument, pitch, duration, velocity, signature, tempo = word
    onset, length = (units / octuple.UNITS_PER_QUARTER for units in (position, int(octuple.DURATION_UNITS[duration])))
    drum = instrument == octuple.DRUMS
    played = (
        f"drum         {pitch - octuple.DRUM_PITCHES:3}     " if drum else f"program {instrument:3}  {_pitch(pitch)}"
    )
    loudness = velocity * octuple.VELOCITY_STEP + octuple.VELOCITY_STEP // 2
    numerator, denominator = octuple.TIME_SIGNATURES[signature]
    bpm = octuple.MIN_TEMPO * 2 ** (tempo / octuple.TEMPO_STEPS)
    said = f"{played}  velocity {loudness:3}  {length:7.4f} quarters"
    return f"bar {bar:4} + {onset:6.4f}  {said}  {numerator}/{denominator}  {bpm:.0f} bpm"


def _compound(word: list[int]) -> str:
    bar, position, pitch, duration = word
    said = f"{_pitch(pitch + compound.LOWEST)}  {(duration + 1) / 8:6.3f} quarters"
    return f"{'bar' if bar == compound.NEW else '':3} + {position / 4:4.2f}  {said}"


def _pitch(pitch: int) -> str:
    return f"{pitch:3} {PITCH_NAMES[pitch % 12] + str(pitch // 12 - 1):4}"
