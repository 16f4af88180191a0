"""The step against the whole network without a cache, for every arrangement of rows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from partimento.generate.step import Stepper, cpu_threads, stored_for_one_row
from partimento.networks.decoder import Decoder
from partimento.tokens.vocabulary import PIANO


def random_ids(count: int, seed: int) -> list[int]:
    return torch.randint(0, PIANO.size, (count,), generator=torch.Generator().manual_seed(seed)).tolist()


def whole(network: Decoder, rows: list[list[int]]) -> torch.Tensor:
    """(B, D) last hidden states of rows of any lengths, without a cache."""
    return torch.cat([network.hidden(torch.tensor([ids]))[:, -1] for ids in rows])


@pytest.mark.parametrize("batch", [1, 2, 5])
@torch.inference_mode()
def test_steps_equal_the_network_without_a_cache(tiny: Callable[..., Decoder], batch: int) -> None:
    network = tiny()
    rows = [random_ids(9, 0) for _ in range(batch)]
    stepper = Stepper(network, rows[0], batch, 40)
    for turn in range(12):
        torch.testing.assert_close(stepper.hidden, whole(network, rows), atol=1e-5, rtol=1e-4)
        tokens = random_ids(batch, turn + 1)
        for ids, token in zip(rows, tokens, strict=True):
            ids.append(token)
        stepper.step(tokens)
    torch.testing.assert_close(network.head(stepper.hidden), network.head(whole(network, rows)), atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_rows_dropped_and_renewed_keep_their_own_past(tiny: Callable[..., Decoder]) -> None:
    network = tiny()
    rows = [random_ids(6, 0) for _ in range(4)]
    stepper = Stepper(network, rows[0], 4, 10)

    def step(seed: int) -> None:
        tokens = random_ids(len(rows), seed)
        for ids, token in zip(rows, tokens, strict=True):
            ids.append(token)
        stepper.step(tokens)
        torch.testing.assert_close(stepper.hidden, whole(network, rows), atol=1e-5, rtol=1e-4)

    step(1)
    stepper.drop(1)
    rows[1] = rows.pop()
    for seed in (2, 3, 4):
        step(seed)
    assert all(stepper.full(row) for row in range(3))
    for row, keep in enumerate((3, 5, 4)):  # from here on of unequal lengths
        rows[row] = rows[row][-keep:]
        stepper.renew(row, rows[row])
    step(5)
    stepper.drop(0)
    rows[0] = rows.pop()
    step(6)
    assert not stepper.full(0)


@torch.inference_mode()
def test_bf16_weights_come_near(tiny: Callable[..., Decoder]) -> None:
    network = tiny().bfloat16()
    ids = random_ids(30, 0)
    for batch in (1, 3):
        stepper = Stepper(network, ids[:20], batch, 64)
        for token in ids[20:]:
            stepper.step([token] * batch)
        assert stepper.hidden.dtype == torch.bfloat16
        torch.testing.assert_close(stepper.hidden.float(), whole(network.float(), [ids] * batch), atol=0.1, rtol=0.1)
        network.bfloat16()


def test_too_long_a_prompt_is_refused(tiny: Callable[..., Decoder]) -> None:
    with torch.inference_mode(), pytest.raises(ValueError, match="11 tokens do not fit in a context of 10"):
        Stepper(tiny(), random_ids(11, 0), 1, 10)


def test_layout_keeps_the_matrix() -> None:
    tall, wide = torch.randn(6, 3), torch.randn(3, 6)
    assert torch.equal(stored_for_one_row(tall), tall)
    assert stored_for_one_row(tall).stride() == (1, 6)
    assert stored_for_one_row(wide) is wide


def test_threads_are_put_back() -> None:
    before = torch.get_num_threads()

    def fail_inside() -> None:
        with cpu_threads(before + 1):
            assert torch.get_num_threads() == before + 1
            raise KeyError

    with pytest.raises(KeyError):
        fail_inside()
    assert torch.get_num_threads() == before
