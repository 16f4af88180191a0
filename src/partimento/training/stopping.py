"""Ctrl-C and SIGTERM as a request that is read between two steps, so that no step is cut in half."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from partimento.training.distributed import World


class StopRequest:
    """Whether this process was asked to stop."""

    def __init__(self) -> None:
        self.asked = False

    def anywhere(self, world: World) -> bool:
        """Whether any process was asked: all stop after the same step."""
        return world.any(self.asked)


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """A request that SIGINT and SIGTERM set while this lasts; a second SIGINT raises KeyboardInterrupt at once.

    Python lets only the main thread handle signals; in another thread they keep their meaning.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and request.asked:
            raise KeyboardInterrupt
        request.asked = True

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
