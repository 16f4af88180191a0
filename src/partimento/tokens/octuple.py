"""OctupleMIDI: a note is one word of eight ids (MusicBERT, Zeng et al. 2021, 2106.05630, section 3.2).

| field | ids | what it says |
|---|---|---|
| bar | 256 | number of the bar, from 0 |
| position | 128 | sixteenths of a quarter note from the bar line |
| instrument | 129 | General MIDI program, 128 for drums |
| pitch | 256 | MIDI number, of drums + 128 |
| duration | 128 | 8 octaves of 16 steps: 0-15 units of the position's grid, then 16-46 by 2, 48-108 by 4 and so on |
| velocity | 32 | velocity // 4 |
| time_signature | 254 | of the note's position |
| tempo | 49 | of the note's position, 12 steps a doubling, 16-256 quarters a minute |

Deviations from the original: music after 65,536 units of the grid (1,024 bars of 4/4) is kept, and a time signature
that even reduction cannot bring among the ids is 4/4, where the original fails. Oddities that are kept, since they
define the ids: a word's time signature is the one written at its position, though inside a bar it changes the length
only of the bars that follow; a bar longer than two whole notes is told as several; long durations and all velocities
are rounded down, not to the nearest.
"""

from __future__ import annotations

import numpy as np

from partimento.notes import DEFAULT_TEMPO_US, Notes
from partimento.tokens.fields import Fields

OCTUPLE = Fields(
    ("bar", "position", "instrument", "pitch", "duration", "velocity", "time_signature", "tempo"),
    (256, 128, 129, 256, 128, 32, 254, 49),
)
BAR, POSITION, INSTRUMENT, PITCH, DURATION, VELOCITY, TIME_SIGNATURE, TEMPO = range(8)

UNITS_PER_QUARTER = 16
UNITS_PER_WHOLE = 4 * UNITS_PER_QUARTER
DRUMS, DRUM_PITCHES = 128, 128
VELOCITY_STEP = 4
UNKNOWN_VELOCITY = 16  # id
TICKS_PER_UNIT = 30  # of what is decoded
MIN_TEMPO, MAX_TEMPO, TEMPO_STEPS = 16.0, 256.0, 12  # quarters a minute, steps a doubling
LONGEST_BAR = 2  # whole notes
DENOMINATORS = (1, 2, 4, 8, 16, 32, 64)

