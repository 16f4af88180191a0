"""Music as text: a compact notation for a few voices, and its performance as `Notes`.

A voice is a line of tokens between blanks:

    8. e5 16 g4 f5 e5 | 4 c4+e4+g4 r c5' d5~ | 4 d5

    16  8  8.  4..  8t    the value of what follows: sixteenth, eighth, dotted, twice dotted, triplet
    c4  f#4  bb3  e#4     a note by name and octave, c4 is middle C (MIDI 60)
    c4+e4+g4              notes struck together
    d5~                   tied to the same pitch that follows
    c5'                   staccato, half its value
    r                     a rest
    |                     a bar line; the bar before it must be full
    pp p mp mf f ff       how loud from here on
    < >                   from here gradually to the next such mark

A pedal line has the same values and bars, with `P` (change: up and down again), `-` (as it was) and `o` (up).
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from partimento.notes import Notes

TICKS_PER_QUARTER = 480
WHOLE_TICKS = 4 * TICKS_PER_QUARTER
LOUDNESS = {"pp": 38, "p": 48, "mp": 58, "mf": 68, "f": 82, "ff": 96}  # MIDI velocity
STEPS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
VALUE = re.compile(r"(\d+)(\.*)(t?)")
PITCH = re.compile(r"([a-g])(#|b|)(\d)")
PEDAL_LIFT_TICKS = 45  # a legato pedal comes up with the new harmony and goes down just after it


@dataclass(frozen=True)
class Voice:
    """One line of the notation and how it is played.

    Args:
        text: the music.
        louder: velocity steps above (or below) what the text says: a melody sings over its accompaniment.
        gate: share of its value that a note sounds.
    """

    text: str
    louder: int = 0
    gate: float = 0.97


@dataclass(frozen=True)
class Piece:
    """One piece: what it is, its voices and how it is played.

    Args:
        name: file name without its suffix.
        tempo: (bar, quarters a minute) pairs; between two pairs the tempo moves in a straight line, a step a beat.
        metre: such as "3/4".
        pickup: a short bar before bar 1, such as "1/8"; its number is 0.
        pedal: a pedal line, "" for none.
    """

    name: str
    composer: str
    title: str
    tempo: tuple[tuple[float, float], ...]
    voices: tuple[Voice, ...]
    metre: str = "4/4"
    pickup: str = ""
    pedal: str = ""

    @property
    def bar_ticks(self) -> int:
        return int(Fraction(self.metre) * WHOLE_TICKS)

    @property
    def pickup_ticks(self) -> int:
        return int(Fraction(self.pickup) * WHOLE_TICKS) if self.pickup else 0

    @property
    def beat_ticks(self) -> int:
        """A quarter, a dotted quarter in 6/8, an eighth in 3/8."""
        numerator, denominator = map(int, self.metre.split("/"))
        return WHOLE_TICKS // denominator * (3 if denominator == 8 and numerator > 3 else 1)

    def tick_of_bar(self, bar: float) -> int:
        return self.pickup_ticks + round((bar - 1) * self.bar_ticks)


def pitch_number(name: str) -> int:
    """MIDI number of a name such as "f#4".

    Raises:
        ValueError: if it is not a note's name.
    """
    match = PITCH.fullmatch(name)
    if not match:
        raise ValueError(f"{name!r} is no note; write a letter a-g, # or b or nothing, and the octave, such as f#4")
    step, accidental, octave = match.groups()
    return 12 * (int(octave) + 1) + STEPS[step] + {"#": 1, "b": -1, "": 0}[accidental]


def events(piece: Piece, text: str) -> list[tuple[int, int, str]]:
    """(onset, duration, token) in ticks of everything in a line that takes time or, with duration 0, marks a loudness.

    Raises:
        ValueError: if a bar is not full or over-full; it names the piece and the bar.
    """
    found: list[tuple[int, int, str]] = []
    tick = value = 0
    bar = 0 if piece.pickup else 1
    for token in text.split():
        if match := VALUE.fullmatch(token):
            number, dots, triplet = match.groups()
            length = Fraction(WHOLE_TICKS, int(number)) * (2 - Fraction(1, 2 ** len(dots)))
            value = int(length * Fraction(2, 3) if triplet else length)
        elif token == "|":
            bar += 1
            if tick != piece.tick_of_bar(bar):
                beats = (tick - piece.tick_of_bar(bar)) / TICKS_PER_QUARTER
                raise ValueError(f"{piece.name}: bar {bar - 1} is {beats:+g} quarters off before {token!r}")
        elif token in LOUDNESS or token in "<>":
            found.append((tick, 0, token))
        else:
            found.append((tick, value, token))
            tick += value
    return found


def perform(piece: Piece) -> Notes:
    """The piece as one piano track, played with a little freedom that is the same every time.

    Onsets wander by a few milliseconds, the beat is a little louder than what lies between, tempo and bars are in
    their maps and the pedal in its own.
    """
    chance = random.Random(piece.name)
    notes: list[list[int]] = []
    for voice in piece.voices:
        notes += _voice_notes(piece, voice, chance)
    onset, duration, pitch, velocity = np.array(_without_collisions(notes), dtype=np.int32).T
    tempo_tick, tempo_us = _tempo_map(piece, int((onset + duration).max()))
    metre = [int(part) for part in piece.metre.split("/")]
    short = [int(part) for part in piece.pickup.split("/")] if piece.pickup else None
    pedal_tick, pedal_value = _pedal(piece)
    return Notes(
        onset=onset,
        duration=duration,
        pitch=pitch,
        velocity=velocity,
        program=np.zeros(len(onset), dtype=np.int32),
        is_drum=np.zeros(len(onset), dtype=bool),
        track=np.zeros(len(onset), dtype=np.int32),
        track_names=("Piano",),
        ticks_per_quarter=TICKS_PER_QUARTER,
        tempo_tick=tempo_tick,
        tempo_us=tempo_us,
        metre_tick=np.array([0, piece.pickup_ticks] if short else [0], dtype=np.int32),
        metre_numerator=np.array([short[0], metre[0]] if short else metre[:1], dtype=np.int32),
        metre_denominator=np.array([short[1], metre[1]] if short else metre[1:], dtype=np.int32),
        pedal_tick=pedal_tick,
        pedal_value=pedal_value,
        pedal_track=np.zeros(len(pedal_tick), dtype=np.int32),
    )


def _voice_notes(piece: Piece, voice: Voice, chance: random.Random) -> list[list[int]]:
    """[onset, duration, pitch, velocity] of one voice."""
    line = events(piece, voice.text)
    curve_tick, curve_velocity = _loudness_curve(line)
    tied: dict[int, list[int]] = {}
    notes: list[list[int]] = []
    for tick, value, token in line:
        if not value or token == "r":
            continue
        wander = round(7 * (chance.random() - chance.random()))
        accent = 4 if (tick - piece.pickup_ticks) % piece.bar_ticks == 0 else 0
        accent += 2 if (tick - piece.pickup_ticks) % piece.beat_ticks == 0 else 0
        base = float(np.interp(tick, curve_tick, curve_velocity)) + voice.louder + accent
        for name in token.split("+"):
            pitch = pitch_number(name.rstrip("~'"))
            if pitch in tied:  # the note sounds already
                note = tied.pop(pitch)
                note[1] = tick + value - note[0]
            else:
                velocity = round(base + 4 * (chance.random() - chance.random()))
                note = [max(0, tick + wander + round(4 * chance.random())), value, pitch, min(127, max(1, velocity))]
                notes.append(note)
            if name.endswith("~"):
                tied[pitch] = note
            else:
                note[1] = max(1, round(note[1] * (0.5 if name.endswith("'") else voice.gate)))
    if tied:
        raise ValueError(f"{piece.name}: a tie leads nowhere, MIDI pitches {sorted(tied)}")
    return notes


def _loudness_curve(line: list[tuple[int, int, str]]) -> tuple[list[int], list[int]]:
    """Ticks and velocities of a line's loudness marks; two points at one tick where it changes at once."""
    ticks, velocities, gradual = [0], [LOUDNESS["mf"]], False
    for tick, value, token in line:
        if value:
            continue
        if token in LOUDNESS:
            if not gradual:
                ticks.append(tick)
                velocities.append(velocities[-1])
            ticks.append(tick)
            velocities.append(LOUDNESS[token])
            gradual = False
        else:
            ticks.append(tick)
            velocities.append(velocities[-1])
            gradual = True
    return ticks, velocities


