"""Melodies as words: skip-gram vectors of short runs of notes (Hirai and Sawada 2019), forward segmentation.

A note is its pitch in the key and how long until the next; runs of up to four notes that are common in the training
melodies are words, and a melody is cut from its start into the longest words there are. Vectors are learned with
negative sampling (Mikolov et al. 2013), and phrases are compared by the cosine of the means of their words' vectors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional as F

from partimento.tasks.pairs.groups import Pair
from partimento.tasks.pairs.phrases import PITCH, STEP, STEPS, STEPS_PER_QUARTER, Phrase, Song
from partimento.tasks.pairs.ranking import Scorer

LONGEST = 4  # notes of a word
COMMON = 5  # times that a run of several notes must be seen
SIXTEENTH = STEPS_PER_QUARTER // 4
LONGEST_WAIT = 16  # sixteenths; a longer one counts as this
FEATURES = 64
WINDOW = 4  # words on each side
NEGATIVES = 5
EPOCHS = 5
BATCH = 512
RATE = 5e-3
FLATTENED = 0.75  # power of a word's frequency by which wrong neighbours are drawn

Word = tuple[tuple[int, int], ...]


def melody2vec(songs: Sequence[Song], seed: int = 0, epochs: int = EPOCHS) -> Scorer:
    """Vectors of the melodies of the training songs; a pair's score is the cosine of its phrases.

    Raises:
        ValueError: if the training songs have no melody.
    """
    melodies = [spelled(phrase) for song in songs if song.side == "train" for phrase in song.melody]
    if not melodies:
        raise ValueError("no song of the training side has a melody to learn from")
    words = vocabulary(melodies)
    lines = []
    for song in songs:
        if song.side == "train" and song.melody:
            lines.append([words[word] for phrase in song.melody for word in segmented(spelled(phrase), words)])
    vectors = skip_grams(lines, len(words), seed, epochs)

    def of(phrase: Phrase) -> np.ndarray:
        known = [words[word] for word in segmented(spelled(phrase), words)]
        return vectors[known].mean(0) if known else np.zeros(FEATURES)

    def score(pairs: Sequence[Pair]) -> np.ndarray:
        found = {phrase: of(phrase) for pair in pairs for phrase in (pair.first, pair.second)}
        first, second = (np.array([found[getattr(pair, side)] for pair in pairs]) for side in ("first", "second"))
        norm = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
        return (first * second).sum(1) / np.maximum(norm, 1e-12)

    return score


def spelled(phrase: Phrase) -> list[tuple[int, int]]:
    """The notes of a phrase: pitch, and sixteenths until the next note or the end, from 1."""
    step = phrase.notes[:, STEP]
    wait = np.diff(np.append(step, STEPS)) // SIXTEENTH
    return list(zip(phrase.notes[:, PITCH].tolist(), np.clip(wait, 1, LONGEST_WAIT).tolist(), strict=True))


def vocabulary(melodies: Sequence[Sequence[tuple[int, int]]]) -> dict[Word, int]:
    """A number for each word: every note that there is, and every run of 2 to 4 that is seen at least five times."""
    count: Counter[Word] = Counter()
    for melody in melodies:
        for length in range(1, LONGEST + 1):
            count.update(tuple(melody[start : start + length]) for start in range(len(melody) - length + 1))
    kept = sorted(word for word, seen in count.items() if len(word) == 1 or seen >= COMMON)
    return {word: number for number, word in enumerate(kept)}


def segmented(melody: Sequence[tuple[int, int]], words: dict[Word, int]) -> list[Word]:
    """The melody cut from its start into the longest words; a note that is no word is passed over."""
    found = []
    start = 0
    while start < len(melody):
        for length in range(min(LONGEST, len(melody) - start), 0, -1):
            if (word := tuple(melody[start : start + length])) in words:
                found.append(word)
                break
        start += length
    return found


def skip_grams(lines: Sequence[Sequence[int]], words: int, seed: int, epochs: int) -> np.ndarray:
    """(words, FEATURES) float64 vectors from which the neighbours of a word are told from others."""
    pairs = _neighbours(lines)
    count = np.bincount(np.concatenate([np.asarray(line, dtype=np.int64) for line in lines]), minlength=words)
    drawn_by = torch.from_numpy(count**FLATTENED)
    generator = torch.Generator().manual_seed(seed)
    own = (torch.rand(words, FEATURES, generator=generator) - 0.5) / FEATURES
    other = torch.zeros(words, FEATURES)
    own.requires_grad_()
    other.requires_grad_()
    optimizer = torch.optim.Adam([own, other], lr=RATE)
    for _ in range(epochs):
        for batch in torch.from_numpy(pairs)[torch.randperm(len(pairs), generator=generator)].split(BATCH):
            wrong = torch.multinomial(drawn_by, len(batch) * NEGATIVES, replacement=True, generator=generator)
            centre = own[batch[:, 0]]
            near = (centre * other[batch[:, 1]]).sum(1)
            far = torch.einsum("nd,nkd->nk", centre, other[wrong.view(len(batch), NEGATIVES)])
            loss = -(F.logsigmoid(near).mean() + F.logsigmoid(-far).sum(1).mean())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return own.detach().double().numpy()


def _neighbours(lines: Sequence[Sequence[int]]) -> np.ndarray:
    """(N, 2) int64: each word with each that stands at most WINDOW words from it."""
    found = [np.zeros((0, 2), dtype=np.int64)]
    for line in lines:
        numbers = np.asarray(line, dtype=np.int64)
        for distance in range(1, min(WINDOW, len(numbers) - 1) + 1):
            both = np.stack([numbers[:-distance], numbers[distance:]], axis=1)
            found += [both, both[:, ::-1]]
    return np.concatenate(found)
