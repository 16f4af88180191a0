"""Philharmonia: pitch, instrument and dynamic of single notes of twelve instruments, one player each.

Neighbouring dynamics and lengths of a pitch are near duplicates, so that what is asked is never split by chance alone:
pitch is tested on instruments that were not heard in training, instrument and dynamic on pitches that were not. The
splits by chance stand beside them under that name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from partimento.tasks.piano.folds import grouped_folds
from partimento.tasks.piano.sets import table
from partimento.tasks.task import Example, Fold, Task

DATA = "Philharmonia"
DRAWS = 5
TEST_INSTRUMENTS, VALID_INSTRUMENTS = 3, 2
SEED = 0
DYNAMICS = ("pianissimo", "piano", "mezzo-piano", "mezzo-forte", "forte", "fortissimo")
BY_CHANCE = "5 folds by chance (near duplicates on both sides)"

_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}

Row = dict[str, str]


def midi_pitch(name: str) -> int:
    """The MIDI number of a pitch as the file names write it.

    >>> midi_pitch("As0"), midi_pitch("C4")
    (22, 60)
    """
    letter, sharp, octave = name[0], name[1:-1], int(name[-1])
    return 12 * (octave + 1) + _STEPS[letter] + len(sharp)


def pitch(root: Path) -> list[Task]:
    """Which of 80 pitches: on five draws of three instruments to test on, and by chance.

    The draws are cut from seeded shuffles of the instruments, so that each of the twelve is tested on at least once.
    Two of the nine others are the validation side. Test notes that none of the nine plays at their pitch are left out.

    Raises:
        FileNotFoundError: if `philharmonia` is not below `root`.
    """
    rows = table(root, "philharmonia", "labels.csv")
    examples = _examples(root, rows, lambda row: row["pitch"], lambda row: row["instrument"])
    classes = tuple(sorted({e.label for e in examples}, key=midi_pitch))
    names, label = np.array([e.group for e in examples]), np.array([e.label for e in examples])
    folds, left_out, asked = [], [], []
    for tested, valid in instrument_draws(sorted(set(names))):
        test = np.flatnonzero(np.isin(names, tested))
        known = test[np.isin(label[test], np.unique(label[~np.isin(names, tested)]))]
        train = np.flatnonzero(~np.isin(names, [*tested, *valid]))
        folds.append(Fold(", ".join(tested), train, np.flatnonzero(np.isin(names, valid)), known))
        left_out.append(len(test) - len(known))
        asked.append(len(test))
    note = (
        f"train on 9 instruments, test on 3; draws: {'; '.join(fold.name for fold in folds)}; left out, since no "
        f"training instrument plays the pitch: {', '.join(map(str, left_out))} of {', '.join(map(str, asked))} notes"
    )
    split = f"{DRAWS} draws of 3 instruments"
    return [
        Task("pitch", DATA, split, "classes", classes, examples, tuple(folds), note, draws=True),
        _by_chance("pitch", root, rows, classes),
    ]


def instrument(root: Path) -> list[Task]:
    """Which of twelve instruments: on pitches that no instrument played in training, and by chance.

    Raises:
        FileNotFoundError: if `philharmonia` is not below `root`.
    """
    rows = table(root, "philharmonia", "labels.csv")
    examples = _examples(root, rows, lambda row: row["instrument"], lambda row: row["pitch"])
    classes = tuple(sorted({e.label for e in examples}))
    folds = grouped_folds([e.label for e in examples], [e.group for e in examples], DRAWS)
    note = "no pitch on two sides; one player an instrument, so that the player is told with it"
    split = f"{DRAWS} folds by pitch"
    return [
        Task("instrument", DATA, split, "classes", classes, examples, folds, note, draws=True),
        _by_chance("instrument", root, rows, classes),
    ]


def dynamic(root: Path) -> list[Task]:
    """How loud, in six grades from pianissimo to fortissimo: on pitches, and on instruments, not heard in training.

    Raises:
        FileNotFoundError: if `philharmonia` is not below `root`.
    """
    rows = [row for row in table(root, "philharmonia", "labels.csv") if row["dynamic"] in DYNAMICS]
    by_pitch = _examples(root, rows, lambda row: row["dynamic"], lambda row: row["pitch"])
    by_player = _examples(root, rows, lambda row: row["dynamic"], lambda row: row["instrument"])
    folds = grouped_folds([e.label for e in by_pitch], [e.group for e in by_pitch], DRAWS)
    names = np.array([e.group for e in by_player])
    draws = []
    for tested, valid in instrument_draws(sorted(set(names))):
        sides = (~np.isin(names, [*tested, *valid]), np.isin(names, valid), np.isin(names, tested))
        draws.append(Fold(", ".join(tested), *(np.flatnonzero(side) for side in sides)))
    pitches, players = f"{DRAWS} folds by pitch", f"{DRAWS} draws of 3 instruments"
    note = "no pitch on two sides; few instruments have all six grades"
    other = "no instrument on two sides; the levels of the recordings differ between instruments"
    return [
        Task("dynamic", DATA, pitches, "grades", DYNAMICS, by_pitch, folds, note, draws=True),
        Task("dynamic", DATA, players, "grades", DYNAMICS, by_player, tuple(draws), other, draws=True),
    ]


def instrument_draws(names: Sequence[str], count: int = DRAWS) -> list[tuple[list[str], list[str]]]:
    """Test and validation instruments of each draw, from seeded shuffles one after the other."""
    generator = np.random.default_rng(SEED)
    order = [name for _ in range(-(-count * TEST_INSTRUMENTS // len(names))) for name in generator.permutation(names)]
    draws = []
    for start in range(0, count * TEST_INSTRUMENTS, TEST_INSTRUMENTS):
        tested = sorted(map(str, order[start : start + TEST_INSTRUMENTS]))
        rest = [name for name in names if name not in tested]
        valid = sorted(map(str, generator.choice(rest, VALID_INSTRUMENTS, replace=False)))
        draws.append((tested, valid))
    return draws


def _examples(
    root: Path, rows: Sequence[Row], label: Callable[[Row], str], group: Callable[[Row], str]
) -> tuple[Example, ...]:
    return tuple(Example(root / "philharmonia" / row["file"], label(row), group(row)) for row in rows)


def _by_chance(name: str, root: Path, rows: Sequence[Row], classes: tuple[str, ...]) -> Task:
    """The easy split: notes are dealt to the folds whatever else they are, those of each label evenly."""
    examples = _examples(root, rows, lambda row: row[name], lambda row: f"{row['instrument']} {row['pitch']}")
    labels = np.array([example.label for example in examples])
    generator = np.random.default_rng(SEED)
    place = np.zeros(len(examples), dtype=np.int64)
    for each in classes:
        which = np.flatnonzero(labels == each)
        place[generator.permutation(which)] = (np.arange(len(which)) + generator.integers(DRAWS)) % DRAWS
    folds = []
    for number in range(DRAWS):
        valid, test = place == (number + 1) % DRAWS, place == number
        folds.append(Fold(f"fold {number + 1}", *map(np.flatnonzero, (~valid & ~test, valid, test))))
    note = "the easy split: other dynamics and lengths of a test note, played by the same player, are in training"
    return Task(name, DATA, BY_CHANCE, "classes", classes, examples, tuple(folds), note, draws=True)
