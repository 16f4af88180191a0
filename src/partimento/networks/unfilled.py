"""Networks whose weights are to be read from a file: built without memory and without drawing numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

M = TypeVar("M", bound=nn.Module)


class _NoDraws(TorchFunctionMode):
    """Leaves tensors as they are where torch.nn.init would fill them; a draw on the meta device imports for seconds."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def unfilled(build: Callable[[], M]) -> M:
    """The module that `build` makes, on torch's meta device: it has shapes and no values.

    >>> from torch import nn
    >>> unfilled(lambda: nn.Embedding(1000, 1000)).weight.device.type
    'meta'
    """
    with torch.device("meta"), _NoDraws():
        return build()
