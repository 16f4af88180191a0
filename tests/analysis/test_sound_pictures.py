"""The picture of a recording: it is written, and what it says is refused when it cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from partimento.analysis.attention_onsets import spectral_flux
from partimento.analysis.sound_layers import SoundLayers
from partimento.analysis.sound_pictures import draw, flux_head
from partimento.networks.transformer import TransformerConfig
from partimento.networks.vit1d import ViT1D, ViT1DConfig

STEP_S = 0.02


def network() -> ViT1D:
    torch.manual_seed(0)
    return ViT1D(ViT1DConfig(TransformerConfig(16, 2, 3, 24), mels=10, context=32, patch_frames=2))


def test_a_picture_is_written_and_the_network_left_as_it_was(tmp_path: Path) -> None:
    vit, mel = network().train(), torch.rand(10, 201, generator=torch.Generator().manual_seed(0))
    path = draw(vit, mel, STEP_S, tmp_path / "sound.png", onsets_s=np.array([1.0, 2.0]), title="noise")
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = (int.from_bytes(path.read_bytes()[at : at + 4], "big") for at in (16, 20))
    assert (width, height) == (1210, 1265)
    assert vit.training


def test_layers_and_heads_that_are_not_there_are_refused(tmp_path: Path) -> None:
    vit, mel = network(), torch.rand(10, 40)
    with pytest.raises(ValueError, match=r"layers \(1, 4\) must be from 0 to 3"):
        draw(vit, mel, STEP_S, tmp_path / "sound.png", layers=(1, 4))
    with pytest.raises(ValueError, match=r"head \(1, 3\)"):
        draw(vit, mel, STEP_S, tmp_path / "sound.png", head=(1, 3))
    assert not list(tmp_path.iterdir())


def test_the_head_most_like_the_flux_is_chosen() -> None:
    flux = spectral_flux(np.random.default_rng(0).random((4, 50)))
    received = np.random.default_rng(1).random((3, 2, 50)).astype(np.float32)
    received[1, 1] = 1 + 0.1 * flux
    layers = SoundLayers(STEP_S, np.arange(50) * STEP_S, np.zeros((4, 50, 2)), received, received)
    assert flux_head(layers, flux) == (2, 2)
