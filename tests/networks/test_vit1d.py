"""ViT-1D: its size, what padding may not change, its layers and the attention they are said to have used."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from partimento.networks.transformer import TransformerConfig
from partimento.networks.vit1d import ClassToken, Pool, Positions, ViT1D, ViT1DConfig, vit1d_paper

TINY = ViT1DConfig(TransformerConfig(16, 2, 3, 24), mels=10, context=12, patch_frames=2)


def network(config: ViT1DConfig = TINY) -> ViT1D:
    torch.manual_seed(0)
    vit = ViT1D(config).eval()
    with torch.no_grad():
        for parameter in vit.parameters():  # so large that attention is far from even
            parameter.mul_(6)
    return vit


def sound(batch: int, frames: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(batch, TINY.mels, frames, generator=torch.Generator().manual_seed(seed))


def test_the_paper_scale_has_5_3_million_parameters() -> None:
    width, feedforward, layers = 192, 512, 12
    block = 4 * width**2 + 3 * width * feedforward + 4 * width  # attention, SwiGLU, two LayerNorms
    expected = layers * block + 2 * width + width + 128 * width + width  # final norm, class vector, patches
    vit = ViT1D(vit1d_paper())
    assert sum(parameter.numel() for parameter in vit.parameters()) == expected
    assert 5.2e6 < expected < 5.5e6
    assert (vit.width, vit.stride) == (192, 1)


@torch.no_grad()
def test_tokens_and_vector_have_their_shapes() -> None:
    vit = network()
    assert vit(sound(3, 13)).shape == (3, 16)
    assert vit.tokens(sound(3, 13)).shape == (3, 7, 16)  # the last patch has one frame
    layers = vit.layers(sound(3, 13))
    assert layers.class_token.shape == (4, 3, 16)
    assert layers.tokens.shape == (4, 3, 7, 16)
    assert layers.attention is None


@torch.no_grad()
@pytest.mark.parametrize("class_token", ["learned", "mean"])
@pytest.mark.parametrize("positions", ["rotary", "learned"])
@pytest.mark.parametrize("pool", ["class", "mean", "sequence"])
def test_padding_by_lengths_changes_nothing(class_token: ClassToken, positions: Positions, pool: Pool) -> None:
    vit = network(replace(TINY, class_token=class_token, positions=positions, pool=pool))
    mel, lengths = sound(3, 20), torch.tensor([20, 7, 1])
    vectors, tokens = vit(mel, lengths), vit.tokens(mel, lengths)
    layers = vit.layers(mel, lengths, attention=True)
    assert layers.attention is not None
    for row, length in enumerate(lengths.tolist()):
        alone = mel[row : row + 1, :, :length]
        count = int(vit.token_counts(lengths)[row])
        torch.testing.assert_close(vectors[row], vit(alone)[0], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(tokens[row, :count], vit.tokens(alone)[0], atol=1e-5, rtol=1e-5)
        assert not tokens[row, count:].any()
        expected = vit.layers(alone, attention=True)
        torch.testing.assert_close(layers.tokens[:, row, :count], expected.tokens[:, 0], atol=1e-5, rtol=1e-5)
        assert expected.attention is not None
        for mine, its in zip(layers.attention, expected.attention, strict=True):
            torch.testing.assert_close(mine[row, :, : count + 1, : count + 1], its[0], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_a_mask_gives_the_same_as_excerpts_attended_one_by_one() -> None:
    """Other devices than CPUs take a mask; here it is put beside the way without."""
    from partimento.networks import vit1d

    vit = network()
    x, counts = vit._embed(sound(3, 20), torch.tensor([20, 7, 1]))
    q, k, v = torch.randn(3, 3, 2, x.shape[1], 8, generator=torch.Generator().manual_seed(2))
    one_by_one = vit1d._attend(counts, x)(q, k, v)
    masked = vit1d._attend(counts, x.to("meta"))  # chooses by the device of x alone
    assert counts is not None
    masked_out = masked(q, k, v)
    for row, count in enumerate(counts.tolist()):
        torch.testing.assert_close(masked_out[row, :, : count + 1], one_by_one[row, :, : count + 1])


@torch.no_grad()
def test_the_attention_shown_is_the_one_used() -> None:
    vit = network()
    mel = sound(2, 14)
    layers = vit.layers(mel, attention=True)
    torch.testing.assert_close(layers.tokens[-1], vit.tokens(mel), atol=1e-5, rtol=1e-5)
    assert layers.attention is not None
    assert len(layers.attention) == 3
    for layer, weights in enumerate(layers.attention):
        assert weights.shape == (2, 2, 8, 8)
        torch.testing.assert_close(weights.sum(-1), torch.ones(2, 2, 8))
        assert weights.std() > 0.02  # a head that looks everywhere alike would prove nothing
        x = torch.cat([layers.class_token[layer][:, None], layers.tokens[layer]], 1)
        block = vit.transformer.blocks[layer]
        values = block.attention.qkv(block.attention_norm(x)).chunk(3, -1)[2].unflatten(-1, (2, 8)).transpose(1, 2)
        x = x + block.attention.out((weights @ values).transpose(1, 2).flatten(2))
        x = x + block.feedforward(block.feedforward_norm(x))
        x = vit.transformer.norm(x) if layer == 2 else x
        torch.testing.assert_close(x[:, 1:], layers.tokens[layer + 1], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_pools_are_means_of_the_tokens_named() -> None:
    mel = sound(2, 9)
    layers = network().layers(mel)
    first, tokens = layers.class_token[-1], layers.tokens[-1]
    expected = {"class": first, "sequence": tokens.mean(1), "mean": torch.cat([first[:, None], tokens], 1).mean(1)}
    pools: tuple[Pool, ...] = ("class", "sequence", "mean")
    for pool in pools:
        torch.testing.assert_close(network(replace(TINY, pool=pool))(mel), expected[pool])


@torch.no_grad()
@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_the_order_of_the_columns_is_heard(positions: Positions) -> None:
    vit = network(replace(TINY, positions=positions))
    mel = sound(1, 12)
    turned = mel.unflatten(2, (6, 2)).flip(2).flatten(2)
    assert (vit.tokens(mel) - vit.tokens(turned).flip(1)).abs().max() > 0.1


def test_gradients_reach_every_weight_and_checkpointing_keeps_them() -> None:
    config = replace(TINY, positions="learned", class_token="mean")
    grads = []
    for checkpointing in (False, True):
        vit = network(config).train()
        vit.checkpointing = checkpointing
        vit(sound(2, 24), torch.tensor([24, 9])).square().sum().backward()
        grads.append([parameter.grad for parameter in vit.parameters()])
        assert all(grad is not None and grad.isfinite().all() and grad.any() for grad in grads[-1])
    for plain, again in zip(*grads, strict=True):
        torch.testing.assert_close(plain, again)


def test_what_does_not_fit_is_said() -> None:
    vit = network(replace(TINY, positions="learned"))
    with pytest.raises(ValueError, match="has 9 bands; this network was made for 10"):
        vit(torch.zeros(1, 9, 4))
    with pytest.raises(ValueError, match="13 tokens are more than the 12 learned positions"):
        vit(sound(1, 25))
    with pytest.raises(ValueError, match="lengths"):
        vit(sound(2, 6), torch.tensor([6, 7]))
    with pytest.raises(ValueError, match="no frames"):
        vit(sound(1, 0))
    with pytest.raises(ValueError, match="patch_frames is 0"):
        replace(TINY, patch_frames=0)
