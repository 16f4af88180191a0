"""The recurrent encoder: documents of one row do not hear each other, and where they stand does not matter."""

from __future__ import annotations

import pytest
import torch

from partimento.tasks.words.bilstm import BiLstm, BiLstmConfig
from partimento.tokens.fields import Fields

FIELDS = Fields(("a", "b"), (10, 5))


def _encoder() -> BiLstm:
    torch.manual_seed(0)
    return BiLstm(BiLstmConfig(FIELDS, field_width=4, width=6, layers=2)).eval()


def _words(*shape: int) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randint(0, 5, (*shape, 2))


def test_packed_documents_are_as_alone() -> None:
    encoder = _encoder()
    words = _words(2, 9)
    documents = torch.tensor([[0, 0, 0, 0, 1, 1, 1, -1, -1], [2, 2, 2, 2, 2, 2, 2, 2, 2]])
    packed = encoder.hidden(words, documents)
    assert packed.shape == (2, 9, encoder.width)
    for row, part in ((0, slice(0, 4)), (0, slice(4, 7)), (1, slice(0, 9))):
        alone = encoder.hidden(words[row : row + 1, part], torch.zeros(1, part.stop - part.start, dtype=torch.long))
        torch.testing.assert_close(packed[row, part], alone[0])
    assert not packed[0, 7:].any()


def test_both_directions_are_heard_and_learn() -> None:
    encoder = _encoder()
    out = encoder.hidden(_words(1, 6), torch.zeros(1, 6, dtype=torch.long))
    embedded = encoder.tables[0].weight
    for position in (0, 5):
        (gradient,) = torch.autograd.grad(out[0, position].sum(), embedded, retain_graph=True)
        assert gradient[_words(1, 6)[0, :, 0].unique()].abs().sum(1).gt(0).all()


def test_sizes_are_checked() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        BiLstmConfig(FIELDS, layers=0)
    with pytest.raises(ValueError, match=r"dropout is 1\.0"):
        BiLstmConfig(FIELDS, dropout=1.0)
