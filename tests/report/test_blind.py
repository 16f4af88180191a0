"""Blind pairs: the draw, the answers, and a page that keeps them until it is asked."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
from listening_pieces import scale

from partimento.report.blind import Pair, blind_takes, hidden_order, write_pairs


def pairs(count: int) -> list[Pair]:
    return [Pair(f"Piece {k}", scale(), scale(tuple(range(50, 58))), 2.0) for k in range(count)]


def test_each_pair_has_both_and_the_draw_is_seeded() -> None:
    takes = blind_takes(pairs(40), "some-model", seed=1)
    assert [take.title for take in takes] == ["A", "B"] * 40
    assert [take.group for take in takes[:4]] == ["Pair 1", "Pair 1", "Pair 2", "Pair 2"]
    first = []
    for number, (a, b) in enumerate(zip(takes[::2], takes[1::2], strict=True)):
        assert {a.answer, b.answer} == {"some-model", f"the piece itself: Piece {number}"}
        for take in (a, b):
            assert (take.notes.pitch[0] == 50) == (take.answer == "some-model")
            assert "Piece" not in take.title + take.group + take.detail
        first.append(a.answer == "some-model")
    assert 10 < sum(first) < 30
    assert [t.answer for t in blind_takes(pairs(40), "some-model", seed=1)] == [t.answer for t in takes]
    assert [t.answer for t in blind_takes(pairs(40), "some-model", seed=2)] != [t.answer for t in takes]


def test_parts_to_one_song_stand_in_an_order_that_is_drawn() -> None:
    heard = [(scale((50 + k,)), f"system {k}") for k in range(4)]
    generator = np.random.default_rng(0)
    rows = [hidden_order(heard, f"Song {n}", "Piece", generator) for n in range(30)]
    for n, row in enumerate(rows):
        assert [take.title for take in row] == ["A", "B", "C", "D"]
        assert {take.group for take in row} == {f"Song {n}"}
        assert {take.answer for take in row} == {f"system {k} (Piece)" for k in range(4)}
        assert all(take.answer == f"system {take.notes.pitch[0] - 50} (Piece)" for take in row)
    for place in range(4):
        assert len({row[place].answer for row in rows}) == 4


def test_files_tell_nothing(tmp_path: Path) -> None:
    text = write_pairs(pairs(2), tmp_path / "page.html", "some-model", "Which?").read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    takes = json.loads(found[1])["takes"]
    assert [take["file"] for take in takes] == [f"Pair {n} - {letter}.mid" for n in (1, 2) for letter in "AB"]
    assert {tuple(part["name"] for part in take["parts"]) for take in takes} == {("Grand piano",)}
