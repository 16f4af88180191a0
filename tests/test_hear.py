"""HEAR's interface against its written specification: attributes, shapes, milliseconds, even times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from test_audio_model import saved
from tiny_sound import RATE_HZ, tone

from partimento.hear import HearModel, get_scene_embeddings, get_timestamp_embeddings, load_model

SOUNDS = torch.from_numpy(np.stack([tone(220, 3.3), tone(550, 3.3), np.zeros(round(3.3 * RATE_HZ), np.float32)]))


@pytest.fixture(scope="module", params=["vit1d", "mule", "cola"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> HearModel:
    folder = tmp_path_factory.mktemp("models")
    saved(request.param, folder)
    return load_model(str(folder / request.param))


def test_the_model_says_what_it_takes_and_gives(model: HearModel) -> None:
    assert isinstance(model, torch.nn.Module)
    assert (model.sample_rate, type(model.scene_embedding_size), type(model.timestamp_embedding_size)) == (
        RATE_HZ,
        int,
        int,
    )


def test_scene_embeddings(model: HearModel) -> None:
    found = get_scene_embeddings(SOUNDS, model)
    assert found.shape == (3, model.scene_embedding_size)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found[1:2], get_scene_embeddings(SOUNDS[1:2], model), atol=2e-5, rtol=0)


def test_timestamp_embeddings_are_even_and_in_milliseconds(model: HearModel) -> None:
    found, times_ms = get_timestamp_embeddings(SOUNDS, model)
    assert found.shape == (3, times_ms.shape[1], model.timestamp_embedding_size)
    assert times_ms.shape[0] == 3
    steps = times_ms.diff(dim=1)
    assert float(steps.std()) < 0.01
    assert 0 <= float(times_ms[0, 0]) < float(steps[0, 0])
    assert 3300 - 2 * float(steps[0, 0]) < float(times_ms[0, -1]) <= 3300
    assert torch.isfinite(found).all()


def test_timestamps_lie_in_the_middle_of_what_they_hear(tmp_path: Path) -> None:
    saved("vit1d", tmp_path)
    model = load_model(str(tmp_path / "vit1d"))
    quiet = 1e-4 * torch.randn(1, 3 * RATE_HZ, generator=torch.Generator().manual_seed(0))
    quiet[0, RATE_HZ : RATE_HZ + 500] += 0.5
    found, times_ms = get_timestamp_embeddings(quiet, model)
    odd = (found[0] - found[0].median(0).values).norm(dim=1).argmax()
    assert float(times_ms[0, odd]) == pytest.approx(1015, abs=50)


def test_a_wrong_shape_is_named(model: HearModel) -> None:
    with pytest.raises(ValueError, match=r"\(100,\); HEAR gives \(n_sounds, n_samples\)"):
        get_scene_embeddings(torch.zeros(100), model)
