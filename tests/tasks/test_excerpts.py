"""Scores of excerpts: closed forms on music whose answer is known, and what must move each of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from partimento.notes import Notes, from_ms
from partimento.tasks import excerpts
from partimento.tasks.excerpts import compared, excerpt, jackknife, overlapping_area, values


def played(onset_ms: np.ndarray, pitch: np.ndarray, duration_ms: int = 200) -> Notes:
    count = len(onset_ms)
    return from_ms(np.asarray(onset_ms), np.full(count, duration_ms), np.asarray(pitch), np.full(count, 70))


def steady(seconds: float = 30.0, each_ms: int = 500) -> Notes:
    """A scale up and down, a note every half second."""
    onset = np.arange(0, seconds * 1e3, each_ms)
    return played(onset, 60 + np.abs((np.arange(len(onset)) % 14) - 7))


def free(seed: int, count: int = 60, seconds: float = 30.0) -> Notes:
    """Notes at random times."""
    generator = np.random.default_rng(seed)
    return played(np.sort(generator.uniform(0, seconds * 1e3, count)), generator.integers(40, 80, count))


def test_closed_forms() -> None:
    notes = steady()
    assert excerpts.note_density(notes, 30.0) == 2.0
    assert excerpts.note_length(notes, 30.0) == pytest.approx(0.2)
    assert excerpts.pitch_range(notes, 30.0) == 7.0
    assert excerpts.inter_onset(notes, 30.0) == pytest.approx(0.5)
    octaves = played(np.arange(12) * 500, 60 + np.arange(12))
    assert excerpts.pitch_class_entropy(octaves, 6.0) == pytest.approx(np.log2(12))
    assert excerpts.pitch_class_entropy(played(np.arange(9) * 500, 48 + 12 * (np.arange(9) % 3)), 5.0) == 0.0
    classes = excerpts.pitch_classes(played(np.array([0, 500, 900, 1300]), np.array([60, 72, 67, 61])), 2.0)
    assert classes[[0, 1, 7]].tolist() == [0.5, 0.25, 0.25]
    gaps = excerpts.inter_onsets(played(np.array([0, 10, 100, 300, 1300, 5000]), np.full(6, 60)), 6.0)
    assert gaps.tolist() == [0, 0.25, 0.25, 0, 0, 0.25, 0.25]  # 0 and 10 ms are one chord


def test_a_chord_is_one_onset() -> None:
    spread = np.concatenate([np.arange(0, 30_000, 500) + late for late in (0, 12, 25)])
    chords = played(np.sort(spread), np.full(len(spread), 60))
    assert excerpts.inter_onset(chords, 30.0) == pytest.approx(0.5)


def test_groove_knows_a_pulse_from_none_and_does_not_ask_for_its_tempo() -> None:
    for each_ms in (250, 437, 900):
        assert excerpts.groove(steady(each_ms=each_ms), 30.0) > 0.95
    generator = np.random.default_rng(0)
    loose = steady()
    human = played(np.maximum(0, loose.onset_ms + generator.normal(0, 20, len(loose))), loose.pitch)
    without = np.mean([excerpts.groove(free(seed), 30.0) for seed in range(5)])
    assert without < 0.4 < 0.6 < excerpts.groove(human, 30.0) < 0.95
    dotted = np.cumsum(np.tile([300, 100, 200, 400], 30))  # repeats every second, not evenly
    assert excerpts.groove(played(dotted, np.full(120, 60)), 30.0) > 0.95


def test_self_similarity_hears_a_return() -> None:
    def chords(order: list[int]) -> Notes:
        roots = [0, 2, 4, 5, 7, 9, 11, 1, 3, 6, 8, 10]
        rows = [(bar * 2500, 48 + roots[number]) for bar, number in enumerate(order)]
        return played(*np.array(rows).T, duration_ms=2400)

    returns = excerpts.self_similarity(chords([0, 1, 2, 3] * 3), 30.0)
    wanders = excerpts.self_similarity(chords(list(range(12))), 30.0)
    assert wanders < 0.1
    assert returns > 0.95


def test_empty_music_has_scores() -> None:
    nothing = np.array([], dtype=np.int32)
    found = values([from_ms(nothing, nothing, nothing, nothing), played(np.array([100]), np.array([60]))], 30.0)
    assert {name: array.shape[0] for name, array in found.items()} == dict.fromkeys(found, 2)
    assert all(np.isfinite(array).all() for array in found.values())
    assert found["inter_onset"].tolist() == [[30.0], [30.0]]


def test_excerpt_begins_at_zero_and_holds_the_pedal() -> None:
    notes = steady()
    with_pedal = Notes(
        notes.onset,
        *(notes.duration, notes.pitch, notes.velocity, notes.program, notes.is_drum, notes.track),
        ticks_per_quarter=notes.ticks_per_quarter,
        pedal_tick=np.array([10_050, 11_700], dtype=np.int32),
        pedal_value=np.array([127, 0], dtype=np.int32),
        pedal_track=np.zeros(2, dtype=np.int32),
    )
    part = excerpt(with_pedal, 10.0, 20.0)
    assert part.onset_ms.tolist() == list(range(0, 10_000, 500))
    assert part.pitch.tolist() == notes.pitch[20:40].tolist()
    assert part.duration_ms[:5].tolist() == [1000, 1200, 700, 200, 200]  # until struck again, until 11.7 s, their own


def test_overlapping_area_of_two_normals() -> None:
    generator = np.random.default_rng(0)
    first = generator.normal(0, 1, 4000)
    assert overlapping_area(first, generator.normal(0, 1, 4000)) == pytest.approx(1, abs=0.04)
    assert overlapping_area(first, generator.normal(2, 1, 4000)) == pytest.approx(2 * norm.cdf(-1), abs=0.03)
    assert overlapping_area(first, generator.normal(40, 1, 4000)) == pytest.approx(0, abs=1e-6)
    assert overlapping_area(np.full(5, 2.0), np.full(9, 2.0)) == 1.0
    assert overlapping_area(np.full(5, 2.0), first) == 0.0


def test_jackknife_of_a_mean_is_its_normal_interval() -> None:
    sample = np.random.default_rng(1).normal(3, 2, 50)
    found = jackknife("x", lambda rows: float(sample[rows].mean()), 50)
    half = 1.96 * sample.std(ddof=1) / np.sqrt(50)
    assert found == pytest.approx({"x": sample.mean(), "x_low": sample.mean() - half, "x_high": sample.mean() + half})


def test_comparison_tells_the_right_piece_from_a_right_set() -> None:
    generator = np.random.default_rng(2)
    true = generator.normal(0, 1, (40, 1))
    near = compared(true + generator.normal(0, 0.1, (40, 1)), true)
    shuffled = compared(np.roll(true, 7, axis=0), true)
    elsewhere = compared(true + 5, true)
    assert near["error"] < 0.15 < 0.8 < shuffled["error"] < 1.6
    assert shuffled["overlap"] > 0.93
    assert near["overlap"] > 0.93
    assert elsewhere["overlap"] < 0.1
    for found in (near, shuffled, elsewhere):
        assert all(found[f"{name}_low"] <= found[name] <= found[f"{name}_high"] for name in ("mean", "error"))
    two = compared(generator.normal(0, 1, (6, 3)), generator.normal(0, 1, (6, 3)))
    assert "mean" not in two
    with pytest.raises(ValueError, match="at least four"):
        compared(true[:3], true[:3])
