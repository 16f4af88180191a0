"""Folds by group, and names that hang together, on drawn and on worked examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.tasks.piano import BUILDERS
from partimento.tasks.piano.folds import carved, grouped_folds, joined, published_fold, shared_groups


def test_published_sides_become_indices() -> None:
    fold = published_fold(["test", "train", "", "validation", "train"], valid="validation")
    assert [side.tolist() for side in (fold.train, fold.valid, fold.test)] == [[1, 4], [3], [0]]


def drawn(seed: int, groups: int = 60) -> tuple[list[str], list[str]]:
    """Labels of three classes and groups of one to four examples; a group has one label."""
    random = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), random.integers(1, 5, groups))
    return [str(number % 3) for number in group], [f"g{number}" for number in group]


@pytest.mark.parametrize("seed", range(3))
def test_each_example_is_tested_on_once_and_groups_stay_together(seed: int) -> None:
    labels, groups = drawn(seed)
    folds = grouped_folds(labels, groups)
    assert np.array_equal(np.sort(np.concatenate([fold.test for fold in folds])), np.arange(len(labels)))
    for fold in folds:
        sides = [fold.train, fold.valid, fold.test]
        assert np.array_equal(np.sort(np.concatenate(sides)), np.arange(len(labels)))
        first, second, third = ({groups[i] for i in side} for side in sides)
        assert not first & second
        assert not first & third
        assert not second & third
        assert all({labels[i] for i in side} == {"0", "1", "2"} for side in sides)
        assert len(fold.test) == pytest.approx(len(labels) / 5, abs=6)
        assert shared_groups(fold, groups) == 0


def test_folds_are_the_same_every_time() -> None:
    once, again = grouped_folds(*drawn(0)), grouped_folds(*drawn(0))
    for a, b in zip(once, again, strict=True):
        assert all(np.array_equal(getattr(a, side), getattr(b, side)) for side in ("train", "valid", "test"))


def test_a_rare_label_makes_the_valid_side_larger_not_an_error() -> None:
    labels, groups = drawn(1)
    labels[-2:], groups[-2:] = ["rare", "rare"], ["r1", "r2"]
    train, valid = carved(np.arange(len(labels)), labels, groups)
    assert sorted(labels[i] for side in (train, valid) for i in side if labels[i] == "rare") == ["rare", "rare"]
    assert len(valid) == pytest.approx(len(labels) / 2, abs=6)


def test_shared_groups_counts_test_examples() -> None:
    fold = published_fold(["train", "test", "test", "test", "valid"])
    assert shared_groups(fold, ["a", "a", "a", "b", "b"]) == 2


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=3), max_size=8))
def test_joined_names_are_the_connected_parts_of_a_graph(pairs: list[list[str]]) -> None:
    names = sorted({name for names in pairs for name in names})
    reach = {a: {a} | {b for names in pairs if a in names for b in names} for a in names}
    for _ in names:
        reach = {a: set().union(*(reach[b] for b in reach[a])) for a in names}
    assert joined(pairs) == {name: min(reach[name]) for name in names}


@pytest.mark.parametrize("builder", BUILDERS, ids=lambda builder: builder.__name__)
def test_a_missing_set_is_named_with_what_to_do(tmp_path: Path, builder: object) -> None:
    with pytest.raises(FileNotFoundError, match="unpack the data set") as caught:
        builder(tmp_path)  # type: ignore[operator]
    assert str(tmp_path) in str(caught.value)
