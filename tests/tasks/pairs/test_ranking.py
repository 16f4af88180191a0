from __future__ import annotations

import numpy as np
import pytest
from toy_songs import toy_songs

from partimento.tasks.pairs.groups import groups_to_rank
from partimento.tasks.pairs.ranking import HITS, average_precision, figures, hits, ranked, scores_of

GROUPS = groups_to_rank(toy_songs(), "acc", size=30)


def by_program(scores: np.ndarray, right: int) -> tuple[float, list[float]]:
    """MAP and HITS of one group as MusicBERT's evaluation defines them, by sorted tuples."""
    rows = sorted((-score, int(i < right)) for i, score in enumerate(scores))
    found = [position + 1 for position, (_, label) in enumerate(rows) if label]
    precision = sum((i + 1) / rank for i, rank in enumerate(found)) / len(found)
    return precision, [sum(label for _, label in rows[:first]) / right for first in HITS]


@pytest.mark.parametrize("levels", [3, 10**6])
def test_as_the_program_counts(levels: int) -> None:
    generator = np.random.default_rng(levels)
    for right in (1, 2, 5):
        scores = generator.integers(0, levels, 50).astype(float)
        order = ranked(scores, right)
        precision, shares = by_program(scores, right)
        assert average_precision(order) == pytest.approx(precision)
        assert [hits(order, first) for first in HITS] == pytest.approx(shares)


def test_equal_scores_are_no_merit() -> None:
    found = figures(GROUPS, [scores_of(GROUPS, lambda pairs: np.zeros(len(pairs)))], "toys")
    assert found["HITS@25"].value == 0


def test_a_perfect_ranking_and_its_bound() -> None:
    found = figures(GROUPS, [scores_of(GROUPS, lambda pairs: np.array([pair.label for pair in pairs]))], "toys")
    assert [found["MAP"].value, found["HITS@5"].value, found["MAP"].low] == pytest.approx([1, 1, 1])
    assert found["HITS@1"].value == pytest.approx(np.mean([1 / group.right for group in GROUPS]))


def test_intervals_over_songs_and_seeds() -> None:
    generator = np.random.default_rng(0)
    scores = [[generator.random(30) for _ in GROUPS] for _ in range(3)]
    found = figures(GROUPS, scores, "toys")
    assert found["MAP"].low < found["MAP"].value < found["MAP"].high
    single = np.mean([[hits(ranked(s, g.right), 10) for s, g in zip(each, GROUPS, strict=True)] for each in scores])
    assert found["HITS@10"].value == pytest.approx(single)
    assert str(found["HITS@10"]).startswith(f"{single:.3f} (")
