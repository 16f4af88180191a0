"""Heads that label notes and sequences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_words import close, encoder, encoder_config, loud, random_words, rows_of
from torch import Tensor

from partimento.networks.encoder import Encoder
from partimento.networks.labeller import Labeller, LabellerConfig, Unit, sequence_numbers
from partimento.networks.packed import FILLER
from partimento.tasks.words.bilstm import BiLstm, BiLstmConfig
from partimento.tokens.octuple import OCTUPLE

DOCUMENTS = torch.tensor([[0, 0, 0, 1, 1, 1, 1, -1], [0, 0, 0, 0, 0, 0, 0, 0], [0, 1, 1, 3, 3, 3, -1, -1]])


def labeller(unit: Unit, classes: tuple[int, ...] = (3, 5)) -> Labeller:
    """In evaluation mode and double precision."""
    network = Labeller(LabellerConfig(encoder_config(), unit, classes, hidden=12, weighing=6)).double().eval()
    loud(network)
    return network


def pooled_one_by_one(network: Labeller, hidden: Tensor, documents: Tensor) -> Tensor:
    """The slow reference: a softmax over the notes of each sequence, for each way to weigh them."""
    assert network.weigh is not None
    rows = []
    for row, numbers in zip(hidden, documents, strict=True):
        for number in sorted(set(numbers.tolist()) - {FILLER}):
            states = row[numbers == number]
            ways = [weight.softmax(0) @ states for weight in network.weigh(states).T]
            rows.append(torch.cat(ways))
    return torch.stack(rows)


def test_sequences_are_numbered_in_their_order() -> None:
    numbers, count = sequence_numbers(DOCUMENTS)
    assert count == 6
    assert numbers.tolist() == [
        [0, 0, 0, 1, 1, 1, 1, -1],
        [2, 2, 2, 2, 2, 2, 2, 2],
        [3, 4, 4, 5, 5, 5, -1, -1],
    ]
    numbers, count = sequence_numbers(DOCUMENTS[1:2])  # nothing is filled up
    assert (numbers.tolist(), count) == ([[0] * 8], 1)


@pytest.mark.parametrize("loudness", [1.0, 1e4])
def test_pooling_is_a_softmax_over_the_notes_of_each_sequence(loudness: float) -> None:
    network = labeller("sequence")
    with torch.no_grad():
        network.state_dict()["weigh.2.weight"].mul_(loudness)  # no score is too high for it
    found = []
    for slow in (False, True):
        hidden = torch.randn(3, 8, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        hidden.requires_grad_()
        if slow:
            pooled = pooled_one_by_one(network, hidden, DOCUMENTS)
        else:
            pooled = network._pooled(hidden, *sequence_numbers(DOCUMENTS))
        network.zero_grad()
        (pooled * torch.linspace(-1, 1, pooled.numel(), dtype=torch.float64).view_as(pooled)).sum().backward()
        assert hidden.grad is not None
        found.append((pooled.detach(), hidden.grad))
    for fast, reference in zip(*found, strict=True):
        assert fast.isfinite().all()
        torch.testing.assert_close(fast, reference, atol=1e-4, rtol=1e-4)  # the weights are computed in float32
    assert (found[0][1][DOCUMENTS == FILLER] == 0).all()


def test_pooling_many_notes_in_bfloat16_loses_no_more_than_rounding() -> None:
    network = labeller("sequence").float()
    hidden = 1 + torch.randn(1, 2000, 32, generator=torch.Generator().manual_seed(0))
    numbers = sequence_numbers(torch.zeros(1, 2000, dtype=torch.long))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        rough = network._pooled(hidden.bfloat16(), *numbers).float()
    with torch.no_grad():
        exact = network._pooled(hidden, *numbers)
    assert (rough - exact).norm() < 0.03 * exact.norm()


@torch.no_grad()
def test_a_sequence_is_labelled_as_if_it_were_alone() -> None:
    pieces = [random_words(seed, count) for seed, count in ((0, 9), (1, 14), (2, 20))]
    packed = rows_of(pieces[:2], pieces[2:], length=26)
    for unit in ("sequence", "note"):
        network = labeller(unit)
        found = network(packed.words, packed.documents)
        assert [logits.shape for logits in found] == [(3 if unit == "sequence" else 52, c) for c in (3, 5)]
        for head, logits in enumerate(found):
            for number, (piece, start) in enumerate(zip(pieces, (0, 9, 26), strict=True)):
                alone = rows_of([piece], length=len(piece))
                expected = network(alone.words, alone.documents)[head]
                mine = slice(number, number + 1) if unit == "sequence" else slice(start, start + len(piece))
                close(logits[mine], expected)
    assert (found[0][:9] - found[0][9:18]).abs().max() > 1e-3


def test_a_trunk_is_taken_over_and_the_heads_are_new() -> None:
    base = encoder().float()
    network = Labeller(LabellerConfig(encoder_config(), "sequence", (3,)))
    torch.manual_seed(1)
    network.initialise(base.state_dict())
    assert isinstance(network.encoder, Encoder)
    assert all(torch.equal(value, base.state_dict()[name]) for name, value in network.encoder.state_dict().items())
    drawn = network.state_dict()["heads.0.1.weight"]
    assert float(drawn.std()) == pytest.approx(0.02, rel=0.1)
    torch.manual_seed(1)
    network.initialise()
    assert not torch.equal(network.encoder.embedding.weight, base.embedding.weight)


def test_another_trunk_may_stand_below() -> None:
    trunk = BiLstm(BiLstmConfig(OCTUPLE, field_width=4, width=6, layers=1))
    network = Labeller(LabellerConfig(encoder_config(), "sequence", (3,)), trunk, trunk.width)
    network.initialise()
    packed = rows_of([random_words(0, 5), random_words(1, 6)], length=12)
    assert network(packed.words, packed.documents)[0].shape == (2, 3)


def test_dropout_is_for_training_alone() -> None:
    network = labeller("note").float()
    packed = rows_of([random_words(0, 9)], length=9)
    once, again = (network(packed.words, packed.documents)[0] for _ in range(2))
    assert torch.equal(once, again)
    network.train()
    once, again = (network(packed.words, packed.documents)[0] for _ in range(2))
    assert not torch.equal(once, again)


@pytest.mark.parametrize("classes", [(), (3, 0)])
def test_heads_without_classes_are_refused(classes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="at least one head, each of at least one class"):
        LabellerConfig(encoder_config(), "note", classes)


def test_numbers_of_random_rows_equal_a_dictionarys() -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        documents = np.sort(generator.integers(-1, 6, (4, 12)), axis=1)
        seen: dict[tuple[int, int], int] = {}
        slow = [
            [FILLER if d == FILLER else seen.setdefault((row, d), len(seen)) for d in numbers]
            for row, numbers in enumerate(documents.tolist())
        ]
        found, count = sequence_numbers(torch.from_numpy(documents))
        assert (found.tolist(), count) == (slow, len(seen))
