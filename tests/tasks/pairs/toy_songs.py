"""Songs of a few phrases, made without files."""

from __future__ import annotations

import numpy as np

from partimento.notes import Notes
from partimento.tasks.pairs.phrases import Phrase, Side, Song

TICKS = 480
SCALE = np.array([0, 2, 4, 5, 7, 9, 11, 12])


def notes_of(
    pitch: np.ndarray, quarters: float = 1.0, program: int = 0, track: int = 0, start: float = 0.0, names: int = 1
) -> Notes:
    """One note after the other, all of one length in quarters."""
    count = len(pitch)
    onset = ((start + quarters * np.arange(count)) * TICKS).astype(np.int32)
    full = [np.full(count, value, np.int32) for value in (int(quarters * TICKS), 80, program, track)]
    return Notes(
        *(onset, full[0], pitch.astype(np.int32), full[1], full[2], np.zeros(count, bool), full[3]),
        track_names=("",) * names,
    )


def together(*parts: Notes, names: tuple[str, ...] = ()) -> Notes:
    """Parts as the tracks of one piece."""
    track = np.concatenate([np.full(len(part), i, np.int32) for i, part in enumerate(parts)])
    columns = [
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("onset", "duration", "pitch", "velocity", "program", "is_drum")
    ]
    order = np.lexsort((columns[0] + columns[1], columns[0]))
    return Notes(*(column[order] for column in columns), track[order], names or ("",) * len(parts))


def phrase(song: str, part: str, bar: int, pitch: int, seed: int, count: int = 16) -> Phrase:
    """Chance notes of the scale above a pitch, evenly in time."""
    generator = np.random.default_rng(seed)
    length = 128 // count
    heard = pitch + generator.choice(SCALE, count)
    rows = [np.arange(count) * length, np.full(count, length), heard, np.full(count, 64)]
    return Phrase(song, part, bar, np.stack(rows, axis=1).astype(np.int64))


def toy_song(number: int, side: Side = "train", phrases: int = 5, group: str = "") -> Song:
    """Melody above C5 and two accompaniments below C4, one of which is absent from the first phrase."""
    name = f"{number:03d}"
    bars = range(0, 4 * phrases, 4)
    melody = tuple(phrase(name, "melody", bar, 72, 1000 * number + bar) for bar in bars)
    low = [phrase(name, "piano", bar, 48, 1000 * number + 100 + bar, 32) for bar in bars]
    high = [phrase(name, "bridge", bar, 60, 1000 * number + 200 + bar, 8) for bar in bars if bar]
    return Song(name, group or name, side, melody, (*low, *high))


def toy_songs() -> list[Song]:
    return [toy_song(n, "train" if n < 20 else "valid" if n < 30 else "test") for n in range(40)]
