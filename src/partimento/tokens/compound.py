"""Compound words of MidiBERT-Piano: a note as bar, position, pitch and duration (Chou et al. 2021, 2107.05223).

| field | ids | what it says |
|---|---|---|
| bar | 2 | 0: the first note of a bar, 1: the bar goes on |
| position | 16 | sixteenths from the bar line; every bar is 4/4 |
| pitch | 86 | MIDI number - 22 |
| velocity | 64 | velocity // 2, in the second version alone (as is tempo) |
| duration | 64 | thirty-second notes - 1, so up to two bars |
| tempo | 65 | (quarters a minute - 32) / 3 |

The specials PAD and MASK are those of the published arrays. Bars without notes are not told: they vanish. The words
have no instrument; drums are left out.
"""

from __future__ import annotations

import numpy as np

from partimento.notes import DEFAULT_TEMPO_US, Notes
from partimento.tokens import octuple
from partimento.tokens.fields import MASK, PAD, Fields

COMPOUND = Fields(("bar", "position", "pitch", "duration"), (2, 16, 86, 64))
COMPOUND_V2 = Fields(("bar", "position", "pitch", "velocity", "duration", "tempo"), (2, 16, 86, 64, 64, 65))

NEW, CONTINUE = 0, 1
TICKS_PER_QUARTER = 480
SIXTEENTH, THIRTY_SECOND = 120, 60  # ticks
POSITIONS, DURATIONS = 16, 64
LOWEST, HIGHEST = 22, 107  # MIDI numbers
VELOCITY_STEP, UNKNOWN_VELOCITY = 2, 64
MIN_TEMPO, TEMPO_STEP, TEMPOS = 32, 3, 65  # quarters a minute
CHUNK = 512  # words
UNITS_PER_SIXTEENTH = octuple.UNITS_PER_QUARTER // 4


