"""Chance changes of tempo, pitch and loudness, on tokens or on notes.

As in the training of Aria (Bradshaw et al. 2025): one factor for all times, one interval, one step of velocity, each
drawn anew for every piece, and the notes of one onset in a chance order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from partimento.notes import Notes
from partimento.tokens.performance import DRUM, Events, events_from_ids, ids_from_events
from partimento.tokens.vocabulary import FULL, PITCHES, Vocabulary

VELOCITY_STEP_SIZE = 10
VELOCITY_RANGE = (10, 120)


class Change(NamedTuple):
    """What is done to one piece: times are multiplied by `factor`, so 1.2 is slower; velocities move in tens."""

    factor: float
    semitones: int
    velocity_steps: int


@dataclass(frozen=True)
class Augmentation:
    """How much may change.

    Args:
        tempo: the factor of all times is drawn from 1 - tempo to 1 + tempo.
        semitones: the interval is drawn from -semitones to +semitones; drums stay.
        velocity_steps: the step of velocity, in tens, is drawn from -velocity_steps to +velocity_steps.
        mixup: whether notes of one onset are put in a chance order (tokens only).
        drop_out_of_range: whether a note that leaves the pitches 0-127 is dropped. By default its token becomes <U>
            and its onset and duration stay, as in the training of the released models. For the 88 keys of a piano
            and five semitones it makes no difference. Notes always lose it, for they have no unknown.

    Raises:
        ValueError: for an amount below zero or a tempo of 1 or more.
    """

    tempo: float = 0.2
    semitones: int = 5
    velocity_steps: int = 1
    mixup: bool = True
    drop_out_of_range: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.tempo < 1:
            raise ValueError(f"tempo is {self.tempo}; it must be at least 0 and below 1")
        if self.semitones < 0 or self.velocity_steps < 0:
            raise ValueError(f"semitones {self.semitones} and velocity_steps {self.velocity_steps} must be at least 0")

    def draw(self, generator: np.random.Generator) -> Change:
        """What to do to one piece."""
        return Change(
            factor=float(generator.uniform(1 - self.tempo, 1 + self.tempo)),
            semitones=int(generator.integers(-self.semitones, self.semitones + 1)),
            velocity_steps=int(generator.integers(-self.velocity_steps, self.velocity_steps + 1)),
        )

    def notes(self, notes: Notes, generator: np.random.Generator) -> Notes:
        """A piece changed by chance; notes that leave the pitches 0-127 are dropped."""
        change = self.draw(generator)
        louder = np.clip(notes.velocity + VELOCITY_STEP_SIZE * change.velocity_steps, *VELOCITY_RANGE)
        velocity = np.where(notes.is_drum, notes.velocity, louder).astype(np.int32)
        return replace(notes, velocity=velocity).transpose(change.semitones).stretch(change.factor)

    def ids(
        self,
        ids: np.ndarray,
        generator: np.random.Generator,
        vocabulary: Vocabulary = FULL,
        change: Change | None = None,
    ) -> np.ndarray:
        """(T',) int64 ids of one piece, or of a window of one, changed by chance; <T> is placed anew, so T' may differ.

        Prefix words, <S>, <D> and <E> are kept where they stand among the notes; a note cut off by the window, padding
        and <T> after the last note are not. A given `change` is made instead of one that is drawn.
        """
        ids = np.asarray(ids, dtype=np.int64)
        change = change or self.draw(generator)
        events = events_from_ids(ids, vocabulary)
        end = np.flatnonzero(ids == vocabulary.end)
        diminish = np.flatnonzero(ids == vocabulary.diminish)
        head = ids[(ids == vocabulary.start) | ((ids >= vocabulary.prefix_first) & (ids <= vocabulary.prefix_last))]
        changed = self._changed(events, change, generator)
        body = ids_from_events(changed, vocabulary)[1:-1]
        if len(diminish):
            following = len(events_from_ids(ids[diminish[0] :], vocabulary))
            body = _insert_before_last_notes(body, following, vocabulary)
        return np.concatenate([head, body, ids[end[:1]]])

    def sequence(self, ids: np.ndarray, generator: np.random.Generator, vocabulary: Vocabulary = FULL) -> np.ndarray:
        """(T,) the ids of pieces one after another, each changed on its own; cut or padded to the length that was."""
        ids = np.asarray(ids, dtype=np.int64)
        is_head = (ids == vocabulary.start) | ((ids >= vocabulary.prefix_first) & (ids <= vocabulary.prefix_last))
        first = np.flatnonzero(is_head & ~np.append(False, is_head[:-1]))
        pieces = [piece for piece in np.split(ids, first) if len(piece)]
        joined = np.concatenate([self.ids(piece, generator, vocabulary) for piece in pieces])[: len(ids)]
        return np.append(joined, np.full(len(ids) - len(joined), vocabulary.pad))

    def _changed(self, events: Events, change: Change, generator: np.random.Generator) -> Events:
        drum = events.instrument == DRUM
        pitch = np.where(drum, events.pitch, events.pitch + change.semitones)
        louder = np.clip(events.velocity + VELOCITY_STEP_SIZE * change.velocity_steps, *VELOCITY_RANGE)
        chance = generator.random(len(events)) if self.mixup else np.arange(len(events))
        order = np.lexsort((chance, events.onset_ms))
        if self.drop_out_of_range:
            order = order[((pitch >= 0) & (pitch < PITCHES))[order]]
        duration = np.rint(events.duration_ms * change.factor).astype(np.int64)
        return Events(
            onset_ms=np.rint(events.onset_ms * change.factor).astype(np.int64)[order],
            duration_ms=duration[order],
            pitch=pitch[order],
            velocity=np.where(drum, events.velocity, louder)[order],
            instrument=events.instrument[order],
        )


def _insert_before_last_notes(body: np.ndarray, following: int, vocabulary: Vocabulary) -> np.ndarray:
    """The body of a piece with <D> before its last so many notes."""
    onset = np.flatnonzero(body >= vocabulary.onset_first)
    at = onset[len(onset) - following] - 1 if 0 < following <= len(onset) else len(body)
    return np.insert(body, at, vocabulary.diminish)
