"""Pairs of phrases to learn from, and groups of 50 to rank: melody completion and accompaniment suggestion.

As PiRhDy builds them (Liang et al. 2020; MusicBERT, Zeng et al. 2021, section 4.2.1, takes them over):

- "next": a phrase of a melody and the one that follows. To learn from, each such pair and one with the second phrase of
  another song; to rank, the true phrase and 49 of other songs.
- "acc": a phrase of a melody and one that accompanies it. To learn from, each such pair and one with an accompaniment
  of another song; to rank, all accompaniments of the phrase and as many of other songs as make 50.

Deviation: the wrong phrases of a group are of other songs in both; PiRhDy lets the same song's slip into "acc". None of
them equals a right one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from partimento.tasks.pairs.phrases import PITCH, Phrase, Side, Song

Kind = Literal["next", "acc"]
KINDS: tuple[Kind, ...] = ("next", "acc")
GROUP = 50


@dataclass(frozen=True, eq=False)
class Pair:
    """A phrase of a melody and another, which follows it or accompanies it if `label` is 1."""

    kind: Kind
    first: Phrase
    second: Phrase
    label: int


@dataclass(frozen=True, eq=False)
class Group:
    """A phrase of a melody and what may belong to it.

    Args:
        kind: of the pairs.
        song: group of the songs that the phrase's own is of.
        query: the phrase.
        candidates: the right ones, then the others.
        right: how many are right.
    """

    kind: Kind
    song: str
    query: Phrase
    candidates: tuple[Phrase, ...]
    right: int

    def pairs(self) -> list[Pair]:
        """The query with each candidate."""
        return [Pair(self.kind, self.query, second, int(i < self.right)) for i, second in enumerate(self.candidates)]


@dataclass(frozen=True, eq=False)
class _Question:
    song: str
    query: Phrase
    right: tuple[Phrase, ...]


def pairs_to_learn(songs: Sequence[Song], kind: Kind, side: Side, seed: int = 0, most: int | None = None) -> list[Pair]:
    """Right pairs and as many wrong ones of a side, a right one and its wrong one after each other.

    Args:
        side: "train", or "valid".
        most: pairs; of more, these are drawn, the right ones evenly from all.

    Raises:
        ValueError: if there are not two songs with a pair.
    """
    rng = np.random.default_rng((seed, KINDS.index(kind)))
    asked = list(_questions(songs, kind, side))
    pool = _Pool(asked, kind, side)
    right = [(question, second) for question in asked for second in question.right]
    if most is not None and most // 2 < len(right):
        right = [right[i] for i in sorted(rng.choice(len(right), max(1, most // 2), replace=False))]
    found = []
    for question, second in right:
        wrong = pool.draw(question, 1, rng)[0]
        found += [Pair(kind, question.query, second, 1), Pair(kind, question.query, wrong, 0)]
    return found


def groups_to_rank(
    songs: Sequence[Song], kind: Kind, seed: int = 0, side: Side = "test", size: int = GROUP, most: int | None = None
) -> list[Group]:
    """A group for every phrase of the side's melodies that something follows or accompanies.

    Args:
        size: of a group.
        most: groups; of more, these are drawn.

    Raises:
        ValueError: if the other songs have not phrases enough for a group.
    """
    rng = np.random.default_rng((seed, KINDS.index(kind)))
    asked = list(_questions(songs, kind, side))
    pool = _Pool(asked, kind, side)
    if most is not None and most < len(asked):
        asked = [asked[i] for i in sorted(rng.choice(len(asked), most, replace=False))]
    found = []
    for question in asked:
        others = pool.draw(question, size - len(question.right), rng)
        candidates = (*question.right, *others)
        found.append(Group(kind, question.song, question.query, candidates, len(question.right)))
    return found


def write_groups(groups: Sequence[Group], data: str, path: str | Path) -> None:
    """The groups as JSON: of every phrase the song, the part and the number of its first bar, no notes.

    {"data": ..., "kind": ..., "groups": [{"query": [song, part, bar], "right": [[...], ...], "wrong": [...]}, ...]}
    """
    rows = [
        {
            "query": list(group.query.place),
            "right": [list(phrase.place) for phrase in group.candidates[: group.right]],
            "wrong": [list(phrase.place) for phrase in group.candidates[group.right :]],
        }
        for group in groups
    ]
    lines = ",\n".join(json.dumps(row) for row in rows)
    head = json.dumps({"data": data, "kind": groups[0].kind if groups else ""})[:-1]
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(f'{head}, "groups": [\n{lines}\n]}}\n', encoding="utf-8")


def _questions(songs: Sequence[Song], kind: Kind, side: Side) -> Iterator[_Question]:
    for song in songs:
        if song.side != side:
            continue
        if kind == "next":
            for query, second in song.following():
                yield _Question(song.group, query, (second,))
        else:
            for query, parts in song.accompanied():
                yield _Question(song.group, query, parts)


class _Pool:
    """The right answers to all questions of a side, from which wrong ones are drawn."""

    def __init__(self, asked: Sequence[_Question], kind: Kind, side: Side) -> None:
        self.answers = [(question.song, answer) for question in asked for answer in question.right]
        self.about = f"{side} side of {kind!r}"

    def draw(self, question: _Question, count: int, rng: np.random.Generator) -> list[Phrase]:
        """Different answers to questions about other songs, none of which sounds like a right one."""
        right = {_sound(phrase) for phrase in question.right}
        found: list[Phrase] = []
        for i in _shuffled(len(self.answers), rng):
            if len(found) == count:
                break
            song, answer = self.answers[i]
            if song != question.song and _sound(answer) not in right:
                found.append(answer)
        if len(found) < count:
            raise ValueError(f"{self.about}: the songs other than {question.song} have {len(found)} of {count} phrases")
        return found


def _shuffled(count: int, rng: np.random.Generator) -> Iterator[int]:
    """All numbers below `count`, once each, in a random order that costs only as much as is taken of it."""
    seen: set[int] = set()
    while len(seen) < count // 2:
        if (number := int(rng.integers(count))) not in seen:
            seen.add(number)
            yield number
    rest = np.array([number for number in range(count) if number not in seen], dtype=np.int64)
    yield from rng.permutation(rest).tolist()


def _sound(phrase: Phrase) -> bytes:
    return phrase.notes[:, : PITCH + 1].tobytes()
