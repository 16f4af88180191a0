"""A worker process and the handle on it.

A worker is a plain Python process that takes batches of items over a pipe and answers in memory that it shares with its
owner. There it also notes the number of each item before it begins it; when it dies or stalls, that names the culprit.
"""

from __future__ import annotations

import json
import mmap
import os
import pickle
import resource
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

LENGTH = struct.Struct("<Q")
ITEM = struct.Struct("<q")
ALIGN = 64  # of every buffer in the shared memory, what Arrow likes best
READY = 0
TICK_S = 0.2
STARTUP_LIMIT_S = 120.0


@dataclass(frozen=True)
class Guard:
    """What one file may cost: seconds of wall clock, and bytes of memory over what the worker holds when it starts."""

    time_s: float = 60.0
    memory_bytes: int = 2 * 2**30


@dataclass(frozen=True)
class Failure:
    """Why an item has no result."""

    reason: str


def explain(error: BaseException) -> str:
    """The reason that an exception gives, without the path, in words."""
    if isinstance(error, MemoryError):
        return "needs more memory than a file may take"
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror or error}"
    if isinstance(error, ValueError):
        return str(error)
    return f"the reader failed ({type(error).__name__}: {error})"


class WorkerLostError(Exception):
    def __init__(self, reason: str, item: int | None) -> None:
        super().__init__(reason)
        self.item = item


class Worker:
    """One worker process, the pipes to it and the memory it shares."""

    def __init__(self, setup: bytes) -> None:
        self.shared = _Shared(_memory_file())
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 (kept open until close)
        # The caller's import path: what it imports by name, the worker can. No main module is imported a second time.
        paths = json.dumps([str(Path(path).absolute()) for path in sys.path])
        start = f"from partimento.corpus.worker import serve; serve({self.shared.file})"
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"import sys; sys.path[:] = {paths}; {start}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=os.environ | threads,
            pass_fds=[self.shared.file],
            bufsize=0,
        )
        self.stdin, self.stdout = cast(BinaryIO, self.process.stdin), cast(BinaryIO, self.process.stdout)
        try:
            self._ask(setup, STARTUP_LIMIT_S, lambda: False)
        except WorkerLostError as lost:
            self.errors.seek(0)
            told = self.errors.read()[-2000:].decode(errors="replace")
            self.close()
            raise RuntimeError(f"cannot start a reading process: {lost}\n{told}") from lost

    def ask(self, items: list[Any], time_limit_s: float, stopped: Callable[[], bool]) -> Any:
        """The results of some items, as the worker collected them.

        Raises:
            WorkerLostError: if it died, or stayed at one item for too long and was killed, or the run is `stopped`.
        """
        size = self._ask(pickle.dumps(items), time_limit_s, stopped)
        return self.shared.load(size)

    def _ask(self, message: bytes, time_limit_s: float, stopped: Callable[[], bool]) -> int:
        try:
            _write(self.stdin, LENGTH.pack(len(message)) + message)
        except BrokenPipeError:
            raise self._lost() from None
        item, since = -1, time.monotonic()
        stdout = self.stdout.fileno()
        while not select.select([stdout], [], [], TICK_S)[0]:
            if stopped():
                raise WorkerLostError("stopped", None)
            now = self.shared.item
            if now != item:
                item, since = now, time.monotonic()
            elif time.monotonic() - since > time_limit_s:
                self.process.kill()
                raise WorkerLostError(f"reading it took longer than {time_limit_s:g} s", max(item, 0))
        head = _read(self.stdout, LENGTH.size)
        if head is None:
            raise self._lost()
        return int(LENGTH.unpack(head)[0])

    def _lost(self) -> WorkerLostError:
        code = self.process.wait()
        how = f"signal {-code}, {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        item = self.shared.item
        return WorkerLostError(f"the reader crashed ({how})", item if item >= 0 else None)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for held in (self.stdin, self.stdout, self.shared, self.errors):
            held.close()


def _memory_file() -> int:
    """A file descriptor of a file of one page without a name, in memory where the system can."""
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("partimento")
    else:
        with tempfile.TemporaryFile() as temporary:
            file = os.dup(temporary.fileno())
    os.ftruncate(file, mmap.PAGESIZE)
    return file


