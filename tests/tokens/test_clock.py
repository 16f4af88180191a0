"""Which pieces have a metre, and a clock for those that have none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from partimento.midi import read_midi
from partimento.notes import Notes, from_ms
from partimento.tokens.clock import grid_strength, is_metrical, on_clock
from partimento.tokens.octuple import BAR, POSITION, encode


def at(onset_ms: np.ndarray) -> Notes:
    count = len(onset_ms)
    return from_ms(onset_ms, np.full(count, 100), np.full(count, 60), np.full(count, 64))


def test_on_the_clock_a_bar_is_two_seconds() -> None:
    rubato = replace(
        at(np.array([0, 1000, 2000, 3000])),
        tempo_tick=np.array([0, 1500], dtype=np.int32),
        tempo_us=np.array([700_000, 300_000], dtype=np.int32),
        metre_numerator=np.array([3], dtype=np.int32),
    )
    clocked = on_clock(rubato)
    np.testing.assert_allclose(clocked.onset_ms, rubato.onset_ms, atol=1)
    np.testing.assert_allclose(clocked.duration_ms, rubato.duration_ms, atol=1)
    words, which = encode(clocked)
    seconds = words[:, BAR] * 2 + words[:, POSITION] / 32
    np.testing.assert_allclose(seconds, rubato.onset_ms[which] / 1e3, atol=1 / 64 + 1e-3)
    assert on_clock(rubato, bpm=60).seconds == pytest.approx(rubato.seconds, abs=0.01)
    with pytest.raises(ValueError, match="0 quarters a minute"):
        on_clock(rubato, bpm=0)


def test_a_steady_beat_is_metrical_and_a_free_one_is_not() -> None:
    generator = np.random.default_rng(0)
    steps = np.cumsum(generator.integers(1, 5, 300)) * 125
    jitter = generator.normal(0, 15, 300)
    assert is_metrical(at(np.sort(np.rint(steps + 200 + jitter))))
    triplets = np.arange(300) * 500 / 3
    assert is_metrical(at(np.rint(triplets)))
    free = at(np.sort(generator.integers(0, 200_000, 800)))
    assert not is_metrical(free)
    assert grid_strength(free) < 0.15
    assert is_metrical(replace(free, tempo_tick=np.array([0, 9]), tempo_us=np.array([500_000, 480_000])))
    three_four = {
        "metre_tick": np.array([0, 9]),
        "metre_numerator": np.array([4, 3]),
        "metre_denominator": np.array([4, 4]),
    }
    assert is_metrical(replace(free, **three_four))
    assert not is_metrical(at(np.array([0, 60])))
    assert grid_strength(at(np.array([], dtype=np.int64))) == 0


@pytest.mark.parametrize(
    ("folder", "metrical"),
    [
        ("pop909/mid", True),
        ("nottingham/MIDI", True),
        ("piano_midi_de/midis", True),
        ("pianist8/midi", False),
    ],
)
def test_sets_are_told_apart(raw: Callable[[str], Path], folder: str, metrical: bool) -> None:
    files = sorted((raw(folder.split("/")[0]).parent / folder).rglob("*.mid"))[::40][:12]
    found = [is_metrical(read_midi(path)) for path in files]
    assert np.mean(np.array(found) == metrical) >= 0.9
