"""The ids of performance tokens: one layout, three official variants.

From id 0 up: six specials, the prefix words, the pitched notes as (instrument, pitch, velocity), the drums, the
durations, the onsets, and in two variants the pedal and a delimiter (Bradshaw et al. 2025, Aria's released models).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

TIME_STEP_MS = 10
SEGMENT_MS = 5000  # onsets are counted within a segment; every boundary crossed is one <T>
PITCHES = 128
VELOCITIES = 13  # 0, 10, ... 120; 0 is in the vocabulary but never used
ONSETS = SEGMENT_MS // TIME_STEP_MS  # 0, 10, ... 4990
DURATIONS = SEGMENT_MS // TIME_STEP_MS + 1  # 0, 10, ... 5000
DRUM_PITCHES = (35, 81)  # the General MIDI percussion keys, both ends included

INSTRUMENTS = ("piano", "organ", "guitar", "bass", "strings", "ensemble", "brass", "reed", "pipe", "synth_lead")
COMPOSERS = (
    *("bach", "beethoven", "mozart", "chopin", "rachmaninoff", "liszt"),
    *("debussy", "schubert", "brahms", "ravel", "satie", "scarlatti"),
)
FORMS = ("sonata", "prelude", "nocturne", "étude", "waltz", "mazurka", "impromptu", "fugue")
GENRES = ("jazz", "classical")
SPECIALS = ("<S>", "<E>", "<P>", "<U>", "<D>", "<T>")


@dataclass(frozen=True)
class Vocabulary:
    """Where each kind of token lies; every range is `first` to `last`, both included.

    Args:
        instruments: the families of pitched instruments that have notes.
        drums: whether drum notes and their prefix word exist.
        words: prefix words after the instruments (composers, forms, genres).
        tail: extra tokens after the onsets, in order: "<PED_ON>", "<PED_OFF>", "<X>".
    """

    instruments: tuple[str, ...] = INSTRUMENTS
    drums: bool = True
    words: tuple[str, ...] = (*COMPOSERS, *FORMS, *GENRES)
    tail: tuple[str, ...] = ()

    start = 0
    end = 1
    pad = 2
    unknown = 3
    diminish = 4
    time_step = 5

    @cached_property
    def prefix(self) -> Mapping[str, int]:
        """Id of each prefix word, e.g. `prefix["piano"]` is 6."""
        words = (*self.instruments, *(("drum",) if self.drums else ()), *self.words)
        return MappingProxyType({word: len(SPECIALS) + index for index, word in enumerate(words)})

    @cached_property
    def prefix_first(self) -> int:
        return len(SPECIALS)

    @cached_property
    def prefix_last(self) -> int:
        return len(SPECIALS) + len(self.prefix) - 1

    @cached_property
    def note_first(self) -> int:
        """First id of the pitched notes: `note_first + (instrument * 128 + pitch) * 13 + velocity / 10`."""
        return len(SPECIALS) + len(self.prefix)

    @cached_property
    def note_last(self) -> int:
        return self.note_first + len(self.instruments) * PITCHES * VELOCITIES - 1

    @cached_property
    def piano_first(self) -> int:
        return self.note_first + self.instruments.index("piano") * PITCHES * VELOCITIES

    @cached_property
    def piano_last(self) -> int:
        return self.piano_first + PITCHES * VELOCITIES - 1

    @cached_property
    def drum_first(self) -> int | None:
        return self.note_last + 1 if self.drums else None

    @cached_property
    def drum_last(self) -> int | None:
        return self.note_last + 1 + DRUM_PITCHES[1] - DRUM_PITCHES[0] if self.drums else None

    @cached_property
    def duration_first(self) -> int:
        """Id of the duration 0 ms; `duration_first + ms / 10`."""
        return (self.drum_last or self.note_last) + 1

    @cached_property
    def duration_last(self) -> int:
        return self.duration_first + DURATIONS - 1

    @cached_property
    def onset_first(self) -> int:
        """Id of the onset 0 ms in its segment; `onset_first + ms / 10`."""
        return self.duration_last + 1

    @cached_property
    def onset_last(self) -> int:
        return self.onset_first + ONSETS - 1

    @cached_property
    def size(self) -> int:
        return self.onset_last + 1 + len(self.tail)

    @cached_property
    def pedal_on(self) -> int | None:
        return self._tail_id("<PED_ON>")

    @cached_property
    def pedal_off(self) -> int | None:
        return self._tail_id("<PED_OFF>")

    @cached_property
    def delimiter(self) -> int | None:
        return self._tail_id("<X>")

    def _tail_id(self, word: str) -> int | None:
        return self.onset_last + 1 + self.tail.index(word) if word in self.tail else None

    def word(self, token: int) -> tuple[str | int, ...]:
        """What one id says: ("piano", 60, 80), ("drum", 38), ("duration", 250), ("prefix", "bach"), ("<T>",).

        Raises:
            ValueError: if the id is outside the vocabulary.
        """
        token = int(token)
        if not 0 <= token < self.size:
            raise ValueError(f"id {token} is outside the vocabulary of {self.size:,} tokens (0 to {self.size - 1})")
        if token < len(SPECIALS):
            return (SPECIALS[token],)
        if token < self.note_first:
            return ("prefix", list(self.prefix)[token - len(SPECIALS)])
        if token <= self.note_last:
            key, velocity = divmod(token - self.note_first, VELOCITIES)
            instrument, pitch = divmod(key, PITCHES)
            return (self.instruments[instrument], pitch, velocity * 10)
        if token < self.duration_first:
            return ("drum", token - self.note_last - 1 + DRUM_PITCHES[0])
        if token < self.onset_first:
            return ("duration", (token - self.duration_first) * TIME_STEP_MS)
        if token <= self.onset_last:
            return ("onset", (token - self.onset_first) * TIME_STEP_MS)
        return (self.tail[token - self.onset_last - 1],)


FULL = Vocabulary()
PEDAL = Vocabulary(tail=("<PED_ON>", "<PED_OFF>"))
PIANO = Vocabulary(("piano",), drums=False, words=(), tail=("<PED_ON>", "<PED_OFF>", "<X>"))


def vocabulary_of_size(size: int) -> Vocabulary:
    """The official variant with so many tokens, as read off the rows of a checkpoint's embedding.

    Raises:
        ValueError: if no variant has this size.
    """
    known = {vocabulary.size: vocabulary for vocabulary in (FULL, PEDAL, PIANO)}
    if size not in known:
        sizes = ", ".join(f"{s:,}" for s in sorted(known))
        raise ValueError(f"no performance vocabulary has {size:,} tokens; the known sizes are {sizes}")
    return known[size]
