"""What is continued: the piano of a piece up to a moment, as notes for the ear and as tokens for the network.

A note that sounds at that moment, by finger or by pedal, rings on as long as in the file (by pedal at most until 5 s
after its onset, which is what its token can say). A pedal that is down is lifted at the moment itself, so that it does
not blur what follows: the notes it held have that length of their own.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from partimento.generate.grammar import Cursor, Grammar
from partimento.notes import Notes, pedal_intervals
from partimento.tokens.performance import PerformanceTokenizer, instruments_of
from partimento.tokens.vocabulary import SEGMENT_MS

LARGEST_TICK_S = 0.002  # a file of coarser ticks is given finer ones, so that new notes keep their 10 ms grid
LARGEST_RESOLUTION = 32_767  # ticks a quarter note that a MIDI file can state
PIANO = 0  # index into INSTRUMENTS

logger = logging.getLogger("partimento")


@dataclass(frozen=True, eq=False)
class Prompt:
    """A piece up to the moment where it is to be continued.

    Args:
        notes: its piano, at its own times, with its tempo, metre and pedal up to the end.
        end_tick: the moment, in ticks of `notes`; no new note begins before it.
        ids: prefix, <S> and the notes, then <T> up to the moment's segment.
        cursor: after those ids, onsets before the moment illegal.
        first_s: where the piece's first note begins, which is time zero of the tokens.
    """

    notes: Notes
    end_tick: int
    ids: list[int]
    cursor: Cursor
    first_s: float

    @property
    def seconds(self) -> float:
        """The moment, in seconds from the start of the file."""
        return float(self.notes.seconds_at(np.array([self.end_tick]))[0])


def piano_of(notes: Notes) -> Notes:
    """The notes of the piano family; what is left out is said once in the log.

    Raises:
        ValueError: if there are none.
    """
    piano = instruments_of(notes) == PIANO
    if not piano.any():
        raise ValueError(f"no piano note to continue from ({len(notes):,} notes of other instruments)")
    if not piano.all():
        tracks = len(np.unique(notes.track[~piano]))
        logger.warning("left out %d notes in %d tracks that are not piano", int((~piano).sum()), tracks)
    return notes.select(piano)


def prompt_of(
    notes: Notes, tokenizer: PerformanceTokenizer, seconds: float | None, words: Sequence[int] = ()
) -> Prompt:
    """The first `seconds` of a piece, or all of it; never beyond the end of its last note.

    Args:
        words: ids of further prefix words.

    Raises:
        ValueError: if no piano note begins within them.
    """
    piano = _fine_ticks(piano_of(notes))
    end_s = piano.seconds if seconds is None else min(seconds, piano.seconds)
    end_tick = int(ticks_at(piano, np.array([end_s]))[0])
    inside = piano.onset < end_tick
    if not inside.any():
        first_s = float(piano.seconds_at(piano.onset[:1])[0])
        raise ValueError(
            f"no piano note in the first {end_s:g} s (the first begins at {first_s:.2f} s); "
            "take more seconds as the prompt"
        )
    piano = piano.select(inside)
    first_s = float(piano.seconds_at(piano.onset[:1])[0])
    cursor = Cursor(Grammar(tokenizer.vocabulary))
    ids = [*tokenizer.prefix(piano), *words, *tokenizer.encode(piano)[:-1].tolist()]  # all but <E>
    for token in ids[ids.index(tokenizer.vocabulary.start) + 1 :]:
        cursor.read(token)
    heard = _end_at(piano, end_tick)
    end_s = float(heard.seconds_at(np.array([end_tick]))[0])
    ids += cursor.wait_until((end_s - first_s) * 1e3)
    return Prompt(heard, end_tick, ids, cursor, first_s)


def ticks_at(notes: Notes, seconds: np.ndarray) -> np.ndarray:
    """(N,) int64 ticks nearest to times (N,) from the start of the file: `Notes.seconds_at` backwards."""
    starts_s = notes.seconds_at(notes.tempo_tick)
    index = np.maximum(np.searchsorted(starts_s, seconds, side="right") - 1, 0)
    seconds_per_tick = notes.tempo_us[index] / (1e6 * notes.ticks_per_quarter)
    return notes.tempo_tick[index] + np.rint((seconds - starts_s[index]) / seconds_per_tick).astype(np.int64)


def _fine_ticks(notes: Notes) -> Notes:
    """The same times in ticks fine enough for new notes."""
    largest_s = int(notes.tempo_us.max()) / (1e6 * notes.ticks_per_quarter)
    factor = min(int(np.ceil(largest_s / LARGEST_TICK_S)), LARGEST_RESOLUTION // notes.ticks_per_quarter)
    if factor <= 1:
        return notes
    columns = ("onset", "duration", "tempo_tick", "metre_tick", "pedal_tick")
    finer = {name: getattr(notes, name) * np.int32(factor) for name in columns}
    return replace(notes, ticks_per_quarter=notes.ticks_per_quarter * factor, **finer)


def _end_at(notes: Notes, end_tick: int) -> Notes:
    """Maps and pedal cut at a tick; a pedal that is down then is lifted, and the notes it holds get their length."""
    onset, own_end = notes.onset.astype(np.int64), notes.onset.astype(np.int64) + notes.duration
    longest = ticks_at(notes, notes.seconds_at(notes.onset) + SEGMENT_MS / 1e3)
    end, lifted = own_end.copy(), []
    for track in np.unique(notes.pedal_track):
        for down, up in pedal_intervals(notes, int(track)):
            if down < end_tick < up:
                lifted.append(int(track))
                held = (notes.track == track) & (own_end > down) & (own_end < up)
                rings = np.minimum(up, longest)
                end = np.where(held & (rings > end_tick), np.maximum(own_end, rings), end)
    pedal = notes.pedal_tick < end_tick
    tempo, metre = notes.tempo_tick < max(1, end_tick), notes.metre_tick < max(1, end_tick)
    lifts = np.full(len(lifted), end_tick, dtype=np.int32)
    return replace(
        notes,
        duration=(end - onset).astype(np.int32),
        tempo_tick=notes.tempo_tick[tempo],
        tempo_us=notes.tempo_us[tempo],
        metre_tick=notes.metre_tick[metre],
        metre_numerator=notes.metre_numerator[metre],
        metre_denominator=notes.metre_denominator[metre],
        pedal_tick=np.concatenate([notes.pedal_tick[pedal], lifts]),
        pedal_value=np.concatenate([notes.pedal_value[pedal], np.zeros_like(lifts)]),
        pedal_track=np.concatenate([notes.pedal_track[pedal], np.array(lifted, dtype=np.int32)]),
    )
