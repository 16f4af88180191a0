"""The summed cross entropy of an output layer, in chunks of rows whose logits stay near the processor.

A layer over thousands of tokens gives logits many times larger than what it reads. Written to memory in float32 and
read back, for the loss and again for its gradient, they cost as much time as the layer's matrix products. Here each
chunk's logits, loss and gradient are made in one pass, in the same memory, so nothing of that size is ever kept.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

IGNORED = -100  # a target that does not count
CHUNK_ROWS = {"cpu": 256, "cuda": 8192}  # fewer stay in the cache, more let the matrix products work


@torch.compiler.disable  # a loop that writes into its own memory
def summed_cross_entropy(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """Sum over the rows of -log softmax(hidden @ weight.T)[target], a float32 scalar.

    Under autocast the products are taken in its dtype and the softmax in float32, as by `nn.Linear` and
    `F.cross_entropy`. The gradient cannot be differentiated again.

    Args:
        hidden: (N, D).
        weight: (V, D) of the output layer.
        targets: (N,) int64 in 0 .. V - 1, or IGNORED.
    """
    device = hidden.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype
    loss: Tensor = _SummedCrossEntropy.apply(hidden.to(dtype), weight.to(dtype), targets, torch.is_grad_enabled())
    return loss


class _SummedCrossEntropy(torch.autograd.Function):
    """Forward takes the gradient along; backward only scales it."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, with_gradient: bool) -> Tensor:
        rows = CHUNK_ROWS.get(hidden.device.type, CHUNK_ROWS["cuda"])
        logits = hidden.new_empty((min(rows, len(hidden)), len(weight)))
        logits_f32, p = logits.new_empty((2, *logits.shape), dtype=torch.float32)
        to_hidden = torch.empty_like(hidden)
        to_weight = torch.zeros_like(weight, dtype=torch.float32)
        losses = []
        with torch.autocast(hidden.device.type, enabled=False):
            for start in range(0, len(hidden), rows):
                h, target = hidden[start : start + rows], targets[start : start + rows]
                part = slice(len(h))
                counts, index = target != IGNORED, target.clamp(min=0)[:, None]
                torch.mm(h, weight.T, out=logits[part])
                logits_f32[part].copy_(logits[part])
                torch.softmax(logits_f32[part], dim=-1, out=p[part])
                # the largest probability is 1 / sum of exp(logit - largest logit): the normaliser without another pass
                normaliser = logits_f32[part].amax(-1, keepdim=True) - p[part].amax(-1, keepdim=True).log()
                log_p = logits_f32[part].gather(1, index) - normaliser
                losses.append(-(log_p[:, 0] * counts).sum())
                if with_gradient:
                    gradient = logits[part].copy_(p[part])  # d/d logits of -log p[target] is p - onehot(target)
                    gradient.scatter_(1, index, log_p.expm1().to(gradient.dtype))
                    gradient[~counts] = 0
                    torch.mm(gradient, weight, out=to_hidden[start : start + rows])
                    to_weight += gradient.T @ h
        ctx.save_for_backward(to_hidden, to_weight)
        ctx.weight_dtype = weight.dtype
        return torch.stack(losses).sum()

    @staticmethod
    def backward(ctx: Any, *scales: Tensor) -> tuple[Tensor, Tensor, None, None]:
        to_hidden, to_weight = ctx.saved_tensors
        (scale,) = scales
        return to_hidden * scale, (to_weight * scale).to(ctx.weight_dtype), None, None
