"""Pickles of lists, dicts, strings and arrays, read without running what is in them."""

from __future__ import annotations

import codecs
import pickle
from pathlib import Path
from typing import Any

import numpy as np

# Written by Python 2 or 3 and any numpy; got from arrays themselves, since numpy moved the module they are in.
_ALLOWED = {
    "_reconstruct": np.zeros(0).__reduce__()[0],
    "scalar": np.float64(0).__reduce__()[0],
    "ndarray": np.ndarray,
    "dtype": np.dtype,
    "encode": codecs.encode,
}
_MODULES = ("numpy", "numpy.core.multiarray", "numpy._core.multiarray", "_codecs")


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module in _MODULES and name in _ALLOWED:
            return _ALLOWED[name]
        raise pickle.UnpicklingError(f"names {module}.{name}")


def read_plain_pickle(path: Path) -> Any:
    """The content of a pickle of plain values and arrays; the strings of Python 2 become those of Python 3.

    Raises:
        ValueError: if it names anything else, which could run code, or is damaged.
    """
    try:
        with path.open("rb") as file:
            return _Plain(file, encoding="latin1").load()
    except (pickle.UnpicklingError, EOFError, IndexError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(
            f"{path} is no pickle of plain lists, strings and arrays ({error}); take the file of the release"
        ) from None
