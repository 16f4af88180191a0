"""Shares of copied music: the counts, and the human ones they are compared to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from partimento.corpus.store import Corpus, Piece, write_corpus
from partimento.notes import Notes, from_ms
from partimento.search.copies import open_index
from partimento.tasks.copied import copied, half_minutes
from partimento.tasks.results import read


def tune(seed: int, seconds: int) -> Notes:
    """Two notes a second."""
    count = 2 * seconds
    pitch = np.random.default_rng(seed).integers(40, 85, count)
    return from_ms(np.arange(count) * 500, np.full(count, 400), pitch, np.full(count, 70))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Three training pieces; on the test side the second minute of one, transposed, and three pieces of their own."""
    copy = tune(1, 120).window(60, 120).transpose(3)
    sides = [("train", tune(seed, 120)) for seed in range(3)]
    sides += [("test", copy), ("test", tune(7, 60)), ("test", tune(8, 60)), ("test", tune(9, 20))]
    pieces = [
        Piece(f"{number}.mid", f"{number:064}", notes.seconds, {"split": side}, notes)
        for number, (side, notes) in enumerate(sides)
    ]
    return write_corpus(tmp_path_factory.mktemp("corpora") / "corpus", pieces)


def test_copies_are_counted(corpus: Corpus) -> None:
    index = open_index(corpus)
    music = [tune(1, 120).window(0, 30).transpose(-2), *(tune(seed, 30) for seed in (20, 21, 22))]
    found = copied(music, index)
    assert found["copied_notes_most"] == found["copied_distinct_most"] == 60
    assert found["copied_notes_over_16"] == found["copied_distinct_over_16"] == 0.25
    low, high = (found[f"copied_notes_over_16_{end}"] for end in ("low", "high"))
    assert (low, high) == pytest.approx((0.0063, 0.806), abs=1e-3)  # Clopper and Pearson, 1 of 4
    assert 15 < found["copied_notes"] < 22


def test_half_minutes_of_a_side(corpus: Corpus, tmp_path: Path) -> None:
    found = half_minutes(corpus, open_index(corpus), tmp_path)
    assert read(tmp_path) == [found]
    # a minute is two parts; the copy begins at 60 s, after two empty ones, and what is too short has none
    assert (found.metrics["parts"], found.metrics["songs"]) == (6, 3)
    assert found.metrics["copied_notes_over_16"] == pytest.approx(2 / 6)
    assert found.metrics["copied_notes_over_16_low"] < 2 / 6 < found.metrics["copied_notes_over_16_high"]
    with pytest.raises(ValueError, match="two are needed"):
        half_minutes(corpus, open_index(corpus), split="valid")
