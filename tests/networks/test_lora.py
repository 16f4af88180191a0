from __future__ import annotations

import pytest
import torch

from partimento.networks.decoder import Decoder, DecoderConfig
from partimento.networks.lora import LowRankLinear, add_adapters, merged, trained_parameters
from partimento.networks.transformer import TransformerConfig

WIDTH, LAYERS, FEEDFORWARD, CLASSES, END = 16, 3, 24, 5, 1


def plain() -> Decoder:
    torch.manual_seed(0)
    sizes = TransformerConfig(WIDTH, 2, LAYERS, FEEDFORWARD)
    decoder = Decoder(DecoderConfig(sizes, vocabulary=30, context=64, head="classes", outputs=CLASSES))
    decoder.initialise()
    return decoder


def adapted(rank: int = 4) -> Decoder:
    decoder = plain()
    add_adapters(decoder, rank, alpha=8.0, end=END)
    return decoder


IDS = torch.tensor([[0, 5, 7, 29, 12, END], [0, 3, END, 8, 8, END]])


def step(decoder: Decoder) -> None:
    optimizer = torch.optim.SGD([p for p in decoder.parameters() if p.requires_grad], lr=0.1)
    for _ in range(2):  # A has a gradient only when B is no longer zero
        optimizer.zero_grad()
        decoder(IDS).square().sum().backward()
        optimizer.step()


def test_at_the_start_nothing_is_changed() -> None:
    torch.testing.assert_close(adapted()(IDS), plain()(IDS))


def test_a_correction_of_full_rank_is_any_matrix() -> None:
    layer = LowRankLinear(torch.zeros(3, 3), rank=3, alpha=6.0)
    target = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 10.0]])
    layer.low_b.data = target @ torch.linalg.inv(layer.low_a.data) / layer.scale
    torch.testing.assert_close(layer.merged_weight(), target, rtol=1e-3, atol=1e-3)


def test_merged_is_a_plain_network_that_gives_the_same() -> None:
    decoder = adapted()
    step(decoder)
    assert (decoder(IDS) - plain()(IDS)).abs().max() > 1e-3
    one = merged(decoder)
    assert one.state_dict().keys() == plain().state_dict().keys()
    torch.testing.assert_close(one(IDS), decoder(IDS))


def test_merging_a_plain_network_changes_nothing() -> None:
    decoder = plain()
    for name, value in merged(decoder).state_dict().items():
        torch.testing.assert_close(value, decoder.state_dict()[name])


def test_only_adapters_head_and_the_row_of_the_end_are_trained() -> None:
    decoder = adapted(rank=4)
    before = {name: value.clone() for name, value in decoder.state_dict().items()}
    step(decoder)
    moved = {name for name, value in decoder.state_dict().items() if not torch.equal(value, before[name])}
    blocks = {f"transformer.blocks.{i}" for i in range(LAYERS)}
    layers = ("attention.qkv", "attention.out", "feedforward.gate", "feedforward.up", "feedforward.down")
    low = {f"{block}.{layer}.{part}" for block in blocks for layer in layers for part in ("low_a", "low_b")}
    assert moved == low | {"head.weight", "embedding.row"}
    with_gradient = {name for name, parameter in decoder.named_parameters() if parameter.grad is not None}
    assert with_gradient == moved
    # each matrix (out, in) has rank * (out + in) of them
    matrices = (4 * WIDTH + 2 * WIDTH) + 3 * (WIDTH + FEEDFORWARD)
    assert trained_parameters(decoder) == 4 * LAYERS * matrices + CLASSES * WIDTH + WIDTH
    assert trained_parameters(plain()) == sum(p.numel() for p in plain().parameters())


def test_a_rank_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="rank of LoRA is 0"):
        add_adapters(plain(), 0, 8.0, END)
