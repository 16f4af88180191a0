"""The names of the 128 General MIDI programs, and of the parts of one piece."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partimento.notes import Notes

PROGRAM_NAMES = tuple(
    """
    Grand piano, Bright piano, Electric grand, Honky-tonk piano, Electric piano 1, Electric piano 2, Harpsichord,
    Clavinet, Celesta, Glockenspiel, Music box, Vibraphone, Marimba, Xylophone, Tubular bells, Dulcimer,
    Drawbar organ, Percussive organ, Rock organ, Church organ, Reed organ, Accordion, Harmonica, Bandoneon,
    Nylon guitar, Steel guitar, Jazz guitar, Clean guitar, Muted guitar, Overdriven guitar, Distortion guitar,
    Guitar harmonics, Acoustic bass, Finger bass, Pick bass, Fretless bass, Slap bass 1, Slap bass 2, Synth bass 1,
    Synth bass 2, Violin, Viola, Cello, Double bass, Tremolo strings, Pizzicato, Harp, Timpani, Strings 1, Strings 2,
    Synth strings 1, Synth strings 2, Choir aahs, Voice oohs, Synth voice, Orchestra hit, Trumpet, Trombone, Tuba,
    Muted trumpet, French horn, Brass section, Synth brass 1, Synth brass 2, Soprano sax, Alto sax, Tenor sax,
    Baritone sax, Oboe, English horn, Bassoon, Clarinet, Piccolo, Flute, Recorder, Pan flute, Bottle, Shakuhachi,
    Whistle, Ocarina, Square lead, Saw lead, Calliope lead, Chiff lead, Charang lead, Voice lead, Fifths lead,
    Bass lead, New age pad, Warm pad, Polysynth pad, Choir pad, Bowed pad, Metallic pad, Halo pad, Sweep pad, Rain,
    Soundtrack, Crystal, Atmosphere, Brightness, Goblins, Echoes, Sci-fi, Sitar, Banjo, Shamisen, Koto, Kalimba,
    Bagpipe, Fiddle, Shanai, Tinkle bell, Agogo, Steel drums, Woodblock, Taiko, Melodic tom, Synth drum,
    Reverse cymbal, Fret noise, Breath noise, Seashore, Bird tweet, Telephone, Helicopter, Applause, Gunshot
    """.replace("\n", " ")
    .strip()
    .split(",")
)
PROGRAM_NAMES = tuple(" ".join(name.split()) for name in PROGRAM_NAMES)


@dataclass(frozen=True)
class Part:
    """What gets one colour: an instrument, or one hand where there is only one instrument."""

    name: str
    program: int
    is_drum: bool


def parts(notes: Notes, by_track: bool = True) -> tuple[tuple[Part, ...], np.ndarray]:
    """The parts of a piece, drums last, and (N,) int64, the part of each note.

    Notes are parted by instrument; where all are of one instrument, by track if `by_track`.
    """
    program = np.where(notes.is_drum, 0, notes.program)
    key = notes.is_drum.astype(np.int64) * 128 + program
    instruments, index = np.unique(key, return_inverse=True)
    if len(instruments) > 1 or (len(instruments) == 1 and instruments[0] >= 128):
        return tuple(_part(int(k)) for k in instruments), index.reshape(-1)
    tracks, index = np.unique(notes.track, return_inverse=True)
    base = _part(int(instruments[0])) if len(instruments) else Part("Nothing", 0, False)
    if len(tracks) < 2 or not by_track:
        return (base,), np.zeros(len(notes), dtype=np.int64)
    names = [notes.track_names[track].strip() or f"{base.name}, track {track + 1}" for track in tracks]
    return tuple(Part(name, base.program, base.is_drum) for name in names), index.reshape(-1)


def _part(key: int) -> Part:
    return Part("Drums", 0, True) if key >= 128 else Part(PROGRAM_NAMES[key], key, False)
