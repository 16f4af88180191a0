"""Notes: the columns of one piece, with its tempo, its metre and its pedal.

Every transform returns a new `Notes`; arrays are never changed in place.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

DEFAULT_TEMPO_US = 500_000  # 120 quarter notes a minute, what a MIDI file without a tempo means
PIANO_PROGRAMS = 8  # General MIDI's piano family is 0-7
PEDAL_DOWN = 64  # controller 64 at or above this value is "on"


def _ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int32)


@dataclass(frozen=True, eq=False)
class Notes:
    """One piece as equal-length columns, sorted by onset; notes of one onset stand in the order in which they end.

    Where they end together too, in the order in which the file says so. A file's tracks come one after another.

    Args:
        onset: (N,) int32, ticks from the start of the file.
        duration: (N,) int32, ticks, >= 0.
        pitch: (N,) int32, MIDI number 0-127.
        velocity: (N,) int32, 1-127.
        program: (N,) int32, General MIDI program 0-127.
        is_drum: (N,) bool, true on the percussion channel.
        track: (N,) int32, index into `track_names`.
        track_names: one name a track, "" where the file gives none.
        last_program: one program a track, that of its channel at the end of the file; () if all keep theirs.
        ticks_per_quarter: resolution of every tick here.
        tempo_tick, tempo_us: (K,) the tempo map, microseconds a quarter note from each tick on.
        metre_tick, metre_numerator, metre_denominator: (M,) the time signatures.
        pedal_tick, pedal_value, pedal_track: (P,) controller 64, 0-127, by the track that it acts on.
    """

    onset: np.ndarray
    duration: np.ndarray
    pitch: np.ndarray
    velocity: np.ndarray
    program: np.ndarray
    is_drum: np.ndarray
    track: np.ndarray
    track_names: tuple[str, ...] = ("",)
    ticks_per_quarter: int = 480
    tempo_tick: np.ndarray = field(default_factory=lambda: _ints(0))
    tempo_us: np.ndarray = field(default_factory=lambda: _ints(DEFAULT_TEMPO_US))
    metre_tick: np.ndarray = field(default_factory=lambda: _ints(0))
    metre_numerator: np.ndarray = field(default_factory=lambda: _ints(4))
    metre_denominator: np.ndarray = field(default_factory=lambda: _ints(4))
    pedal_tick: np.ndarray = field(default_factory=_ints)
    pedal_value: np.ndarray = field(default_factory=_ints)
    pedal_track: np.ndarray = field(default_factory=_ints)
    last_program: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.onset)

    @cached_property
    def onset_ms(self) -> np.ndarray:
        """(N,) int64 onsets in milliseconds from the start of the file, rounded."""
        return np.rint(self.seconds_at(self.onset) * 1e3).astype(np.int64)

    @cached_property
    def duration_ms(self) -> np.ndarray:
        """(N,) int64 durations in milliseconds, rounded on their own, not as a difference of rounded times."""
        seconds = self.seconds_at(self.onset + self.duration) - self.seconds_at(self.onset)
        return np.rint(seconds * 1e3).astype(np.int64)

    @property
    def seconds(self) -> float:
        """Length from the start of the file to the end of the last note, in seconds."""
        return float(self.seconds_at((self.onset + self.duration).max())) if len(self) else 0.0

    @property
    def longest_silence_s(self) -> float:
        """The longest stretch without a sounding note from the start of the file to the last onset, in seconds."""
        if not len(self):
            return 0.0
        sounding_until = np.maximum.accumulate(np.append(0, self.onset + self.duration)[:-1])
        return float(np.max(self.seconds_at(self.onset) - self.seconds_at(sounding_until), initial=0.0))

    def seconds_at(self, tick: np.ndarray) -> np.ndarray:
        """Seconds from the start of the file at each tick, by the tempo map."""
        seconds_per_tick = self.tempo_us / (1e6 * self.ticks_per_quarter)
        if len(self.tempo_tick) == 1:
            return (tick - self.tempo_tick[0]) * seconds_per_tick[0]
        starts = np.concatenate([[0.0], np.cumsum(np.diff(self.tempo_tick) * seconds_per_tick[:-1])])
        index = np.searchsorted(self.tempo_tick, tick, side="right") - 1
        index = np.maximum(index, 0)
        return starts[index] + (tick - self.tempo_tick[index]) * seconds_per_tick[index]

    def select(self, which: np.ndarray) -> Notes:
        """The notes that a boolean mask or an index array names; maps and pedal stay as they are."""
        return replace(
            self,
            **{name: getattr(self, name)[which] for name in NOTE_COLUMNS},
        )

    def window(self, start_s: float, stop_s: float) -> Notes:
        """The notes that begin in [start_s, stop_s) seconds, at their own times."""
        seconds = self.seconds_at(self.onset)
        return self.select((seconds >= start_s) & (seconds < stop_s))

    def piano(self) -> Notes:
        """The notes of the piano family (General MIDI programs 0-7)."""
        which = ~self.is_drum & (self.program < PIANO_PROGRAMS)
        return self if which.all() else self.select(which)

    def transpose(self, semitones: int) -> Notes:
        """Every pitched note moved by so many semitones; those that would leave 0-127 are dropped, drums stay."""
        pitch = np.where(self.is_drum, self.pitch, self.pitch + semitones).astype(np.int32)
        moved = replace(self, pitch=pitch)
        return moved.select((pitch >= 0) & (pitch <= 127))

    def stretch(self, factor: float) -> Notes:
        """The same ticks at another speed: times are multiplied by `factor`, so 1.2 is slower.

        Raises:
            ValueError: if `factor` is not positive.
        """
        if not factor > 0:
            raise ValueError(f"stretch factor is {factor}; it must be greater than 0")
        return replace(self, tempo_us=np.maximum(1, np.rint(self.tempo_us * factor)).astype(np.int32))

    def louder(self, steps: int) -> Notes:
        """Every velocity moved by so many MIDI steps, kept within 1-127."""
        return replace(self, velocity=np.clip(self.velocity + steps, 1, 127).astype(np.int32))


NOTE_COLUMNS = ("onset", "duration", "pitch", "velocity", "program", "is_drum", "track")


def from_ms(
    onset_ms: np.ndarray,
    duration_ms: np.ndarray,
    pitch: np.ndarray,
    velocity: np.ndarray,
    program: np.ndarray | int = 0,
    is_drum: np.ndarray | bool = False,
) -> Notes:
    """Notes whose ticks are milliseconds (500 ticks a quarter at 120 quarters a minute), one track an instrument.

    They are sorted by onset; those of one onset stay in the order in which they are given.
    """
    count = len(onset_ms)
    program = np.broadcast_to(np.asarray(program, dtype=np.int32), count)
    is_drum = np.broadcast_to(np.asarray(is_drum, dtype=bool), count)
    instruments, track = np.unique(np.stack([is_drum.astype(np.int32), program]), axis=1, return_inverse=True)
    track = track.reshape(-1).astype(np.int32)
    order = np.argsort(onset_ms, kind="stable")
    columns = (onset_ms, duration_ms, pitch, velocity, program)
    onset, duration, pitch, velocity, program = (np.asarray(c, dtype=np.int32)[order] for c in columns)
    names = ("",) * max(1, instruments.shape[1])
    return Notes(onset, duration, pitch, velocity, program, is_drum[order], track[order], names, ticks_per_quarter=500)


def pedal_intervals(notes: Notes, track: int) -> np.ndarray:
    """(K, 2) int64 ticks at which the pedal of a track goes down and comes up; an open one ends with the last note."""
    mine = notes.pedal_track == track
    value, tick = (
        (notes.pedal_value, notes.pedal_tick) if mine.all() else (notes.pedal_value[mine], notes.pedal_tick[mine])
    )
    down = value >= PEDAL_DOWN
    change = np.flatnonzero(down[1:] != down[:-1]) + 1
    if down[:1].any():
        change = np.append(0, change)
    tick = tick.take(change).astype(np.int64)
    if len(tick) % 2:
        end = int((notes.onset + notes.duration).max()) if len(notes) else int(tick[-1])
        tick = np.append(tick, max(end, int(tick[-1])))
    return tick.reshape(-1, 2)
