"""Reading many files in worker processes, so that a file that crashes, hangs or swallows memory costs that file alone.

A batch whose worker is lost is cut at the item that did it, and the rest of it is done again by a fresh worker.
"""

from __future__ import annotations

import os
import pickle
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from partimento.corpus.worker import Failure, Guard, Worker, WorkerLostError
from partimento.midi import read_midi
from partimento.notes import Notes

BATCH_SIZE = 64


def read_many(
    paths: Sequence[str | Path], jobs: int | None = None, guard: Guard | None = None
) -> Iterator[tuple[str | Path, Notes | str]]:
    """Each path with its notes, or with the reason why it has none, in the order given.

    Args:
        paths: MIDI files.
        jobs: worker processes; one a core by default.
        guard: what one file may cost.
    """
    for batch, results in map_isolated(read_midi, list(paths), jobs=jobs, guard=guard):
        for path, result in zip(batch, results, strict=True):
            yield path, result.reason if isinstance(result, Failure) else result


def map_isolated(
    function: Callable[[Any], Any],
    items: Sequence[Any],
    *,
    jobs: int | None = None,
    collect: Callable[[list[Any]], Any] | None = None,
    batch_size: int = BATCH_SIZE,
    guard: Guard | None = None,
) -> Iterator[tuple[list[Any], Any]]:
    """Batches of items in order, each with the list of `function(item)`, computed in worker processes.

    In place of the result of an item that raised, crashed, hung or took too much memory stands a `Failure`; it need not
    be in a batch with its neighbours.

    Args:
        function: a function of a module (or a `partial` of one), pickled by name.
        items: what can be pickled.
        jobs: worker processes; one a core by default.
        collect: packs the results of a batch in the worker before they travel; its value comes in place of the list
            (for an item that cost its worker it is called here).
        batch_size: items that travel together.
        guard: what one item may cost.

    Raises:
        RuntimeError: if workers cannot be started.
    """
    jobs = max(1, min(jobs or available_cores(), -(-len(items) // batch_size)))
    work = _Work(items, batch_size, ahead=batch_size * (4 * jobs + 4))
    setup = pickle.dumps((function, collect, (guard or Guard()).memory_bytes))
    attend = partial(_attend, work, setup, (guard or Guard()).time_s)
    threads = [threading.Thread(target=attend, daemon=True) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    try:
        held: dict[int, tuple[int, Any]] = {}
        start = 0
        while start < len(items):
            while start not in held:
                at, count, payload = work.results.get()
                if isinstance(payload, BaseException):
                    raise payload
                held[at] = (count, payload)
            count, payload = held.pop(start)
            if isinstance(payload, Failure):
                payload = collect([payload]) if collect else [payload]
            yield list(items[start : start + count]), payload
            start += count
            work.advance(start)
    finally:
        work.stop()
        for thread in threads:
            thread.join()


def available_cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Work:
    """What is still to be done, shared by the threads that attend the workers."""

    def __init__(self, items: Sequence[Any], batch_size: int, ahead: int) -> None:
        self.items = items
        self.results: queue.SimpleQueue[tuple[int, int, Any]] = queue.SimpleQueue()
        self.stopped = False
        self._todo = deque((start, min(start + batch_size, len(items))) for start in range(0, len(items), batch_size))
        self._ahead, self._front, self._busy = ahead, 0, 0
        self._change = threading.Condition()

    def take(self) -> tuple[int, int] | None:
        """The next batch as (start, stop); waits while the reader of the results lags; None when all is done."""
        with self._change:
            while not self.stopped and (self._todo or self._busy):
                if self._todo and self._todo[0][0] < self._front + self._ahead:
                    self._busy += 1
                    return self._todo.popleft()
                self._change.wait()
            return None

    def give(self, results: list[tuple[int, int, Any]], again: list[tuple[int, int]]) -> None:
        """What came of a batch that was taken: results, and parts to be done again."""
        with self._change:
            self._todo.extendleft((start, stop) for start, stop in reversed(again) if start < stop)
            self._busy -= 1
            self._change.notify_all()
        for result in results:
            self.results.put(result)

    def advance(self, front: int) -> None:
        with self._change:
            self._front = front
            self._change.notify_all()

    def is_stopped(self) -> bool:
        return self.stopped

    def stop(self) -> None:
        with self._change:
            self.stopped = True
            self._change.notify_all()


def _attend(work: _Work, setup: bytes, time_limit_s: float) -> None:
    """Feed one worker until the work is done, replacing it whenever it dies (the body of a thread)."""
    worker = None
    try:
        while (span := work.take()) is not None:
            worker = worker or Worker(setup)
            start, stop = span
            try:
                payload = worker.ask(list(work.items[start:stop]), time_limit_s, work.is_stopped)
            except WorkerLostError as lost:
                worker.close()
                worker = None
                if lost.item is None and stop - start > 1:  # lost while it packed: halve until one item is left
                    middle = (start + stop) // 2
                    work.give([], [(start, middle), (middle, stop)])
                else:
                    at = start + (lost.item or 0)
                    work.give([(at, 1, Failure(str(lost)))], [(start, at), (at + 1, stop)])
            else:
                work.give([(start, stop - start, payload)], [])
    except BaseException as error:  # a thread's exception would be lost; it belongs to the reader of the results
        if not work.stopped:
            work.results.put((-1, 0, error))
    finally:
        if worker:
            worker.close()
