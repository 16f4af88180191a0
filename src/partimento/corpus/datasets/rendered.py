"""Rendered music: a folder of sound files with exact labels, written by `runs/render.sh`.

    FOLDER/labels.csv          a row a clip: path, song, side, soundfont, level, room, tempo, key ...
    FOLDER/audio/NAME.flac     16 kHz, mono
    FOLDER/frames/NAME.npz     timed labels: notes, beats, chords, keys

Times are seconds from the start of the clip. A note that was struck before the clip begins has a negative onset.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path

import numpy as np

RATE_HZ = 16_000
PITCH_CLASSES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
KEYS = (*(f"{name} major" for name in PITCH_CLASSES), *(f"{name} minor" for name in PITCH_CLASSES))
ROLES = ("melody", "bridge", "accompaniment", "piano", "note", "drum")
NO_CHORD = 24  # the 25th class of chords, and 12 among roots
NO_ROOT = 12
UNKNOWN = -1  # a chord or a key that the label does not tell, or a chord that is neither major nor minor
MAJOR = ("maj", "maj7", "7", "maj6")
MINOR = ("min", "min7", "minmaj7")


def _floats() -> np.ndarray:
    return np.zeros(0)


def _ints() -> np.ndarray:
    return np.zeros(0, dtype=np.int64)


def _strings() -> np.ndarray:
    return np.zeros(0, dtype="U12")


@dataclass(frozen=True, eq=False)
class TimedLabels:
    """What happens in a clip.

    Args:
        note_onset_s, note_offset_s: (N,) seconds at which a note is struck and let go.
        note_pitch, note_velocity, note_program: (N,) MIDI numbers as they sound; a drum has program -1.
        note_role: (N,) index into ROLES.
        beat_s: (B,) seconds; the beat of 6/8 and its like is the dotted quarter.
        beat_position: (B,) 1 on the first beat of a bar, 2 on the next; 0 where the bar is not known.
        chord_start_s, chord_end_s: (C,) seconds, without gaps; none where the song has no chord labels.
        chord_root: (C,) 0-11 from C, NO_ROOT where no chord sounds, UNKNOWN.
        chord_quality: (C,) in the syntax of mir_eval: "maj", "min7" ..., "N" and "X" for no chord and an unknown one.
        key_start_s, key_end_s: (K,) seconds.
        key: (K,) index into KEYS, UNKNOWN where the label says none.
    """

    note_onset_s: np.ndarray = field(default_factory=_floats)
    note_offset_s: np.ndarray = field(default_factory=_floats)
    note_pitch: np.ndarray = field(default_factory=_ints)
    note_velocity: np.ndarray = field(default_factory=_ints)
    note_program: np.ndarray = field(default_factory=_ints)
    note_role: np.ndarray = field(default_factory=_ints)
    beat_s: np.ndarray = field(default_factory=_floats)
    beat_position: np.ndarray = field(default_factory=_ints)
    chord_start_s: np.ndarray = field(default_factory=_floats)
    chord_end_s: np.ndarray = field(default_factory=_floats)
    chord_root: np.ndarray = field(default_factory=_ints)
    chord_quality: np.ndarray = field(default_factory=_strings)
    key_start_s: np.ndarray = field(default_factory=_floats)
    key_end_s: np.ndarray = field(default_factory=_floats)
    key: np.ndarray = field(default_factory=_ints)

    @property
    def downbeat_s(self) -> np.ndarray:
        """(D,) seconds of the first beats of bars."""
        return self.beat_s[self.beat_position == 1]

    @property
    def onset_s(self) -> np.ndarray:
        """(O,) seconds at which anything is struck, each moment once, none before the clip begins."""
        return np.unique(self.note_onset_s[self.note_onset_s >= 0])

    @property
    def chord_class(self) -> np.ndarray:
        """(C,) 0-11 major, 12-23 minor, NO_CHORD, or UNKNOWN where the chord is neither."""
        quality = self.chord_quality
        pitched = np.where(np.isin(quality, MAJOR), 0, np.where(np.isin(quality, MINOR), 12, UNKNOWN))
        return np.where(quality == "N", NO_CHORD, np.where(pitched < 0, UNKNOWN, self.chord_root + pitched))

    @property
    def chord_name(self) -> list[str]:
        """C names as mir_eval reads them: "Eb:min7", "N", "X"."""
        return [
            str(quality) if quality in ("N", "X") else f"{PITCH_CLASSES[root]}:{quality}"
            for root, quality in zip(self.chord_root, self.chord_quality, strict=True)
        ]

    def on_clock(self, seconds_of: Callable[[np.ndarray], np.ndarray]) -> TimedLabels:
        """The same labels with every time sent through a function, such as ticks to seconds."""
        return replace(self, **{name: seconds_of(getattr(self, name)) for name in TIMES})

    def transpose(self, semitones: int) -> TimedLabels:
        """The same labels of music that sounds so many semitones higher; drums stay."""
        pitched = (self.chord_root >= 0) & (self.chord_root < NO_ROOT)
        mode = self.key // 12 * 12
        return replace(
            self,
            note_pitch=np.where(self.note_program < 0, self.note_pitch, self.note_pitch + semitones),
            chord_root=np.where(pitched, (self.chord_root + semitones) % 12, self.chord_root),
            key=np.where(self.key < 0, self.key, (self.key + semitones) % 12 + mode),
        )

    def cut(self, start_s: float, seconds: float) -> TimedLabels:
        """The labels of [start_s, start_s + seconds), with times from there on; spans are cut at the ends."""
        moved = self.on_clock(lambda time_s: time_s - start_s)
        notes = (moved.note_offset_s > 0) & (moved.note_onset_s < seconds)
        beats = (moved.beat_s >= 0) & (moved.beat_s < seconds)
        chords = (moved.chord_end_s > 0) & (moved.chord_start_s < seconds)
        keys = (moved.key_end_s > 0) & (moved.key_start_s < seconds)
        kept = {}
        for name in (each.name for each in fields(moved)):
            which = {"note": notes, "beat": beats, "chor": chords}.get(name[:4], keys)
            kept[name] = getattr(moved, name)[which]
        for name in ("chord_start_s", "chord_end_s", "key_start_s", "key_end_s"):
            kept[name] = np.clip(kept[name], 0.0, seconds)
        return TimedLabels(**kept)

    def save(self, path: Path) -> None:
        """Write the labels, whole or not at all."""
        part = path.with_suffix(".part.npz")
        np.savez_compressed(part, **{each.name: getattr(self, each.name) for each in fields(self)})
        part.replace(path)


TIMES = tuple(each.name for each in fields(TimedLabels) if each.name.endswith("_s"))


def load_labels(path: Path) -> TimedLabels:
    """The labels that `TimedLabels.save` wrote."""
    with np.load(path) as stored:
        return TimedLabels(**{each.name: stored[each.name] for each in fields(TimedLabels)})


@dataclass(frozen=True)
class RenderedClip:
    """A clip of a rendered folder; timed labels are read when first asked for.

    Args:
        path: of the sound file.
        song: clips of one song stand on one side.
        side: "train", "valid" or "test".
        soundfont: name of its file without the ending.
        seconds: length.
        key: index into KEYS of the key of the longest part, UNKNOWN where none is labelled.
        bpm: beats a minute, the median of the clip; 0 where beats are not labelled.
        row: all columns of `labels.csv` by name.
    """

    path: Path
    song: str
    side: str
    soundfont: str
    seconds: float
    key: int
    bpm: float
    row: dict[str, str] = field(compare=False, repr=False)

    @cached_property
    def labels(self) -> TimedLabels:
        """Notes, beats, chords and keys over time."""
        return load_labels(self.path.parents[1] / "frames" / f"{self.path.stem}.npz")


def read_rendered(folder: str | Path, side: str | None = None) -> list[RenderedClip]:
    """The clips of a rendered folder, of one side or of all, sorted by path.

    Raises:
        FileNotFoundError: if the folder has no labels.csv.
    """
    return sorted((clip for clip in _clips(Path(folder)) if side in (None, clip.side)), key=lambda clip: clip.path)


def _clips(folder: Path) -> Iterator[RenderedClip]:
    table = folder / "labels.csv"
    if not table.is_file():
        raise FileNotFoundError(f"{table} is missing; runs/render.sh makes such folders")
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            key = KEYS.index(row["key"]) if row["key"] else UNKNOWN
            about = (row["song"], row["side"], row["soundfont"], float(row["seconds"]))
            yield RenderedClip(folder / row["path"], *about, key, float(row["bpm"] or 0), row)
