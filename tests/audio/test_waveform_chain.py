"""CLMR's changes of a waveform: each does what it is named for, keeps the length, and is decided by the seed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from partimento.audio.augment import (
    ALL_PASS_GAIN,
    ALL_PASSES_S,
    COMBS_S,
    FEEDBACK,
    WET,
    WaveformChain,
    add_noise,
    delay,
    gain,
    pitch_shift,
    reverb,
    sinc_filter,
)

RATE_HZ = 22_050
SAMPLES = 22_050


def sine(hz: float) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(SAMPLES) / RATE_HZ).astype(np.float32)


def white(seed: int = 0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(SAMPLES).astype(np.float32)


def share(waveform: np.ndarray, low_hz: float, high_hz: float) -> float:
    """Power of a band."""
    power = np.abs(np.fft.rfft(waveform)) ** 2
    hz = np.fft.rfftfreq(len(waveform), 1 / RATE_HZ)
    return float(power[(hz >= low_hz) & (hz < high_hz)].sum())


def test_the_seed_decides_the_chain() -> None:
    chain, sound = WaveformChain(RATE_HZ), white()
    once, again, other = (chain(sound, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(once, again)
    assert np.abs(once - other).max() > 1e-3


def test_the_chain_keeps_length_and_kind_of_any_sound() -> None:
    chain = WaveformChain(RATE_HZ, noise=1, gain=1, filter=1, delay=1, pitch=1, reverb=1)
    for samples in (1, 300, SAMPLES):
        for sound in (white()[:samples], np.zeros(samples, np.float32)):
            for seed in range(3):
                changed = chain(sound, np.random.default_rng(seed))
                assert changed.shape == sound.shape
                assert changed.dtype == np.float32
                assert np.isfinite(changed).all()


def test_each_change_comes_as_often_as_its_chance() -> None:
    sound = white()[:64]
    chances = {"polarity": 0.8, "gain": 0.3}
    for name, chance in chances.items():
        silent = dict.fromkeys(("polarity", "noise", "gain", "filter", "delay", "pitch", "reverb"), 0.0)
        chain = WaveformChain(RATE_HZ, **{**silent, name: chance})  # type: ignore[arg-type]
        changed = [np.any(chain(sound, np.random.default_rng(seed)) != sound) for seed in range(400)]
        assert np.mean(changed) == pytest.approx(chance, abs=0.08)  # 0.08 is above three standard errors


def test_polarity_changes_every_sign() -> None:
    chain = WaveformChain(RATE_HZ, polarity=1, noise=0, gain=0, filter=0, delay=0, pitch=0, reverb=0)
    np.testing.assert_array_equal(chain(white(), np.random.default_rng(0)), -white())


def test_gain_and_noise_have_their_size() -> None:
    assert gain(white(), -20) == pytest.approx(0.1 * white())
    noise = add_noise(sine(440), 0.1, np.random.default_rng(0)) - sine(440)
    assert noise.std() == pytest.approx(0.1 * sine(440).std(), rel=0.05)


def test_filters_keep_their_side() -> None:
    low, high = sinc_filter(white(), RATE_HZ, 3000, "low"), sinc_filter(white(), RATE_HZ, 800, "high")
    assert share(low, 3600, 11_025) < 1e-3 * share(white(), 3600, 11_025)
    assert share(low, 0, 2400) == pytest.approx(share(white(), 0, 2400), rel=0.02)
    assert share(high, 0, 500) < 1e-2 * share(white(), 0, 500)
    assert share(high, 1200, 11_025) == pytest.approx(share(white(), 1200, 11_025), rel=0.02)


def test_delay_adds_one_softer_echo() -> None:
    click = np.zeros(SAMPLES, np.float32)
    click[100] = 1
    echoed = delay(click, RATE_HZ, 0.2)
    assert np.flatnonzero(echoed).tolist() == [100, 100 + 4410]
    assert echoed[[100, 4510]].tolist() == [0.5, 0.25]


@pytest.mark.parametrize("semitones", [-7.0, -1.5, 0.0, 3.0, 7.0])
def test_pitch_shift_moves_a_sine_and_keeps_its_level(semitones: float) -> None:
    shifted = pitch_shift(sine(440), RATE_HZ, semitones)
    assert len(shifted) == SAMPLES
    middle = shifted[3000:-3000]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 19))
    assert np.argmax(spectrum) * RATE_HZ / (1 << 19) == pytest.approx(440 * 2 ** (semitones / 12), rel=0.002)
    assert middle.std() == pytest.approx(sine(440).std(), rel=0.02)


def test_reverb_equals_its_filters_run_sample_by_sample() -> None:
    sound = white()[:4000].astype(np.float64)
    for reverberance, damping, room in ((1.0, 0.2, 0.5), (0.1, 0.9, 0.0)):
        feedback = 1 - (1 - FEEDBACK[0]) * ((1 - FEEDBACK[1]) / (1 - FEEDBACK[0])) ** reverberance
        lost, scale, wet = 0.2 + 0.3 * damping, (0.1 + 0.9 * room) * RATE_HZ, np.zeros(len(sound))
        for seconds in COMBS_S:
            late = round(seconds * scale)
            above, below = np.zeros(late + 2), np.zeros(late + 1)
            above[[late, late + 1]] = 1, -lost
            below[[0, 1]] = 1, -lost
            below[late] -= feedback * (1 - lost)
            wet += lfilter(above, below, sound)
        for seconds in ALL_PASSES_S:
            late = max(1, round(seconds * scale))
            above, below = np.zeros(late + 1), np.zeros(late + 1)
            above[[0, late]] = -ALL_PASS_GAIN, 1
            below[[0, late]] = 1, -ALL_PASS_GAIN
            wet = lfilter(above, below, wet)
        made = reverb(sound, RATE_HZ, reverberance, damping, room)
        assert np.abs(made - sound).max() > 1e-3
        np.testing.assert_allclose(made, sound + WET * wet, atol=1e-6)


def test_chances_outside_0_to_1_are_refused() -> None:
    with pytest.raises(ValueError, match=r"chance of pitch is 1\.5"):
        WaveformChain(pitch=1.5)
    with pytest.raises(ValueError, match="rate_hz is 8000"):
        WaveformChain(8000)
