"""Onsets: peaks of curves, found where they are, judged by mir_eval."""

from __future__ import annotations

import numpy as np
import pytest

from partimento.analysis.attention_onsets import (
    PeakRule,
    attention_onset_f,
    onset_f,
    pick_peaks,
    rise,
    spectral_flux,
)
from partimento.analysis.sound_layers import SoundLayers

STEP_S = 0.02


def clicks(onsets_s: np.ndarray, frames: int = 500) -> np.ndarray:
    """(8, T) a log-mel of quiet noise in which each onset rings for a while."""
    mel = 0.02 * np.random.default_rng(0).random((8, frames))
    for onset in np.rint(onsets_s / STEP_S).astype(int):
        ringing = mel[:, onset : onset + 12]
        ringing += np.exp(-np.arange(ringing.shape[1]) / 4)
    return mel


def test_a_click_track_is_found_whole() -> None:
    truth_s = np.arange(0.5, 9.5, 0.37)
    flux = spectral_flux(clicks(truth_s))
    found = pick_peaks(flux, np.arange(len(flux)) * STEP_S)
    assert np.abs(found - truth_s).max() <= STEP_S / 2 + 1e-9
    assert onset_f(found, truth_s) == 1


def test_f_counts_what_is_missing_and_what_is_too_much() -> None:
    truth_s = np.array([1.0, 2.0, 3.0, 4.0])
    assert onset_f(np.array([1.04, 2.0]), truth_s) == pytest.approx(2 / 3)
    assert onset_f(np.array([1.06, 2.06, 3.06, 4.06]), truth_s) == 0
    assert onset_f(np.array([1.0, 1.5, 2.0, 3.0, 4.0]), truth_s) == pytest.approx(8 / 9)
    assert onset_f(np.empty(0), truth_s) == onset_f(truth_s, np.empty(0)) == 0


def test_drums_struck_together_are_one_onset() -> None:
    assert onset_f(np.array([1.0, 2.0]), np.array([2.02, 0.99, 1.01, 2.0])) == 1


def test_the_rule_keeps_peaks_high_and_apart() -> None:
    times_s = np.arange(100) * STEP_S
    curve = np.zeros(100)
    curve[[20, 23, 60]] = 1.0, 0.9, 0.2
    assert pick_peaks(curve, times_s).tolist() == pytest.approx([0.4, 0.46, 1.2])
    assert pick_peaks(curve, times_s, PeakRule(apart_s=0.07)).tolist() == pytest.approx([0.4, 1.2])
    assert pick_peaks(curve, times_s, PeakRule(near_s=0.06)).tolist() == pytest.approx([0.4, 1.2])
    assert pick_peaks(curve, times_s, PeakRule(above=2.0)).tolist() == pytest.approx([0.4, 0.46])


def test_a_flat_curve_has_no_peaks() -> None:
    for curve in (np.full(50, 3.0), np.zeros(50), np.zeros(1), np.zeros(0)):
        assert not len(pick_peaks(curve, np.arange(len(curve)) * STEP_S))


def test_a_rise_is_never_below_0() -> None:
    assert rise(np.array([[1.0, 3.0, 2.0, 2.5], [0.0, 0.0, 0.0, 1.0]])).tolist() == [[0, 2, 0, 0.5], [0, 0, 0, 1]]


def test_the_head_that_looks_at_onsets_is_told_from_one_that_does_not() -> None:
    truth_s = np.arange(0.5, 9.5, 0.37)
    count = 500
    of_onsets = 1 + spectral_flux(clicks(truth_s))
    elsewhere = np.roll(of_onsets, 9)
    layers = SoundLayers(
        seconds_per_token=STEP_S,
        times_s=np.arange(count) * STEP_S,
        tokens=np.zeros((2, count, 4), np.float32),
        received=np.stack([of_onsets, elsewhere])[None],
        class_attention=np.stack([elsewhere, of_onsets])[None],
    )
    assert attention_onset_f(layers, truth_s).tolist() == [[1, 0]]
    assert attention_onset_f(layers, truth_s, "class rise").tolist() == [[0, 1]]
