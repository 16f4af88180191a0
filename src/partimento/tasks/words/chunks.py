"""Pianist and emotion from chunks of 512 notes: who plays, and how it feels (Chou et al. 2021).

Each task has two forms of the same chunks of the same notes. "cp": the published arrays, which know neither velocity
nor tempo and have a metre that these recordings do not. "performance": the notes of the MIDI files on a grid of
seconds, with their velocities. The published sides are by chunk; their song-disjoint twins stand beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from partimento.corpus.datasets.solo_piano import ALSO_TESTED
from partimento.midi import read_midi
from partimento.notes import Notes
from partimento.tasks.piano.emotion import QUADRANTS
from partimento.tasks.piano.emotion import emotion as emotion_files
from partimento.tasks.piano.folds import grouped_folds, shared_groups
from partimento.tasks.piano.pianist import PIANISTS
from partimento.tasks.piano.pianist import pianist as pianist_files
from partimento.tasks.statistics import piece_statistics
from partimento.tasks.task import Fold
from partimento.tasks.words.arrays import Chunks, octuples, read_chunks
from partimento.tasks.words.task import WORDS, WordsTask, folds_of, from_first_bar
from partimento.tokens import compound, octuple
from partimento.tokens.clock import on_clock

CP, PERFORMANCE = "cp", "performance"
BY_SONG = "5 folds by song"


@dataclass(frozen=True)
class _Split:
    """One division of the chunks: its name, its folds, what to know of it, and what was published on it."""

    name: str
    folds: tuple[Fold, ...]
    note: str
    paper: Mapping[str, str]


def pianist(root: Path) -> list[WordsTask]:
    """The player of each chunk of Pianist8's 411 pieces: both forms on the published sides and in 5 folds by song.

    Raises:
        FileNotFoundError: if `midibert` or `pianist8` is not below `root`.
    """
    chunks = read_chunks(root, "composer", ("ans",))
    by_song = pianist_files(root)[1]
    song = {_name(example.path, 2): example.group for example in by_song.examples}
    folds = folds_of(chunks.pieces, by_song.folds, list(song))
    songs = tuple(song[piece] for piece in chunks.pieces)
    published = {"MidiBERT": "78.57 (99 of 126)", "BiLSTM": "60.32"}
    splits = (
        _Split("MIDI-BERT", (chunks.fold,), _shared(chunks.fold, songs), published),
        _Split(BY_SONG, folds, "no song on two sides", {"M2BERT": "74.2 to 74.4 (5 folds of its own)"}),
    )
    return _tasks("pianist", "Pianist8", PIANISTS, chunks, songs, splits, root / "pianist8" / "midi")


def emotion(root: Path) -> list[WordsTask]:
    """The quadrant of each chunk of EMOPIA's 1,078 clips: both forms on the published sides, by clip, and by song.

    By song are EMOPIA_cls's sides and 5 folds.

    Raises:
        FileNotFoundError: if `midibert` or `emopia` is not below `root`.
    """
    chunks = read_chunks(root, "emopia", ("ans",))
    by_clip, by_song = emotion_files(root)
    song = {_name(example.path, 2): example.group for example in by_clip.examples}
    # a song that another clip plays too has the name of that one
    other = {
        key: song[_name(Path(path), 2)]
        for (name, key), path in ALSO_TESTED.items()
        if name == "emopia" and _name(Path(path), 2) in song
    }
    groups = [other.get(group, group) for group in song.values()]
    five = grouped_folds([example.label for example in by_clip.examples], groups)
    songs = tuple(other.get(song[piece], song[piece]) for piece in chunks.pieces)
    disjoint = folds_of(chunks.pieces, by_song.folds, [_name(example.path, 2) for example in by_song.examples])
    published = {"MidiBERT": "67.89 (74 of 109)", "BiLSTM": "54.13"}
    splits = (
        _Split("MIDI-BERT", (chunks.fold,), _shared(chunks.fold, songs), published),
        _Split("EMOPIA_cls", disjoint, "no song on two sides; 27 clips unused", {}),
        _Split(
            BY_SONG,
            folds_of(chunks.pieces, five, list(song)),
            "no song on two sides",
            {"M2BERT": "66.7 to 67.4 (5 folds of its own)"},
        ),
    )
    return _tasks("emotion", "EMOPIA", QUADRANTS, chunks, songs, splits, root / "emopia")


def performances(chunks: Chunks, folder: Path) -> list[tuple[Notes, np.ndarray]]:
    """The notes of the MIDI file of each chunk, and which of them the chunk holds, in its order.

    Args:
        chunks: whose pieces are files below the folder; those of a piece stand together.
        folder: of the MIDI files.

    Raises:
        ValueError: if a file has not the notes of its chunks.
    """
    found = []
    piece, start = "", 0
    for name, words in zip(chunks.pieces, chunks.words, strict=True):
        if name != piece:
            notes = read_midi(folder / name)
            encoded, which = compound.encode(notes)
            piece, start = name, 0
        part = slice(start, start + WORDS)
        if not np.array_equal(encoded[part], words):
            raise ValueError(f"{folder / name}: notes {start} to {start + len(words)} are not those of the array")
        found.append((notes, which[part]))
        start += WORDS
    return found


def chunk_statistics(chunks: Chunks, folder: Path) -> np.ndarray:
    """(N, F) float32 hand-crafted statistics of the notes of each chunk; of the pedal those of the whole piece.

    Args:
        chunks: whose pieces are files below the folder.
        folder: of the MIDI files.
    """
    return np.stack([piece_statistics(notes.select(np.sort(which))) for notes, which in performances(chunks, folder)])


def performed(notes: Notes, which: np.ndarray) -> np.ndarray:
    """(T, 8) OctupleMIDI words of some notes of a piece on a grid of seconds, sorted by their fields."""
    words, order = octuple.encode(on_clock(notes))
    return words[np.isin(order, which)]


def _tasks(
    name: str,
    data: str,
    classes: tuple[str, ...],
    chunks: Chunks,
    songs: tuple[str, ...],
    splits: Sequence[_Split],
    folder: Path,
) -> list[WordsTask]:
    forms = {
        CP: tuple(from_first_bar(octuples(words)) for words in chunks.words),
        PERFORMANCE: tuple(from_first_bar(performed(*played)) for played in performances(chunks, folder)),
    }
    return [
        WordsTask(
            *(name, data, split.name, form, "sequence", classes, octuple.OCTUPLE, words, chunks.columns["ans"]),
            *(songs, chunks.pieces, split.folds, "open", split.note, split.paper),
        )
        for split in splits
        for form, words in forms.items()
    ]


def _name(path: Path, parts: int) -> str:
    """The last parts of a path, as the arrays name pieces."""
    return "/".join(path.parts[-parts:])


def _shared(fold: Fold, songs: Sequence[str]) -> str:
    return f"{shared_groups(fold, songs)} of {len(fold.test)} test chunks share their song with a training chunk"
