from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from toy_songs import toy_song, toy_songs

from partimento.tasks.pairs.groups import Kind, groups_to_rank, pairs_to_learn, write_groups
from partimento.tasks.pairs.phrases import Song

SONGS = toy_songs()


def songs_of(side: str) -> set[str]:
    return {song.name for song in SONGS if song.side == side}


@pytest.mark.parametrize(("kind", "right"), [("next", 20 * 4), ("acc", 20 * 9)])
def test_a_wrong_pair_for_every_right_one(kind: Kind, right: int) -> None:
    pairs = pairs_to_learn(SONGS, kind, "train")
    assert [pair.label for pair in pairs] == [1, 0] * right
    for true, wrong in zip(pairs[::2], pairs[1::2], strict=True):
        assert true.first is wrong.first
        assert true.first.song == true.second.song != wrong.second.song
        assert {true.first.song, wrong.second.song} <= songs_of("train")
        assert true.second.bar - true.first.bar == (4 if kind == "next" else 0)
    few = pairs_to_learn(SONGS, kind, "train", most=20)
    assert [pair.label for pair in few] == [1, 0] * 10
    assert len({pair.first.song for pair in few}) > 4


@pytest.mark.parametrize("kind", ["next", "acc"])
def test_groups_hold_all_right_ones_and_others_of_other_songs(kind: Kind) -> None:
    groups = groups_to_rank(SONGS, kind, size=20)
    assert len(groups) == 10 * (4 if kind == "next" else 5)
    for group in groups:
        assert len(group.candidates) == len({c.place for c in group.candidates}) == 20
        assert group.right == (1 if kind == "next" or group.query.bar == 0 else 2)
        assert all(c.song == group.query.song for c in group.candidates[: group.right])
        assert all(c.song != group.query.song for c in group.candidates[group.right :])
        assert {c.song for c in group.candidates} <= songs_of("test")
        assert [pair.label for pair in group.pairs()] == [1] * group.right + [0] * (20 - group.right)
    again = groups_to_rank(SONGS, kind, size=20)
    other = groups_to_rank(SONGS, kind, seed=1, size=20)
    places = [[[c.place for c in group.candidates] for group in each] for each in (groups, again, other)]
    assert places[0] == places[1] != places[2]
    assert len(groups_to_rank(SONGS, kind, size=20, most=7)) == 7


def test_songs_of_one_group_are_not_each_others_wrong_answers() -> None:
    songs = [toy_song(n, "test", group="one" if n < 8 else f"{n}") for n in range(12)]
    for group in groups_to_rank(songs, "next", size=16):
        assert group.song != "one" or all(int(c.song) >= 8 for c in group.candidates[1:])


def test_a_wrong_answer_never_sounds_like_the_right_one() -> None:
    first = toy_song(0, "test")
    twin = Song("twin", "twin", "test", toy_song(0, "test").melody, ())
    with pytest.raises(ValueError, match="have 3 of 4 phrases"):  # the twin's other three: the fourth is the same
        groups_to_rank([first, twin], "next", size=5)


def test_too_few_phrases() -> None:
    with pytest.raises(ValueError, match="test side of 'acc': the songs other than 030 have"):
        groups_to_rank(SONGS, "acc", size=500)


def test_groups_as_json(tmp_path: Path) -> None:
    groups = groups_to_rank(SONGS, "acc", size=10)
    write_groups(groups, "toys", tmp_path / "new" / "acc.json")
    found = json.loads((tmp_path / "new" / "acc.json").read_text())
    assert (found["data"], found["kind"], len(found["groups"])) == ("toys", "acc", len(groups))
    row = found["groups"][1]
    assert row["query"] == ["030", "melody", 4]
    assert sorted(row["right"]) == [["030", "bridge", 4], ["030", "piano", 4]]
    assert len(row["wrong"]) == 8
    assert np.array(row["wrong"]).shape == (8, 3)
