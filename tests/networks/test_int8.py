"""Weights in 8 bits: the products against whole numbers in Python's way, a decoder with them, and their file."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

import partimento
from partimento.examples import example_paths
from partimento.generate.continuation import continue_notes
from partimento.generate.options import ContinueOptions
from partimento.networks.decoder import Decoder, DecoderConfig
from partimento.networks.int8 import BLOCK_ROWS, Int8Matrix, opened, quantise, quantised, quantised_state, stored
from partimento.networks.transformer import TransformerConfig
from partimento.networks.unfilled import unfilled
from partimento.tasks.language_modelling import network_nats

CONFIG = DecoderConfig(TransformerConfig(64, 4, 2, 96), vocabulary=2675, context=128, condition=16)


def small_decoder() -> Decoder:
    torch.manual_seed(0)
    network = Decoder(CONFIG).eval()
    network.initialise()
    return network


def rounded(x: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers and float64 scales of the rows of x: the slow reference."""
    scale = np.abs(x.double().numpy()).max(1, keepdims=True) / 127
    return np.rint(x.double().numpy() / scale), scale


def test_each_number_is_within_half_a_step() -> None:
    matrix = torch.randn(30, 50, generator=torch.manual_seed(0)) * torch.logspace(-6, 3, 30)[:, None]
    found = quantised(matrix)
    assert found.whole.dtype == torch.int8
    assert (found.shape, found.dtype) == (matrix.shape, torch.float32)
    steps = (found.float32() - matrix).abs() / found.scale[:, None]
    assert 0.4 < steps.max() < 0.5001
    assert found.whole.abs().amax(1).eq(127).all()


@pytest.mark.parametrize("rows", [1, 7, BLOCK_ROWS, 2 * BLOCK_ROWS + 3])
def test_linear_is_the_product_of_the_rounded_numbers(rows: int) -> None:
    generator = torch.manual_seed(rows)
    x, weight = torch.randn(rows, 40, generator=generator), torch.randn(24, 40, generator=generator)
    bias = torch.randn(24, generator=generator)
    (whole, x_scale), (values, scale) = rounded(x), rounded(weight)
    expected = whole @ values.T * x_scale * scale.T + bias.double().numpy()
    found = F.linear(x, quantised(weight), bias)
    # a number midway between two whole ones may go either way in float32: one step of a few summands
    close = np.isclose(found.numpy(), expected, rtol=1e-4, atol=1e-4)
    assert close.mean() > 0.99
    assert np.abs(found.numpy() - F.linear(x, weight, bias).numpy()).max() < 0.4


def test_a_row_depends_on_no_other_row() -> None:
    x, weight = torch.randn(3, 200, 40), quantised(torch.randn(24, 40))
    x[1] *= 1000
    alone = torch.stack([F.linear(row, weight) for row in x.reshape(-1, 1, 40)]).view(3, 200, 24)
    assert torch.equal(F.linear(x, weight), alone)


def test_zeros_stay_zeros() -> None:
    x, weight = torch.randn(4, 8), torch.randn(5, 8)
    x[2], weight[3] = 0, 0
    found = F.linear(x, quantised(weight))
    assert found.isfinite().all()
    assert not found[2].any()
    assert not found[:, 3].any()


def test_it_stands_for_a_matrix_where_a_decoder_uses_one() -> None:
    weight = torch.randn(9, 6)
    found, plain = quantised(weight), quantised(weight).float32()
    ids = torch.tensor([[3, 3, 0], [8, 1, 2]])
    assert torch.equal(F.embedding(ids, found), plain[ids])
    assert torch.equal(found[torch.tensor([4, 2])].float32(), plain[[4, 2]])
    assert torch.equal(found[2:5].float32(), plain[2:5])
    turned = found.t().contiguous()
    assert turned.shape == (6, 9)
    assert torch.equal(turned.float32(), plain.t())
    x = torch.randn(2, 6)
    assert torch.equal(F.linear(x, turned.t()), F.linear(x, found))
    assert F.linear(x.bfloat16(), found).dtype == torch.bfloat16
    refused: list[Callable[[], object]] = [lambda: found + 1, lambda: F.linear(torch.randn(2, 9), turned)]
    refused += [lambda: turned[0], lambda: found.to(torch.bfloat16), lambda: found @ x.t()]
    for operation in refused:
        with pytest.raises(NotImplementedError):
            operation()


@torch.no_grad()
def test_a_decoder_gives_nearly_the_same_and_its_copy_stays() -> None:
    network = small_decoder()
    small = quantise(copy.deepcopy(network))
    matrices = [name for name, tensor in small.state_dict().items() if isinstance(tensor, Int8Matrix)]
    assert len(matrices) == 2 * 5 + 3  # each block's, the embedding, the head and the adapter
    assert not isinstance(network.head.weight, Int8Matrix)
    ids, condition = torch.randint(2675, (3, 60)), torch.randn(3, 16)
    for kwargs in ({}, {"condition": condition}):
        expected, found = network(ids, **kwargs), small(ids, **kwargs)
        assert (found - expected).norm() < 0.05 * expected.norm()
    cache = small.cache(1, 60)
    parts = [small.hidden(ids[:1, start : start + 20], cache=cache) for start in (0, 20, 40)]
    torch.testing.assert_close(torch.cat(parts, dim=1), small.hidden(ids[:1]), rtol=0, atol=0.05)


def test_the_bundled_model_predicts_as_well_and_plays() -> None:
    model = partimento.load("piano-small", device="cpu")
    pieces = [model.tokenizer.encode(partimento.read_midi(path))[:200] for path in example_paths()[:3]]
    before = np.concatenate(network_nats(model.network, pieces)).mean()
    quantise(model.network)
    after = np.concatenate(network_nats(model.network, pieces)).mean()
    assert 0 < abs(after - before) < 0.02
    prompt = partimento.read_midi(example_paths()[0])
    for variations in (1, 2):
        options = ContinueOptions(seconds=2, seed=0, variations=variations)
        first, again = (continue_notes(model.network, model.tokenizer, prompt, options) for _ in range(2))
        assert len(first[0].new_notes) > 0
        assert all(np.array_equal(a.ids, b.ids) for a, b in zip(first, again, strict=True))


def test_a_vector_does_not_depend_on_the_batch() -> None:
    model = partimento.load("piano-small", device="cpu")
    quantise(model.network)
    pieces = [partimento.read_midi(path) for path in example_paths()[:3]]
    together = model.embed(pieces)
    for piece, vector in zip(pieces, together, strict=True):
        np.testing.assert_allclose(model.embed(piece), vector, atol=2e-3)


def test_stored_in_a_file_and_opened_again(tmp_path: Path) -> None:
    network = small_decoder()
    state = quantised_state(network.state_dict())
    save_file(stored(state), tmp_path / "int8.safetensors")
    save_file(network.state_dict(), tmp_path / "float32.safetensors")
    assert (tmp_path / "int8.safetensors").stat().st_size < 0.3 * (tmp_path / "float32.safetensors").stat().st_size
    again = unfilled(lambda: Decoder(CONFIG))
    again.load_state_dict(opened(load_file(tmp_path / "int8.safetensors")), assign=True)
    ids = torch.randint(2675, (1, 30))
    assert torch.equal(again(ids), quantise(network)(ids))
    assert quantised_state(again.state_dict()).keys() == state.keys(), "twice is once"


def test_only_cpus() -> None:
    with pytest.raises(ValueError, match="int8 weights are for CPUs and these are on meta"):
        quantise(unfilled(lambda: Decoder(CONFIG)))
