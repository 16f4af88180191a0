"""Notes from the events of a MIDI file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partimento.midi.events import KEY, METRE, NAME, PORT, TEMPO, MidiError, MidiEvents
from partimento.midi.kernel import PROGRAM, TRACK, Found
from partimento.midi.pairing import pair_notes
from partimento.notes import DEFAULT_TEMPO_US, Notes

DRUM_CHANNEL = 9
NOTE, NOTE_ON, CONTROL = 0x80, 0x90, 0xB0  # a note-off is 0x80, so 0x80 under the mask 0xE0 is either
PEDAL_CONTROLLER = 64


@dataclass(frozen=True, eq=False)
class _Pedal:
    """Controller 64 in the order of the file: (P,) ticks, values, and track chunk · 16 + channel."""

    tick: np.ndarray
    value: np.ndarray
    group: np.ndarray


def notes_from_events(events: MidiEvents, ticks_per_quarter: int) -> Notes:
    """The notes of a file; a track of Notes is what one channel of a track chunk plays with one program.

    The sustain pedal acts on a channel, so each track of that channel gets it, whichever track chunk it is in. What
    the drum channel says of it means nothing and stays where it is.

    Raises:
        MidiError: if no note is whole, or for a tempo of zero, an impossible metre or key.
    """
    note = np.flatnonzero(events.status & 0xE0 == NOTE)
    group = _groups(events, note)
    pitch, velocity, tick = events.first.take(note), events.second.take(note), events.tick.take(note)
    key = (group << 7) | pitch
    is_on = (events.status.take(note) >= NOTE_ON) & (velocity > 0)
    begin, end = pair_notes(tick, key, is_on)
    if not len(begin):
        begun = int(is_on.sum())
        raise MidiError(f"notes that never end ({begun:,} begin, none ends)" if begun else "no notes")
    onset = tick.take(begin)
    # By onset, then in the order of the ends: the notes come in the order of their beginnings, chunk after chunk.
    if (onset[1:] < onset[:-1]).any() or ((onset[1:] == onset[:-1]) & (end[1:] < end[:-1])).any():
        order = np.argsort(onset << 26 | end, kind="stable")
        begin, end, onset = begin.take(order), end.take(order), onset.take(order)
    tracks, track = _tracks(events, group.take(begin), note, begin)
    programs = np.array([program for _, program in tracks])
    drums = np.array([group & 15 == DRUM_CHANNEL for group, _ in tracks])
    which = np.flatnonzero((events.status & 0xF0 == CONTROL) & (events.first == PEDAL_CONTROLLER))
    columns = (onset, tick.take(end) - onset, pitch.take(begin), velocity.take(begin), programs.take(track), track)
    return _with_maps(
        tuple(column.astype(np.int32) for column in columns),
        drums.take(track),
        tracks,
        chunks=len(events.start) - 1,
        meta=events.meta,
        changes=[(change.track, change.channel, change.tick, change.program) for change in events.program],
        pedal=_Pedal(events.tick.take(which), events.second.take(which), _groups(events, which)),
        ticks_per_quarter=ticks_per_quarter,
    )


def notes_from_found(found: Found, data: bytes, ticks_per_quarter: int) -> Notes:
    """The same of what the kernel has found in the bytes of a file.

    Raises:
        MidiError: for a tempo of zero, an impossible metre or key.
    """
    tracks, meta, changes = [], [], []
    for kind, chunk, tick, first, second in found.marks:
        if kind == TRACK:
            tracks.append((chunk << 4 | first, second))
        elif kind == PROGRAM:
            changes.append((chunk, first, tick, second))
        else:
            meta.append((chunk, tick, kind, data[first : first + second]))
    pedal = _Pedal(found.pedal_tick, found.pedal_value, found.pedal_group)
    return _with_maps(
        tuple(found.columns), found.is_drum, tracks, found.chunks, meta, changes, pedal, ticks_per_quarter
    )


def _with_maps(
    columns: tuple[np.ndarray, ...],
    is_drum: np.ndarray,
    tracks: list[tuple[int, int]],
    chunks: int,
    meta: list[tuple[int, int, int, bytes]],
    changes: list[tuple[int, int, int, int]],
    pedal: _Pedal,
    ticks_per_quarter: int,
) -> Notes:
    """Notes of the six columns of int32, with all that is not said note by note.

    Args:
        columns: onset, duration, pitch, velocity, program, track.
        is_drum: (N,) bool.
        tracks: group (track chunk · 16 + channel) and program of each track.
        chunks: how many track chunks there are.
        meta: (track chunk, tick, type, content) of each meta event.
        changes: (track chunk, channel, tick, program) of each program change.
        pedal: the pedal as the file says it.
        ticks_per_quarter: resolution.
    """
    onset, duration, pitch, velocity, program, track = columns
    tempo_tick, tempo_us = _tempos(meta)
    metre_tick, numerator, denominator = _metres(meta)
    _check_keys(meta)
    lines = _lines(chunks, meta)
    groups = [group for group, _ in tracks]
    pedal_tick, pedal_value, pedal_track, pedal_only = _pedal_by_track(pedal, lines, groups)
    names = {number: content for number, _, kind, content in reversed(meta) if kind == NAME}
    programs = [program for _, program in tracks] + [0] * len(pedal_only)
    groups += pedal_only
    return Notes(
        onset=onset,
        duration=duration,
        pitch=pitch,
        velocity=velocity,
        program=program,
        is_drum=is_drum,
        track=track,
        track_names=tuple([_text(names.get(group >> 4, b"")) for group in groups]),
        ticks_per_quarter=ticks_per_quarter,
        tempo_tick=tempo_tick,
        tempo_us=tempo_us,
        metre_tick=metre_tick,
        metre_numerator=numerator,
        metre_denominator=denominator,
        pedal_tick=pedal_tick,
        pedal_value=pedal_value,
        pedal_track=pedal_track,
        last_program=_last_programs(changes, lines, groups, programs),
    )


def _groups(events: MidiEvents, note: np.ndarray) -> np.ndarray:
    """(E,) track chunk · 16 + channel of each note event, in 16 bits where its key will fit them."""
    tracks = len(events.start) - 1
    group: np.ndarray = (events.status.take(note) & 0x0F).astype(np.uint16 if tracks <= 32 else np.int64)
    starts = np.searchsorted(note, events.start).tolist()
    for track in range(1, tracks):
        group[starts[track] : starts[track + 1]] += track << 4
    return group


def _tracks(
    events: MidiEvents, group: np.ndarray, note: np.ndarray, begin: np.ndarray
) -> tuple[list[tuple[int, int]], np.ndarray]:
    """Group and program of each track, and (N,) int32 the track of each note."""
    heard = np.bincount(group)
    groups = np.flatnonzero(heard)
    changes: dict[int, list[tuple[int, int]]] = {}
    for change in events.program:
        changes.setdefault(change.track << 4 | change.channel, []).append((change.index, change.program))
    program_of_group = np.zeros(len(heard), dtype=np.int64)
    several = []
    for number in groups.tolist():
        if number in changes:
            (first, only), *others = changes[number]
            if others or note[np.searchsorted(note, events.start[number >> 4])] < first:
                several.append(number)
            else:
                program_of_group[number] = only
    if not several:
        tracks = list(zip(groups.tolist(), program_of_group[groups].tolist(), strict=True))
        number_of_group = np.zeros(len(heard), dtype=np.int32)
        number_of_group[groups] = np.arange(len(groups))
        return tracks, number_of_group.take(group)
    program = program_of_group.take(group)
    for number in several:
        mine = np.flatnonzero(group == number)
        index, programs = np.array([(-1, 0), *changes[number]]).T
        program[mine] = programs[np.searchsorted(index, note[begin[mine]], side="right") - 1]
    kinds, track = np.unique(group.astype(np.int64) << 7 | program, return_inverse=True)
    return [(kind >> 7, kind & 127) for kind in kinds.tolist()], track.astype(np.int32)


def _lines(chunks: int, meta: list[tuple[int, int, int, bytes]]) -> list[int]:
    """Port · 16 of each track chunk; port and channel together are the channel that pedal and program belong to."""
    lines = [0] * chunks
    for chunk, _, kind, content in meta:
        if kind == PORT and content:
            lines[chunk] = content[0] << 4
    return lines


def _last_programs(
    changes: list[tuple[int, int, int, int]], lines: list[int], groups: list[int], programs: list[int]
) -> tuple[int, ...]:
    """The program that the channel of each track has in the end, whichever chunk sets it; () if all keep theirs."""
    last = {
        lines[chunk] | channel: program for chunk, channel, _, program in sorted(changes, key=lambda change: change[2])
    }
    ends = [
        program if group & 15 == DRUM_CHANNEL else last.get(lines[group >> 4] | group & 15, 0)
        for group, program in zip(groups, programs, strict=True)
    ]
    return () if ends == programs else tuple(ends)


def _pedal_by_track(
    pedal: _Pedal, lines: list[int], groups: list[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[int]]:
    """Ticks, values and tracks of the pedal, and the groups without notes that have tracks only for their pedal."""
    if not len(pedal.tick):
        nothing = np.empty(0, dtype=np.int32)
        return nothing, nothing, nothing, []
    heard: dict[int, list[int]] = {}  # the groups that speak of the pedal of each channel, or of each drum group
    first = int(pedal.group[0])
    numbers = [first] if (pedal.group == first).all() else np.flatnonzero(np.bincount(pedal.group)).tolist()
    for number in numbers:
        drums = number & 15 == DRUM_CHANNEL
        heard.setdefault(-number if drums else lines[number >> 4] | number & 15, []).append(number)
    columns: list[tuple[int, np.ndarray, np.ndarray]] = []  # track, ticks, values
    pedal_only: list[int] = []
    for channel, speakers in heard.items():
        tick, value = pedal.tick, pedal.value
        if len(heard) > 1:
            wanted = np.zeros(numbers[-1] + 1, dtype=bool)
            wanted[speakers] = True
            mine = wanted.take(pedal.group)
            tick, value = tick[mine], value[mine]
        if len(speakers) > 1:
            order = np.argsort(tick, kind="stable")
            tick, value = tick[order], value[order]
            new = np.append(True, (tick[1:] > tick[:-1]) | (value[1:] != value[:-1]))
            tick, value = tick[new], value[new]  # what two track chunks both say is said once
        if channel < 0:
            tracks = [track for track, number in enumerate(groups) if number == -channel]
        else:
            tracks = [track for track, number in enumerate(groups) if lines[number >> 4] | number & 15 == channel]
        if not tracks:
            tracks = [len(groups) + len(pedal_only)]
            pedal_only.append(speakers[0])
        columns += [(track, tick, value) for track in tracks]
    if len(columns) == 1:
        ((number, tick, value),) = columns
        track = np.full(len(tick), number, dtype=np.int32)
        return tick.astype(np.int32, copy=False), value.astype(np.int32, copy=False), track, pedal_only
    columns.sort(key=lambda column: column[0])
    track = np.repeat(np.array([c[0] for c in columns], dtype=np.int32), [len(c[1]) for c in columns])
    tick, value = (np.concatenate([c[n] for c in columns]).astype(np.int32) for n in (1, 2))
    return tick, value, track, pedal_only


def _tempos(meta: list[tuple[int, int, int, bytes]]) -> tuple[np.ndarray, ...]:
    tick, tempo_us = [], []
    for _, at, kind, content in meta:
        if kind == TEMPO:
            us = int.from_bytes(content[:3], "big")
            if len(content) < 3 or not us:
                raise MidiError(f"tempo of 0 at tick {at}")
            tick.append(at)
            tempo_us.append(us)
    return _map_from_zero(tick, tempo_us, default=(DEFAULT_TEMPO_US,))


def _metres(meta: list[tuple[int, int, int, bytes]]) -> tuple[np.ndarray, ...]:
    tick, numerator, denominator = [], [], []
    for _, at, kind, content in meta:
        if kind == METRE:
            if len(content) < 2 or not content[0] or content[1] > 7:
                beats, power = content[:2] if len(content) > 1 else (0, 0)
                raise MidiError(f"impossible metre {beats}/{2**power if power <= 7 else '256 or more'} at tick {at}")
            tick.append(at)
            numerator.append(content[0])
            denominator.append(2 ** content[1])
    return _map_from_zero(tick, numerator, denominator, default=(4, 4))


def _check_keys(meta: list[tuple[int, int, int, bytes]]) -> None:
    for _, at, kind, content in meta:
        if kind == KEY:
            sharps, mode = (int.from_bytes(content[:1], signed=True), content[1]) if len(content) > 1 else (0, 255)
            if mode not in (0, 1):
                raise MidiError(f"key signature with mode {mode} at tick {at}; 0 is major, 1 minor")
            if not -7 <= sharps <= 7:
                raise MidiError(f"key signature with {sharps} sharps at tick {at}; -7 to 7 are possible")


def _map_from_zero(tick: list[int], *values: list[int], default: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """A map sorted by tick whose first entry is at tick 0; of several entries at one tick the last holds."""
    if tick == [0]:
        return tuple(np.array(column, dtype=np.int32) for column in (tick, *values))
    held = dict(sorted(zip(tick, zip(*values, strict=True), strict=True), key=lambda entry: entry[0]))
    if 0 not in held:
        held = {0: default, **held}
    return tuple(np.array(column, dtype=np.int32) for column in (list(held), *zip(*held.values(), strict=True)))


def _text(name: bytes) -> str:
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("latin-1")
