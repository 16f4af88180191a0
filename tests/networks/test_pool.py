"""What a head is given of a sequence: the hidden state of its last token, or the mean of all."""

from __future__ import annotations

import pytest
import torch

from partimento.configuration import to_plain
from partimento.networks.decoder import Decoder, DecoderConfig, Pool
from partimento.networks.transformer import TransformerConfig
from partimento.systems.aria import network_of

LENGTHS = [3, 1, 7, 4]


def decoder(pool: Pool) -> Decoder:
    torch.manual_seed(0)
    return Decoder(DecoderConfig(TransformerConfig(8, 2, 1, 16), 30, 16, head="embedding", outputs=3, pool=pool))


@pytest.mark.parametrize("pool", ["end", "mean"])
def test_is_that_of_each_sequence(pool: Pool) -> None:
    hidden = torch.randn(sum(LENGTHS), 8, generator=torch.Generator().manual_seed(1), requires_grad=True)
    found = decoder(pool).pool(hidden, torch.tensor(LENGTHS))
    parts = hidden.split(LENGTHS)
    torch.testing.assert_close(found, torch.stack([part[-1] if pool == "end" else part.mean(0) for part in parts]))
    found.sum().backward()
    assert hidden.grad is not None
    shares = [1 / length for length in LENGTHS]
    for part, share in zip(hidden.grad.split(LENGTHS), shares, strict=True):
        expected = torch.full_like(part, share)
        if pool == "end":
            expected = torch.zeros_like(part)
            expected[-1] = 1
        torch.testing.assert_close(part, expected)


def test_a_mean_of_many_bfloat16_states_is_not_rounded_at_every_step() -> None:
    hidden = (1 + torch.randn(3000, 8, generator=torch.Generator().manual_seed(2)) / 10).bfloat16()
    lengths = torch.tensor([1000, 2000])
    found = decoder("mean").pool(hidden, lengths)
    expected = torch.stack([part.double().mean(0) for part in hidden.split(lengths.tolist())])
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.double(), expected, atol=0, rtol=2**-8)  # one rounding, of the result


def test_checkpoints_from_before_there_were_two_kinds_pool_at_the_end() -> None:
    plain = to_plain(decoder("mean").config)
    assert network_of(plain).pool == "mean"
    del plain["pool"]
    assert network_of(plain).pool == "end"
    with pytest.raises(ValueError, match=r"network\.pool is 'middle'; it must be one of 'end', 'mean'"):
        network_of({**plain, "pool": "middle"})