def encode(notes: Notes, fields: Fields = COMPOUND, as_published: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Words of the notes, and the note that each stands for.

    They are sorted by onset, then by track, then by pitch, as in the published arrays. Where a file's tracks are
    melody, bridge and accompaniment this order tells which is which: sort anew for an honest task. A pitch outside
    22-107 is moved by octaves to the nearest that is inside, so the note is kept (the original fails there).

    Args:
        notes: any piece.
        fields: COMPOUND or COMPOUND_V2.
        as_published: as the original does, assume 480 ticks a quarter whatever the file says, put the last notes one
            sixteenth earlier where they would otherwise begin the grid's last line, and (second version) pass over
            tempos that do not begin on a quarter. Otherwise a sixteenth is the file's own and none of this happens.

    Returns:
        words (T, 4 or 6) int32 and which (T,) int64.
    """
    _check(fields)
    which = np.lexsort((notes.pitch, notes.track, notes.onset))
    if notes.is_drum.any():
        which = which[~notes.is_drum[which]]
    words = np.empty((len(which), len(fields)), dtype=np.int32)
    if not len(which):
        return words, which
    onset, duration, tempo_tick = notes.onset[which].astype(np.int64), notes.duration[which], notes.tempo_tick
    if not as_published and notes.ticks_per_quarter != TICKS_PER_QUARTER:
        scale = TICKS_PER_QUARTER / notes.ticks_per_quarter
        end = np.rint((onset + duration) * scale).astype(np.int64)
        onset, tempo_tick = (np.rint(tick * scale).astype(np.int64) for tick in (onset, tempo_tick))
        duration = end - onset
    step = (onset + SIXTEENTH // 2 - 1) // SIXTEENTH  # the nearest line, the earlier of two
    if as_published:
        step = np.minimum(step, max(int(onset[-1]) - 1, 0) // SIXTEENTH)  # the grid ends before the last onset
    bar = step // POSITIONS
    columns = {
        "bar": np.where(np.diff(bar, prepend=-1) > 0, NEW, CONTINUE),
        "position": step % POSITIONS,
        "pitch": _within(notes.pitch[which]) - LOWEST,
        "duration": np.clip((duration + THIRTY_SECOND // 2 - 1) // THIRTY_SECOND, 1, DURATIONS) - 1,
    }
    if fields is COMPOUND_V2:
        columns["velocity"] = notes.velocity[which] // VELOCITY_STEP
        tempo_us = notes.tempo_us
        if as_published:
            on_quarter = tempo_tick % TICKS_PER_QUARTER == 0
            tempo_tick, tempo_us = tempo_tick[on_quarter], tempo_us[on_quarter]
        held = np.searchsorted(tempo_tick, step * SIXTEENTH, side="right")
        columns["tempo"] = _tempo_ids(np.append(DEFAULT_TEMPO_US, tempo_us))[held]
    for number, name in enumerate(fields.names):
        words[:, number] = columns[name]
    return words, which


def decode(words: np.ndarray, fields: Fields = COMPOUND) -> Notes:
    """Piano notes of the words, 480 ticks a quarter; words of specials are passed over.

    Velocity is 64 and the tempo 120 where the words do not say. Notes on the last line of the grid begin one tick after
    it, so that `encode` gives the same words again.
    """
    _check(fields)
    words = words[(words < fields.sizes).all(axis=1)].astype(np.int64)
    column = {name: words[:, number] for number, name in enumerate(fields.names)}
    step = _bars(column["bar"]) * POSITIONS + column["position"]
    order = np.argsort(step, kind="stable")
    onset = step * SIXTEENTH
    if len(step):
        onset[(step == step.max()) & (step > 0)] += 1
    velocity = np.full(len(words), UNKNOWN_VELOCITY)
    tempo_tick, tempo_us = np.zeros(1, dtype=np.int64), np.array([DEFAULT_TEMPO_US])
    if fields is COMPOUND_V2:
        velocity = np.maximum(column["velocity"] * VELOCITY_STEP, 1)
        tempo = column["tempo"][order]
        new = np.diff(tempo, prepend=-1) != 0
        if new.any():
            quarter = TICKS_PER_QUARTER
            tempo_tick = np.append(0, step[order][new][1:] * SIXTEENTH // quarter * quarter)
            # Rounded towards faster: the original truncates quarters a minute to whole ones.
            tempo_us = np.floor(6e7 / (MIN_TEMPO + TEMPO_STEP * tempo[new])).astype(np.int64)
            last = np.append(tempo_tick[1:] != tempo_tick[:-1], True)
            tempo_tick, tempo_us = tempo_tick[last], tempo_us[last]
    columns = (onset, (column["duration"] + 1) * THIRTY_SECOND, column["pitch"] + LOWEST, velocity)
    onset, duration, pitch, velocity = (values[order].astype(np.int32) for values in columns)
    piano = np.zeros(len(words), dtype=np.int32)
    return Notes(
        *(onset, duration, pitch, velocity, piano, piano.astype(bool), piano),
        ticks_per_quarter=TICKS_PER_QUARTER,
        tempo_tick=tempo_tick.astype(np.int32),
        tempo_us=tempo_us.astype(np.int32),
    )


def chunks(words: np.ndarray, fields: Fields = COMPOUND, length: int = CHUNK, least: int = 1) -> np.ndarray:
    """(N, length, F) the words cut into chunks, the last one filled up with PAD.

    Args:
        words: (T, F) of one piece.
        fields: of the words.
        length: words a chunk.
        least: words that the last chunk must have, else it is left out; the original asks for 256 where the task is the
            pianist.
    """
    rest = len(words) % length
    if 0 < rest < least:
        words = words[: len(words) - rest]
    elif rest:
        words = np.concatenate([words, np.tile(fields.special(PAD), (length - rest, 1)).astype(words.dtype)])
    return words.reshape(-1, length, len(fields))


def as_octuple(words: np.ndarray, fields: Fields = COMPOUND) -> np.ndarray:
    """(T, 8) int32 the same notes as OctupleMIDI words; what compound words do not say is MASK.

    The first word's bar is 0, whether it begins there or goes on. Bars count those that have notes. A word of PAD,
    START or END is one of PAD, START or END, and a MASK is a MASK.
    """
    _check(fields)
    target = octuple.OCTUPLE
    words = words.astype(np.int32)
    column = {name: words[:, number] for number, name in enumerate(fields.names)}
    values = {
        "bar": _bars(column["bar"]),
        "position": column["position"] * UNITS_PER_SIXTEENTH,
        "pitch": column["pitch"] + LOWEST,
        "duration": octuple.duration_ids((column["duration"] + 1) * UNITS_PER_SIXTEENTH // 2),
    }
    if fields is COMPOUND_V2:
        values["velocity"] = column["velocity"] * VELOCITY_STEP // octuple.VELOCITY_STEP
        values["tempo"] = octuple.tempo_ids(6e7 / (MIN_TEMPO + TEMPO_STEP * column["tempo"]))
    of_note = column["pitch"] - fields.sizes[fields.index("pitch")]  # a special where not below 0
    no_note = (of_note >= 0) & (of_note != MASK)
    out = np.empty((len(words), len(target)), dtype=np.int32)
    for number, (name, size) in enumerate(zip(target.names, target.sizes, strict=True)):
        if name in values:
            special = column[name] - fields.sizes[fields.index(name)]
            out[:, number] = np.where(special < 0, values[name], size + special)
        elif name == "instrument":
            out[:, number] = np.where(no_note, size + of_note, 0)
        else:
            out[:, number] = np.where(no_note, size + of_note, size + MASK)
    return out


def _bars(bar: np.ndarray) -> np.ndarray:
    """Running number of each word's bar, that of the first word 0."""
    new = bar == NEW
    return np.cumsum(new) - (new[0] if len(new) else 0)


def _within(pitch: np.ndarray) -> np.ndarray:
    low = np.where(pitch < LOWEST, pitch + (LOWEST - pitch + 11) // 12 * 12, pitch)
    return np.where(low > HIGHEST, low - (low - HIGHEST + 11) // 12 * 12, low)


def _tempo_ids(tempo_us: np.ndarray) -> np.ndarray:
    bpm = (6e7 / tempo_us).astype(np.int64)  # truncated, as the original does
    return np.clip((bpm - MIN_TEMPO + TEMPO_STEP // 2) // TEMPO_STEP, 0, TEMPOS - 1)


def _check(fields: Fields) -> None:
    if fields not in (COMPOUND, COMPOUND_V2):
        raise ValueError(f"fields {', '.join(fields.names)} are not those of compound words: COMPOUND or COMPOUND_V2")
