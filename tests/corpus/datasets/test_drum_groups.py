"""Songs that are one song: shared fingerprints, groups, sides."""

from __future__ import annotations

from collections import Counter

import numpy as np

from partimento.corpus.datasets.drum_groups import (
    Shared,
    balanced_sides,
    drum_bars,
    joined,
    melody_runs,
    pairs,
    title_key,
)
from partimento.notes import Notes, from_ms
from partimento.tokens.drum_columns import drum_columns

SHARES = {"train": 0.8, "valid": 0.1, "test": 0.1}


def tune(pitches: np.ndarray, apart_ms: int = 125, program: int = 73) -> Notes:
    """A tune of even notes, at 500 ticks a quarter."""
    onset = np.arange(len(pitches)) * apart_ms
    return from_ms(onset, np.full(len(pitches), 50), pitches, np.full(len(pitches), 80), program)


def beat(rows: list[tuple[int, int]]) -> Notes:
    """Drums at steps of 62.5 ticks."""
    step, pitch = np.array(sorted(rows)).T
    return from_ms(np.rint(step * 62.5), np.full(len(step), 30), pitch, np.full(len(step), 80), is_drum=True)


def test_a_melody_in_another_key_or_track_is_the_same() -> None:
    pitches = np.random.default_rng(0).integers(55, 80, 60)
    runs = melody_runs(tune(pitches))
    assert len(runs) > 40
    assert (melody_runs(tune(pitches + 5, program=40)) == runs).all()
    octaves = tune(np.concatenate([pitches]), program=0)
    assert np.isin(melody_runs(octaves), runs).all()
    assert not np.isin(melody_runs(tune(pitches[::-1].copy())), runs).any()
    assert not np.isin(melody_runs(tune(pitches, apart_ms=500)), runs).any()  # four times as slow on its own beats
    assert not len(melody_runs(tune(np.arange(40, 80))))  # a scale says nothing


def test_the_top_line_of_chords_is_the_melody() -> None:
    pitches = np.random.default_rng(0).integers(60, 80, 60)
    low = np.random.default_rng(1).integers(40, 55, 60)
    at = np.tile(np.arange(60) * 125, 2)
    both = from_ms(at, np.full(120, 50), np.concatenate([pitches, low]), np.full(120, 80), 0)
    assert (melody_runs(both) == melody_runs(tune(pitches))).all()


def test_drum_bars_are_distinct_patterns_wherever_they_stand() -> None:
    one, two = [(0, 36), (8, 38)], [(0, 36), (8, 38), (16, 36)]
    first = beat([(step + 32 * bar, pitch) for bar in (0, 1, 5) for step, pitch in one])
    second = beat([(step + 32 * (2 + bar), pitch) for bar, rows in enumerate((two, one)) for step, pitch in rows])
    found = drum_bars(drum_columns(first)), drum_bars(drum_columns(second))
    assert [len(hashes) for hashes in found] == [1, 2]
    assert np.isin(found[0], found[1]).all()
    merged = drum_bars(drum_columns(beat([(0, 35), (8, 40)])))  # other sounds of the same drums
    assert (merged == found[0]).all()
    none = drum_columns(tune(np.arange(60, 70)))
    assert not len(drum_bars(none))


def test_only_rare_hashes_make_a_pair() -> None:
    sets = [[1, 2, 3, 9], [2, 3, 4, 9], [7, 9], [9]]
    found = pairs([np.array(values, dtype=np.uint64) for values in sets], rare=3)
    assert found == [Shared(0, 1, 2, 2 / 3)]  # 9 is everybody's
    assert len(pairs([np.array(values, dtype=np.uint64) for values in sets], rare=4)) == 6


def test_links_make_groups() -> None:
    assert joined(6, [(3, 4), (1, 3), (5, 2)]).tolist() == [0, 1, 2, 1, 1, 2]


def test_titles() -> None:
    names = ("all_of_me_jd.mid", "All of Me.mid", "x/all_of_me-kar_abc2.mid")
    assert {title_key(name) for name in names} == {"allofme"}
    assert title_key("a/it_jd.mid") == ""


def test_sides_are_balanced_in_every_stratum_and_keep_groups_whole() -> None:
    strata = ["open"] * 40 + ["other"] * 200
    groups = [f"g{number // 3 if number < 60 else number}" for number in range(240)]
    sides = balanced_sides(groups, strata, SHARES)
    assert all(len({side for side, group in zip(sides, groups, strict=True) if group == name}) == 1 for name in groups)
    for stratum, size in (("open", 40), ("other", 200)):
        count = Counter(side for side, name in zip(sides, strata, strict=True) if name == stratum)
        assert all(abs(count[side] - share * size) <= 3 for side, share in SHARES.items()), (stratum, count)
    assert sides == balanced_sides(groups, strata, SHARES)
    assert sides != balanced_sides(groups, strata, SHARES, seed=1)
