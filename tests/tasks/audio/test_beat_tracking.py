"""Peaks, tempo, beats and downbeats of activations whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from partimento.tasks.audio.beat_tracking import choose_downbeats, pick_peaks, tempo, track_beats
from partimento.tasks.audio.music_metrics import beat_f

RATE_HZ = 100.0


def pulses(moments_s: np.ndarray, seconds: float, heights: np.ndarray | float = 1.0) -> np.ndarray:
    """(T,) an activation with a bump of three frames at each moment."""
    activation = np.zeros(round(seconds * RATE_HZ))
    frame = np.rint(moments_s * RATE_HZ).astype(int)
    for shift, part in ((-1, 0.5), (1, 0.5), (0, 1.0)):
        inside = (frame + shift >= 0) & (frame + shift < len(activation))
        activation[frame[inside] + shift] = part * np.broadcast_to(heights, len(frame))[inside]
    return activation


def test_peaks_above_a_threshold():
    activation = np.array([0.9, 0.1, 0.2, 0.1, 0.0, 0.7, 0.7, 0.0, 0.6])
    np.testing.assert_allclose(pick_peaks(activation, 10.0, 0.5), [0.0, 0.5, 0.8])
    np.testing.assert_allclose(pick_peaks(activation, 10.0, 0.15, start_s=1.0), [1.0, 1.2, 1.5, 1.8])
    np.testing.assert_allclose(pick_peaks(activation, 10.0, 0.15, apart_s=0.3), [0.0, 0.5, 0.8])
    assert not len(pick_peaks(activation, 10.0, 1.0))
    assert not len(pick_peaks(np.zeros(0), 10.0, 1.0))


@pytest.mark.parametrize("bpm", [72.0, 97.0, 120.0, 151.0])
def test_tempo_of_even_pulses(bpm: float):
    activation = pulses(np.arange(0.3, 30, 60 / bpm), 30)
    assert tempo(activation, RATE_HZ) == pytest.approx(bpm, rel=0.01)


@pytest.mark.parametrize("bpm", [80.0, 113.0, 140.0])
def test_beats_are_found_through_gaps_and_weaker_off_beats(bpm: float):
    rng = np.random.default_rng(0)
    beats = np.arange(0.4, 29.8, 60 / bpm)
    between = beats[:-1] + 30 / bpm
    heard = beats[rng.random(len(beats)) < 0.8]
    activation = np.maximum(pulses(heard, 30), pulses(between, 30, 0.4)) + 0.05 * rng.random(3000)
    found = track_beats(activation, RATE_HZ)
    assert beat_f(beats, found) > 0.95
    assert np.abs(found[:, None] - beats).min(1).max() < 0.05


def test_beats_follow_a_tempo_that_drifts():
    intervals = 0.5 * np.exp(0.06 * np.sin(np.arange(58) / 8))
    beats = 0.2 + np.cumsum(intervals)
    assert beat_f(beats, track_beats(pulses(beats, beats[-1] + 0.3), RATE_HZ)) > 0.97


def test_a_given_tempo_is_kept_and_times_start_where_told():
    beats = np.arange(0.25, 20, 0.5)
    found = track_beats(pulses(beats, 20), RATE_HZ, bpm=60.0, start_s=3.0)
    assert np.median(np.diff(found)) == pytest.approx(1.0, abs=0.02)
    np.testing.assert_allclose((found - 3.25 + 0.2) % 0.5, 0.2, atol=0.011)


def test_nothing_in_silence():
    assert not len(track_beats(np.zeros(1000), RATE_HZ))
    assert not len(track_beats(np.zeros(0), RATE_HZ))
    assert not len(choose_downbeats(np.zeros(0), np.zeros(10), RATE_HZ))


@pytest.mark.parametrize(("metre", "phase"), [(3, 0), (3, 2), (4, 0), (4, 3)])
def test_downbeats_by_metre_and_phase(metre: int, phase: int):
    beats = np.arange(0.5, 25, 0.5)
    rng = np.random.default_rng(2)
    activation = pulses(beats[phase::metre], 26, rng.uniform(0.5, 1, len(beats[phase::metre]))) + 0.2 * rng.random(2600)
    np.testing.assert_allclose(choose_downbeats(beats, activation, RATE_HZ), beats[phase::metre])
