"""Which recordings or pieces of a corpus are trained on and which validate, and how a run knows them again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np

from partimento.corpus.splits import split_by_group

VALID_SHARE = 0.02


class Labelled(Protocol):
    """A corpus of notes or of recordings."""

    @property
    def folder(self) -> Path: ...
    @property
    def label_names(self) -> tuple[str, ...]: ...
    def __len__(self) -> int: ...
    def column(self, name: str) -> list[Any]: ...
    def label(self, name: str) -> list[str | None]: ...
    def select(self, indices: Sequence[int] | np.ndarray) -> Self: ...


def pieces_of(corpus: Labelled, which: list[int]) -> dict[str, int | str]:
    """How many pieces, and a hash of all their contents in order: a run can only go on with the same ones."""
    hashes = corpus.select(which).column("content_hash")
    return {"count": len(which), "sha256": hashlib.sha256("".join(map(str, hashes)).encode()).hexdigest()}


def pieces_of_sides(corpus: Labelled, train: list[int], valid: list[int]) -> dict[str, dict[str, int | str]]:
    """`pieces_of` of both sides, as the config of a run has it."""
    return {"train": pieces_of(corpus, train), "valid": pieces_of(corpus, valid)}


def sides(corpus: Labelled, least: int = 1) -> tuple[list[int], list[int]]:
    """Indices of the pieces to train on and to validate on.

    Args:
        least: songs to hold out at least, where the labels do not say which.

    Raises:
        ValueError: if one of the two has none.
    """
    if "split" in corpus.label_names:
        split = corpus.label("split")
        train, valid = ([i for i, side in enumerate(split) if side == name] for name in ("train", "valid"))
        hint = "label pieces split=train and split=valid, or none at all"
    else:
        paths = [str(path) for path in corpus.column("path")]
        songs = corpus.label("song") if "song" in corpus.label_names else paths
        keys = [song or path for song, path in zip(songs, paths, strict=True)]
        parts = split_by_group(keys, {"train": 1 - VALID_SHARE, "valid": VALID_SHARE})
        train, valid = list(map(int, parts["train"])), list(map(int, parts["valid"]))
        if len({keys[i] for i in valid}) < least:  # a corpus so small that the hash held too few out
            held = set(list(dict.fromkeys(keys))[:least])
            train = [i for i, key in enumerate(keys) if key not in held]
            valid = [i for i, key in enumerate(keys) if key in held]
        hint = f"pieces of {least + 1} songs at least are needed"
    for name, pieces in (("train", train), ("validate", valid)):
        if not pieces:
            raise ValueError(f"{corpus.folder} ({len(corpus)} pieces) has no piece to {name} on; {hint}")
    return train, valid


def songs_of(corpus: Labelled) -> list[int]:
    """A number for the song of each piece; a piece without a label "song" is its own."""
    paths = [str(path) for path in corpus.column("path")]
    songs = corpus.label("song") if "song" in corpus.label_names else paths
    names = [f"{song or ''}/{'' if song else path}" for song, path in zip(songs, paths, strict=True)]
    return np.unique(names, return_inverse=True)[1].tolist()
