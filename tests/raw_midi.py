"""MIDI files put together byte by byte, as no writer of ours would make them."""

from __future__ import annotations

import struct

NOTE_ON = bytes.fromhex("00 90 3c 40")  # middle C, velocity 64
NOTE_OFF = bytes.fromhex("83 60 80 3c 00")  # 480 ticks later
END = bytes.fromhex("00 ff 2f 00")
TEN_HOURS = bytes.fromhex("a0 fa e0 00")  # 69,120,000 ticks: ten hours at 960 ticks a quarter and 120 quarters a minute


def track(*events: bytes) -> bytes:
    """A track chunk of these events and an end of track."""
    content = b"".join(events) + END
    return b"MTrk" + struct.pack(">I", len(content)) + content


def midi(*tracks: bytes, division: int = 480) -> bytes:
    """A file of these track chunks."""
    return b"MThd" + struct.pack(">IHHH", 6, 1, len(tracks), division) + b"".join(tracks)


SOUND = midi(track(NOTE_ON, NOTE_OFF))
RUNNING_STATUS = midi(track(NOTE_ON, bytes.fromhex("83 60 3c 00 00 3e 40 10 3e 00")))
SYSTEM_EXCLUSIVE = midi(track(bytes.fromhex("00 f0 05 7e 7f 09 01 f7"), NOTE_ON, NOTE_OFF))
NAMED = midi(track(bytes.fromhex("00 ff 03 06") + "楽譜".encode(), NOTE_ON, NOTE_OFF))
DRUMS = midi(track(bytes.fromhex("00 99 26 64 60 89 26 00")))

BAD = {
    "empty": (b"", "empty file"),
    "truncated header": (SOUND[:10], "truncated header (10 of 14 bytes)"),
    "truncated track": (SOUND[:-6], "truncated: track 1 has 7 of its 13 bytes"),
    "text": (b"dear diary, today I wrote a fugue", "not a MIDI file (begins with b'dear', not b'MThd')"),
    "nothing": (midi(track()), "no notes"),
    "endless": (midi(track(NOTE_ON, b"\x10\x90\x40\x40")), "notes that never end (2 begin, none ends)"),
    "SMPTE": (midi(track(NOTE_ON, NOTE_OFF), division=0xE728), "SMPTE time division; only ticks per quarter note"),
    "division 0": (midi(track(NOTE_ON, NOTE_OFF), division=0), "0 ticks per quarter note"),
    "tempo 0": (midi(track(bytes.fromhex("00 ff 51 03 00 00 00"), NOTE_ON, NOTE_OFF)), "tempo of 0 at tick 0"),
    "key mode": (midi(track(bytes.fromhex("00 ff 59 02 00 07"), NOTE_ON, NOTE_OFF)), "key signature with mode 7"),
    "key sharps": (midi(track(bytes.fromhex("00 ff 59 02 63 00"), NOTE_ON, NOTE_OFF)), "key signature with 99 sharps"),
    "metre": (
        midi(track(bytes.fromhex("00 ff 58 04 00 02 18 08"), NOTE_ON, NOTE_OFF)),
        "impossible metre 0/4 at tick 0",
    ),
    "beyond time": (
        midi(track(NOTE_ON, NOTE_OFF, *[b"\xff\xff\xff\x7f\x90\x3c\x40" + NOTE_OFF] * 10)),
        "times beyond 2^31 ticks",
    ),
    "velocity": (midi(track(b"\x00\x90\x3c\xc0", NOTE_OFF)), "damaged MIDI: "),
}
