"""Front ends against librosa, whole, in blocks and in batches; and the windows that are cut of their frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import librosa
import numpy as np
import pytest
import torch
from torch import Tensor

from partimento.configuration import from_plain, to_plain
from partimento.networks.logmel import LogMel, LogMelConfig, cola_mel, mule_mel, vit1d_mel
from partimento.networks.melbank import filterbank, hz_to_mel, mel_to_hz
from partimento.networks.slicing import MULE_SLICES, Slicing, filled, slices, standardised, stream_slices

NORMS: dict[str, Any] = {"l2": 2.0, "slaney": "slaney", "none": None}
PADDINGS: dict[str, Any] = {"reflect": "reflect", "zeros": "constant"}
PRESETS = {"mule": mule_mel(), "cola": cola_mel(), "vit1d": vit1d_mel()}
CPU_AND_GPU = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))]


def sound(seed: int, samples: int = 40_000) -> np.ndarray:
    """(samples,) float32: gliding tones over noise, with a rest of digital silence."""
    generator = np.random.default_rng(seed)
    time_s = np.arange(samples) / 16_000
    tones = sum(np.sin(2 * np.pi * hz * time_s * (1 + 0.3 * time_s)) / n for n, hz in enumerate((220, 1330, 3100), 1))
    y = 0.2 * tones * np.exp(-time_s) + 0.01 * generator.standard_normal(samples)
    y[samples // 2 : samples // 2 + 3000] = 0.0
    return y.astype(np.float32)


def of_librosa(y: np.ndarray, config: LogMelConfig) -> np.ndarray:
    """(mels, frames): the same front end in librosa's words."""
    y = y * config.amplitude
    if config.unit_norm:
        y = y / np.linalg.norm(y)
    if not config.centre:  # librosa's frames are as long as the transform, with the window in their middle
        around = (config.fft - config.window) // 2
        y = np.pad(y, (around, config.fft - config.window - around))
    mel = librosa.feature.melspectrogram(
        y=y,
        sr=config.rate_hz,
        n_fft=config.fft,
        win_length=config.window,
        hop_length=config.hop,
        n_mels=config.mels,
        fmin=config.low_hz,
        fmax=config.high_hz,
        htk=config.scale == "htk",
        norm=NORMS[config.norm],
        power=float(config.power),
        center=config.centre,
        pad_mode=PADDINGS[config.padding],
    )
    if config.compression == "db":
        decibels = librosa.power_to_db if config.power == 2 else librosa.amplitude_to_db
        return decibels(mel, ref=1.0, top_db=config.range_db)
    return np.log(np.maximum(mel, config.floor)) if config.compression == "ln" else np.log10(1 + config.factor * mel)


@pytest.mark.parametrize("device", CPU_AND_GPU)
@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_what_librosa_gives(name: str, device: str) -> None:
    config = replace(PRESETS[name], slopes="hz")  # librosa has no other
    y = sound(0)
    mel = LogMel(config).to(device)(torch.from_numpy(y)[None].to(device))[0].cpu().numpy()
    assert mel.shape == (config.mels, config.frames(len(y)))
    np.testing.assert_allclose(mel, of_librosa(y, config), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"compression": "db"},
        {"compression": "db", "power": 1, "range_db": 40.0},
        {"padding": "zeros", "window": 401, "hop": 127},
        {"scale": "slaney", "norm": "slaney", "fft": 1200, "low_hz": 300.0, "high_hz": 5000.0, "mels": 40},
    ],
)
def test_other_settings_are_librosas_too(changes: dict[str, Any]) -> None:
    config = replace(mule_mel(), **changes)
    mel = LogMel(config)(torch.from_numpy(sound(1))[None])[0].numpy()
    np.testing.assert_allclose(mel, of_librosa(sound(1), config), rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("name", PRESETS)
def test_filters_are_librosas(name: str) -> None:
    c = PRESETS[name]
    ours = filterbank(c.rate_hz, c.fft, c.mels, c.low_hz, c.high_hz, c.scale, "hz", c.norm)
    theirs = librosa.filters.mel(
        sr=c.rate_hz,
        n_fft=c.fft,
        n_mels=c.mels,
        fmin=c.low_hz,
        fmax=c.high_hz,
        htk=c.scale == "htk",
        norm=NORMS[c.norm],
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


def test_colas_filters_are_straight_over_mels() -> None:
    """As TensorFlow defines them: bin by bin, the nearer of the two slopes of a triangle on the mel scale."""
    c = cola_mel()
    ours = filterbank(c.rate_hz, c.fft, c.mels, c.low_hz, c.high_hz, c.scale, c.slopes, c.norm)

    def mel(hz: float) -> float:
        return 1127.0 * np.log(1.0 + hz / 700.0)

    step = (mel(7800.0) - mel(60.0)) / 65
    for band in (0, 1, 20, 63):
        peak = mel(60.0) + (band + 1) * step
        for number in range(513):
            expected = max(0.0, 1.0 - abs(mel(number * 16_000 / 1024) - peak) / step)
            assert ours[band, number] == pytest.approx(expected, abs=2e-5)
    assert ours.shape == (64, 513)


@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_mels_go_back_to_hz(scale: str) -> None:
    hz = np.array([0.0, 50.0, 999.0, 1000.0, 1001.0, 4000.0, 12_000.0])
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(hz, scale), scale), hz, atol=1e-9)  # type: ignore[arg-type]
    np.testing.assert_allclose(hz_to_mel(hz, scale), librosa.hz_to_mel(hz, htk=scale == "htk"))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", PRESETS)
