"""Judges of pairs that read no sequence: chance, music theory, and trees grown on what theory looks at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from partimento.tasks.pairs.groups import Kind, Pair
from partimento.tasks.pairs.phrases import (
    BARS,
    LENGTH,
    PITCH,
    STEP,
    STEPS,
    STEPS_PER_BAR,
    STEPS_PER_QUARTER,
    VELOCITY,
    Phrase,
)
from partimento.tasks.pairs.ranking import Scorer

HALF_BAR = STEPS_PER_BAR // 2
SIXTEENTH = STEPS_PER_QUARTER // 4
OCTAVE = 12
LEAP = 7.0  # semitones after which two heights are half as alike
CONSONANCES = np.array([0, 3, 4, 7, 8, 9])  # semitones above a note: unison, thirds, fifth, sixths

NEXT_FEATURES = ("pitch_classes", "rhythm", "height", "step", "contour", "density")
ACC_FEATURES = ("pitch_classes", "chords", "consonance", "rhythm", "below", "density")


def chance(seed: int = 0) -> Scorer:
    """Scores drawn at random."""
    rng = np.random.default_rng(seed)
    return lambda pairs: rng.random(len(pairs))


def theory(pairs: Sequence[Pair]) -> np.ndarray:
    """(N,) the mean of the features, each of which is in [0, 1] and speaks for the pair; nothing is learned."""
    return features(pairs).mean(1)


def grown_trees(train: Sequence[Pair], seed: int = 0, rounds: int = 150) -> Scorer:
    """Gradient-boosted trees on the features of both phrases, grown on these pairs.

    Besides the features of the pair, the trees are told of each phrase its mean pitch, number of notes and mean
    velocity.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    def columns(pairs: Sequence[Pair]) -> np.ndarray:
        plain = {phrase: _plain(phrase) for pair in pairs for phrase in (pair.first, pair.second)}
        own = np.array([np.concatenate([plain[pair.first], plain[pair.second]]) for pair in pairs])
        return np.concatenate([features(pairs), own], axis=1)

    grown = HistGradientBoostingClassifier(max_iter=rounds, early_stopping=False, random_state=seed)
    grown.fit(columns(train), np.array([pair.label for pair in train]))
    return lambda pairs: grown.decision_function(columns(pairs))


def features(pairs: Sequence[Pair]) -> np.ndarray:
    """(N, 6) float64 in [0, 1]: how alike, or how well together, two phrases are in each respect.

    "next": the cosines of how long each pitch class sounds and of where in the bar notes begin; how near their mean
    pitches, and the last note and the first, are; how alike the rise and fall of the bars is; how alike the number of
    notes. "acc": the cosine of the pitch classes of all, and of each half bar; the share of the melody's time in which
    its note is consonant with each sounding one; where notes begin; whether the accompaniment lies below; the number
    of notes. All are 0 where a phrase is silent.
    """
    if not pairs:
        return np.zeros((0, len(NEXT_FEATURES)))
    phrases = {phrase for pair in pairs for phrase in (pair.first, pair.second)}
    seen = {phrase: _Heard(phrase) for phrase in phrases if len(phrase.notes)}
    of = {"next": _follows, "acc": _accompanies}
    return np.array(
        [
            of[pair.kind](seen[pair.first], seen[pair.second])
            if pair.first in seen and pair.second in seen
            else [0.0] * len(feature_names(pair.kind))
            for pair in pairs
        ]
    )


def feature_names(kind: Kind) -> tuple[str, ...]:
    """Of the columns of `features`."""
    return NEXT_FEATURES if kind == "next" else ACC_FEATURES


class _Heard:
    """What the features are made of, of one phrase."""

    def __init__(self, phrase: Phrase) -> None:
        notes = phrase.notes
        self.count = len(notes)
        self.pitch = float(np.average(notes[:, PITCH], weights=notes[:, LENGTH]))
        self.first, self.last = int(notes[0, PITCH]), int(notes[-1, PITCH])
        self.classes = sounding_classes(phrase)  # (12, STEPS)
        self.total = self.classes.sum(1)
        self.halves = self.classes.reshape(OCTAVE, -1, HALF_BAR).sum(2)
        self.rhythm = np.bincount(notes[:, STEP] % STEPS_PER_BAR // SIXTEENTH, minlength=STEPS_PER_BAR // SIXTEENTH)
        bar = notes[:, STEP] // STEPS_PER_BAR
        counts = np.bincount(bar, minlength=BARS)
        heights = np.bincount(bar, notes[:, PITCH], minlength=BARS) / np.maximum(counts, 1)
        self.contour = np.where(counts > 0, heights, self.pitch) - self.pitch


def sounding_classes(phrase: Phrase) -> np.ndarray:
    """(12, 128) float64: how many notes of each pitch class sound in each step."""
    change = np.zeros((OCTAVE, STEPS + 1))
    key = phrase.notes[:, PITCH] % OCTAVE
    np.add.at(change, (key, phrase.notes[:, STEP]), 1)
    np.add.at(change, (key, phrase.notes[:, STEP] + phrase.notes[:, LENGTH]), -1)
    return np.cumsum(change[:, :-1], axis=1)


def _follows(first: _Heard, second: _Heard) -> list[float]:
    return [
        _cosine(first.total, second.total),
        _cosine(first.rhythm, second.rhythm),
        _near(first.pitch - second.pitch),
        _near(first.last - second.first),
        (1 + _cosine(first.contour, second.contour)) / 2,
        _alike(first.count, second.count),
    ]


def _accompanies(melody: _Heard, other: _Heard) -> list[float]:
    halves = [_cosine(a, b) for a, b in zip(melody.halves.T, other.halves.T, strict=True) if a.any() and b.any()]
    sung = melody.classes > 0
    fitting = sum(np.roll(other.classes, semitones, axis=0) for semitones in CONSONANCES)
    together = other.classes.sum(0) * sung
    consonant = (fitting * sung).sum() / together.sum() if together.any() else 0.0
    return [
        _cosine(melody.total, other.total),
        float(np.mean(halves)) if halves else 0.0,
        float(min(1.0, consonant)),
        _cosine(melody.rhythm, other.rhythm),
        float(1 / (1 + np.exp((other.pitch - melody.pitch) / LEAP))),
        _alike(melody.count, other.count),
    ]


def _plain(phrase: Phrase) -> np.ndarray:
    notes = phrase.notes
    return np.array([notes[:, PITCH].mean(), len(notes), notes[:, VELOCITY].mean()])


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / length if length else 0.0


def _near(semitones: float) -> float:
    return 1 / (1 + abs(semitones) / LEAP)


def _alike(a: int, b: int) -> float:
    return min(a, b) / max(a, b)
