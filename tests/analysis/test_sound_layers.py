"""The layers of a ViT-1D over a whole recording: windows joined, attention as a share."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from partimento.analysis.sound_layers import sound_layers
from partimento.networks.slicing import standardised
from partimento.networks.transformer import TransformerConfig
from partimento.networks.vit1d import ViT1D, ViT1DConfig


def network() -> ViT1D:
    torch.manual_seed(0)
    return ViT1D(ViT1DConfig(TransformerConfig(16, 2, 3, 24), mels=10, context=16, patch_frames=2)).eval()


def test_a_recording_of_one_window_is_the_network_itself() -> None:
    vit, mel = network(), torch.randn(10, 21)
    heard = sound_layers(vit, mel, 0.02)
    with torch.no_grad():
        layers = vit.layers(standardised(mel[None]), attention=True)
    assert layers.attention is not None
    np.testing.assert_allclose(heard.tokens, layers.tokens[:, 0].numpy())
    attention = torch.stack(layers.attention)[:, 0]
    np.testing.assert_allclose(heard.received, attention[:, :, 1:, 1:].mean(2).numpy() * 12, rtol=1e-6)
    np.testing.assert_allclose(heard.class_attention, attention[:, :, 0, 1:].numpy() * 12, rtol=1e-6)
    assert heard.seconds_per_token == pytest.approx(0.04)
    np.testing.assert_allclose(heard.times_s, [*np.arange(10) * 0.04 + 0.01, 0.4])  # the last patch has one frame


def test_each_token_comes_from_the_window_in_whose_middle_it_lies() -> None:
    vit, mel = network(), torch.randn(10, 60)
    heard = sound_layers(vit, mel, 0.02, window_frames=16, zscore_floor=None)  # 8 tokens, every 4; 30 tokens in all
    assert heard.tokens.shape == (4, 30, 16)
    assert heard.received.shape == heard.class_attention.shape == (3, 2, 30)
    for token, start in ((0, 0), (5, 0), (6, 4), (9, 4), (15, 12), (29, 22)):
        with torch.no_grad():
            tokens = vit.tokens(mel[None, :, 2 * start : 2 * start + 16])
        np.testing.assert_allclose(heard.tokens[-1, token], tokens[0, token - start].numpy(), atol=1e-5)


def test_an_even_share_is_1() -> None:
    vit = network()
    with torch.no_grad():
        for block in vit.transformer.blocks:
            block.attention.qkv.weight.zero_()
    heard = sound_layers(vit, torch.randn(10, 50), 0.02)
    np.testing.assert_allclose(heard.received, 1, rtol=1e-5)
    np.testing.assert_allclose(heard.class_attention, 1, rtol=1e-5)


def test_a_window_without_a_patch_is_refused() -> None:
    with pytest.raises(ValueError, match="window_frames 1"):
        sound_layers(network(), torch.zeros(10, 20), 0.02, window_frames=1)
