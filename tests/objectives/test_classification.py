from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from partimento.networks.decoder import Decoder, DecoderConfig
from partimento.networks.transformer import TransformerConfig
from partimento.objectives.classification import LabelledSlices, classification, collate, log_probabilities


def network(pool: str = "end") -> Decoder:
    torch.manual_seed(0)
    config = DecoderConfig(
        TransformerConfig(16, 2, 2, 32), vocabulary=30, context=64, head="classes", outputs=3, pool=pool
    )
    decoder = Decoder(config)
    decoder.initialise()
    decoder.head.weight.data *= 20  # probabilities that differ
    return decoder.eval()


def slices() -> tuple[list[list[np.ndarray]], np.ndarray]:
    """Four pieces of 1, 3, 2 and 1 slices of 3 to 20 tokens."""
    generator = np.random.default_rng(1)
    found = [[generator.integers(0, 30, generator.integers(3, 21)) for _ in range(count)] for count in (1, 3, 2, 1)]
    return found, np.array([2, 0, 1, 1])


@pytest.mark.parametrize("pool", ["end", "mean"])
def test_a_piece_is_the_mean_of_its_slices_weighted_by_tokens(pool: str) -> None:
    decoder, (pieces, labels) = network(pool), slices()
    batch = collate(pieces, labels)
    found = log_probabilities(decoder, batch.ids, batch.lengths, batch.counts).exp()
    for row, piece in zip(found, pieces, strict=True):
        slow = torch.zeros(3)
        for ids in piece:
            hidden = decoder.hidden(torch.from_numpy(ids)[None])[0]
            state = hidden[-1] if pool == "end" else hidden.mean(0)
            slow += len(ids) * decoder.head(state).softmax(-1)
        torch.testing.assert_close(row, slow / sum(map(len, piece)))
    torch.testing.assert_close(found.sum(1), torch.ones(4))


def test_the_loss_of_one_slice_is_its_cross_entropy() -> None:
    decoder, (pieces, labels) = network(), slices()
    one_each = collate([piece[:1] for piece in pieces], labels)
    loss, logs = classification(decoder, one_each)
    logits = torch.stack([decoder(torch.from_numpy(piece[0])[None])[0, -1] for piece in pieces])
    torch.testing.assert_close(loss, F.cross_entropy(logits, one_each.labels))
    assert int(logs["count"]) == 4
    assert int(logs["hits"]) == int((logits.argmax(1) == one_each.labels).sum())
    torch.testing.assert_close(logs["loss"], 4 * loss)


def test_parts_of_a_batch_add_up_to_it() -> None:
    decoder, (pieces, labels) = network(), slices()
    batch = collate(pieces, labels)
    whole = classification(decoder, batch)[1]["loss"]
    parts = [classification(decoder, batch[start : start + 2])[1]["loss"] for start in (0, 2)]
    torch.testing.assert_close(whole, parts[0] + parts[1])
    assert batch.tokens == sum(len(ids) for piece in pieces for ids in piece)
    assert [len(batch), len(batch[1:3]), len(batch[2:2]), len(batch[3:9])] == [4, 2, 0, 1]
    assert batch[1:3].counts.tolist() == [3, 2]
    assert batch[1:3].lengths.tolist() == [len(ids) for piece in pieces[1:3] for ids in piece]
    assert isinstance(batch.to(torch.device("cpu")), LabelledSlices)