class _Shared:
    """Memory that a worker and its owner see: the item at hand, then the answer."""

    def __init__(self, file: int) -> None:
        self.file = file
        self.memory = mmap.mmap(file, os.fstat(file).st_size)

    @property
    def item(self) -> int:
        return int(ITEM.unpack_from(self.memory)[0])

    @item.setter
    def item(self, number: int) -> None:
        ITEM.pack_into(self.memory, 0, number)

    def dump(self, value: object) -> int:
        """Lay down a value, arrays without a detour; returns the bytes up to its end."""
        buffers: list[pickle.PickleBuffer] = []
        head = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
        views = [buffer.raw() for buffer in buffers]
        sizes = [len(head), *(view.nbytes for view in views)]
        table = pickle.dumps(sizes)
        places, end = _places(len(table), sizes)
        if end > len(self.memory):
            os.ftruncate(self.file, 2 * end)
            self._map()
        self.memory[ALIGN : ALIGN + LENGTH.size] = LENGTH.pack(len(table))
        self.memory[2 * ALIGN : 2 * ALIGN + len(table)] = table
        for place, part in zip(places, [memoryview(head), *views], strict=True):
            self.memory[place : place + len(part)] = part
        return end

    def load(self, end: int) -> Any:
        """The value that ends there; its arrays lie in one copy of the memory and may be written to."""
        if end > len(self.memory):
            self._map()
        copy = memoryview(bytearray(memoryview(self.memory)[:end]))
        length = LENGTH.unpack_from(copy, ALIGN)[0]
        sizes = pickle.loads(copy[2 * ALIGN : 2 * ALIGN + length])
        head, *buffers = (
            copy[place : place + size] for place, size in zip(_places(length, sizes)[0], sizes, strict=True)
        )
        return pickle.loads(head, buffers=buffers)

    def _map(self) -> None:
        self.memory.close()
        self.memory = mmap.mmap(self.file, os.fstat(self.file).st_size)

    def close(self) -> None:
        self.memory.close()
        os.close(self.file)


def _places(table: int, sizes: list[int]) -> tuple[list[int], int]:
    """Where parts of these sizes lie behind a table of that size, and where the last one ends."""
    places, end = [], 2 * ALIGN + table
    for size in sizes:
        places.append(-(-end // ALIGN) * ALIGN)
        end = places[-1] + size
    return places, end


def serve(file: int) -> None:
    """The body of a worker process: answer batches until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the parent's business
    source, sink = os.fdopen(os.dup(0), "rb", buffering=0), os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a library prints must not get among the answers
    shared = _Shared(file)
    shared.item = -1
    function, collect, memory_bytes = pickle.loads(_receive(source) or b"")
    _limit_memory(memory_bytes)
    _write(sink, LENGTH.pack(READY))
    while (message := _receive(source)) is not None:
        results = []
        for number, item in enumerate(pickle.loads(message)):
            shared.item = number
            results.append(_attempt(function, item))
        shared.item = -1
        _write(sink, LENGTH.pack(shared.dump(collect(results) if collect else results)))


def _attempt(function: Callable[[Any], Any], item: Any) -> Any:
    try:
        return function(item)
    except Exception as error:  # whatever it is, it concerns this item alone
        return Failure(explain(error))


def _receive(source: BinaryIO) -> bytes | None:
    head = _read(source, LENGTH.size)
    return _read(source, LENGTH.unpack(head)[0]) if head else None


def _read(source: BinaryIO, count: int) -> bytes | None:
    """So many bytes of a stream, or None if it ends before."""
    parts = bytearray()
    while len(parts) < count:
        part = source.read(count - len(parts))
        if not part:
            return None
        parts += part
    return bytes(parts)


def _write(sink: BinaryIO, message: bytes) -> None:
    view = memoryview(message)
    while view:
        view = view[sink.write(view) :]


def _limit_memory(memory_bytes: int) -> None:
    """Let this process map so many bytes more than it does now."""
    statm = Path("/proc/self/statm")
    mapped = int(statm.read_text().split()[0]) * mmap.PAGESIZE if statm.exists() else 2**30
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = mapped + memory_bytes
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
