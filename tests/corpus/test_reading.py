"""Reading in worker processes: order, and that what kills a worker costs one item."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import raw_midi

from partimento.corpus.reading import map_isolated, read_many
from partimento.corpus.worker import Failure, Guard
from partimento.notes import Notes


def square_or_die(number: int) -> int:
    if number == 7:
        os.kill(os.getpid(), signal.SIGSEGV)
    if number == 8:
        time.sleep(1000)
    if number == 9:
        os._exit(3)
    if number == 40:
        np.zeros(2**28)[:] = 1.0  # 2 GiB
    if number == 41:
        raise ZeroDivisionError("as asked")
    print("noise that must not get among the answers")
    return number * number


def total(numbers: list[int | Failure]) -> tuple[int, list[str]]:
    if 13 in numbers:
        os.abort()
    sound = [number for number in numbers if isinstance(number, int)]
    return sum(sound), [number.reason for number in numbers if isinstance(number, Failure)]


def same(number: int) -> int:
    return number


def fail(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_item_that_kills_its_worker_costs_that_item(jobs: int) -> None:
    guard = Guard(time_s=1.0, memory_bytes=2**29)
    found = [
        (item, result)
        for batch, results in map_isolated(square_or_die, range(140), jobs=jobs, guard=guard)
        for item, result in zip(batch, results, strict=True)
    ]
    assert [item for item, _ in found] == list(range(140))
    reasons = {item: result.reason for item, result in found if isinstance(result, Failure)}
    assert reasons == {
        7: "the reader crashed (signal 11, SIGSEGV)",
        8: "reading it took longer than 1 s",
        9: "the reader crashed (exit status 3)",
        40: "needs more memory than a file may take",
        41: "the reader failed (ZeroDivisionError: as asked)",
    }
    assert all(result == item * item for item, result in found if item not in reasons)


def test_results_are_packed_in_the_worker_and_a_crash_there_is_halved_away() -> None:
    packed = list(map_isolated(same, range(40), jobs=1, collect=total, batch_size=16))
    assert sum(sum_ for _, (sum_, _) in packed) == sum(range(40)) - 13
    assert [item for batch, _ in packed for item in batch] == list(range(40))
    assert [reasons for _, (_, reasons) in packed if reasons] == [["the reader crashed (signal 6, SIGABRT)"]]


def test_when_every_item_kills_every_item_is_told() -> None:
    results = [result for _, results in map_isolated(fail, range(5), jobs=1) for result in results]
    assert [result.reason for result in results] == ["the reader crashed (signal 9, SIGKILL)"] * 5


def test_a_reader_that_stops_early_leaves_no_process_and_no_thread() -> None:
    before = threading.active_count()
    batches = map_isolated(same, range(100_000), jobs=2)
    next(batches)
    batches.close()
    assert threading.active_count() == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_workers_that_cannot_start_are_an_error_not_a_hang() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)cannot start a reading process.*exit status.*no_such_module"):
        list(map_isolated(_Unloadable(), range(3), jobs=1))


class _Unloadable:
    def __reduce__(self) -> tuple[object, ...]:
        return eval, ("__import__('no_such_module')",)

    def __call__(self, item: int) -> int:
        return item


def test_nothing_to_read() -> None:
    assert list(map_isolated(same, [], jobs=2)) == []


def test_read_many_gives_notes_or_reasons_in_order(tmp_path: Path) -> None:
    paths = []
    for name, data in [("b", raw_midi.SOUND), ("a", b""), ("c", raw_midi.NAMED), ("d", b"text")]:
        paths.append(tmp_path / f"{name}.mid")
        paths[-1].write_bytes(data)
    paths.append(tmp_path / "none.mid")
    found = list(read_many(paths, jobs=1))
    assert [path for path, _ in found] == paths
    kinds = [len(notes) if isinstance(notes, Notes) else notes for _, notes in found]
    not_midi = "not a MIDI file (begins with b'text', not b'MThd')"
    assert kinds == [1, "empty file", 1, not_midi, "cannot be read: No such file or directory"]
