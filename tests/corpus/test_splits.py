"""Splits by group."""

from __future__ import annotations

import numpy as np
import pytest

from partimento.corpus.splits import split_by_group

FRACTIONS = {"train": 0.8, "valid": 0.1, "test": 0.1}
KEYS = [f"song {number // 3}" for number in range(3000)]


def test_every_piece_is_on_one_side_with_its_song() -> None:
    split = split_by_group(KEYS, FRACTIONS)
    assert sorted(np.concatenate(list(split.values()))) == list(range(len(KEYS)))
    songs = [{KEYS[index] for index in side} for side in split.values()]
    assert sum(map(len, songs)) == len(set().union(*songs)) == 1000
    for side, share in FRACTIONS.items():
        assert abs(len(split[side]) / len(KEYS) - share) < 0.03


def test_a_split_is_fixed_by_its_seed_and_not_by_the_others() -> None:
    split = split_by_group(KEYS, FRACTIONS, seed=1)
    fewer = split_by_group(KEYS[:1500], FRACTIONS, seed=1)
    for side in FRACTIONS:
        assert [index for index in split[side] if index < 1500] == list(fewer[side])
    assert list(split["test"]) != list(split_by_group(KEYS, FRACTIONS, seed=2)["test"])
    assert split_by_group(["Für Elise", "月光", "a", "b"], {"one": 0.5, "other": 0.5})["one"].tolist() == [2]


@pytest.mark.parametrize("fractions", [{}, {"a": 0.5}, {"a": 1.5, "b": -0.5}])
def test_fractions_must_be_shares(fractions: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="add up to 1"):
        split_by_group(KEYS, fractions)
