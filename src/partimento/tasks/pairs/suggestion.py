"""Which of many pieces would accompany a melody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from partimento.notes import Notes
from partimento.tasks.pairs.groups import Pair
from partimento.tasks.pairs.keys import semitones_to_c_or_a
from partimento.tasks.pairs.phrases import (
    BARS,
    MOST_NOTES,
    STEP,
    STEPS_PER_BAR,
    Phrase,
    first_bar,
    is_melody,
    on_steps,
    phrase_at,
    top_line,
)
from partimento.tasks.pairs.ranking import Scorer
from partimento.tokens.clock import is_metrical, on_clock

OCTAVE = 12
MOST_PHRASES = 8  # of the melody, so that the time does not grow with its length


@dataclass(frozen=True, eq=False)
class Suggestions:
    """Pieces by how well they would accompany a melody.

    Args:
        order: (C,) int64 numbers of the pieces, the best first; those of which nothing can be said come last.
        scores: (C,) float64 by number of the piece: mean over the melody's phrases of what the judge gives
            them; -inf for a piece without a pitched note.
        semitones: (C,) int64 by number, -6 to 5: how far to transpose the piece into the melody's key.
        bars: (C,) int64 by number, from 0: the bar of the piece that sounds with the bar in which the melody begins.
    """

    order: np.ndarray
    scores: np.ndarray
    semitones: np.ndarray
    bars: np.ndarray


def rank_accompaniments(judge: Scorer, melody: Notes, candidates: Sequence[Notes]) -> Suggestions:
    """Rank pieces by how well they accompany a melody, in whatever key, at whatever tempo and from wherever they are.

    All are read in bars of four quarters, those whose ticks follow no beat in bars of two seconds, and each is moved
    to C major or A minor by its own key. Every four bars of the melody, unless it rests in two of them, are judged with
    the four bars of the piece that sound at the same time. The piece may begin with the melody, or have it from the
    same bar of the file on: the better is taken. A piece that is over before the melody begins anew.
    Of a long melody eight such parts are judged, spread evenly.

    Args:
        judge: of pairs of the kind "acc": `baselines.theory`, or a labeller's `scoring.log_probabilities`.
        melody: of several notes at a time the highest counts; drums do not.
        candidates: pieces, melodies in them included.

    Raises:
        ValueError: if the melody has no pitched note.
    """
    own_semitones, line = _in_bars(melody)
    if not len(line):
        raise ValueError("the melody has no pitched note; give a file with one part that can be sung")
    line = top_line(line)
    start, stop = first_bar(line), int(line[:, STEP].max()) // STEPS_PER_BAR + 1
    phrases = [phrase_at("melody", "melody", line, bar, tied=False) for bar in range(start, stop, BARS)]
    phrases = [phrase for phrase in phrases if is_melody(phrase)] or [phrase for phrase in phrases if len(phrase.notes)]
    if len(phrases) > MOST_PHRASES:
        phrases = [phrases[i] for i in np.linspace(0, len(phrases) - 1, MOST_PHRASES).astype(int)]
    scores = np.full(len(candidates), -np.inf)
    semitones, bars = np.zeros(len(candidates), dtype=np.int64), np.zeros(len(candidates), dtype=np.int64)
    pairs: list[Pair] = []
    asked: list[tuple[int, int, slice]] = []  # piece, its bar at the melody's first, its pairs
    for number, piece in enumerate(candidates):
        key, notes = _in_bars(piece)
        if not len(notes):
            continue
        semitones[number] = (key - own_semitones + OCTAVE // 2) % OCTAVE - OCTAVE // 2
        opening, end = first_bar(notes), int(notes[:, STEP].max()) // STEPS_PER_BAR + 1
        end = opening + -((opening - end) // BARS) * BARS  # whole phrases, so that what begins anew does so in time
        for bar in sorted({opening, start} if start < end else {opening}):
            found = [_around(notes, bar + phrase.bar - start, opening, end) for phrase in phrases]
            asked.append((number, bar, slice(len(pairs), len(pairs) + len(phrases))))
            pairs += [Pair("acc", phrase, other, 0) for phrase, other in zip(phrases, found, strict=True)]
    judged = np.asarray(judge(pairs), dtype=np.float64)
    for number, bar, part in asked:
        if (score := float(judged[part].mean())) > scores[number]:
            scores[number], bars[number] = score, bar
    return Suggestions(np.argsort(-scores, kind="stable"), scores, semitones, bars)


def _in_bars(notes: Notes) -> tuple[int, np.ndarray]:
    """Semitones to C major or A minor, and the notes on the grid in that key."""
    if len(notes) and not is_metrical(notes):
        notes = on_clock(notes)
    semitones = semitones_to_c_or_a(notes)
    return semitones, on_steps(notes, np.ones(len(notes), dtype=bool), semitones)


def _around(notes: np.ndarray, bar: int, opening: int, end: int) -> Phrase:
    """Four bars of a piece from a bar on; after its end it begins anew. The first notes of a very dense one."""
    if bar >= end:
        bar = opening + (bar - opening) % (end - opening)
    phrase = phrase_at("piece", "piece", notes, bar, tied=True)
    return Phrase(phrase.song, phrase.part, phrase.bar, phrase.notes[:MOST_NOTES])
