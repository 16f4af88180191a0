"""Melody and velocity: which part a note of a pop song belongs to, and how loud it is struck (Chou et al. 2021).

The published arrays list the notes of one position in the order of the tracks: melody, bridge, piano. A model that
reads them in order is told a part of the answer. So each task has two forms: in the published order, to stand beside
published figures, and sorted by bar, position, pitch and duration, where nothing but the notes can be known.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import numpy as np

from partimento.corpus.datasets.solo_piano import SAME_SONG
from partimento.tasks.task import Fold
from partimento.tasks.words.arrays import Chunks, octuples, read_chunks
from partimento.tasks.words.task import WORDS, WordsTask, from_first_bar
from partimento.tokens.octuple import BAR, DURATION, OCTUPLE, PITCH, POSITION

PARTS = ("vocal", "bridge", "accompaniment")
VELOCITIES = ("0-31", "32-47", "48-63", "64-79", "80-95", "96-127")
PUBLISHED, SORTED = "published order", "sorted"
TWIN = "017"  # a training song with the notes of a test song
SEED = 0

_ORDER_NOTE = "notes of one position stand in the order of their tracks, which gives parts away"
_SORTED_NOTE = f"notes of one position stand by pitch and duration, equal ones at random; song {TWIN} is left out"


def melody(root: Path, longest: int = WORDS) -> list[WordsTask]:
    """Part of each note, vocal, bridge or accompaniment, of POP909's 865 songs in 4/4, in both orders.

    Args:
        root: folder of the unpacked sets.
        longest: words of a sequence, a multiple of 512; chunks that follow each other in a song are joined.

    Raises:
        FileNotFoundError: if `midibert` is not below `root`.
        ValueError: if `longest` is no multiple of 512.
    """
    paper = {"MidiBERT": "96.37", "M2BERT": "98.2 to 98.3 (1,024 notes)", "skyline": "78.54 (two classes)"}
    return _tasks(root, "melody", "melans", PARTS, paper, longest)


def velocity(root: Path, longest: int = WORDS) -> list[WordsTask]:
    """One of six classes of velocity of each note of the same songs, in both orders.

    Args:
        root: folder of the unpacked sets.
        longest: words of a sequence, a multiple of 512; chunks that follow each other in a song are joined.

    Raises:
        FileNotFoundError: if `midibert` is not below `root`.
        ValueError: if `longest` is no multiple of 512.
    """
    paper = {"MidiBERT": "51.63", "M2BERT": "53.2 to 53.5 (1,024 notes)"}
    return _tasks(root, "velocity", "velans", VELOCITIES, paper, longest)


def by_pitch(words: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(T,) indices that sort words by bar, position, pitch and duration; equal words stand in random order."""
    keys = (rng.random(len(words)), *(words[:, field] for field in (DURATION, PITCH, POSITION, BAR)))
    return np.lexsort(keys)


def _tasks(
    root: Path, name: str, column: str, classes: tuple[str, ...], paper: dict[str, str], longest: int
) -> list[WordsTask]:
    if longest < WORDS or longest % WORDS:
        raise ValueError(f"sequences of {longest} words; it must be a multiple of {WORDS}, such as {2 * WORDS}")
    chunks = read_chunks(root, "pop909", (column,))
    joined = _joined(chunks, longest // WORDS)
    rng = np.random.default_rng(SEED)
    found = []
    for form, note in ((PUBLISHED, _ORDER_NOTE), (SORTED, _SORTED_NOTE)):
        words, labels = [], []
        for which in joined:
            octuple = octuples(np.concatenate([chunks.words[i] for i in which]))
            label = np.concatenate([chunks.columns[column][i] for i in which]) - 1  # 0 fills up
            order = by_pitch(octuple, rng) if form == SORTED else np.arange(len(octuple))
            words.append(from_first_bar(octuple[order]))
            labels.append(label[order])
        pieces = tuple(chunks.pieces[which[0]] for which in joined)
        songs = tuple(SAME_SONG["pop909"].get(piece, piece) for piece in pieces)
        fold = _fold(chunks, joined, form)
        found.append(
            WordsTask(
                *(name, "POP909", "MIDI-BERT", form, "note", classes, OCTUPLE, tuple(words), tuple(labels)),
                *(songs, pieces, (fold,), "open", note, paper if form == PUBLISHED else {}),
            )
        )
    return found


def _joined(chunks: Chunks, count: int) -> list[list[int]]:
    """Numbers of the chunks of each sequence: up to `count` that follow each other in a song."""
    songs = (list(which) for _, which in groupby(range(len(chunks.pieces)), key=chunks.pieces.__getitem__))
    return [song[start : start + count] for song in songs for start in range(0, len(song), count)]


def _fold(chunks: Chunks, joined: list[list[int]], form: str) -> Fold:
    first = np.array([which[0] for which in joined])
    published = (chunks.fold.train, chunks.fold.valid, chunks.fold.test)
    train, valid, test = (np.flatnonzero(np.isin(first, side)) for side in published)
    if form == SORTED:
        train = train[[chunks.pieces[i] != TWIN for i in first[train]]]
    return Fold(chunks.fold.name, train, valid, test)
