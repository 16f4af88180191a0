"""Annotated scores as labelled words: keys on the line of fifths, ties, upbeats, first endings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from partimento.tasks.words import dcml
from partimento.tasks.words.labelled_pieces import KEYS
from partimento.tokens.fields import MASK
from partimento.tokens.octuple import BAR, DURATION, DURATION_UNITS, OCTUPLE, PITCH, POSITION, VELOCITY

NOTES = """mc quarterbeats duration_qb staff midi tied gracenote
1 0 1.0 1 67 . .
2 1 4.0 1 60 1 .
2 1 0 1 59 . grace16
2 1 4.0 2 48 . .
3 5 1.0 1 60 -1 .
3 13/2 0.5 1 64 . .
4 . 1.0 1 72 . .
"""
MEASURES = """mc quarterbeats timesig mc_offset
1 0 4/4 3/4
2 1 4/4 0
3 5 4/4 0
4 . 4/4 0
"""
HARMONIES = """mc quarterbeats globalkey localkey root
1 0 a i 0
3 5 a III 1
"""


def _write(at: Path, table: str) -> None:
    at.parent.mkdir(parents=True)
    rows = [["" if cell == "." else cell for cell in line.split()] for line in table.splitlines()]
    at.write_text("\n".join("\t".join(row) for row in rows) + "\n", encoding="utf-8")


def test_a_score_becomes_labelled_words(tmp_path: Path) -> None:
    for kind, table in (("notes", NOTES), ("measures", MEASURES), ("harmonies", HARMONIES)):
        _write(tmp_path / "corelli" / kind / f"op01n02b.{kind}.tsv", table)
    (piece,) = dcml.pieces_of(tmp_path)
    assert (piece.name, piece.song) == ("corelli/op01n02b", "corelli/op01n02")
    words = piece.words
    assert words[:, PITCH].tolist() == [67, 48, 60, 64]  # tied as one, without the grace note and the first ending
    assert DURATION_UNITS[words[:, DURATION]].tolist() == [16, 64, 80, 8]
    assert words[:, BAR].tolist() == [0, 1, 1, 2]
    assert words[:, POSITION].tolist() == [48, 0, 0, 24]
    assert (words[:, VELOCITY] == OCTUPLE.sizes[VELOCITY] + MASK).all()
    assert [KEYS[i] for i in piece.labels["local key"]] == ["A minor"] * 3 + ["C major"]
    assert piece.labels["chord root"].tolist() == [9, 9, 9, 7]


@pytest.mark.parametrize(
    ("globalkey", "local", "found"),
    [
        ("C", "I", (0, False)),
        ("f#", "i", (6, True)),
        ("Eb", "vi", (0, True)),
        ("a", "VI", (-1, False)),
        ("a", "#vi", (6, True)),  # the sixth degree of minor raised
        ("C", "bIII/V", (-2, False)),
        ("b", "v/iv", (5, True)),
    ],
)
def test_local_keys(globalkey: str, local: str, found: tuple[int, bool]) -> None:
    place, is_minor = dcml.local_key(globalkey, local)
    assert (place, bool(is_minor)) == found


@pytest.mark.parametrize(("globalkey", "local"), [("H", "I"), ("C", "IIII"), ("C", "")])
def test_what_is_no_key_is_refused(globalkey: str, local: str) -> None:
    with pytest.raises(ValueError, match="is no key"):
        dcml.local_key(globalkey, local)


def test_labels_lie_on_the_notes(raw: Callable[[str], Path]) -> None:
    pieces = list(dcml.pieces_of(raw("dcml"), "schumann_kinderszenen"))
    assert len(pieces) == 13
    pitch = np.concatenate([piece.words[:, PITCH] for piece in pieces])
    root = np.concatenate([piece.labels["chord root"] for piece in pieces])
    assert np.isin((pitch - root) % 12, [0, 3, 4, 7]).mean() > 0.7