def _without_collisions(notes: list[list[int]]) -> list[list[int]]:
    """One key has one sound: a unison keeps its longest note, and a key struck again ends its earlier note there."""
    kept: list[list[int]] = []
    last: dict[int, list[int]] = {}
    for note in sorted(notes):
        before = last.get(note[2])
        if before and note[0] - before[0] < TICKS_PER_QUARTER // 16:
            before[1], before[3] = max(before[1], note[1]), max(before[3], note[3])
            continue
        if before:
            before[1] = min(before[1], note[0] - before[0])
        last[note[2]] = note
        kept.append(note)
    return sorted(kept, key=lambda note: (note[0], note[2]))


def _tempo_map(piece: Piece, end: int) -> tuple[np.ndarray, np.ndarray]:
    bars, speeds = zip(*piece.tempo, strict=True)
    step = min(piece.beat_ticks, TICKS_PER_QUARTER)
    tick = np.arange(0, end, step, dtype=np.int32)
    speed = np.interp(tick, [piece.tick_of_bar(bar) for bar in bars], speeds)
    microseconds = np.rint(60e6 / speed).astype(np.int32)
    changed = np.diff(microseconds, prepend=0) != 0
    return tick[changed], microseconds[changed]


def _pedal(piece: Piece) -> tuple[np.ndarray, np.ndarray]:
    ticks, values, end = [], [], 0
    for tick, value, token in events(piece, piece.pedal):
        if token == "P":
            if tick:
                ticks.append(tick)
                values.append(0)
            ticks.append(tick + (PEDAL_LIFT_TICKS if tick else 0))
            values.append(127)
        elif token == "o":
            ticks.append(tick)
            values.append(0)
        elif token != "-":
            raise ValueError(f"{piece.name}: {token!r} in the pedal line; write P, - or o")
        end = tick + value
    if values and values[-1]:
        ticks.append(end)
        values.append(0)
    return np.array(ticks, dtype=np.int32), np.array(values, dtype=np.int32)
