"""Blind pairs: what a piece does after a prompt beside what a model does, without saying which is which; and several
parts to one song in an order that is not told.

Both are played from tokens, in one track, with the pedal held into the notes: neither file, roll nor sound tells them
apart but by the music.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from partimento.notes import Notes
from partimento.report.listen import Take, write_page


@dataclass(frozen=True, eq=False)
class Pair:
    """One prompt and two ways to go on.

    Args:
        title: of the piece, told with the answer.
        true: the piece, its prompt first.
        drawn: the same prompt and what a model played after it.
        prompt_seconds: where the prompt ends in both.
    """

    title: str
    true: Notes
    drawn: Notes
    prompt_seconds: float


def blind_takes(pairs: Sequence[Pair], model: str, seed: int = 0) -> list[Take]:
    """Two takes a pair, A and B; which of them is the model's is drawn.

    Args:
        model: its name, told with the answer.
        seed: of the draw.
    """
    swapped = np.random.default_rng(seed).integers(2, size=len(pairs))
    takes = []
    for number, (pair, swap) in enumerate(zip(pairs, swapped, strict=True), 1):
        both = [(pair.true, f"the piece itself: {pair.title}"), (pair.drawn, model)]
        for letter, (notes, answer) in zip("AB", reversed(both) if swap else both, strict=True):
            takes.append(Take(letter, notes, pair.prompt_seconds, group=f"Pair {number}", answer=answer))
    return takes


def hidden_order(
    heard: Sequence[tuple[Notes, str]], group: str, title: str, generator: np.random.Generator
) -> list[Take]:
    """Several ways to play one song side by side in an order that is drawn, called A, B, ...

    Args:
        heard: the notes of each and whose they are, told by a click.
        group: heading of the row.
        title: of the song, told with the answer.
        generator: of the order.
    """
    order = generator.permutation(len(heard)).tolist()
    letters = (chr(ord("A") + place) for place in range(len(heard)))
    return [
        Take(letter, heard[index][0], group=group, answer=f"{heard[index][1]} ({title})")
        for letter, index in zip(letters, order, strict=True)
    ]


def write_pairs(pairs: Sequence[Pair], path: str | Path, model: str, title: str, seed: int = 0) -> Path:
    """Write a page of blind pairs, with a button that tells below each and a key at the end.

    Raises:
        ValueError: if there is no pair.
    """
    return write_page(blind_takes(pairs, model, seed), path, title)
