"""Statistics of the spectrum: what librosa would give, and constant in time for a constant sound."""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile

from partimento.tasks.audio import sound_statistics
from partimento.tasks.audio.sound_vectors import SoundRepresentation, sound_vectors
from partimento.tasks.task import Example
from partimento.tasks.vectors import VectorStore


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    samples = np.random.default_rng(0).standard_normal(20_000) * np.linspace(0.01, 0.2, 20_000)
    soundfile.write(tmp_path / "noise.wav", samples.astype(np.float32), 16_000, subtype="FLOAT")
    return tmp_path / "noise.wav"


def test_mfccs_and_deltas_are_those_of_librosa(noise: Path) -> None:
    samples, _ = soundfile.read(noise, dtype="float32")
    bands = sound_statistics.log_mel(noise)
    power = librosa.feature.melspectrogram(
        y=samples, sr=16_000, n_fft=1024, hop_length=160, n_mels=128, fmax=8000, pad_mode="reflect"
    )
    expected = librosa.power_to_db(power, top_db=None)
    assert np.abs(bands.T - expected).max() < 2e-3
    theirs = librosa.feature.mfcc(S=expected, n_mfcc=20)
    ours = sound_statistics.mfcc(bands)
    assert np.abs(ours.T - theirs).max() < 0.01
    slopes = librosa.feature.delta(theirs, width=9)
    inside = slice(4, -4)  # at the ends librosa fits one line, here the last frame is held
    assert np.abs(sound_statistics.deltas(ours).T - slopes)[:, inside].max() < 0.01


def test_statistics_of_a_file(noise: Path) -> None:
    found = sound_statistics.file_statistics(noise)
    bands = sound_statistics.log_mel(noise)
    assert found.shape == (2 * 128 + 2 * 40,)
    assert found[:128] == pytest.approx(bands.mean(0))
    assert found[128:256] == pytest.approx(bands.std(0))
    assert found[256:276] == pytest.approx(sound_statistics.mfcc(bands).mean(0), rel=1e-4)
    frames = sound_statistics.logmel_frames(noise)
    assert frames.vectors.shape == (126, 128)
    assert frames.times_s[:3] == pytest.approx([0, 0.01, 0.02])
    assert sound_statistics.flux_frames(noise).vectors.shape == (126, 1)


def test_both_statistics_share_one_computation(noise: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []

    def counted(path: Path) -> np.ndarray:
        read.append(path)
        return np.arange(336, dtype=np.float32)

    monkeypatch.setattr(sound_statistics, "file_statistics", counted)
    example = Example(noise, "noise", "one")
    log_mel, mfcc = sound_statistics.statistics_of_files()
    with VectorStore(noise.parent) as store:
        assert sound_vectors(log_mel, [example], store).shape == (1, 256)
        assert sound_vectors(mfcc, [example, example], store)[1].tolist() == list(range(256, 336))
    assert read == [noise]


def test_layers_keep_their_shape_in_the_store(noise: Path) -> None:
    layers = SoundRepresentation("layers", "layers", lambda paths: np.arange(6.0).reshape(1, 3, 2), layers=3)
    for _ in range(2):  # computed, then read
        with VectorStore(noise.parent) as store:
            assert sound_vectors(layers, [Example(noise, "", "")], store).tolist() == [[[0, 1], [2, 3], [4, 5]]]
