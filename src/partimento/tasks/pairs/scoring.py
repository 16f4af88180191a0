"""A network judges whether two phrases belong together: both as one sequence of OctupleMIDI words, two classes.

As in MusicBERT's program (`gen_nsp.py`): a melody is program 80, an accompaniment program 0, 4/4 at 120 quarters a
minute, velocities of ten levels; what follows stands behind in time, and both are merged and sorted, with nothing
between them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from partimento.networks.labeller import Labeller
from partimento.networks.labelling import predict
from partimento.notes import DEFAULT_TEMPO_US
from partimento.tasks.pairs import phrases
from partimento.tasks.pairs.groups import Pair
from partimento.tasks.pairs.phrases import Phrase
from partimento.tokens import octuple

MELODY_PROGRAM, ACCOMPANIMENT_PROGRAM = 80, 0
VELOCITIES = np.array([8, 20, 31, 42, 53, 64, 80, 96, 112, 127])  # a velocity is the next of these that is not lower
UNITS_PER_STEP = octuple.UNITS_PER_QUARTER // phrases.STEPS_PER_QUARTER
WRONG, RIGHT = 0, 1  # classes


def pair_words(pair: Pair) -> np.ndarray:
    """(T, 8) int32 OctupleMIDI words of both phrases, sorted; the first bar is 0."""
    second = MELODY_PROGRAM if pair.kind == "next" else ACCOMPANIMENT_PROGRAM
    parts = [
        _words(pair.first, 0, MELODY_PROGRAM),
        _words(pair.second, phrases.BARS if pair.kind == "next" else 0, second),
    ]
    words = np.concatenate(parts)
    return words[np.lexsort(words.T[::-1])]


def score_pairs(labeller: Labeller, pairs: Sequence[Pair], bf16: bool = False) -> np.ndarray:
    """(N,) float64 log-odds that two phrases belong together: they order the pairs as the probability does.

    Args:
        labeller: of sequences, its first head of two classes.
        bf16: whether the network computes in bfloat16, which makes ties.

    Raises:
        ValueError: if the labeller is made for something else.
    """
    log_p = _log_probabilities(labeller, pairs, bf16)
    return log_p[:, RIGHT] - log_p[:, WRONG]


def log_probabilities(labeller: Labeller, pairs: Sequence[Pair], bf16: bool = False) -> np.ndarray:
    """(N,) float64 logarithm of the probability that two phrases belong together; arguments as `score_pairs`."""
    return _log_probabilities(labeller, pairs, bf16)[:, RIGHT]


def _log_probabilities(labeller: Labeller, pairs: Sequence[Pair], bf16: bool) -> np.ndarray:
    config = labeller.config
    if config.unit != "sequence" or config.classes[0] != 2:
        raise ValueError(f"a labeller of {config.unit}s in {config.classes} classes; pairs need one of sequences in 2")
    if not pairs:
        return np.zeros((0, 2))
    found = predict(labeller, [pair_words(pair) for pair in pairs], bf16=bf16)
    return np.stack([heads[0] for heads in found]).astype(np.float64)


def _words(phrase: Phrase, first_bar: int, program: int) -> np.ndarray:
    notes = phrase.notes
    words = np.empty((len(notes), len(octuple.OCTUPLE)), dtype=np.int32)
    bar, step = np.divmod(notes[:, phrases.STEP], phrases.STEPS_PER_BAR)
    words[:, octuple.BAR] = first_bar + bar
    words[:, octuple.POSITION] = step * UNITS_PER_STEP
    words[:, octuple.INSTRUMENT] = program
    words[:, octuple.PITCH] = notes[:, phrases.PITCH]
    words[:, octuple.DURATION] = octuple.duration_ids(notes[:, phrases.LENGTH] * UNITS_PER_STEP)
    level = np.searchsorted(VELOCITIES, notes[:, phrases.VELOCITY])
    words[:, octuple.VELOCITY] = VELOCITIES[level] // octuple.VELOCITY_STEP
    words[:, octuple.TIME_SIGNATURE] = octuple.signature_id(4, 4)
    words[:, octuple.TEMPO] = octuple.tempo_ids(np.array(DEFAULT_TEMPO_US))
    return words
