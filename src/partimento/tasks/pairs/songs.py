"""The songs that phrases are cut from: POP909 with its three tracks, and songs of several instruments.

Of the latter the melody has to be found. It is, of the pitched tracks that are no bass and play in at least half of the
bars, the one of the highest mean pitch among those named as a melody ("melody", "lead vocal", "solista"); where none
is, among those that play one note at a time (PiRhDy takes the highest of all tracks). A song without such a track is
left out. A track that doubles the melody is no accompaniment, though PiRhDy counts it as one.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast, get_args

import numpy as np
from tqdm import tqdm

from partimento.corpus.datasets.pop909 import read_aligned
from partimento.corpus.datasets.solo_piano import SAME_SONG, VALID_SHARE
from partimento.corpus.datasets.understanding import SAME_SONG as SAME_OPEN_SONG
from partimento.corpus.datasets.understanding import SEED, TEST_SHARE
from partimento.corpus.splits import split_by_group
from partimento.midi import MidiError, read_midi
from partimento.notes import Notes
from partimento.tasks.pairs.keys import semitones_to_c_or_a
from partimento.tasks.pairs.phrases import PITCH, STEP, Side, Song, on_steps, song_of, top_line

SIDES = get_args(Side)
MELODY_NAME = re.compile(r"melod|vocal|voice|\blead|sing(er|ing)|\bvox|solist|canto\b", re.IGNORECASE)
NOT_MELODY_NAME = re.compile(r"back|harm|choir|chorus|drum|bass|2nd", re.IGNORECASE)
BASS = range(32, 40)  # General MIDI programs
FEWEST_NOTES = 32  # of a track that can be the melody
PLAYING = 0.5  # share of the bars that the melody's track plays in
SINGLE = 0.9  # share of its onsets at which one note begins
DOUBLING = 0.8  # share of the melody's onsets at which a doubling track has the same pitch class
MOST_OFF_GRID = 0.15  # of a 32nd, mean, as the set's index says
SAME_NOTES = 12  # of a phrase of the melody: two songs that share one of so many are one song


def pop909(root: Path) -> list[Song]:
    """The 865 songs of POP909 in 4/4 on their beats, split as by MIDI-BERT (693/86/86), less a training song's twin.

    The melody is the track MELODY, the accompaniments are BRIDGE and PIANO.

    Args:
        root: folder of the unpacked sets.

    Raises:
        FileNotFoundError: if `pop909` is not below `root`.
    """
    folder = root / "pop909"
    with (folder / "midibert_split.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split_midibert"] in SIDES]
    side = {row["song"]: row["split_midibert"] for row in rows}
    group = {song: SAME_SONG["pop909"].get(song, song) for song in side}
    tested = {group[song] for song in side if side[song] != "train"}
    found = []
    for song in tqdm(sorted(side), desc="POP909", unit="song"):
        if side[song] == "train" and group[song] in tested:
            continue
        if (read := pop909_song(folder, song, group[song], cast(Side, side[song]))) is not None:
            found.append(read)
    return found


def pop909_song(folder: Path, number: str, group: str, side: Side) -> Song | None:
    """The phrases of one song of POP909, by its number ("001"); None if nothing is in its track MELODY."""
    notes = read_aligned(folder, number)
    semitones = semitones_to_c_or_a(notes)
    tracks = {name: on_steps(notes, notes.track == i, semitones) for i, name in enumerate(notes.track_names)}
    if not len(melody := tracks["MELODY"]):
        return None
    parts = {name.lower(): tracks[name] for name in ("BRIDGE", "PIANO")}
    return song_of(number, group, side, top_line(melody), parts)


def multitrack(root: Path, tiers: Sequence[str] = ("open", "research-only"), most: int | None = None) -> list[Song]:
    """Songs with drums and several instruments, whose notes stand on the grid; 86/4/10 % of the songs a side.

    Songs that share a phrase of the melody are one song. Sides are those of `corpus.datasets.understanding`.

    Args:
        root: folder of the unpacked sets.
        tiers: of the rights in the files.
        most: songs, evenly from the whole list; all if not given.

    Raises:
        FileNotFoundError: if `multitrack` is not below `root`.
    """
    folder = root / "multitrack"
    with (folder / "index.tsv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["tier"].split(":")[0] in tiers]
    rows = [row for row in rows if float(row["quantisation_error_32nd"]) <= MOST_OFF_GRID]
    rows.sort(key=lambda row: (row["tier"].split(":")[0] != "open", row["path"]))  # a group has an open song's name
    if most is not None and most < len(rows):
        rows = [rows[i] for i in np.linspace(0, len(rows) - 1, most).astype(int)]
    read = []
    for row in tqdm(rows, desc="multitrack", unit="song"):
        try:
            notes = read_midi(folder / row["path"])
        except MidiError:
            continue
        if (song := song_of_tracks(row["path"], notes)) is not None:
            read.append(song)
    return _split(read)


def song_of_tracks(name: str, notes: Notes) -> Song | None:
    """The phrases of a song of several tracks, on the training side; None where no track is a melody."""
    semitones = semitones_to_c_or_a(notes)
    lead = melody_track(notes)
    if lead is None:
        return None
    melody = top_line(on_steps(notes, notes.track == lead, semitones))
    if not len(melody):
        return None
    parts = {}
    for track in range(len(notes.track_names)):
        part = on_steps(notes, notes.track == track, semitones)
        if track != lead and len(part) and doubling(melody, part) < DOUBLING:
            parts[str(track)] = part
    song = song_of(name, name, "train", melody, parts)
    return song if song.melody else None


def melody_track(notes: Notes) -> int | None:
    """The track that has the melody by the rule above, or None."""
    bars = int(notes.onset.max()) // (4 * notes.ticks_per_quarter) + 1
    named, single = {}, {}
    for track, name in enumerate(notes.track_names):
        which = (notes.track == track) & ~notes.is_drum
        onset = notes.onset[which]
        program = int(np.bincount(notes.program[which]).argmax()) if len(onset) else -1
        playing = len(np.unique(onset // (4 * notes.ticks_per_quarter))) / bars
        if len(onset) < FEWEST_NOTES or program in BASS or playing < PLAYING:
            continue
        height = float(notes.pitch[which].mean())
        if MELODY_NAME.search(name) and not NOT_MELODY_NAME.search(name):
            named[track] = height
        _, count = np.unique(onset, return_counts=True)
        if (count == 1).mean() >= SINGLE:
            single[track] = height
    candidates = named or single
    return max(candidates, key=candidates.__getitem__) if candidates else None


def doubling(melody: np.ndarray, part: np.ndarray) -> float:
    """Share of the melody's notes (N, 4) with which a note of the same pitch class begins in the part."""
    keys = [notes[:, STEP] * 12 + notes[:, PITCH] % 12 for notes in (melody, part)]
    return float(np.isin(keys[0], keys[1]).mean())