TIME_SIGNATURES = tuple((n, d) for d in DENOMINATORS for n in range(1, LONGEST_BAR * d + 1))
COMMON_TIME, WIDEST = (4, 4), (2 * 64, 64)
_SIGNATURE_ID = {signature: number for number, signature in enumerate(TIME_SIGNATURES)}
BAR_UNITS = np.array([n * UNITS_PER_WHOLE // d for n, d in TIME_SIGNATURES])
DURATION_UNITS = np.concatenate([(16 * (2**octave - 1)) + 2**octave * np.arange(16) for octave in range(8)])


def encode(notes: Notes) -> tuple[np.ndarray, np.ndarray]:
    """Words of the notes, sorted by all their fields, and the note that each stands for.

    START and END are not added. Bars have their true number, also where it is above 255: a window of the words has to
    bring its own into range (`word_augment.fit_bars`), before any special is put among them.

    Args:
        notes: any piece; the original's ids, to the last, come of `midi.in_order.read_in_order`.

    Returns:
        words (T, 8) int32 and which (T,) int64, every note once.
    """
    unit = grid(notes.onset, notes.ticks_per_quarter)
    until = grid(notes.onset.astype(np.int64) + notes.duration, notes.ticks_per_quarter)
    words = np.empty((len(notes), len(OCTUPLE)), dtype=np.int32)
    words[:, INSTRUMENT] = np.where(notes.is_drum, DRUMS, notes.program)
    words[:, PITCH] = np.where(notes.is_drum, notes.pitch + DRUM_PITCHES, notes.pitch)
    words[:, DURATION] = duration_ids(until - unit)
    words[:, VELOCITY] = notes.velocity // VELOCITY_STEP
    signature_at, signature = _signatures(notes)
    line, first, length = bar_lines(signature_at, signature)
    run = np.searchsorted(line, unit, side="right") - 1
    bars, words[:, POSITION] = np.divmod(unit - line[run], length[run])
    words[:, BAR] = first[run] + bars
    words[:, TIME_SIGNATURE] = signature[np.searchsorted(signature_at, unit, side="right") - 1]
    tempo_at = np.append(0, grid(notes.tempo_tick, notes.ticks_per_quarter))
    tempo = tempo_ids(np.append(DEFAULT_TEMPO_US, notes.tempo_us))
    words[:, TEMPO] = tempo[np.searchsorted(tempo_at, unit, side="right") - 1]
    # Time signature and tempo are functions of the onset: they need no place in the sort's key.
    key = unit << 28 | words[:, INSTRUMENT].astype(np.int64) << 20
    key |= (words[:, PITCH] << 12 | words[:, DURATION] << 5 | words[:, VELOCITY]).astype(np.int64)
    which = np.argsort(key, kind="stable")
    return words[which], which


def decode(words: np.ndarray) -> Notes:
    """Notes of the words, 480 ticks a quarter, a track an instrument; they can be written and played.

    `encode` gives the same words again, if they are words that `encode` gives. An id of velocity, time signature or
    tempo that is MASK leaves what held before (at first 4/4, 120 quarters a minute; always velocity 66), that of an
    instrument is piano or, above pitch 127, drums, that of a duration a quarter. Words that have no position or no
    pitch, such as START, END and PAD, are passed over. A duration of 0 is a third of a unit, which is no silence and
    still 0; lengths and loudness are those of their bins' lower end and centre.

    Args:
        words: (T, 8), in any order; a bar may be above 255.
    """
    words = words[(words[:, POSITION] < OCTUPLE.sizes[POSITION]) & (words[:, PITCH] < OCTUPLE.sizes[PITCH])]
    words = words[np.lexsort(words.T[::-1])].astype(np.int64)
    if not len(words):
        nothing = np.zeros(0, dtype=np.int32)
        return Notes(*(nothing,) * 5, nothing.astype(bool), nothing)
    pitch = words[:, PITCH]
    instrument = _known(words, INSTRUMENT, np.where(pitch < DRUM_PITCHES, 0, DRUMS))
    duration = DURATION_UNITS[_known(words, DURATION, duration_ids(np.array(UNITS_PER_QUARTER)))]
    velocity = _known(words, VELOCITY, UNKNOWN_VELOCITY) * VELOCITY_STEP + VELOCITY_STEP // 2
    line, metre_at, metre = _metre(words)
    unit = line + words[:, POSITION]
    order = np.argsort(unit, kind="stable")  # not the words' order where a position is outside its bar
    tempo = _held(words, TEMPO, int(tempo_ids(np.array(DEFAULT_TEMPO_US))))[order]
    tempo_at, tempo = _changes(unit[order], tempo)
    kinds, track = np.unique(instrument, return_inverse=True)
    length = np.where(duration, duration * TICKS_PER_UNIT, TICKS_PER_UNIT // 3)
    columns = (
        unit * TICKS_PER_UNIT,
        length,
        pitch % DRUM_PITCHES,
        velocity,
        np.where(instrument == DRUMS, 0, instrument),
    )
    onset, ticks, pitch, velocity, program = (column[order].astype(np.int32) for column in columns)
    signatures = np.array(TIME_SIGNATURES, dtype=np.int32)[metre]
    return Notes(
        onset=onset,
        duration=ticks,
        pitch=pitch,
        velocity=velocity,
        program=program,
        is_drum=(instrument == DRUMS)[order],
        track=track.reshape(-1)[order].astype(np.int32),
        track_names=("",) * len(kinds),
        ticks_per_quarter=TICKS_PER_UNIT * UNITS_PER_QUARTER,
        tempo_tick=(tempo_at * TICKS_PER_UNIT).astype(np.int32),
        tempo_us=np.rint(6e7 / (MIN_TEMPO * 2 ** (tempo / TEMPO_STEPS))).astype(np.int32),
        metre_tick=(metre_at * TICKS_PER_UNIT).astype(np.int32),
        metre_numerator=signatures[:, 0],
        metre_denominator=signatures[:, 1],
    )


def grid(tick: np.ndarray, ticks_per_quarter: int) -> np.ndarray:
    """Int64 sixteenths of a quarter note nearest to the ticks; halves go to the even one."""
    return np.rint(tick * float(UNITS_PER_QUARTER) / ticks_per_quarter).astype(np.int64)


def duration_ids(units: np.ndarray) -> np.ndarray:
    """Ids of durations in grid units; one between two steps is the shorter, the longest stands for all above."""
    return np.searchsorted(DURATION_UNITS, units, side="right") - 1


def tempo_ids(tempo_us: np.ndarray) -> np.ndarray:
    """Ids of the tempos, given in microseconds a quarter note."""
    tempo = np.clip(6e7 / np.maximum(tempo_us, 1), MIN_TEMPO, MAX_TEMPO)
    return np.rint(np.log2(tempo / MIN_TEMPO) * TEMPO_STEPS).astype(np.int32)


def signature_id(numerator: int, denominator: int) -> int:
    """Id of a time signature; one that has none is reduced, then a long bar is divided by its smallest factors."""
    while denominator > DENOMINATORS[-1] and numerator % 2 == 0 and numerator:
        numerator, denominator = numerator // 2, denominator // 2
    while numerator > LONGEST_BAR * denominator:
        numerator //= next(factor for factor in range(2, numerator + 1) if numerator % factor == 0)
    return _SIGNATURE_ID.get((numerator, denominator), _SIGNATURE_ID[COMMON_TIME])


def bar_lines(signature_at: np.ndarray, signature: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Runs of bars of one length: where each begins, in grid units, its first bar's number and its bars' length.

    A time signature inside a bar takes effect at the next bar line.
    """
    runs = [(0, 0, int(BAR_UNITS[signature[0]]))]
    ends = np.append(signature_at[1:], np.iinfo(np.int64).max).tolist()
    for at, end, number in zip(signature_at.tolist(), ends, signature.tolist(), strict=True):
        line, bar, length = runs[-1]
        bars = -((line - at) // length)
        if line + bars * length < end:
            runs.append((line + bars * length, bar + bars, int(BAR_UNITS[number])))
    lines, firsts, lengths = np.array(runs).T
    return lines, firsts, lengths


def _signatures(notes: Notes) -> tuple[np.ndarray, np.ndarray]:
    """Grid units from which each time signature is in force, from 0 on, and its id."""
    at = np.append(0, grid(notes.metre_tick, notes.ticks_per_quarter))
    pairs = zip(notes.metre_numerator.tolist(), notes.metre_denominator.tolist(), strict=True)
    ids = np.array([_SIGNATURE_ID[COMMON_TIME], *(signature_id(*pair) for pair in pairs)])
    last = np.append(at[1:] != at[:-1], True)
    return at[last], ids[last]


def _known(words: np.ndarray, field: int, otherwise: np.ndarray | int) -> np.ndarray:
    """A column with `otherwise` where it has a special."""
    return np.where(words[:, field] < OCTUPLE.sizes[field], words[:, field], otherwise)


def _held(words: np.ndarray, field: int, at_first: int) -> np.ndarray:
    """A column with the value before where it has a special."""
    known = words[:, field] < OCTUPLE.sizes[field]
    last = np.maximum.accumulate(np.where(known, np.arange(1, len(words) + 1), 0))
    return np.append(at_first, words[:, field])[last]


def _changes(at: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A map that says each value where it begins; the first from 0 on, and the last one said at a place is meant."""
    order = np.argsort(at, kind="stable")
    at, value = at[order], value[order]
    last = np.append(at[1:] != at[:-1], True)
    at, value = at[last], value[last]
    new = np.append(True, value[1:] != value[:-1])
    at, value = at[new], value[new]
    at[0] = 0
    return at, value


def _metre(words: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(T,) the grid unit of each sorted word's bar line; units from which time signatures hold, and their ids.

    A bar is as long as its first note's time signature says or, where its notes do not fit, as the one before says:
    then the first note stands after the change. Where they fit neither, a change hides what the bar began with, and
    the longest bar there is stands for it.
    """
    bar, position = words[:, BAR], words[:, POSITION]
    signature = _held(words, TIME_SIGNATURE, _SIGNATURE_ID[COMMON_TIME])
    starts = np.flatnonzero(np.diff(bar, prepend=-1))
    ends = np.append(starts[1:], len(words))
    line, number, held = 0, 0, int(signature[0])
    lines, said = [], [(0, held)]
    columns = (starts, ends, bar[starts], signature[starts], np.maximum.reduceat(position, starts))
    for start, end, its_number, own, farthest in zip(*(column.tolist() for column in columns), strict=True):
        line += (its_number - number) * int(BAR_UNITS[held])
        fitting = (kind for kind in (own, held, _SIGNATURE_ID[WIDEST]) if farthest < BAR_UNITS[kind])
        begins = next(fitting)
        lines.append(line)
        said.append((line, begins))
        inside = signature[start:end]
        if begins != own or (inside != own).any():
            said += zip((line + position[start:end]).tolist(), inside.tolist(), strict=True)
        line, number, held = line + int(BAR_UNITS[begins]), its_number + 1, int(inside[-1])
    return np.repeat(np.array(lines), ends - starts), *_changes(*np.array(said).T)
