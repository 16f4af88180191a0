"""Next-token prediction on packed rows."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from partimento.networks.decoder import Decoder, DecoderConfig
from partimento.networks.transformer import TransformerConfig
from partimento.objectives.next_token import FILLER, PackedRows, next_token


def decoder() -> Decoder:
    torch.manual_seed(0)
    return Decoder(DecoderConfig(TransformerConfig(16, 2, 2, 32), vocabulary=30, context=16))


def rows() -> PackedRows:
    ids = torch.randint(30, (3, 13), generator=torch.Generator().manual_seed(1))
    documents = torch.tensor([[0] * 13, [0] * 5 + [1] * 8, [0] * 4 + [FILLER] * 9])
    return PackedRows(ids, documents)


def test_is_the_sum_over_the_pieces_on_their_own() -> None:
    network, batch = decoder(), rows()
    spans = [(0, 0, 13), (1, 0, 5), (1, 5, 13), (2, 0, 4)]
    pieces = [batch.ids[row : row + 1, a:b] for row, a, b in spans]
    total = sum(F.cross_entropy(network(p[:, :-1])[0], p[0, 1:], reduction="sum") for p in pieces)
    loss, logs = next_token(network, batch)
    torch.testing.assert_close(logs["loss"], total)
    assert logs["count"] == 12 + 4 + 7 + 3
    torch.testing.assert_close(loss, logs["loss"] / (3 * 12))


def test_the_mean_of_equal_parts_is_the_whole() -> None:
    network, batch = decoder(), rows()
    whole = next_token(network, batch)[0]
    parts = [next_token(network, batch[i : i + 1])[0] for i in range(3)]
    torch.testing.assert_close(whole, torch.stack(parts).mean())


def test_document_edges_and_filler_are_never_predicted() -> None:
    network, batch = decoder(), rows()
    changed = batch.ids.clone()
    changed[2, 4:] = (changed[2, 4:] + 1) % 30  # filler
    changed[1, 12] = (changed[1, 12] + 1) % 30  # the last token of a piece, which is only predicted
    before, after = next_token(network, batch)[1], next_token(network, PackedRows(changed, batch.documents))[1]
    assert before["loss"] != after["loss"]
    changed[1, 12] = batch.ids[1, 12]
    again = next_token(network, PackedRows(changed, batch.documents))[1]
    assert again["loss"] == before["loss"]
    first_of_second = batch.ids.clone()
    first_of_second[1, 5] = (first_of_second[1, 5] + 1) % 30
    cut = slice(0, 6)  # where it could only matter as a target
    a, b = (PackedRows(ids[1:2, cut], batch.documents[1:2, cut]) for ids in (batch.ids, first_of_second))
    assert next_token(network, a)[1]["loss"] == next_token(network, b)[1]["loss"]
