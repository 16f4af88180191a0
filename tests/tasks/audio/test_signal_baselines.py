"""Keys, chords, onsets and beats of tones whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from partimento.corpus.datasets.rendered import NO_CHORD
from partimento.tasks.audio import signal_baselines as baselines
from partimento.tasks.audio.music_metrics import beat_f, onset_f

RATE_HZ = 16_000


def tone(pitches: list[int], seconds: float) -> np.ndarray:
    """(samples,) plucked notes together, each with five partials, faded out at the end."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    envelope = np.exp(-2 * t) * np.minimum(1, t / 0.003) * np.minimum(1, (seconds - t) / 0.15)
    hz = 440 * 2 ** ((np.array(pitches) - 69) / 12)
    partials = [np.sin(2 * np.pi * f * k * t) / k**2 for f in hz for k in range(1, 6)]
    return (0.1 * np.sum(partials, axis=0) * envelope).astype(np.float32)


TRIADS = {"C": [48, 64, 67], "F": [53, 60, 69], "G": [55, 62, 71], "a": [57, 60, 64], "e": [52, 59, 67]}


@pytest.mark.parametrize("pitch", [45, 57, 69, 84])
def test_chroma_of_a_note_is_highest_at_its_class(pitch: int):
    found = baselines.chroma(tone([pitch], 1.0))
    assert found.shape == (11, 12)
    assert (found[1:9].argmax(1) == pitch % 12).all()


@pytest.mark.parametrize("profile", ["krumhansl", "temperley"])
@pytest.mark.parametrize("up", [0, 5, 9])
def test_key_of_a_cadence(profile: str, up: int):
    major = np.concatenate([tone([p + up for p in TRIADS[name]], 0.8) for name in "CFGC"])
    assert baselines.find_key(baselines.chroma(major), profile) == up  # type: ignore[arg-type]
    minor = [[45, 60, 64], [50, 62, 65], [52, 59, 68], [45, 57, 60]]
    sound = np.concatenate([tone([p + up for p in chord], 0.8) for chord in minor])
    assert baselines.find_key(baselines.chroma(sound), profile) == 12 + (9 + up) % 12  # type: ignore[arg-type]


def test_chords_and_silence():
    names = ["C", "F", "G", "a", "e"]
    sound = np.concatenate([*(tone(TRIADS[name], 1.0) for name in names), np.zeros(RATE_HZ, dtype=np.float32)])
    found = baselines.find_chords(baselines.chroma(sound))
    middle = found[5::10]  # half a second after each change
    assert middle.tolist() == [0, 5, 7, 12 + 9, 12 + 4, NO_CHORD]


def test_onsets_and_beats_of_plucked_notes():
    rng = np.random.default_rng(0)
    onsets = np.arange(0.5, 19.5, 0.5)
    sound = rng.normal(0, 1e-4, 20 * RATE_HZ).astype(np.float32)
    for onset, pitch in zip(onsets, rng.integers(48, 80, len(onsets)), strict=True):
        note = tone([int(pitch)], 0.45)
        sound[round(onset * RATE_HZ) :][: len(note)] += note
    flux = baselines.spectral_flux(sound)
    assert onset_f(onsets, baselines.find_onsets(flux)) > 0.95
    assert beat_f(onsets, baselines.find_beats(flux)) > 0.95
    louder = baselines.spectral_flux(sound * 3)
    np.testing.assert_allclose(flux, louder, atol=0.02)
