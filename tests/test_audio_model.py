"""Models of sound: alone and in company, short and long, whole and in frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from tiny_sound import RATE_HZ, tiny_systems, tone

from partimento.audio import AudioError
from partimento.audio_model import AudioModel, load_audio, random_like
from partimento.checkpoint import CheckpointError
from partimento.model import load
from partimento.training.saving import save_network
from partimento.training.sound import parts_of, reading_of

FACTS = {"step": 0, "tokens": 0, "seconds": 0.0, "valid_loss": None}


def saved(name: str, folder: Path) -> AudioModel:
    config: Any = tiny_systems()[name]
    torch.manual_seed(0)
    _, trunk = parts_of(config)
    about = {"name": name, "licence": "CC0-1.0", "objective": {"kind": "contrastive"}, **reading_of(config)}
    save_network(config.network, config.recipe, about, trunk, folder / name, FACTS, name)
    model = load(folder / name, "cpu")
    assert isinstance(model, AudioModel)
    return model


@pytest.fixture(scope="module", params=["mule", "vit1d", "cola", "clmr"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AudioModel:
    return saved(request.param, tmp_path_factory.mktemp("models"))


def sounds(model: AudioModel) -> list[np.ndarray]:
    return [tone(220, 0.1), tone(330, 7.3), tone(440, 2.0), np.zeros(RATE_HZ, np.float32)]


def test_a_vector_is_the_same_alone_and_in_company(model: AudioModel) -> None:
    together = model.embed(sounds(model))
    alone = np.stack([model.embed(sound) for sound in sounds(model)])
    np.testing.assert_allclose(together, alone, atol=2e-5)
    assert np.isfinite(together).all()


def test_a_file_gives_what_its_samples_give(model: AudioModel, tmp_path: Path) -> None:
    path = tmp_path / "tone.flac"
    sound = tone(330, 3.0)
    soundfile.write(path, sound, model.rate_hz)
    np.testing.assert_allclose(model.embed(path), model.embed(sound), atol=1e-3)
    assert [path.suffix] == [end for end in model.suffixes if end == ".flac"]


def test_windows_average_to_the_vector(model: AudioModel) -> None:
    sound = tone(330, 7.3)
    windows = model.embed(sound, frames=True)
    np.testing.assert_allclose(windows.mean(0), model.embed(sound), atol=1e-5)
    assert [len(w) for w in model.embed([sound, sound], frames=True)] == [len(windows)] * 2


def test_frames_are_in_order_and_cover_the_sound(model: AudioModel) -> None:
    seconds = 7.3
    frames = model.frames(tone(330, seconds))
    assert frames.vectors.shape[0] == len(frames.times_s)
    assert (np.diff(frames.times_s) > 0).all()
    step_s = float(np.median(np.diff(frames.times_s)))
    assert frames.times_s[0] < 1.1 * step_s
    assert frames.times_s[-1] > seconds * RATE_HZ / model.rate_hz - 2.1 * step_s


def test_frames_are_where_things_happen(tmp_path: Path) -> None:
    model = saved("vit1d", tmp_path)
    sound = 1e-4 * np.random.default_rng(0).standard_normal(6 * RATE_HZ).astype(np.float32)
    sound[round(3.1 * RATE_HZ) : round(3.14 * RATE_HZ)] += 0.5
    frames = model.frames(sound)
    ordinary = np.median(frames.vectors, axis=0)
    odd = np.linalg.norm(frames.vectors - ordinary, axis=1).argmax()
    assert frames.times_s[odd] == pytest.approx(3.12, abs=0.05)


def test_a_sound_shorter_than_a_frame_has_one(model: AudioModel) -> None:
    frames = model.frames(tone(330, 0.002))
    assert len(frames.times_s) >= 1
    assert np.isfinite(frames.vectors).all()


def test_long_files_are_read_in_blocks(model: AudioModel, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = tone(330, 9.0)
    whole = model.embed(sound)
    monkeypatch.setattr("partimento.audio_model.BLOCK_S", 0.5)
    np.testing.assert_allclose(model.embed(sound), whole, atol=2e-5)


def test_a_random_network_is_another_one_each_seed(model: AudioModel) -> None:
    sound = tone(330, 3.0)
    vectors = [random_like(model, seed).embed(sound) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(vectors[0], vectors[1])
    assert not np.allclose(vectors[0], vectors[2])


def test_what_cannot_be_read_is_named(model: AudioModel, tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF nothing")
    with pytest.raises(AudioError, match=r"broken\.wav"):
        model.embed([broken])
    with pytest.raises(ValueError, match="one channel"):
        model.embed(np.zeros((2, 100), np.float32))
    with pytest.raises(ValueError, match="one channel"):
        model.embed(np.zeros(0, np.float32))
    assert model.embed([]).shape == (0, model.embed_dim)


def test_pools_are_for_a_vit(tmp_path: Path) -> None:
    saved("vit1d", tmp_path), saved("cola", tmp_path)
    widths = {pool: load_audio(tmp_path / "vit1d", pool=pool).embed_dim for pool in ("class", "mean", "both")}
    assert widths == {"class": 16, "mean": 16, "both": 32}
    with pytest.raises(ValueError, match="no ViT-1D"):
        load_audio(tmp_path / "cola", pool="class")


def test_a_model_of_notes_is_refused() -> None:
    with pytest.raises(CheckpointError, match="'aria'"):
        load_audio("piano-small")
