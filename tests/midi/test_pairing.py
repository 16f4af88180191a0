"""Pairing of note-ons and note-offs against the rule written out event by event."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.midi.pairing import pair_notes


def by_the_rule(tick: list[int], key: list[int], is_on: list[bool]) -> set[tuple[int, int]]:
    open_notes: dict[int, list[int]] = {}
    pairs = set()
    for number, (now, pitch, begins) in enumerate(zip(tick, key, is_on, strict=True)):
        mine = open_notes.setdefault(pitch, [])
        if begins:
            mine.append(number)
            continue
        ended = [begin for begin in mine if tick[begin] < now]
        pairs |= {(begin, number) for begin in ended}
        open_notes[pitch] = [begin for begin in mine if tick[begin] == now] if ended else []
    return pairs


def pairs_of(tick: list[int], key: list[int], is_on: list[bool], kind: type = np.uint16) -> list[tuple[int, int]]:
    begin, end = pair_notes(np.array(tick, dtype=np.int64), np.array(key, dtype=kind), np.array(is_on, dtype=bool))
    return list(zip(begin.tolist(), end.tolist(), strict=True))


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.booleans()), max_size=40),
    st.sampled_from([np.uint16, np.int64]),
)
def test_equals_the_rule(events: list[tuple[int, int, bool]], kind: type) -> None:
    tick = np.cumsum([wait for wait, _, _ in events]).tolist() if events else []
    key = [pitch for _, pitch, _ in events]
    is_on = [on for _, _, on in events]
    pairs = pairs_of(tick, key, is_on, kind)
    assert set(pairs) == by_the_rule(tick, key, is_on)
    assert [begin for begin, _ in pairs] == sorted({begin for begin, _ in pairs})


def test_one_end_ends_every_earlier_beginning() -> None:
    assert pairs_of([0, 5, 9, 9], [60] * 4, [True, True, False, False]) == [(0, 2), (1, 2)]


def test_a_note_struck_again_before_its_end_at_the_same_tick_stays() -> None:
    assert pairs_of([0, 5, 5, 9], [60] * 4, [True, True, False, False]) == [(0, 2), (1, 3)]


def test_notes_of_no_length_and_without_end_are_dropped() -> None:
    assert pairs_of([0, 0, 3], [60, 60, 61], [True, False, True]) == []
