"""The labelled pieces of a corpus, by side."""

from __future__ import annotations

import logging

import numpy as np

from partimento.corpus.splits import split_by_group
from partimento.corpus.store import Corpus
from partimento.training.classification import LabelledPieces

SHARES = {"train": 0.9, "valid": 0.1}  # of the songs, where a corpus does not say who is on which side
UNLABELLED = -1

logger = logging.getLogger("partimento")


def labelled_pieces(corpus: Corpus, label: str) -> tuple[LabelledPieces, list[int]]:
    """The pieces of a corpus that have a label, and which of them are set aside to test on (label split=test).

    Pieces labelled split=train are learned from and split=valid choose the checkpoint. Where the corpus has no label
    "split", a tenth of the songs (label "song"; of the pieces, where there is none) is held out by its hash to choose
    on, and nothing to test on. The classes are those of the training side; pieces of other classes and pieces without
    piano notes are left out with a notice.

    Raises:
        KeyError: if no piece of the corpus has the label.
        ValueError: if the training side has fewer than two classes or the other side no piece.
    """
    values = corpus.label(label)
    sides = _sides(corpus, [i for i, value in enumerate(values) if value is not None and _has_piano(corpus, i)])
    classes = sorted({str(values[i]) for i in sides["train"]})
    number = {name: place for place, name in enumerate(classes)}
    labels = np.array([number.get(str(value), UNLABELLED) for value in values], dtype=np.int64)
    train, valid, test = ([i for i in sides[side] if labels[i] != UNLABELLED] for side in ("train", "valid", "test"))
    left_out = len(corpus) - len(train) - len(valid) - len(test)
    if left_out:
        logger.warning(
            f"{left_out:,} of {len(corpus):,} pieces are left out: no {label!r}, one of which no piece is trained on, "
            "no piano notes, or on no side"
        )
    hashes = [str(value) for value in corpus.column("content_hash")]
    pieces = LabelledPieces(
        label, tuple(classes), labels, train, valid, lambda index: corpus[index].notes.piano(), hashes
    )
    return pieces, test


def _has_piano(corpus: Corpus, index: int) -> bool:
    return bool(len(corpus[index].notes.piano()))


def _sides(corpus: Corpus, usable: list[int]) -> dict[str, list[int]]:
    """Of the usable pieces, those of each side."""
    if "split" in corpus.label_names:
        split = corpus.label("split")
        return {side: [i for i in usable if split[i] == side] for side in ("train", "valid", "test")}
    paths = [str(path) for path in corpus.column("path")]
    songs = corpus.label("song") if "song" in corpus.label_names else paths
    keys = [songs[i] or paths[i] for i in usable]
    held_out = set(split_by_group(keys, SHARES)["valid"].tolist())
    if not held_out and keys:  # so few that the hash held nothing out
        held_out = {i for i, key in enumerate(keys) if key == keys[0]}
    return {
        "train": [piece for i, piece in enumerate(usable) if i not in held_out],
        "valid": [piece for i, piece in enumerate(usable) if i in held_out],
        "test": [],
    }
