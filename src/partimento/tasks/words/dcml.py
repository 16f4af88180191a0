"""Chord root and local key of the notes of 979 annotated scores (DCML corpora, Hentschel et al. 2025).

The tables say what is written, so velocity, tempo and instrument are not known. Repeats are not played twice.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from partimento.corpus.splits import split_by_group
from partimento.notes import Notes
from partimento.tasks.piano.sets import folder
from partimento.tasks.task import Fold
from partimento.tasks.words.labelled_pieces import Piece, tasks_of
from partimento.tasks.words.task import NO_LABEL, WORDS, WordsTask
from partimento.tokens import octuple
from partimento.tokens.fields import MASK

TICKS_PER_QUARTER = 480
SHARES = {"train": 0.8, "valid": 0.1, "test": 0.1}
PAPER = {
    "chord root": {"M2BERT": "0.847 (pop songs)"},
    "local key": {"M2BERT": "0.804 (pop songs)"},
}

# What of a file's name says the work; elsewhere each file is a work of its own.
WORK = {
    "ABC": r"n\d+",
    "bach_en_fr_suites": r"BWV\d+",
    "bach_solo": r"BWV\d+",
    "beethoven_piano_sonatas": r"\d+",
    "corelli": r"op\d+n\d+",
    "cpe_bach_keyboard": r"wq\d+n\d+",
    "frescobaldi_fiori_musicali": r"\d+",
    "handel_keyboard": r"hwv\d+",
    "jc_bach_sonatas": r"wa\d+",
    "mozart_piano_sonatas": r"K\d+",
    "rachmaninoff_piano": r"op\d+",
    "wf_bach_sonatas": r"F\d+",
}
LETTERS = "FCGDAEB"  # the line of fifths, on which C is 0
FIFTHS = {  # of a degree's root above the tonic
    "major": {"I": 0, "II": 2, "III": 4, "IV": -1, "V": 1, "VI": 3, "VII": 5},
    "minor": {"I": 0, "II": 2, "III": -3, "IV": -1, "V": 1, "VI": -4, "VII": -2},
}


def dcml(root: Path, longest: int = WORDS) -> list[WordsTask]:
    """Chord root and local key of the notes of the labelled scores, split by work with a seed.

    Raises:
        FileNotFoundError: if `dcml` is not below `root`.
        ValueError: if a label cannot be read.
    """
    pieces = list(pieces_of(folder(root, "dcml")))
    sides = split_by_group([piece.song for piece in pieces], SHARES)
    fold = Fold("by work", sides["train"], sides["valid"], sides["test"])
    about = ("DCML", "by work", "score")
    note = "grace notes are left out; no velocity, tempo or instrument"
    return tasks_of(pieces, ("chord root", "local key"), (fold,), about, "non-commercial", note, PAPER, longest)


def local_key(globalkey: str, localkey: str) -> tuple[int, bool]:
    """Place of the tonic on the line of fifths (C 0, G 1), and whether it is minor, of a key such as "bIII/V" in "f#".

    >>> local_key("a", "III"), local_key("Bb", "vi/V")
    ((0, False), (2, True))

    Raises:
        ValueError: if it is no degree of a key.
    """
    if not re.fullmatch("[A-Ga-g][#b]*", globalkey):
        raise ValueError(f"{globalkey!r} is no key; it must be a letter with accidentals, such as f#")
    is_minor = globalkey[0].islower()
    place = LETTERS.index(globalkey[0].upper()) - 1 + 7 * (globalkey.count("#") - globalkey[1:].count("b"))
    for degree in reversed(localkey.split("/")):
        found = re.fullmatch(r"([#b]*)(VII|VI|IV|V|III|II|I)", degree, re.IGNORECASE)
        if not found:
            raise ValueError(f"{localkey!r} is no key in {globalkey!r}; it must be degrees such as bIII or v/ii")
        place += FIFTHS["minor" if is_minor else "major"][found[2].upper()]
        place += 7 * (found[1].count("#") - found[1].count("b"))
        is_minor = found[2].islower()
    return place, is_minor


def pieces_of(at: Path, corpora: str = "*") -> Iterator[Piece]:
    """The scores with labels of the corpora in a folder, by name.

    Args:
        at: folder of the corpora.
        corpora: which, as a pattern of their names.
    """
    for path in sorted(at.glob(f"{corpora}/harmonies/*.harmonies.tsv")):
        corpus, name = path.parts[-3], path.name.removesuffix(".harmonies.tsv")
        lines = [line for line in _lines(path) if line.get("root") and line["quarterbeats"]]
        if not lines:
            continue
        notes, mc = _notes(at / corpus / "notes" / f"{name}.notes.tsv")
        start, root, key = _labels(lines)
        words, which = octuple.encode(notes)
        _in_written_bars(words, notes.onset[which], mc[which], at / corpus / "measures" / f"{name}.measures.tsv")
        row = np.searchsorted(start, notes.onset[which], side="right") - 1
        columns = {"chord root": root, "local key": key}
        labels = {task: np.where(row >= 0, column[row], NO_LABEL) for task, column in columns.items()}
        work = re.match(WORK[corpus], name) if corpus in WORK else None
        yield Piece(f"{corpus}/{name}", f"{corpus}/{work[0] if work else name}", words, labels)


def _labels(lines: list[dict[str, str]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tick from which each label holds, the pitch class of its chord's root, its key."""
    start, root, key = [], [], []
    for line in lines:
        tonic, is_minor = local_key(line["globalkey"], line["localkey"])
        start.append(_ticks(line["quarterbeats"]))
        root.append((tonic + int(line["root"])) * 7 % 12)
        key.append(tonic * 7 % 12 + 12 * is_minor)
    order = np.argsort(start, kind="stable")
    return np.array(start)[order], np.array(root)[order], np.array(key)[order]


