"""Performance tokens: each note as (instrument, pitch, velocity), onset within a 5 s segment, duration.

The tokenizer of Aria (Bradshaw et al. 2025), id for id. Times are in steps of 10 ms, tempo and metre are not kept, a
held pedal lengthens the notes. A drum note has no velocity and no duration: it is two tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from partimento.notes import Notes, from_ms, pedal_intervals
from partimento.tokens import performance_kernel
from partimento.tokens.vocabulary import (
    DRUM_PITCHES,
    DURATIONS,
    FULL,
    INSTRUMENTS,
    ONSETS,
    PITCHES,
    SEGMENT_MS,
    TIME_STEP_MS,
    VELOCITIES,
    Vocabulary,
)

DRUM = -1  # the instrument of a drum note in Events
DRUM_VELOCITY = 60  # what a drum note is rebuilt with
UNKNOWN_DRUM = 82  # a key outside DRUM_PITCHES (a shaker), so that encoding it gives <U> again
DIMINISH_FROM = 150  # tokens that the body of a piece must have more of
DIMINISH_BEFORE_END = 100


def nearest_on_grid(grid: np.ndarray, count: int) -> np.ndarray:
    """For each of 0, 1, ... count - 1 the value of the sorted grid that a binary search meets first among the nearest.

    A tie goes to whichever of the two neighbours the search from the middle of the grid reaches first, which is
    neither half-up nor half-even; the original's ids can only be had by the same search.
    """
    wanted = np.arange(count)
    low, high = np.zeros(count, dtype=np.int64), np.full(count, len(grid) - 1)
    best = np.full(count, np.iinfo(np.int32).max)
    while (open_ := low <= high).any():
        middle = (low + high) // 2
        value = grid[np.where(open_, middle, 0)]
        best = np.where(open_ & (np.abs(value - wanted) < np.abs(best - wanted)), value, best)
        low = np.where(open_ & (value < wanted), middle + 1, low)
        high = np.where(open_ & (value >= wanted), middle - 1, high)
    return best


# Grid steps rather than milliseconds: each table gives the offset inside its range of ids.
ONSET_STEP = nearest_on_grid(np.arange(ONSETS) * TIME_STEP_MS, SEGMENT_MS) // TIME_STEP_MS  # (5000,)
DURATION_STEP = np.maximum(nearest_on_grid(np.arange(DURATIONS) * TIME_STEP_MS, SEGMENT_MS + 1) // TIME_STEP_MS, 1)
VELOCITY_STEP = np.maximum(nearest_on_grid(np.arange(VELOCITIES) * 10, 128) // 10, 1)  # (128,), of the velocities 0-127

# General MIDI groups programs by eight; None is a family that the tokenizer leaves out.
FAMILIES = (
    *("piano", None, "organ", "guitar", "bass", "strings", "ensemble", "brass"),
    *("reed", "pipe", "synth_lead", None, None, None, None, None),
)
IGNORED = -2
INSTRUMENT_OF_PROGRAM = np.array([INSTRUMENTS.index(f) if f else IGNORED for f in FAMILIES for _ in range(8)])
PROGRAM_OF_INSTRUMENT = np.array([FAMILIES.index(name) * 8 for name in INSTRUMENTS])


@dataclass(frozen=True, eq=False)
class Events:
    """Notes as the tokens see them: equal-length int64 columns in the order of their tokens.

    Args:
        onset_ms: (N,) milliseconds, not decreasing.
        duration_ms: (N,) milliseconds with the pedal; no meaning for drums.
        pitch: (N,) 0-127; one outside becomes the unknown token.
        velocity: (N,) 0-127.
        instrument: (N,) index into INSTRUMENTS, or DRUM.
    """

    onset_ms: np.ndarray
    duration_ms: np.ndarray
    pitch: np.ndarray
    velocity: np.ndarray
    instrument: np.ndarray

    def __len__(self) -> int:
        return len(self.onset_ms)


def instruments_of(notes: Notes) -> np.ndarray:
    """(N,) int64 index into INSTRUMENTS of each note, DRUM, or IGNORED for a family that has no tokens.

    Like the original, by the program that the channel has at the end of the file, not by the one in force.
    """
    program = notes.program
    if notes.last_program:
        program = np.array(notes.last_program, dtype=np.int64).take(notes.track)
    instrument = INSTRUMENT_OF_PROGRAM.take(program)
    return np.where(notes.is_drum, DRUM, instrument) if notes.is_drum.any() else instrument


def events_of(notes: Notes, keep_silence: bool = False, only: int | None = None) -> Events:
    """The notes of the instruments that have tokens, or of only one, with pedal, in ms from the first of them."""
    instrument = instruments_of(notes)
    kept = instrument != IGNORED if only is None else instrument == only
    end = _end_with_pedal(notes)
    onset, pitch, velocity = notes.onset, notes.pitch, notes.velocity
    if not kept.all():
        onset, end, pitch, velocity, instrument = (x[kept] for x in (onset, end, pitch, velocity, instrument))
    if not len(onset):
        nothing = np.zeros(0, dtype=np.int64)
        return Events(nothing, nothing, nothing, nothing, nothing)
    if (onset[1:] < onset[:-1]).any():
        order = np.argsort(onset, kind="stable")
        onset, end, pitch, velocity, instrument = (x[order] for x in (onset, end, pitch, velocity, instrument))
    start, stop = _scaled_time(notes, onset), _scaled_time(notes, end)
    first = 0 if keep_silence else start[0]
    duration = stop - start
    if len(notes.tempo_tick) > 1:
        duration += _late_error(notes, onset)
    resolution = 1000 * notes.ticks_per_quarter
    return Events(
        onset_ms=np.rint((start - first) / resolution).astype(np.int64),
        duration_ms=np.rint(duration / resolution).astype(np.int64),
        pitch=pitch.astype(np.int64),
        velocity=velocity.astype(np.int64),
        instrument=instrument,
    )


def _scaled_time(notes: Notes, tick: np.ndarray) -> np.ndarray:
    """(N,) int64 exact times in 1 / (1000 · ticks_per_quarter) ms, so that only the last division rounds."""
    tempo = notes.tempo_us.astype(np.int64)
    if len(tempo) == 1:
        return tick * tempo[0]
    starts = np.concatenate([[0], np.cumsum(np.diff(notes.tempo_tick.astype(np.int64)) * tempo[:-1])])
    index = np.maximum(np.searchsorted(notes.tempo_tick, tick, side="right") - 1, 0)
    return starts[index] + (tick - notes.tempo_tick[index]) * tempo[index]


def _late_error(notes: Notes, onset: np.ndarray) -> np.ndarray:
    """What the original adds to the duration of a note that begins after the last tempo change, scaled as above.

    It counts the time from that change to the onset at the tempo before it backwards and at the last one forwards,
    instead of not at all. The released models were trained on ids with this error, so it is kept.
    """
    change = int(notes.tempo_us[-1]) - int(notes.tempo_us[-2])
    return np.maximum(onset.astype(np.int64) - int(notes.tempo_tick[-1]), 0) * change


def _end_with_pedal(notes: Notes) -> np.ndarray:
    """(N,) int64 ticks where each note ends; one that ends strictly while its pedal is down ends when it comes up."""
    end = notes.onset.astype(np.int64) + notes.duration
    if not len(notes.pedal_tick):
        return end
    held_end = end.copy()
    for track in np.flatnonzero(np.bincount(notes.pedal_track)).tolist():
        edges = pedal_intervals(notes, track).reshape(-1)
        if not len(edges):
            continue
        # Downs and ups alternate: before an odd place among them the pedal is down, until the edge at this place.
        until = np.append(edges, -1)
        until[::2] = -1
        mine = ... if track == 0 and len(notes.track_names) == 1 else notes.track == track
        ends = end[mine]
        held_end[mine] = np.maximum(ends, until.take(edges.searchsorted(ends)))
    return held_end


def ids_from_events(events: Events, vocabulary: Vocabulary = FULL) -> np.ndarray:
    """(T,) int64 ids from <S> to <E>; a note without a token of its own becomes <U>, its onset and duration stay."""
    count = len(events)
    if not count:
        return np.array([vocabulary.start, vocabulary.end])
    segment = events.onset_ms // SEGMENT_MS
    note = (events.instrument * PITCHES + events.pitch) * VELOCITIES
    note += VELOCITY_STEP.take(events.velocity, mode="clip")
    note += vocabulary.note_first
    if events.pitch.min() < 0 or events.pitch.max() >= PITCHES:
        note[(events.pitch < 0) | (events.pitch >= PITCHES)] = vocabulary.unknown
    tokens = np.empty((count, 3), dtype=np.int64)
    tokens[:, 0] = note
    tokens[:, 1] = ONSET_STEP.take(events.onset_ms - segment * SEGMENT_MS)
    tokens[:, 1] += vocabulary.onset_first
    tokens[:, 2] = DURATION_STEP.take(events.duration_ms, mode="clip")
    tokens[:, 2] += vocabulary.duration_first
    # The note before which each <T> stands, and the place there of its first token.
    first = segment.searchsorted(np.arange(1, int(segment[-1]) + 1))
    place = 3 * first
    drum = events.instrument == DRUM
    body = tokens.reshape(-1)
    if drum.any():
        tokens[drum, 0] = _drum_ids(events.pitch[drum], vocabulary)
        kept = np.ones((count, 3), dtype=bool)
        kept[drum, 2] = False
        body = body[kept.reshape(-1)]
        place -= np.append(0, np.cumsum(drum))[first]
    is_body = np.ones(len(body) + len(place) + 2, dtype=bool)
    place += np.arange(1, len(place) + 1)
    is_body[place] = False
    is_body[0] = is_body[-1] = False
    ids = np.full(len(is_body), vocabulary.time_step, dtype=np.int64)
    ids[is_body] = body
    ids[0], ids[-1] = vocabulary.start, vocabulary.end
    return ids


@cache
def _tables(vocabulary: Vocabulary) -> performance_kernel.Tables:
    """What the kernel has to know of a vocabulary."""
    steps = (table.ctypes.data for table in (ONSET_STEP, DURATION_STEP, VELOCITY_STEP))
    first_drum = -1 if vocabulary.drum_first is None else vocabulary.drum_first
    firsts = (vocabulary.note_first, first_drum, vocabulary.duration_first, vocabulary.onset_first)
    return performance_kernel.Tables(*steps, *firsts)


def _drum_ids(pitch: np.ndarray, vocabulary: Vocabulary) -> np.ndarray:
    if vocabulary.drum_first is None:
        raise ValueError(f"the vocabulary of {vocabulary.size:,} tokens has no drums")
    known = (pitch >= DRUM_PITCHES[0]) & (pitch <= DRUM_PITCHES[1])
    return np.where(known, vocabulary.drum_first + pitch - DRUM_PITCHES[0], vocabulary.unknown)


def events_from_ids(ids: ArrayLike, vocabulary: Vocabulary = FULL) -> Events:
    """The events that the ids spell out, in their order; whatever is not a whole note is passed over."""
    ids = np.asarray(ids, dtype=np.int64).reshape(-1)
    segment = np.cumsum(ids == vocabulary.time_step)
    ahead = np.concatenate([ids, [vocabulary.pad, vocabulary.pad]])
    onset, duration = ahead[1:-1], ahead[2:]
    timed = (onset >= vocabulary.onset_first) & (onset <= vocabulary.onset_last)
    lasting = (duration >= vocabulary.duration_first) & (duration <= vocabulary.duration_last)
    note = (ids >= vocabulary.note_first) & (ids <= vocabulary.note_last) & timed & lasting
    drum, unknown = np.zeros_like(note), np.zeros_like(note)
    if vocabulary.drum_first is not None and vocabulary.drum_last is not None:
        unknown = (ids == vocabulary.unknown) & timed & ~lasting
        drum = ((ids >= vocabulary.drum_first) & (ids <= vocabulary.drum_last) & timed) | unknown
    at = np.flatnonzero(note | drum)
    is_drum = drum[at]
    key, velocity = np.divmod(ids[at] - vocabulary.note_first, VELOCITIES)
    instrument, pitch = np.divmod(key, PITCHES)
    drum_pitch = np.where(unknown[at], UNKNOWN_DRUM, ids[at] - (vocabulary.drum_first or 0) + DRUM_PITCHES[0])
    return Events(
        onset_ms=segment[at] * SEGMENT_MS + (onset[at] - vocabulary.onset_first) * TIME_STEP_MS,
        duration_ms=np.where(is_drum, TIME_STEP_MS, (duration[at] - vocabulary.duration_first) * TIME_STEP_MS),
        pitch=np.where(is_drum, drum_pitch, pitch),
        velocity=np.where(is_drum, DRUM_VELOCITY, velocity * 10),
        instrument=np.where(is_drum, DRUM, instrument),
    )


def with_diminish(ids: np.ndarray, generator: np.random.Generator, vocabulary: Vocabulary = FULL) -> np.ndarray:
    """The ids of one piece, <S> to <E>, with <D> about a hundred tokens before the end; a short piece has none."""
    if len(ids) - 2 <= DIMINISH_FROM:
        return ids
    at = len(ids) - 1 - DIMINISH_BEFORE_END + int(generator.integers(-10, 11))
    while ids[at] >= vocabulary.duration_first:  # onsets and durations: not inside a note
        at += 1
    return np.insert(ids, at, vocabulary.diminish)


@dataclass(frozen=True)
class PerformanceTokenizer:
    """Notes to ids and back, in one of the three official vocabularies.

    >>> from partimento.notes import from_ms
    >>> PerformanceTokenizer().encode(from_ms([0, 500], [480, 480], [60, 64], [80, 80])).tolist()
    [0, 827, 17227, 16774, 879, 17277, 16774, 1]
    """

    vocabulary: Vocabulary = FULL

    def prefix(self, notes: Notes) -> list[int]:
        """Sorted ids of the words that stand before <S>: the instruments that are heard."""
        if not self.vocabulary.drums:
            return [self.vocabulary.prefix["piano"]]
        heard = np.unique(instruments_of(notes)).tolist()
        names = ["drum" if index == DRUM else INSTRUMENTS[index] for index in heard if index != IGNORED]
        return sorted(self.vocabulary.prefix[name] for name in names)

    def encode(
        self, notes: Notes, keep_silence: bool = False, diminish: np.random.Generator | None = None
    ) -> np.ndarray:
        """(T,) int64 ids from <S> to <E>.

        Args:
            notes: a piece; what has no tokens (some families, or all but piano in the piano vocabulary) is left out.
            keep_silence: count time from the start of the file, not from the first note.
            diminish: places <D>, which says that the end is near; none is placed without.
        """
        only = None if self.vocabulary.drums else INSTRUMENTS.index("piano")
        ids = performance_kernel.encode(notes, instruments_of(notes), only, keep_silence, _tables(self.vocabulary))
        if ids is None:
            ids = ids_from_events(events_of(notes, keep_silence, only), self.vocabulary)
        return ids if diminish is None else with_diminish(ids, diminish, self.vocabulary)

    def decode(self, ids: ArrayLike) -> Notes:
        """The notes that the ids spell out, one tick a millisecond, those of one onset in the order of their tokens.

        Incomplete notes and all other tokens are passed over. A drum that the vocabulary does not know comes back as a
        shaker, an unknown note of another instrument not at all.
        """
        events = events_from_ids(ids, self.vocabulary)
        drum = events.instrument == DRUM
        program = np.where(drum, 0, PROGRAM_OF_INSTRUMENT[np.where(drum, 0, events.instrument)])
        columns = (events.onset_ms, events.duration_ms, events.pitch, events.velocity)
        return from_ms(*columns, program=program, is_drum=drum)
