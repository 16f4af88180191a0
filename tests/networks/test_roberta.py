"""The encoder of the original MusicBERT: packed documents, the head, and what it refuses."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from partimento.networks.packed import FILLER
from partimento.networks.roberta import Roberta, RobertaConfig
from partimento.tokens.fields import MASK, PAD, Fields
from partimento.tokens.octuple import OCTUPLE

FIELDS = Fields(("bar", "pitch", "tempo"), (5, 9, 4))
CONFIG = RobertaConfig(width=16, heads=2, layers=2, feedforward=32, fields=FIELDS, context=12, dropout=0.1)


def network(config: RobertaConfig = CONFIG) -> Roberta:
    torch.manual_seed(0)
    made = Roberta(config)
    made.initialise()
    with torch.no_grad():  # weights large enough for every part to matter
        for parameter in made.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
    return made.eval()


def words(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([torch.randint(0, size, shape, generator=generator) for size in FIELDS.sizes], -1)


PACKED = torch.tensor(
    [[0] * 4 + [1] * 5 + [FILLER] * 3, [2] * 12, [3] * 3 + [FILLER] * 9, [FILLER] * 12, [4] * 11 + [5]]
)


def test_documents_do_not_see_each_other_nor_where_they_lie() -> None:
    made, ids = network(), words(*PACKED.shape)
    packed = made.hidden(ids, PACKED)
    for document in range(6):
        row, at = torch.where(PACKED.eq(document))
        alone = made.hidden(ids[row, at][None], torch.zeros(1, len(at), dtype=torch.int64))
        torch.testing.assert_close(packed[row, at], alone[0], rtol=1e-5, atol=1e-5)
    assert not packed[PACKED == FILLER].any()


def test_what_fills_a_row_up_changes_nothing() -> None:
    made, ids = network(), words(*PACKED.shape)
    other = ids.clone()
    other[PACKED == FILLER] = torch.tensor(FIELDS.special(PAD))
    assert torch.equal(made.hidden(ids, PACKED), made.hidden(other, PACKED))


def test_training_computes_the_same_but_for_dropout_with_gradients_everywhere() -> None:
    made, ids = network(), words(*PACKED.shape)
    made.checkpointing = True
    with torch.no_grad():  # torch takes one fused kernel here, and none below
        expected = made.hidden(ids, PACKED)
    for part in made.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
        if isinstance(part, torch.nn.MultiheadAttention):
            part.dropout = 0.0
    made.train()
    hidden = made.hidden(ids, PACKED)
    torch.testing.assert_close(hidden, expected, rtol=1e-5, atol=1e-5)
    logits = torch.stack([made.logits(hidden[PACKED >= 0], field) for field in range(len(FIELDS))])
    logits.square().sum().backward()
    for name, parameter in made.named_parameters():
        assert parameter.grad is not None, name
        if not name.endswith("in_proj_bias"):  # the keys' has no effect
            assert parameter.grad.abs().sum() > 0, name


def test_dropout_is_where_the_original_has_it() -> None:
    layer = network().layers[0]
    assert isinstance(layer, torch.nn.TransformerEncoderLayer)
    drops = [layer.self_attn.dropout, layer.dropout1.p, layer.dropout.p, layer.dropout2.p]
    assert drops == [0.1, 0.1, 0.0, 0.1]


def test_targets_are_rows_of_the_one_vocabulary() -> None:
    made, ids = network(), words(7)
    logits = made.logits(torch.randn(7, 16), 1)
    assert logits.shape == (7, sum(FIELDS.sizes) + 5)
    assert torch.equal(made.targets(ids, 1), 4 + 5 + ids[:, 1])
    hidden = torch.tensor(FIELDS.special(MASK))[None]
    assert made.targets(hidden, 2).item() == logits.shape[1] - 1


def test_initialised_as_bert() -> None:
    torch.manual_seed(0)
    made = Roberta(RobertaConfig(128, 2, 2, 512, OCTUPLE, 1024))
    made.initialise()
    for name, parameter in made.named_parameters():
        if name.endswith("bias"):
            assert not parameter.any(), name
        elif "norm" in name:
            assert (parameter == 1).all(), name
        else:
            assert parameter.std().item() == pytest.approx(0.02, rel=0.02), name
    assert not made.embedding.weight[1].any()


def test_too_long_a_document_is_refused() -> None:
    with pytest.raises(ValueError, match=r"13 words; the network has learned 12 positions"):
        network().hidden(words(1, 13), torch.zeros(1, 13, dtype=torch.int64))
    twice = torch.tensor([[0] * 7 + [1] * 6])
    assert network().hidden(words(1, 13), twice).shape == (1, 13, 16)


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="width 16 is not a multiple of the 3 heads"):
        RobertaConfig(16, 3, 2, 32, FIELDS, 12)
    with pytest.raises(ValueError, match="layers is 0"):
        RobertaConfig(16, 2, 0, 32, FIELDS, 12)
    with pytest.raises(ValueError, match=r"dropout is 1\.0"):
        RobertaConfig(16, 2, 1, 32, FIELDS, 12, dropout=1.0)
