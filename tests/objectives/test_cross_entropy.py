"""The loss in chunks beside the one from all logits."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from partimento.objectives.cross_entropy import CHUNK_ROWS, IGNORED, summed_cross_entropy


def slow(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(F.linear(hidden, weight).float(), targets, ignore_index=IGNORED, reduction="sum")


def inputs(rows: int, scale: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(rows)
    hidden = torch.randn(rows, 12, generator=generator) * scale
    weight = torch.randn(70, 12, generator=generator)
    targets = torch.randint(70, (rows,), generator=generator)
    targets[::5] = IGNORED
    return hidden.requires_grad_(), weight.requires_grad_(), targets


@pytest.mark.parametrize("rows", [1, 255, 256, 257, 600])
@pytest.mark.parametrize("scale", [1.0, 60.0])  # the larger gives logits of several hundred
def test_equals_the_loss_from_all_logits(rows: int, scale: float) -> None:
    assert CHUNK_ROWS["cpu"] == 256  # the sizes here stand around it
    hidden, weight, targets = inputs(rows, scale)
    losses = [f(hidden, weight, targets) for f in (summed_cross_entropy, slow)]
    torch.testing.assert_close(*losses, atol=1e-4, rtol=1e-5)
    for a, b in zip(*(torch.autograd.grad(0.37 * loss, (hidden, weight)) for loss in losses), strict=True):
        torch.testing.assert_close(a, b, atol=1e-3 * scale, rtol=1e-4)


def test_under_autocast() -> None:
    hidden, weight, targets = inputs(600)
    with torch.autocast("cpu", torch.bfloat16):
        losses = [f(hidden, weight, targets) for f in (summed_cross_entropy, slow)]
    assert losses[0].dtype == torch.float32
    torch.testing.assert_close(*losses, atol=1e-3, rtol=1e-5)
    for a, b in zip(*(torch.autograd.grad(loss, (hidden, weight)) for loss in losses), strict=True):
        assert a.dtype == torch.float32
        assert (a - b).norm() < 5e-3 * b.norm()


def test_ignored_rows_give_nothing() -> None:
    hidden, weight, targets = inputs(300)
    grad = torch.autograd.grad(summed_cross_entropy(hidden, weight, targets), hidden)[0]
    assert (grad[::5] == 0).all()
    assert (grad[1::5] != 0).any(dim=1).all()
    assert summed_cross_entropy(hidden, weight, torch.full((300,), IGNORED)) == 0


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, nullcontext])
def test_with_and_without_gradients(mode: type) -> None:
    hidden, weight, targets = inputs(20)
    with mode():
        loss = summed_cross_entropy(hidden, weight, targets)
    assert loss.requires_grad == (mode is nullcontext)
    torch.testing.assert_close(loss, slow(hidden, weight, targets))


def test_frozen_hidden_or_weight() -> None:
    hidden, weight, targets = inputs(20)
    (grad,) = torch.autograd.grad(summed_cross_entropy(hidden.detach(), weight, targets), weight)
    torch.testing.assert_close(
        grad, torch.autograd.grad(slow(hidden, weight, targets), weight)[0], atol=1e-4, rtol=1e-4
    )
