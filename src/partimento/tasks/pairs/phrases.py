"""Phrases: four bars of 4/4 of one part of a song, in C major or A minor.

After PiRhDy (Liang et al. 2020), whose grid is 32 steps a bar. There bars in which the melody rests are cut out and the
others joined; here a phrase is four bars that stand together, and one in which little happens is none. There a note
tied over from the phrase before begins anew in each; here so does an accompaniment's, but a melody's is left to the
phrase it begins in, since the tie would tell which phrase follows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from partimento.notes import Notes

BARS = 4
STEPS_PER_QUARTER = 8
STEPS_PER_BAR = 4 * STEPS_PER_QUARTER
STEPS = BARS * STEPS_PER_BAR
SOUNDING = 0.5  # share of its steps in which an accompaniment must sound
BARS_BEGUN_IN = 3  # of a melody's phrase: so many bars must have a note that begins there
MOST_NOTES = 384  # of a phrase, so that two are one sequence of a network; denser ones are left out
STEP, LENGTH, PITCH, VELOCITY = range(4)  # columns

Side = Literal["train", "valid", "test"]


@dataclass(frozen=True, eq=False)
class Phrase:
    """Four bars of a part.

    Args:
        song: that it is of.
        part: that it is of, "melody" or a name of the song's own.
        bar: of the song, from 0, that it begins with.
        notes: (N, 4) int64, sorted: step 0-127 of 32 a bar, length in steps within the phrase, pitch, velocity.
    """

    song: str
    part: str
    bar: int
    notes: np.ndarray

    @property
    def place(self) -> tuple[str, str, int]:
        """What names it."""
        return self.song, self.part, self.bar


@dataclass(frozen=True, eq=False)
class Song:
    """The phrases of a song.

    Args:
        name: of the song in its set.
        group: the same for all songs that must not be torn apart.
        side: of the split.
        melody: by bar.
        accompaniments: by bar and part; each begins with a bar that a phrase of the melody begins with.
    """

    name: str
    group: str
    side: Side
    melody: tuple[Phrase, ...]
    accompaniments: tuple[Phrase, ...]

    def following(self) -> Iterator[tuple[Phrase, Phrase]]:
        """Each phrase of the melody with the one that follows at once."""
        for first, second in zip(self.melody, self.melody[1:], strict=False):
            if second.bar == first.bar + BARS:
                yield first, second

    def accompanied(self) -> Iterator[tuple[Phrase, tuple[Phrase, ...]]]:
        """Each phrase of the melody that is accompanied, with all its accompaniments."""
        for phrase in self.melody:
            if found := tuple(other for other in self.accompaniments if other.bar == phrase.bar):
                yield phrase, found


def on_steps(notes: Notes, which: np.ndarray, semitones: int) -> np.ndarray:
    """(N, 4) the notes of a part on the grid of 32 steps a bar of four quarters, transposed, sorted; no drums.

    Args:
        which: (all notes,) bool, those of the part.
    """
    part = notes.select(which & ~notes.is_drum).transpose(semitones)
    scale = STEPS_PER_QUARTER / part.ticks_per_quarter
    begin = np.rint(part.onset * scale).astype(np.int64)
    end = np.rint((part.onset.astype(np.int64) + part.duration) * scale).astype(np.int64)
    found = np.stack([begin, np.maximum(end - begin, 1), part.pitch, part.velocity], axis=1).astype(np.int64)
    return np.unique(found, axis=0)


def top_line(notes: np.ndarray) -> np.ndarray:
    """The highest of the notes that begin together, each until the next begins."""
    order = np.lexsort((-notes[:, PITCH], notes[:, STEP]))
    line = notes[order][np.diff(notes[order, STEP], prepend=-1) > 0]
    line[:-1, LENGTH] = np.minimum(line[:-1, LENGTH], np.diff(line[:, STEP]))
    return line


def first_bar(notes: np.ndarray) -> int:
    """The bar in which the first note begins."""
    return int(notes[:, STEP].min()) // STEPS_PER_BAR


def phrase_at(song: str, part: str, notes: np.ndarray, bar: int, tied: bool) -> Phrase:
    """The phrase of a part that begins with this bar; its notes may be none.

    Args:
        notes: (N, 4) of the whole part.
        tied: whether a note that sounds on from before begins with the phrase.
    """
    start = bar * STEPS_PER_BAR
    begin = notes[:, STEP] - start
    end = np.minimum(begin + notes[:, LENGTH], STEPS)
    inside = (begin < STEPS) & ((end > 0) if tied else (begin >= 0))
    found = notes[inside].copy()
    found[:, STEP] = np.maximum(begin[inside], 0)
    found[:, LENGTH] = end[inside] - found[:, STEP]
    return Phrase(song, part, bar, np.unique(found, axis=0))


def sounding(phrase: Phrase) -> float:
    """Share of the steps in which something sounds."""
    change = np.zeros(STEPS + 1, dtype=np.int64)
    np.add.at(change, phrase.notes[:, STEP], 1)
    np.add.at(change, phrase.notes[:, STEP] + phrase.notes[:, LENGTH], -1)
    return float((np.cumsum(change[:-1]) > 0).mean())


def is_melody(phrase: Phrase) -> bool:
    """Whether notes begin in at least three of the bars. How long they are does not count: many are sung detached."""
    return len(np.unique(phrase.notes[:, STEP] // STEPS_PER_BAR)) >= BARS_BEGUN_IN


def is_accompaniment(phrase: Phrase) -> bool:
    """Whether it sounds in at least half of its steps, as PiRhDy asks, and has not more notes than a sequence holds."""
    return len(phrase.notes) <= MOST_NOTES and sounding(phrase) >= SOUNDING


def song_of(
    name: str, group: str, side: Side, melody: np.ndarray, parts: dict[str, np.ndarray], bars: int | None = None
) -> Song:
    """The phrases of a song, four bars each, counted from the bar in which the melody begins.

    Args:
        melody: (N > 0, 4), one note at a time.
        parts: (N, 4) each, by name.
        bars: that the song has; as many as the melody needs if not given.
    """
    start, end = first_bar(melody), int((melody[:, STEP]).max()) // STEPS_PER_BAR + 1
    places = range(start, max(end, bars or 0), BARS)
    phrases = [phrase_at(name, "melody", melody, bar, tied=False) for bar in places]
    phrases = [phrase for phrase in phrases if is_melody(phrase)]
    others = (phrase_at(name, part, notes, p.bar, tied=True) for p in phrases for part, notes in parts.items())
    return Song(name, group, side, tuple(phrases), tuple(phrase for phrase in others if is_accompaniment(phrase)))
