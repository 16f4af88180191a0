"""Shared parts: a reparametrisation that leaves nothing behind."""

from __future__ import annotations

import numpy as np
import torch

from partimento.networks.decoder import Decoder, DecoderConfig
from partimento.networks.factored import plain_state, share_parts
from partimento.networks.transformer import TransformerConfig
from partimento.tokens.features import token_features
from partimento.tokens.vocabulary import vocabulary_of_size

CONFIG = DecoderConfig(TransformerConfig(width=16, heads=2, layers=1, feedforward=32), vocabulary=2675, context=32)


def shared_network() -> Decoder:
    torch.manual_seed(0)
    network = Decoder(CONFIG)
    network.initialise()
    features = token_features(vocabulary_of_size(2675))
    share_parts(network.embedding, features)
    share_parts(network.head, features)
    return network


def test_the_plain_state_gives_the_same_network() -> None:
    network, ids = shared_network(), torch.randint(2675, (2, 20))
    plain = Decoder(CONFIG)
    state = plain_state(network)
    assert {name: value.shape for name, value in state.items()} == {n: v.shape for n, v in plain.state_dict().items()}
    assert not any(value.requires_grad for value in state.values())
    plain.load_state_dict(state)
    assert torch.equal(plain(ids), network(ids))


def test_the_plain_state_of_a_plain_network_is_its_state() -> None:
    network = Decoder(CONFIG)
    assert plain_state(network).keys() == network.state_dict().keys()


def test_gradients_flow_to_the_rows_and_to_what_they_share() -> None:
    network, vocabulary = shared_network(), vocabulary_of_size(2675)
    token = vocabulary.piano_first + 60 * 13 + 5
    network.embedding(torch.tensor([token])).sum().backward()
    parts = dict(network.embedding.named_parameters())
    own, shared = parts["parametrizations.weight.original"].grad, parts["parametrizations.weight.0.shared"].grad
    assert own is not None
    assert shared is not None
    assert own.abs().sum(1).nonzero().flatten().tolist() == [token]
    features = token_features(vocabulary)[token]
    np.testing.assert_allclose(shared[:, 0].numpy(), features, rtol=1e-6)


def test_a_step_for_one_token_moves_its_relatives() -> None:
    network, vocabulary = shared_network(), vocabulary_of_size(2675)
    note = vocabulary.piano_first + 60 * 13
    before = network.embedding.weight.detach().clone()
    network.embedding(torch.tensor([note + 5])).sum().backward()
    torch.optim.SGD(network.parameters(), lr=1.0).step()
    moved = (network.embedding.weight.detach() - before).norm(dim=1)
    octave, other = note + 12 * 13 + 4, note + 13 + 4
    assert moved[note + 5] > moved[note + 4] > moved[octave] > moved[other]  # same pitch, same pitch class, neither
    assert moved[vocabulary.time_step] == 0


def test_under_autocast_the_sum_stays_in_float32() -> None:
    network = shared_network()
    with torch.autocast("cpu", torch.bfloat16):
        inside = network.head.weight
    assert inside.dtype == torch.float32
    assert torch.equal(inside, network.head.weight)
