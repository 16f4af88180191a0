"""Skyline: the highest note of each moment is the melody (Uitdenbogerd and Zobel 1999).

`skyline` is the plain rule. `revised_skyline` is the one whose figures MIDI-BERT prints (Chou et al. 2021): onsets on
eighth notes, nothing below middle C, overlaps cut, and no note far below both its neighbours.
"""

from __future__ import annotations

import numpy as np

from partimento.tasks.words.onsets import onset_units
from partimento.tasks.words.task import WordsTask
from partimento.tokens.octuple import DURATION, DURATION_UNITS, PITCH, UNITS_PER_QUARTER

EIGHTH = UNITS_PER_QUARTER // 2
LOWEST_PITCH = 60
LONGEST, SHORTENED = 8 * EIGHTH, 4 * EIGHTH  # longer notes than the first last as long as the second
LEAP = 9  # semitones
VOCAL, ACCOMPANIMENT = 0, 2


def skyline(words: np.ndarray) -> np.ndarray:
    """(T,) bool: whether a note is the highest of those that begin with it; of equal ones the first is."""
    return _highest(onset_units(words), words[:, PITCH])


def revised_skyline(words: np.ndarray) -> np.ndarray:
    """(T,) bool: whether the rule that MIDI-BERT compares with takes a note for the melody."""
    onset = onset_units(words)
    length = DURATION_UNITS[words[:, DURATION]]
    until = onset + np.where(length > LONGEST, SHORTENED, length)
    begin, end = (np.rint(at / EIGHTH).astype(np.int64) for at in (onset, until))
    pitch = words[:, PITCH]
    high = np.flatnonzero(pitch >= LOWEST_PITCH)
    line = high[_highest(begin[high], pitch[high])]
    line = line[np.argsort(begin[line], kind="stable")]
    following = np.append(begin[line][1:], np.iinfo(np.int64).max)
    line = line[np.minimum(end[line], following) > begin[line]]
    step = np.diff(pitch[line].astype(np.int64))
    is_low = np.zeros(len(line), dtype=bool)
    is_low[1:-1] = (step[:-1] <= -LEAP) & (step[1:] >= LEAP)
    chosen = np.zeros(len(words), dtype=bool)
    chosen[line[~is_low]] = True
    return chosen


def predict(task: WordsTask, which: np.ndarray, revised: bool = True) -> list[np.ndarray]:
    """(T,) int64 classes of the melody task for each of some sequences: vocal where the rule says melody."""
    rule = revised_skyline if revised else skyline
    return [np.where(rule(task.words[i]), VOCAL, ACCOMPANIMENT) for i in which]


def _highest(onset: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    order = np.lexsort((np.arange(len(onset)), -pitch.astype(np.int64), onset))
    found = np.zeros(len(onset), dtype=bool)
    found[order[np.diff(onset[order], prepend=-1) > 0]] = True
    return found