def same_songs(songs: Sequence[Song]) -> list[str]:
    """A group for each song, the name of its first: songs that share a phrase of the melody, in any key, are one."""
    group = {song.name: song.name for song in songs}

    def first_of(name: str) -> str:
        while group[name] != name:
            name = group[name]
        return name

    rank = {song.name: number for number, song in enumerate(songs)}
    seen: dict[bytes, str] = {}
    for song in songs:
        for phrase in song.melody:
            if len(phrase.notes) < SAME_NOTES:
                continue
            steps = phrase.notes[:, [STEP, PITCH]] - phrase.notes[:1, [STEP, PITCH]] * [0, 1]
            if (other := seen.setdefault(steps.tobytes(), song.name)) != song.name:
                low, high = sorted((first_of(other), first_of(song.name)), key=rank.__getitem__)
                group[high] = low
    return [first_of(song.name) for song in songs]


def _split(songs: Sequence[Song]) -> list[Song]:
    groups = same_songs(songs)
    stems = [Path(group).stem for group in groups]
    keys = [f"multitrack/{SAME_OPEN_SONG.get(stem, stem)}" for stem in stems]
    shares = {"train": 1 - TEST_SHARE - VALID_SHARE, "valid": VALID_SHARE, "test": TEST_SHARE}
    found = []
    for side, where in split_by_group(keys, shares, SEED).items():
        for i in where.tolist():
            found.append(replace(songs[i], group=keys[i], side=cast(Side, side)))
    return sorted(found, key=lambda song: song.name)
