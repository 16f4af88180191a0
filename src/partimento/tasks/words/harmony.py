"""Chord root, local key, beat and downbeat of the notes of pop songs: POP909 and its corrected labels, POP909-CL.

Root and key are asked of notes on the song's own beats. Beat and downbeat are asked of notes on a grid of seconds, from
a random moment and, where the file is quantised to one tempo, at a random speed: no bar or position tells the metre.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from partimento.corpus.datasets.solo_piano import SAME_SONG
from partimento.midi import read_midi
from partimento.notes import Notes
from partimento.tasks.piano.folds import published_fold
from partimento.tasks.piano.sets import table
from partimento.tasks.words import chord_labels
from partimento.tasks.words.labelled_pieces import Piece, tasks_of
from partimento.tasks.words.pop909 import SEED, TWIN
from partimento.tasks.words.task import NO_LABEL, WORDS, WordsTask
from partimento.tokens.clock import on_clock
from partimento.tokens.octuple import encode

STEPS = 4  # of a beat: a note belongs to the nearest sixteenth
TICKS = 480  # a beat
SPEEDS = (60.0, 150.0)  # beats a minute that a quantised song is played at
FLAGGED = ("518", "620")  # whose hands have different downbeats, says POP909-CL
METRICAL, CLOCK = "on its beats", "on a clock"

PAPER = {
    "chord root": {"M2BERT": "0.847 (split of its own)"},
    "local key": {"M2BERT": "0.804 (split of its own)"},
    "beat": {"M2BERT": "0.867 F1 (split of its own)"},
    "downbeat": {"M2BERT": "0.768 F1 (split of its own)"},
}
NOTE = f"song {TWIN}, whose notes are those of a test song, is left out"


def pop909(root: Path, longest: int = WORDS) -> list[WordsTask]:
    """The four tasks on POP909 with its own labels, which algorithms made; MIDI-BERT's sides.

    Raises:
        FileNotFoundError: if `pop909` is not below `root`.
    """
    note = f"labels made by algorithms, whose bars have two or six beats now and then; {NOTE}"
    return _tasks(root, "POP909", pop909_piece, note, longest)


def pop909_cl(root: Path, longest: int = WORDS) -> list[WordsTask]:
    """The four tasks on POP909-CL (Yao et al. 2026), whose chords, keys and metre were corrected; MIDI-BERT's sides.

    Raises:
        FileNotFoundError: if `pop909` or `pop909_cl` is not below `root`.
    """
    note = f"quantised notes; songs {' and '.join(FLAGGED)} are left out as unsure; {NOTE}"
    return _tasks(root, "POP909-CL", cl_piece, note, longest)


def _tasks(
    root: Path, data: str, read: Callable[[Path, str], tuple[Piece, Piece] | None], note: str, longest: int
) -> list[WordsTask]:
    sides = {line["song"]: line["split_midibert"] for line in table(root, "pop909", "midibert_split.csv")}
    found = [
        pair
        for song, side in sides.items()
        if side in ("train", "valid", "test") and song != TWIN and (pair := read(root, song))
    ]
    fold = published_fold([sides[piece.name] for piece, _ in found])
    about = (data, "MIDI-BERT")
    metrical, clock = ([pair[i] for pair in found] for i in (0, 1))
    return [
        *tasks_of(metrical, ("chord root", "local key"), (fold,), (*about, METRICAL), "open", note, PAPER, longest),
        *tasks_of(clock, ("beat", "downbeat"), (fold,), (*about, CLOCK), "open", note, PAPER, longest),
    ]


def pop909_piece(root: Path, song: str) -> tuple[Piece, Piece]:
    """A song of POP909 on its beats with chords and keys, and on the clock with beats."""
    notes = read_midi(root / "pop909" / "mid" / f"{song}.mid")
    labels = root / "pop909" / "ann" / song
    beat_s, downbeats = chord_labels.beats(labels / "beat_midi.txt")
    onset_s = notes.seconds_at(notes.onset)
    at = chord_labels.beat_at(beat_s, onset_s)  # (N,) beats from the first
    step = np.rint(at * STEPS)
    harmony = {
        "chord root": chord_labels.pop909_roots(labels / "chord_midi.txt", beat_s, step, STEPS),
        "local key": chord_labels.pop909_keys(labels / "key_audio.txt", onset_s),
    }
    known = (at > -0.5) & (at < len(beat_s) - 0.5)
    on_beat = step % STEPS == 0
    on_downbeat = on_beat & downbeats[np.clip(np.rint(at), 0, len(beat_s) - 1).astype(np.int64)]
    metre = {name: np.where(known, is_on, NO_LABEL) for name, is_on in (("beat", on_beat), ("downbeat", on_downbeat))}
    rng = np.random.default_rng([SEED, int(song)])
    return _piece(song, _on_beats(notes, beat_s, downbeats), harmony), _piece(song, _anywhere(notes, rng), metre)


def _on_beats(notes: Notes, beat_s: np.ndarray, downbeats: np.ndarray) -> Notes:
    """The notes in ticks of the labelled beats, at the median tempo, in bars of four from the first downbeat on.

    The labelled downbeats are not followed further: in 783 of the 909 songs some of their bars have two or six beats.
    """
    begin, end = (
        chord_labels.beat_at(beat_s, notes.seconds_at(tick)) for tick in (notes.onset, notes.onset + notes.duration)
    )
    lead = 4 - int(downbeats.argmax()) % 4
    lead += 4 * math.ceil(max(0.0, -begin.min() - lead) / 4)  # what comes before the first beat has bars too
    onset = np.rint((begin + lead) * TICKS).astype(np.int32)
    return replace(
        notes,
        onset=onset,
        duration=np.rint((end + lead) * TICKS).astype(np.int32) - onset,
        ticks_per_quarter=TICKS,
        tempo_tick=np.zeros(1, dtype=np.int32),
        tempo_us=np.array([round(np.median(np.diff(beat_s)) * 1e6)], dtype=np.int32),
        metre_tick=np.zeros(1, dtype=np.int32),
        metre_numerator=np.array([4], dtype=np.int32),
        metre_denominator=np.array([4], dtype=np.int32),
    )


def cl_piece(root: Path, song: str) -> tuple[Piece, Piece] | None:
    """A song of POP909-CL in its own metre, and on the clock; None where the set has no sure labels for it."""
    path = root / "pop909_cl" / "mid" / f"{song}.mid"
    if song in FLAGGED or not path.is_file():
        return None
    both = read_midi(path)
    if len(both.track_names) < 2:  # 367 has no chords, 658 no music
        return None
    notes, chords = both.select(both.track == 0), both.select(both.track == 1)
    harmony = {
        "chord root": chord_labels.root_of_notes(chords, notes.onset),
        "local key": chord_labels.signature_keys(path, notes.onset),
    }
    rng = np.random.default_rng([SEED, int(song)])
    low, high = np.log(SPEEDS)
    slower = 6e7 / float(notes.tempo_us[0]) / float(np.exp(rng.uniform(low, high)))
    return _piece(song, notes, harmony), _piece(song, _anywhere(notes.stretch(slower), rng), metre_of(notes))


def metre_of(notes: Notes) -> dict[str, np.ndarray]:
    """(N,) whether the sixteenth nearest to each onset is a beat, and whether it begins a bar, by the time signatures.

    The beat of 6/8 and its like is the dotted quarter.
    """
    run = np.maximum(np.searchsorted(notes.metre_tick, notes.onset, side="right") - 1, 0)
    step = np.rint((notes.onset - notes.metre_tick[run]) * (4 / notes.ticks_per_quarter))  # sixteenths
    numerator, unit = notes.metre_numerator, 16 // notes.metre_denominator
    beat = np.where((notes.metre_denominator == 8) & (numerator % 3 == 0), 3 * unit, unit)
    return {"beat": step % beat[run] == 0, "downbeat": step % (numerator * unit)[run] == 0}


def _anywhere(notes: Notes, rng: np.random.Generator) -> Notes:
    """The notes on a clock, from a random moment of its bar on."""
    clock = on_clock(notes)
    bar_ticks = 4 * clock.ticks_per_quarter
    first = int(clock.onset.min()) // bar_ticks * bar_ticks
    return replace(clock, onset=(clock.onset - first + rng.integers(bar_ticks)).astype(np.int32))


def _piece(song: str, notes: Notes, labels: Mapping[str, np.ndarray]) -> Piece:
    words, which = encode(notes)
    group = SAME_SONG["pop909"].get(song, song)
    return Piece(song, group, words, {name: label[which].astype(np.int64) for name, label in labels.items()})
