"""Representations: every network reads the same windows; layers and pools are what they say."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
import toy

from partimento.networks.decoder import Decoder, DecoderConfig
from partimento.networks.transformer import TransformerConfig
from partimento.tasks import representations as r
from partimento.tokens.performance import PerformanceTokenizer
from partimento.tokens.slices import windows
from partimento.tokens.vocabulary import vocabulary_of_size

CONFIG = DecoderConfig(TransformerConfig(16, 2, 3, 32), vocabulary=2675, context=1024)
TOKENIZER = PerformanceTokenizer(vocabulary_of_size(2675))
PIECES = [toy.piece(0, 700), toy.piece(1, 20, high=True), toy.piece(2, 301)]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def network() -> Decoder:
    found, _ = r.random_network(CONFIG, 7, torch.device("cpu"))
    return found


def slowly(network: Decoder, layer: int) -> np.ndarray:
    """One window at a time, block by block."""
    rows = []
    for notes in PIECES:
        sums, count = torch.zeros(32), 0
        for ids, weight in windows(TOKENIZER, notes, 1024):
            with torch.inference_mode():
                x = network.embedding(torch.from_numpy(ids)[None])
                from partimento.networks.transformer import causal, rotary_table

                table = rotary_table(torch.arange(len(ids)), 8, 500_000.0)
                for number, block in enumerate(network.transformer.blocks[:layer]):
                    x = block(x, table, causal, None, number)
                if layer == 3:
                    x = network.transformer.norm(x)
                sums += weight * torch.cat([x[0].mean(0), x[0, -1]])
            count += weight
        rows.append((sums / count).numpy())
    return np.stack(rows)


@pytest.mark.parametrize("layer", [0, 1, 2, 3])
def test_states_are_those_of_a_slow_reference(network: Decoder, layer: int) -> None:
    found = r.pooled_states(network, TOKENIZER, PIECES, layer)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, slowly(network, layer), atol=2e-5)


def test_pools_are_columns_of_one_computation(network: Decoder) -> None:
    pools = r.states(network, TOKENIZER, "toy", "abc", 3)
    assert pools["mean"].key == pools["last"].key
    whole = pools["mean"].embed(PIECES)
    assert np.array_equal(whole[:, slice(*pools["last"].columns)], whole[:, 16:])
    assert r.states(network, TOKENIZER, "toy", "abc", 2)["mean"].key != pools["mean"].key
    assert r.states(network, TOKENIZER, "toy", "abc", 3, bf16=True)["mean"].key != pools["mean"].key
    with pytest.raises(ValueError, match="layers 0 to 3"):
        r.states(network, TOKENIZER, "toy", "abc", 4)


def test_bf16_is_nearly_the_same(network: Decoder) -> None:
    exact, rough = (r.pooled_states(network, TOKENIZER, PIECES, 3, bf16) for bf16 in (False, True))
    assert np.abs(exact - rough).max() < 0.05
    assert np.abs(exact - rough).max() > 0


def test_random_networks_are_new_for_each_seed_and_leave_the_generator_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    first, name = r.random_network(CONFIG, 0, torch.device("cpu"))
    assert torch.rand(1) == expected
    again, same = r.random_network(CONFIG, 0, torch.device("cpu"))
    other, another = r.random_network(CONFIG, 1, torch.device("cpu"))
    assert name == same != another
    assert torch.equal(first.embedding.weight, again.embedding.weight)
    assert not torch.equal(first.embedding.weight, other.embedding.weight)


def test_handcrafted_statistics_have_a_row_a_piece() -> None:
    statistics = r.handcrafted()
    found = statistics.embed(PIECES)
    assert found.shape[0] == 3
    assert found.shape[1] > 60
    assert statistics.mixed_units
    assert not statistics.whole
    assert r.handcrafted(whole=True).whole
