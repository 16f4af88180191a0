"""MIDI files in and out. They are written through symusic.

They are read by `midi.kernel`, or, where there is none and where a file is damaged or odd, by `midi.events`. That is
because which note-off ends which note, the order of the notes and the channels, all needed for exact tokens, cannot be
had from what symusic reads.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
from symusic.core import ControlChangeTickList, NoteTickList, ScoreTick, TempoTickList, TimeSignatureTickList, TrackTick

from partimento.midi import kernel
from partimento.midi.assembly import notes_from_events, notes_from_found
from partimento.midi.events import META, PORT, MidiError, read_events, track_chunks
from partimento.notes import Notes

MAX_FILE_BYTES = 64 * 2**20
MELODIC_CHANNELS = 15


def read_midi(source: str | Path | bytes) -> Notes:
    """Notes of a MIDI file, given by path or by its bytes.

    Raises:
        MidiError: if it is not a MIDI file, is damaged, uses SMPTE time or has no notes.
        OSError: if the path cannot be read.
    """
    data = source if isinstance(source, bytes) else read_bytes(source)
    _check_header(data)
    ticks_per_quarter = int.from_bytes(data[12:14], "big")
    if found := kernel.read(data):
        return notes_from_found(found, data, ticks_per_quarter)
    return notes_from_events(read_events(data), ticks_per_quarter)


def read_bytes(path: str | Path) -> bytes:
    """The bytes of a file that may be MIDI.

    Raises:
        MidiError: if it is no regular file, or larger than any MIDI file is.
        OSError: if it cannot be read.
    """
    about = os.stat(path)  # noqa: PTH116 (a million times); before it is opened: a named pipe would wait for ever
    if stat.S_ISDIR(about.st_mode):
        listable = os.access(path, os.R_OK | os.X_OK)
        raise MidiError("a folder, not a file" if listable else "a folder that may not be listed")
    if not stat.S_ISREG(about.st_mode):
        raise MidiError("not a regular file")
    if about.st_size > MAX_FILE_BYTES:
        raise MidiError(f"file of {about.st_size:,} bytes; the limit is {MAX_FILE_BYTES:,}")
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        return file.readall()


def _check_header(data: bytes) -> None:
    if not data:
        raise MidiError("empty file")
    if len(data) > MAX_FILE_BYTES:
        raise MidiError(f"file of {len(data):,} bytes; the limit is {MAX_FILE_BYTES:,}")
    if data[:4] != b"MThd":
        raise MidiError(f"not a MIDI file (begins with {data[:4]!r}, not b'MThd')")
    if len(data) < 14:
        raise MidiError(f"truncated header ({len(data)} of 14 bytes)")
    division = int.from_bytes(data[12:14], "big")
    if division & 0x8000:
        raise MidiError("SMPTE time division; only ticks per quarter note can be read")
    if division == 0:
        raise MidiError("0 ticks per quarter note")


def write_midi(notes: Notes, path: str | Path) -> None:
    """Write a MIDI file; what was there before is replaced whole or not at all."""
    path = Path(path)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(to_bytes(notes))
    part.replace(path)


def to_bytes(notes: Notes) -> bytes:
    """The content of a MIDI file.

    symusic uses the fifteen channels that are not for drums again and again; from the sixteenth track on the tracks get
    a port of their own too, so that their pedals stay apart.
    """
    data = to_score(notes).dumps_midi()
    chunks = track_chunks(data)
    if len(chunks) <= MELODIC_CHANNELS:
        return data
    parts = [data[: chunks[0][0] - 8]]
    for number, (start, stop) in enumerate(chunks):
        port = bytes((0, META, PORT, 1, number // MELODIC_CHANNELS & 0x7F))
        parts += [b"MTrk", (len(port) + stop - start).to_bytes(4, "big"), port, data[start:stop]]
    return b"".join(parts)


def to_score(notes: Notes) -> ScoreTick:
    """The symusic score of the notes, in ticks, tracks in their order."""
    score = ScoreTick(notes.ticks_per_quarter)
    # copies: a corpus is mapped read-only, which symusic does not take
    tempos = TempoTickList.from_numpy(notes.tempo_tick.copy(), notes.tempo_us.copy())
    metres = TimeSignatureTickList.from_numpy(
        notes.metre_tick.copy(), notes.metre_numerator.astype(np.uint8), notes.metre_denominator.astype(np.uint8)
    )
    score.tempos.extend(tempos)
    score.time_signatures.extend(metres)
    for index, name in enumerate(notes.track_names):
        mine = notes.track == index
        pedal = notes.pedal_track == index
        if not mine.any() and not pedal.any():
            continue
        program, is_drum = (int(notes.program[mine][0]), bool(notes.is_drum[mine][0])) if mine.any() else (0, False)
        track = TrackTick(name, program, is_drum)
        track.notes = NoteTickList.from_numpy(
            notes.onset[mine],
            notes.duration[mine],
            notes.pitch[mine].astype(np.int8),
            notes.velocity[mine].astype(np.int8),
        )
        track.controls = ControlChangeTickList.from_numpy(
            notes.pedal_tick[pedal],
            np.full(int(pedal.sum()), 64, dtype=np.uint8),
            notes.pedal_value[pedal].astype(np.uint8),
        )
        score.tracks.append(track)
    return score
