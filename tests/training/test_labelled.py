from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from labelled_music import CLASSES, piece

from partimento.corpus.store import Corpus, Piece, write_corpus
from partimento.training.labelled import labelled_pieces


def corpus(folder: Path, labels: list[dict[str, str]]) -> Corpus:
    """A piece for each dict of labels; one labelled instrument=organ has no piano notes."""
    found = []
    for number, mine in enumerate(labels):
        notes = piece(number)
        if mine.get("instrument") == "organ":
            notes = replace(notes, program=np.full(len(notes), 19, np.int32), last_program=(19,))
        found.append(Piece(f"{number:03d}.mid", f"{number:064d}", notes.seconds, mine, notes))
    return write_corpus(folder, found)


def test_sides_by_their_label(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sides = ["train"] * 6 + ["valid"] * 2 + ["test"] * 2
    labels = [{"register": CLASSES[number % 2], "split": side} for number, side in enumerate(sides)]
    labels += [
        {"split": "train"},  # no class
        {"register": "unheard of", "split": "valid"},
        {"register": "low", "split": "train", "instrument": "organ"},
        {"register": "low", "split": "spare"},
    ]
    with caplog.at_level(logging.WARNING, "partimento"):
        pieces, test = labelled_pieces(corpus(tmp_path / "corpus", labels), "register")
    assert (pieces.train, pieces.valid, test) == (list(range(6)), [6, 7], [8, 9])
    assert pieces.classes == CLASSES
    assert pieces.labels[:10].tolist() == [0, 1] * 5
    assert len(pieces.notes_of(3)) == 60
    assert pieces.identity[3] == f"{3:064d}"
    assert "4 of 14 pieces are left out" in caplog.text


def test_without_such_a_label_songs_are_held_out_whole(tmp_path: Path) -> None:
    labels = [{"register": CLASSES[number % 2], "song": f"song {number // 4}"} for number in range(80)]
    pieces, test = labelled_pieces(corpus(tmp_path / "corpus", labels), "register")
    assert not test
    assert sorted([*pieces.train, *pieces.valid]) == list(range(80))
    assert 4 <= len(pieces.valid) <= 20
    assert not {number // 4 for number in pieces.train} & {number // 4 for number in pieces.valid}


def test_a_few_pieces_are_enough(tmp_path: Path) -> None:
    labels = [{"register": CLASSES[number % 2]} for number in range(4)]
    pieces, _ = labelled_pieces(corpus(tmp_path / "corpus", labels), "register")
    assert len(pieces.train) + len(pieces.valid) == 4
    assert len(pieces.valid) >= 1


def test_a_label_that_is_not_there(tmp_path: Path) -> None:
    found = corpus(tmp_path / "corpus", [{"register": "low"}] * 4)
    with pytest.raises(KeyError, match="no label 'composer'; it has register"):
        labelled_pieces(found, "composer")
    with pytest.raises(ValueError, match="1 classes of 'register'"):
        labelled_pieces(found, "register")