def test_a_row_is_the_same_alone_and_in_a_batch(name: str) -> None:
    front = LogMel(PRESETS[name])
    rows = torch.from_numpy(np.stack([sound(seed, 16_000) for seed in range(5)]))
    together = front(rows)
    for row, mel in zip(rows, together, strict=True):
        torch.testing.assert_close(front(row[None])[0], mel, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("samples", [1, 150, 399, 801, 30_011])
@pytest.mark.parametrize("centre", [True, False])
def test_a_stream_gives_the_frames_of_the_whole(samples: int, centre: bool) -> None:
    front = LogMel(replace(mule_mel(), centre=centre))
    y = sound(2, samples)
    whole = front(torch.from_numpy(y)[None])[0]
    assert whole.shape[1] == front.config.frames(samples)
    for size in (77, 1000, 40_000):
        parts = list(front.stream(np.split(y, range(size, samples, size))))
        torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=1e-5, atol=1e-5)


def test_a_stream_does_not_collect() -> None:
    front, given = LogMel(mule_mel()), 0

    def blocks() -> Iterator[Tensor]:
        nonlocal given
        for seed in range(20):
            given += 1
            yield torch.from_numpy(sound(seed, 8000))

    for number, part in enumerate(front.stream(blocks()), start=1):
        assert part.shape[1] <= 60
        assert given <= number + 1


def test_it_stays_in_float32() -> None:
    front, y = LogMel(mule_mel()), torch.from_numpy(sound(3))[None]
    plain = front(y)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(front(y), plain)
        torch.testing.assert_close(torch.cat(list(front.stream(y[0].split(9000))), dim=1), plain[0])
    assert torch.equal(front.to(torch.bfloat16)(y), plain)
    assert plain.dtype == torch.float32
    assert not front.state_dict()


@pytest.mark.parametrize("name", PRESETS)
def test_gradients_reach_the_waveform_even_of_silence(name: str) -> None:
    y = torch.zeros(1, 8000)
    y[:, 4000:] = torch.from_numpy(sound(4, 4000))
    y.requires_grad_()
    LogMel(PRESETS[name])(y).sum().backward()
    assert y.grad is not None
    assert torch.isfinite(y.grad).all()
    assert y.grad.abs().sum() > 0


def test_mules_samples_count_half() -> None:
    y = torch.from_numpy(sound(5))[None]
    torch.testing.assert_close(LogMel(mule_mel())(2 * y), LogMel(replace(mule_mel(), amplitude=1.0))(y))


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="batch, samples"):
        LogMel(mule_mel())(torch.zeros(100))
    with pytest.raises(ValueError, match="batch, samples"):
        LogMel(mule_mel())(torch.zeros(2, 0))
    with pytest.raises(ValueError, match="no sample"):
        list(LogMel(mule_mel()).stream([]))
    with pytest.raises(ValueError, match="whole waveform"):
        list(LogMel(cola_mel()).stream([np.zeros(5, np.float32)]))
    with pytest.raises(ValueError, match="window is 3000"):
        replace(mule_mel(), window=3000)
    with pytest.raises(ValueError, match="fft is 1023"):
        replace(mule_mel(), fft=1023)
    with pytest.raises(ValueError, match="8000, 9000"):
        replace(mule_mel(), low_hz=8000.0, high_hz=9000.0)


@pytest.mark.parametrize("name", PRESETS)
def test_a_config_goes_through_json(name: str) -> None:
    assert from_plain(LogMelConfig, to_plain(PRESETS[name])) == PRESETS[name]


@pytest.mark.parametrize(
    ("length", "starts"),
    [(601, [50, 250, 301]), (701, [50, 250, 401]), (300, [0]), (301, [1]), (400, [50]), (401, [50, 101]), (7, [0])],
)
def test_mules_windows_lie_where_its_slicer_has_them(length: int, starts: list[int]) -> None:
    assert MULE_SLICES.starts(length).tolist() == starts


def test_a_window_is_standardised_as_a_whole() -> None:
    mel = torch.from_numpy(np.random.default_rng(0).gamma(2.0, size=(96, 650))).float()
    parts = slices(mel)
    assert parts.shape == (3, 96, 300)
    for part, start in zip(parts, (50, 250, 350), strict=True):
        raw = mel[:, start : start + 300]
        torch.testing.assert_close(part, (raw - raw.mean()) / raw.std(correction=0), rtol=1e-4, atol=1e-5)
    quiet = 5 + 1e-3 * torch.randn(96, 300)
    torch.testing.assert_close(standardised(quiet), (quiet - quiet.mean()) / 0.01, rtol=1e-3, atol=1e-3)


def test_a_short_file_is_heard_again() -> None:
    mel = torch.randn(4, 7)
    assert torch.equal(filled(mel, 17), torch.cat([mel, mel, mel[:, :3]], dim=1))
    assert torch.equal(filled(mel, 7), mel)
    assert slices(mel).shape == (1, 4, 300)


@pytest.mark.parametrize("slicing", [MULE_SLICES, Slicing(frames=50, hop=20, first=25), Slicing(9, 30, 2)])
@pytest.mark.parametrize("length", [3, 50, 299, 300, 301, 599, 600, 601, 1234])
def test_streamed_windows_are_those_of_the_whole(slicing: Slicing, length: int) -> None:
    mel = torch.randn(5, length, generator=torch.Generator().manual_seed(length))
    whole = slices(mel, slicing)
    for size in (1, 64, 2000):
        parts = torch.cat(list(stream_slices(mel.split(size, dim=1), slicing)))
        torch.testing.assert_close(parts, whole)
