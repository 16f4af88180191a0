"""Damaged files in their thousands: every one gives notes or a reason, in bounded time and memory.

`PARTIMENTO_FUZZ` sets how many (2,000 otherwise; `make fuzz` asks for 20,000).
"""

from __future__ import annotations

import os
import random
import struct
import time
from collections import Counter
from importlib.resources import files

import numpy as np
import pytest
import raw_midi

from partimento.corpus.reading import map_isolated
from partimento.corpus.worker import Failure, Guard
from partimento.midi import read_midi, to_score
from partimento.notes import Notes, from_ms

COUNT = int(os.environ.get("PARTIMENTO_FUZZ", "2000"))
MEMORY_BYTES = 512 * 2**20
TELLING_BYTES = (0x00, 0x01, 0x2F, 0x51, 0x58, 0x59, 0x7F, 0x80, 0x90, 0xB0, 0xC0, 0xF0, 0xF7, 0xFF)
TELLING_EVENTS = (
    b"\xff\xff\xff\x7f",  # the longest wait
    b"\xff\xff\xff\xff\x7f",  # longer than a wait can be
    b"\x00\xf0\xff\xff\xff\x7f",  # a system exclusive message of 256 MiB
    b"\x00\xff\x2f\x00",  # an end in the middle
    b"\x00\xff\x51\x03\x00\x00\x00",  # a tempo of 0
    b"\x00\xff\x58\x04\x00\xff\x18\x08",  # an impossible metre
    b"\x00\xff\x59\x02\x80\x7f",  # an impossible key
)


def sound_files() -> list[bytes]:
    """What is mutated: the example pieces, files of odd make, and a piece with all that we write."""
    examples = [
        path.read_bytes() for path in files("partimento").joinpath("examples").iterdir() if path.name[-4:] == ".mid"
    ]
    odd = [raw_midi.RUNNING_STATUS, raw_midi.SYSTEM_EXCLUSIVE, raw_midi.NAMED, raw_midi.DRUMS, raw_midi.BAD["SMPTE"][0]]
    rng = np.random.default_rng(0)
    count = 300
    notes = from_ms(
        np.sort(rng.integers(0, 60_000, count)),
        rng.integers(1, 900, count),
        rng.integers(21, 109, count),
        rng.integers(1, 128, count),
        rng.integers(0, 4, count),
        rng.random(count) < 0.2,
    )
    return [*examples, *odd, to_score(notes).dumps_midi()]


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Damage anywhere, or, three times of four, inside the tracks, whose lengths are then put right."""
    if rng.random() < 0.25:
        return _damage(bytearray(data), rng)
    tracks, place = [], 14
    while place + 8 <= len(data):
        length = int.from_bytes(data[place + 4 : place + 8], "big")
        tracks.append(data[place + 8 : place + 8 + length])
        place += 8 + length
    chosen = rng.randrange(len(tracks))
    tracks[chosen] = _damage(bytearray(tracks[chosen]), rng)
    return data[:14] + b"".join(b"MTrk" + struct.pack(">I", len(track)) + track for track in tracks)


def _damage(data: bytearray, rng: random.Random) -> bytes:
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(7):
            case 0:
                data[at : at + 1] = bytes([rng.choice(TELLING_BYTES)])
            case 1 if at < len(data):
                data[at] ^= 1 << rng.randrange(8)
            case 2:
                del data[at : at + rng.randrange(1, 16)]
            case 3:
                data[at:at] = rng.randbytes(rng.randrange(1, 5))
            case 4:
                data[at:at] = rng.choice(TELLING_EVENTS)
            case 5:
                start = rng.randrange(len(data) + 1)
                data[at:at] = data[start : start + rng.randrange(1, 512)]
            case _ if rng.random() < 0.2:
                del data[at:]
    return bytes(data)


@pytest.mark.timeout(max(300, COUNT // 20))
def test_damaged_files_give_notes_or_a_reason() -> None:
    rng = random.Random(20260101)
    sound = sound_files()
    items = [mutate(rng.choice(sound), rng) for _ in range(COUNT)]
    began = time.monotonic()
    kinds: Counter[str] = Counter()
    guard = Guard(time_s=10.0, memory_bytes=MEMORY_BYTES)
    for batch, results in map_isolated(read_midi, items, jobs=1, guard=guard):
        for item, result in zip(batch, results, strict=True):
            if isinstance(result, Failure):
                # A crash or a hang costs its file alone and is told as such; anything but a reason is our own mistake.
                assert not result.reason.startswith("the reader failed"), (result.reason, item[:200])
                kinds[result.reason.split(" ")[0]] += 1
            else:
                check(result)
                kinds["sound"] += 1
    assert kinds.total() == COUNT
    assert kinds["sound"] > COUNT // 20
    assert kinds["damaged"] > COUNT // 20
    assert time.monotonic() - began < 30 + COUNT / 20


def check(notes: Notes) -> None:
    """What every piece that was read may be relied on for."""
    assert len(notes) > 0
    assert len({len(notes.onset), len(notes.duration), len(notes.pitch), len(notes.velocity), len(notes.track)}) == 1
    assert notes.onset.min() >= 0
    assert notes.duration.min() >= 0
    assert notes.pitch.min() >= 0
    assert notes.pitch.max() <= 127
    assert notes.velocity.min() >= 0
    assert notes.velocity.max() <= 127
    assert (np.diff(notes.onset) >= 0).all()
    assert notes.tempo_tick[0] == notes.metre_tick[0] == 0
    assert notes.tempo_us.min() > 0
    assert notes.metre_denominator.min() > 0
    assert np.isfinite(notes.seconds)
    assert notes.track.max() < len(notes.track_names)
