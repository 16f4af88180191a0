"""Weights in 8 bits for work on CPUs: a quarter of float32's memory, multiplied in whole numbers.

A matrix keeps one float32 scale a row, the largest magnitude of the row over 127. In a product the other factor is
rounded the same way, each of its rows on its own, so that a row's result depends on no other row: not on what it is
batched with, nor on later positions. Nothing is calibrated (Dettmers et al. 2022, LLM.int8(), section 2.1, without its
outliers). torch's own quantised tensors round a whole batch by one scale, and are deprecated.

The product is `torch._int_mm`: fast where the processor multiplies bytes (AVX-512 VNNI or AMX: Intel since 2019, AMD
since Zen 4), slow elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LARGEST = 127
TINY = 1e-30  # instead of the largest magnitude of a row of zeros; 127 / TINY is still a number
BLOCK_ROWS = 512  # rows multiplied at once: what stays in a core's cache
SCALE = "_scale"  # the ending of the scales' names where they are stored beside their weights

M = TypeVar("M", bound=nn.Module)


class Int8Matrix(Tensor):
    """A matrix (N, K) that says it is float32 and holds int8.

    It takes a weight's place: in `F.linear` and `F.embedding`, indexed by rows, transposed. Other operations on it are
    errors; `float32()` gives an ordinary tensor. It cannot be trained.

    Args:
        whole: (N, K) int8.
        scale: (N,) float32; row n is whole[n] * scale[n].
        transposed: show it as (K, N).
    """

    whole: Tensor
    scale: Tensor
    transposed: bool

    @staticmethod
    def __new__(cls, whole: Tensor, scale: Tensor, transposed: bool = False) -> Int8Matrix:
        shape = whole.shape[::-1] if transposed else whole.shape
        made = Tensor._make_wrapper_subclass(cls, shape, dtype=torch.float32, device=whole.device)
        made.whole, made.scale, made.transposed = whole, scale, transposed
        return made

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        return f"Int8Matrix({list(self.shape)})"

    def float32(self) -> Tensor:
        """An ordinary tensor of the same numbers."""
        plain = self.whole.float() * self.scale[:, None]
        return plain.t() if self.transposed else plain

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is F.linear:
            return linear(*args, **(kwargs or {}))
        if func is F.embedding:
            ids, matrix = args[:2]
            return matrix.whole[ids].float() * matrix.scale[ids][..., None]
        if func is Tensor.__getitem__:
            matrix, rows = args
            if matrix.transposed:
                raise NotImplementedError("only the rows of an int8 matrix can be picked, not its columns")
            return Int8Matrix(matrix.whole[rows], matrix.scale[rows])
        if func is Tensor.t:
            return Int8Matrix(args[0].whole, args[0].scale, not args[0].transposed)
        if func is Tensor.contiguous:
            return args[0]
        return super().__torch_function__(func, types, args, kwargs)

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is torch.ops.aten.detach.default:
            return Int8Matrix(args[0].whole, args[0].scale, args[0].transposed)
        raise NotImplementedError(f"{func} of an int8 matrix; float32() gives an ordinary tensor")


def linear(x: Tensor, weight: Int8Matrix, bias: Tensor | None = None) -> Tensor:
    """x (..., K) times the transpose of an int8 weight (N, K), plus bias (N,): (..., N) in the dtype of x."""
    assert isinstance(weight, Int8Matrix)
    if weight.transposed:
        raise NotImplementedError("an int8 matrix is multiplied along its scales' rows alone; transpose it back")
    blocks = x.reshape(-1, x.shape[-1]).split(BLOCK_ROWS)
    y = _product(blocks[0], weight) if len(blocks) == 1 else torch.cat([_product(block, weight) for block in blocks])
    if bias is not None:
        y += bias
    return y.to(x.dtype).view(*x.shape[:-1], len(weight.whole))


def _product(x: Tensor, weight: Int8Matrix) -> Tensor:
    """x (M, K) times the transpose of weight (N, K): (M, N) float32."""
    largest = x.abs().amax(1, keepdim=True).float().clamp_(min=TINY)
    whole = (x * (LARGEST / largest)).round_().to(torch.int8)
    return torch._int_mm(whole, weight.whole.t()).float().mul_(weight.scale).mul_(largest / LARGEST)


def quantised(matrix: Tensor) -> Int8Matrix:
    """The int8 matrix nearest to a matrix (N, K), row by row.

    >>> quantised(torch.tensor([[0.5, -2.0], [30.0, 10.0]])).whole.tolist()
    [[32, -127], [127, 42]]
    """
    largest = matrix.detach().abs().amax(1).float().clamp(min=TINY)
    whole = (matrix.detach().float() * (LARGEST / largest)[:, None]).round_().to(torch.int8)
    return Int8Matrix(whole, largest / LARGEST)


def quantised_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict with its matrices in 8 bits; vectors (norms, biases) stay as they are.

    Raises:
        ValueError: if the tensors are not on the CPU.
    """
    elsewhere = sorted({str(tensor.device) for tensor in state.values() if tensor.device.type != "cpu"})
    if elsewhere:
        raise ValueError(f"int8 weights are for CPUs and these are on {elsewhere[0]}; take bfloat16 there")
    return {
        name: quantised(tensor) if tensor.ndim == 2 and not isinstance(tensor, Int8Matrix) else tensor
        for name, tensor in state.items()
    }


def quantise(network: M) -> M:
    """The same network, changed: its matrices are in 8 bits and it is no longer trainable.

    Raises:
        ValueError: if it is not on the CPU.
    """
    network.load_state_dict(quantised_state(network.state_dict()), assign=True)
    return network.requires_grad_(False).eval()


def stored(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict for a file: an int8 matrix as whole numbers under its name and scales under its name + "_scale"."""
    found: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if isinstance(tensor, Int8Matrix):
            found |= {name: tensor.whole, name + SCALE: tensor.scale}
        else:
            found[name] = tensor
    return found


def opened(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of `stored`; what is not int8 stays as it is."""
    return {
        name: Int8Matrix(tensor, state[name + SCALE]) if tensor.dtype == torch.int8 else tensor
        for name, tensor in state.items()
        if not name.endswith(SCALE)
    }
