"""What a verb writes that is called in this process, which is quicker than a command of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Said(NamedTuple):
    """What a verb wrote."""

    stdout: str
    stderr: str


Run = Callable[..., Said]
