"""Rows of one piece each, some of which see a condition."""

from __future__ import annotations

import pytest
import torch

from partimento.networks.decoder import Decoder, DecoderConfig
from partimento.networks.transformer import TransformerConfig, initialise
from partimento.objectives.next_token import FILLER, PackedRows, next_token
from partimento.objectives.piece_rows import PieceRows, next_token_of_piece

LENGTH = 24


def decoder(condition: int | None = 5) -> Decoder:
    torch.manual_seed(0)
    config = DecoderConfig(TransformerConfig(16, 2, 2, 32), vocabulary=30, context=LENGTH, condition=condition)
    network = Decoder(config)
    initialise(network, 2, std=0.2)
    return network


def batch(seen: list[bool], lengths: tuple[int, ...] = (25, 10, 7, 3)) -> PieceRows:
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(30, (len(lengths), LENGTH + 1), generator=generator)
    documents = torch.full_like(ids, FILLER)
    for row, length in enumerate(lengths):
        documents[row, :length] = 0
    condition = torch.randn(len(lengths), 5, generator=generator)
    return PieceRows(PackedRows(ids, documents), LENGTH, condition, torch.tensor(seen))


def gradients(network: Decoder, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    network.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}


def test_rows_that_do_not_see_it_are_the_plain_language_models() -> None:
    network, rows = decoder(), batch([False] * 4)
    loss, logs = next_token_of_piece(network, rows)
    expected, plain = next_token(network, rows.rows)
    torch.testing.assert_close(loss, expected)
    assert logs["count"] == plain["count"] == 24 + 9 + 6 + 2
    ours, theirs = gradients(network, loss), gradients(network, next_token(network, rows.rows)[0])
    assert ours.pop("adapter.weight").abs().max() == 0  # it has a gradient, of nothing
    theirs.pop("adapter.weight", None)
    assert ours.keys() == theirs.keys()
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name], atol=1e-6, rtol=1e-4)


def test_each_row_sees_its_own_condition_or_none() -> None:
    network, rows = decoder(), batch([True, False, True, False])
    assert rows.condition is not None
    total = torch.zeros(())
    for row, length in enumerate((25, 10, 7, 3)):
        ids = rows.rows.ids[row : row + 1, :length]
        given = rows.condition[row : row + 1] if row % 2 == 0 else None
        logits = network(ids[:, :-1], condition=given)
        total += torch.nn.functional.cross_entropy(logits[0], ids[0, 1:], reduction="sum")
    loss, logs = next_token_of_piece(network, rows)
    torch.testing.assert_close(logs["loss"], total.detach())
    torch.testing.assert_close(loss, total / (4 * LENGTH))
    other = PieceRows(rows.rows, LENGTH, rows.condition.flip(0), rows.seen)
    assert next_token_of_piece(network, other)[1]["loss"] != logs["loss"]


def test_filler_is_cut_off_and_changes_nothing() -> None:
    network, rows = decoder(), batch([True, False, True, False])
    some = rows[1:4]
    assert some.rows.ids.shape == (3, 10)  # 9 positions, a multiple of 24 / 8
    assert rows[0:2].rows.ids.shape == (2, LENGTH + 1)
    assert rows[3:4].tokens == 3
    whole = next_token_of_piece(network, rows)[0]
    parts = [next_token_of_piece(network, rows[i : i + 1])[0] for i in range(4)]
    torch.testing.assert_close(whole, torch.stack(parts).mean())


def test_without_conditions_it_is_a_language_model() -> None:
    network, rows = decoder(None), PieceRows(batch([True] * 4).rows, LENGTH)
    torch.testing.assert_close(next_token_of_piece(network, rows)[0], next_token(network, rows.rows)[0])
    assert rows[1:3].to(torch.device("cpu")).condition is None


@pytest.mark.parametrize("seen", [[True, False, True, False], [False] * 4])
def test_mixed_precision_comes_near(seen: list[bool]) -> None:
    network, rows = decoder(), batch(seen)
    exact = next_token_of_piece(network, rows)[0]
    with torch.autocast("cpu", torch.bfloat16):
        loss = next_token_of_piece(network, rows)[0]
    torch.testing.assert_close(loss, exact, atol=0.02, rtol=0.02)
    loss.backward()
    assert network.adapter is not None
    assert network.adapter.weight.grad is not None


@torch.no_grad()
def test_a_network_hides_conditions_without_piece_numbers_too() -> None:
    network, ids, condition = decoder(), torch.arange(24).reshape(2, 12), torch.randn(2, 5)
    hidden = network.hidden(ids, condition=condition, seen=torch.tensor([True, False]))
    torch.testing.assert_close(hidden[:1], network.hidden(ids[:1], condition=condition[:1]), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(hidden[1:], network.hidden(ids[1:]), atol=1e-5, rtol=1e-4)