def _notes(path: Path) -> tuple[Notes, np.ndarray]:
    """The notes of a table, tied ones as one, and the number of the measure that each begins in."""
    rows: list[list[int]] = []  # onset, end, pitch, measure
    held: dict[tuple[str, int], int] = {}  # the last note of a staff and pitch that a tie goes on from
    for line in _lines(path):
        if line.get("gracenote") or not line["quarterbeats"]:  # first endings have no place in the score's time
            continue
        onset = _ticks(line["quarterbeats"])
        end = onset + _ticks(line["duration_qb"])
        pitch = int(line["midi"])
        tied = line["tied"]
        before = held.get((line["staff"], pitch))
        if tied in ("0", "-1") and before is not None and rows[before][1] == onset:
            rows[before][1] = end
        else:
            before = len(rows)
            rows.append([onset, end, pitch, int(line["mc"])])
        if tied in ("0", "1"):
            held[line["staff"], pitch] = before
        else:
            held.pop((line["staff"], pitch), None)
    onset, end, pitch, mc = np.array(sorted(rows), dtype=np.int32).T
    flat = np.zeros(len(onset), dtype=np.int32)
    notes = Notes(
        *(onset, end - onset, pitch, np.full_like(flat, 64), flat, flat.astype(bool), flat),
        ticks_per_quarter=TICKS_PER_QUARTER,
    )
    return notes, mc


def _in_written_bars(words: np.ndarray, onset: np.ndarray, mc: np.ndarray, path: Path) -> None:
    """Put the measures of the score into the words, upbeats included; what a score does not say becomes MASK."""
    lines = [line for line in _lines(path) if line["quarterbeats"]]
    number = np.array([int(line["mc"]) for line in lines])
    begin = np.array([_ticks(line["quarterbeats"]) for line in lines])
    # an upbeat and a measure that a repeat divides begin inside their bar
    offset = np.array([_ticks(line["mc_offset"]) * 4 for line in lines])
    signature = np.array([octuple.signature_id(*map(int, line["timesig"].split("/"))) for line in lines])
    row = np.searchsorted(number, mc)
    unit = TICKS_PER_QUARTER // octuple.UNITS_PER_QUARTER
    sizes = octuple.OCTUPLE.sizes
    words[:, octuple.BAR] = np.cumsum(offset == 0)[row]
    position = np.rint((onset - begin[row] + offset[row]) / unit)
    words[:, octuple.POSITION] = np.clip(position, 0, sizes[octuple.POSITION] - 1)
    words[:, octuple.TIME_SIGNATURE] = signature[row]
    for field in (octuple.INSTRUMENT, octuple.VELOCITY, octuple.TEMPO):
        words[:, field] = sizes[field] + MASK


def _ticks(value: str) -> int:
    """Ticks of a number of quarters, written 1.5 or 3/2."""
    return round(Fraction(value) * TICKS_PER_QUARTER)


def _lines(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file, delimiter="\t")
