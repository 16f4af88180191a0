"""The events of a MIDI file as numpy columns, in the order of the file.

Almost every event of a track is a channel message with two data bytes, and then the bytes below 0x80 come in threes
whether the status byte is written or implied: last byte of the delta time, first data byte, second data byte. So a
stretch of such events is read in one step; only the others (meta events, system exclusive, program changes, channel
pressure) are walked one by one.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

META, NAME, PORT, END_OF_TRACK, TEMPO, METRE, KEY = 0xFF, 0x03, 0x21, 0x2F, 0x51, 0x58, 0x59
DATA_BYTES_OF_SYSTEM = {0xF1: 1, 0xF2: 2, 0xF3: 1}  # the other system messages outside F0, F7 and FF have none
MAX_TICK = 2**31 - 1


class MidiError(ValueError):
    """A file that cannot be read as music; the message says why and needs no path to make sense."""


@dataclass(frozen=True)
class ProgramChange:
    """A program change; it holds for the events of its track and channel from number `index` on."""

    track: int
    channel: int
    tick: int
    index: int
    program: int


@dataclass(frozen=True, eq=False)
class MidiEvents:
    """What a file says, track after track.

    Args:
        tick: (E,) int64 ticks from the start of the file, of the messages with two data bytes.
        status: (E,) uint8, message kind and channel.
        first, second: (E,) uint8, the data bytes, below 128.
        start: (tracks + 1,) where the events of each track chunk begin, and E.
        program: the program changes, track after track.
        meta: (track, tick, type, content) each.
    """

    tick: np.ndarray
    status: np.ndarray
    first: np.ndarray
    second: np.ndarray
    start: list[int]
    program: list[ProgramChange]
    meta: list[tuple[int, int, int, bytes]]


def read_events(data: bytes) -> MidiEvents:
    """Events of a MIDI file from its bytes, the header not looked at.

    Raises:
        MidiError: if a track is cut short or is not made of MIDI events.
    """
    walk = _Walk(data)
    for number, (start, stop) in enumerate(track_chunks(data)):
        walk.track(number, start, stop)
    return walk.events()


def track_chunks(data: bytes) -> list[tuple[int, int]]:
    """First and last-plus-one byte of each track's content; what follows the last track is not looked at.

    Raises:
        MidiError: if the file ends before a track does.
    """
    found: list[tuple[int, int]] = []
    place, count = 8 + int.from_bytes(data[4:8], "big"), int.from_bytes(data[10:12], "big")
    while place + 8 <= len(data) and len(found) < count:
        length = int.from_bytes(data[place + 4 : place + 8], "big")
        if not data[place : place + 4].isalnum():
            raise MidiError(f"damaged MIDI: no track begins at byte {place:,}, where one should")
        if data[place : place + 4] == b"MTrk":
            if place + 8 + length > len(data):
                have = len(data) - place - 8
                raise MidiError(f"truncated: track {len(found) + 1} has {have:,} of its {length:,} bytes")
            found.append((place + 8, place + 8 + length))
        place += 8 + length
    return found


class _Walk:
    """Goes from one odd event to the next and collects what lies between them for `events` to read at once."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        octets = np.frombuffer(data, dtype=np.uint8)
        self.low = octets < 0x80
        # Candidates for an odd event's status byte: C0-DF and F0-FF. Some of them are in a delta time or in a text.
        self.odd = np.flatnonzero((octets >= 0xC0) & ((octets < 0xE0) | (octets >= 0xF0))).tolist()
        self.stretches: list[bytes] = []
        self.count = 0  # events with two data bytes so far
        self.start: list[int] = []  # number of the first event of each track
        self.waits: list[tuple[int, int]] = []  # (event, ticks that odd events before it took)
        self.program: list[tuple[int, int, int, int, int]] = []  # as in ProgramChange, its tick as wait
        self.meta: list[tuple[int, int, int, int, bytes]] = []  # as in MidiEvents, its tick as (event, wait)

    def track(self, number: int, start: int, stop: int) -> None:
        """Walk one track's content."""
        self.start.append(self.count)
        data, place, wait, running = self.data, start, 0, 0
        odd = self.odd[bisect_left(self.odd, start) : bisect_left(self.odd, stop)]
        index = 0
        while place < stop:
            if running:  # a program change or pressure without a status byte of its own
                delta, at = _variable_length(data, place, stop)
                if at < stop and data[at] < 0x80:
                    wait, place = wait + delta, at + 1
                    self._program(number, running, wait, data[at])
                    continue
                running = 0
            place_of_odd, index = self._next_odd(odd, index, place, stop)
            begin = place_of_odd
            if place_of_odd < stop:
                begin -= 1
                if data[begin] >= 0x80:
                    raise MidiError(f"damaged MIDI: two status bytes in one event at byte {begin:,}")
                while begin > place and data[begin - 1] >= 0x80:
                    begin -= 1
            if begin > place:
                stretch = data[place:begin]
                events, rest = divmod(int(np.count_nonzero(self.low[place:begin])), 3)
                if rest or stretch[-1] >= 0x80:
                    raise MidiError(f"damaged MIDI: an event of track {number + 1} is cut short at byte {begin:,}")
                if self.count == self.start[-1] and data[_variable_length(data, place, stop)[1]] < 0x80:
                    raise MidiError(f"damaged MIDI: track {number + 1} begins without a status byte")
                self.stretches.append(stretch)
                if wait:
                    self.waits.append((self.count, wait))
                self.count, wait = self.count + events, 0
            if place_of_odd >= stop:
                break
            delta, _ = _variable_length(data, begin, stop)
            wait += delta
            status, place = data[place_of_odd], place_of_odd + 1
            if status < 0xF0:
                if place >= stop or data[place] >= 0x80:
                    raise MidiError(f"damaged MIDI: an event of track {number + 1} is cut short at byte {place:,}")
                self._program(number, status, wait, data[place])
                running, place = status, place + 1
            elif status in (0xF0, 0xF7, META):
                kind = -1
                if status == META:
                    kind, place = data[place] if place < stop else -1, place + 1
                length, place = _variable_length(data, place, stop)
                if place + length > stop:
                    raise MidiError(f"damaged MIDI: an event of track {number + 1} is longer than the track")
                if kind == END_OF_TRACK:
                    break
                if kind in (NAME, PORT, TEMPO, METRE, KEY):
                    self.meta.append((number, self.count, wait, kind, data[place : place + length]))
                place += length
            else:
                place += DATA_BYTES_OF_SYSTEM.get(status, 0)

    def _program(self, track: int, status: int, wait: int, value: int) -> None:
        if status < 0xD0:
            self.program.append((track, status & 0x0F, wait, self.count, value))

    def _next_odd(self, odd: list[int], index: int, place: int, stop: int) -> tuple[int, int]:
        """Place of the next odd status byte from `place` on, or `stop`; a candidate after whole events is a delta."""
        lows, counted = 0, place
        while index < len(odd) and odd[index] < place:
            index += 1
        while index < len(odd):
            here = odd[index]
            lows += int(np.count_nonzero(self.low[counted:here]))
            counted, index = here, index + 1
            if lows % 3 == 1:
                return here, index
        return stop, index

    def events(self) -> MidiEvents:
        """Read the collected stretches."""
        octets = np.frombuffer(b"".join(self.stretches), dtype=np.uint8)
        is_high = octets >= 0x80
        low = octets.take(np.flatnonzero(~is_high))
        delta, first, second = low[0::3].astype(np.int64), low[1::3].copy(), low[2::3].copy()
        high = np.flatnonzero(is_high)
        lows_before = (high - np.arange(len(high))).astype(np.uint32)
        event = lows_before // np.uint32(3)
        role = lows_before - event * np.uint32(3)  # what the next byte below 0x80 is: 0 end of delta, 1 and 2 data
        is_status = role == 1
        if not is_status.all():
            if (role == 2).any():
                raise MidiError("damaged MIDI: a status byte between the data bytes of an event")
            in_delta, in_status = np.flatnonzero(~is_status), np.flatnonzero(is_status)
            _add_long_deltas(delta, octets, is_high, high.take(in_delta), event.take(in_delta).astype(np.intp))
            high, event = high.take(in_status), event.take(in_status)
        status = octets.take(high)
        if (event[1:] == event[:-1]).any():
            raise MidiError("damaged MIDI: two status bytes in one event")
        if len(event) < self.count:
            said = np.zeros(self.count, dtype=np.int8)
            said[event] = 1
            status = status.take(np.cumsum(said, dtype=np.intp) - 1)  # otherwise that of the event before
        for at, wait in self.waits:
            delta[at] += wait
        tick = np.cumsum(delta)
        start = [*self.start, self.count]
        for begin, end in pairwise(start):
            if begin and end > begin:
                tick[begin:end] -= tick[begin] - delta[begin]

        def tick_of_odd(track: int, count: int, wait: int) -> int:
            return wait + (int(tick[count - 1]) if count > start[track] else 0)

        meta = [
            (number, tick_of_odd(number, count, wait), kind, content)
            for number, count, wait, kind, content in self.meta
        ]
        program = [
            ProgramChange(number, channel, tick_of_odd(number, count, wait), count, value)
            for number, channel, wait, count, value in self.program
        ]
        if (self.count and tick.max() > MAX_TICK) or any(at > MAX_TICK for _, at, _, _ in meta):
            raise MidiError("times beyond 2^31 ticks")
        return MidiEvents(tick, status, first, second, start, program, meta)


def _add_long_deltas(
    delta: np.ndarray, octets: np.ndarray, is_high: np.ndarray, high: np.ndarray, event: np.ndarray
) -> None:
    """Add the leading bytes of delta times of two to four bytes; the last one is there already."""
    value = (octets.take(high) & 0x7F).astype(np.int64)
    last = high  # the byte looked at
    for shift in (7, 14, 21):
        last = last + 1
        more = is_high.take(last)
        if not more.any():
            delta[event] += value << shift
            return
        here = ~more
        delta[event[here]] += value[here] << shift
        event, value, last = event[more], value[more], last[more]
    raise MidiError("damaged MIDI: a delta time of more than four bytes")


def _variable_length(data: bytes, place: int, stop: int) -> tuple[int, int]:
    value = 0
    for at in range(place, min(place + 4, stop)):
        value = value << 7 | data[at] & 0x7F
        if data[at] < 0x80:
            return value, at + 1
    raise MidiError(f"damaged MIDI: no number of one to four bytes at byte {place:,}")
