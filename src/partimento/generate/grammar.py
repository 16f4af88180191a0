"""Which token may follow which in performance tokens, for piano: a small automaton a sequence.

A note is three tokens: (pitch, velocity), onset within its 5 s segment, duration. Between notes stands <T>, one for
each segment boundary, or <E>. What the tokenizer never writes is never legal: velocity 0, duration 0, an onset before
the last one in its segment, <U>, <S>, <P>, prefix words, pedal, a second instrument. <D> is set by the caller, never
drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np

from partimento.tokens.vocabulary import ONSETS, SEGMENT_MS, TIME_STEP_MS, VELOCITIES, Vocabulary

MAX_STEPS_IN_SEQUENCE = 4  # no silence beyond 20 s, the longest that the training data's filter keeps
MAX_NOTES_IN_SEGMENT = 300  # 60 notes a second, that filter's densest music; so every sequence gets on in time


class Expect(IntEnum):
    """What comes next in a sequence."""

    EVENT = 0  # a note's pitch and velocity, <T> or <E>
    ONSET = 1
    DURATION = 2


@dataclass(frozen=True)
class SampledNote:
    """One note as its tokens say it; the onset counts from the first onset of the piece."""

    onset_ms: int
    duration_ms: int
    pitch: int
    velocity: int


@dataclass(frozen=True)
class Grammar:
    """The ids that each state can ever take, in the order of the logits' columns: what the output layer computes."""

    vocabulary: Vocabulary

    @cached_property
    def columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Ids by `Expect`: <T>, every piano note that is heard, <E>; the onsets; the durations from 10 ms on."""
        v = self.vocabulary
        notes = np.arange(v.piano_first, v.piano_last + 1)
        heard = notes[(notes - v.piano_first) % VELOCITIES > 0]
        events = np.concatenate([[v.time_step], heard, [v.end]])
        return events, np.arange(v.onset_first, v.onset_last + 1), np.arange(v.duration_first + 1, v.duration_last + 1)


@dataclass
class Cursor:
    """Where one sequence stands; `read` moves it on by a token.

    Args:
        grammar: of the vocabulary.
        expect: what comes next.
        segment: number of <T> read.
        earliest: first legal onset of the segment, in steps of 10 ms.
        silence: <T> read since the last note.
        crowd: notes read in this segment.
        note, onset: the open note's id and its onset in steps.
    """

    grammar: Grammar
    expect: Expect = Expect.EVENT
    segment: int = 0
    earliest: int = 0
    silence: int = 0
    crowd: int = 0
    note: int = 0
    onset: int = 0

    @property
    def onset_ms(self) -> int:
        """The earliest time that the next onset can have, from the first onset of the piece."""
        return self.segment * SEGMENT_MS + self.earliest * TIME_STEP_MS

    @property
    def may_step(self) -> bool:
        return self.silence < MAX_STEPS_IN_SEQUENCE

    @property
    def may_begin_note(self) -> bool:
        return self.crowd < MAX_NOTES_IN_SEGMENT

    def read(self, token: int) -> SampledNote | None:
        """Move on by one token; the whole note where this was its last token. <D> changes nothing.

        Raises:
            ValueError: if the token cannot come here, whatever the limits on silence and density.
        """
        v = self.grammar.vocabulary
        if self.expect == Expect.EVENT:
            if token == v.time_step:
                self.segment, self.earliest, self.crowd, self.silence = self.segment + 1, 0, 0, self.silence + 1
                return None
            if token in (v.end, v.diminish):
                return None
            if v.piano_first <= token <= v.piano_last:
                self.note, self.expect, self.crowd, self.silence = token, Expect.ONSET, self.crowd + 1, 0
                return None
        elif self.expect == Expect.ONSET:
            onset = token - v.onset_first
            if self.earliest <= onset < ONSETS:
                self.onset = self.earliest = onset
                self.expect = Expect.DURATION
                return None
        elif v.duration_first < token <= v.duration_last:
            self.expect = Expect.EVENT
            pitch, velocity = divmod(self.note - v.piano_first, VELOCITIES)
            duration_ms = (token - v.duration_first) * TIME_STEP_MS
            return SampledNote(self.onset_ms, duration_ms, pitch, velocity * 10)
        raise ValueError(f"token {v.word(token)} cannot come where {self.expect.name.lower()} is expected")

    def wait_until(self, time_ms: float) -> list[int]:
        """Move on to a time from the first onset, before which no note may begin; the <T> that stand for it."""
        steps = math.ceil(round(time_ms / TIME_STEP_MS, 4))  # a rounding error is no reason for another step
        segment, earliest = divmod(steps, ONSETS)
        tokens = [self.grammar.vocabulary.time_step] * (segment - self.segment)
        for token in tokens:
            self.read(token)
        if segment == self.segment:
            self.earliest = max(self.earliest, earliest)
        return tokens
