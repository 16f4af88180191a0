"""Ingest beside symusic's bare parse and beside mido, pretty_midi and miditoolkit, on the same files in one run.

    python benchmarks/ingest.py [FOLDER...]      # asap and pop909 of the unpacked data sets by default

A rate is files per second of processor time, of this process and its workers together, so it is a rate per core and
other work on the machine disturbs it little. Ingest has one worker here; its start is paid once a run and has its row.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import symusic
from table import write_table

from partimento.corpus.files import find_files
from partimento.corpus.ingest import ingest
from partimento.midi import read_midi

RAW = Path(os.environ.get("PARTIMENTO_DATA", Path.home() / ".cache" / "partimento" / "raw"))
PEER_FILES = 60
ROUNDS = 5


def processor_s() -> float:
    """Seconds of processor time of this process and of its finished children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in used)


def measure(action: Callable[[], object]) -> tuple[float, float]:
    """Processor and wall seconds of an action; the clean-up that it may return is done after that."""
    processor, wall = processor_s(), time.perf_counter()
    clean_up = action()
    seconds = processor_s() - processor, time.perf_counter() - wall
    if callable(clean_up):
        clean_up()
    return seconds


def read_all(read: Callable[[str], object], paths: Sequence[str]) -> None:
    for path in paths:
        read(path)


def run_ingest(sources: Sequence[Path]) -> Callable[[], None]:
    folder = tempfile.TemporaryDirectory()
    report = ingest(sources, Path(folder.name) / "corpus", jobs=1, progress=False)
    assert report.pieces
    return folder.cleanup


def main() -> None:
    import miditoolkit
    import mido
    import pretty_midi

    sources = [Path(argument) for argument in sys.argv[1:]] or [RAW / "asap", RAW / "pop909"]
    paths = [file.location for file in find_files(sources)]
    sample = paths[:: max(1, len(paths) // PEER_FILES)][:PEER_FILES]
    warnings.simplefilter("ignore")  # pretty_midi warns about tempo changes on tracks other than the first
    actions: dict[str, tuple[Callable[[], object], int]] = {
        "symusic, bare parse": (lambda: read_all(symusic.Score, paths), len(paths)),
        "partimento read_midi": (lambda: read_all(read_midi, paths), len(paths)),
        "partimento ingest, whole run": (lambda: run_ingest(sources), len(paths)),
        "partimento ingest, start and end alone (one file)": (lambda: run_ingest([Path(paths[0])]), 1),
        "mido": (lambda: read_all(mido.MidiFile, sample), len(sample)),
        "miditoolkit": (lambda: read_all(miditoolkit.MidiFile, sample), len(sample)),
        "pretty_midi": (lambda: read_all(pretty_midi.PrettyMIDI, sample), len(sample)),
    }
    best: dict[str, tuple[float, float]] = {}
    for round_ in range(ROUNDS):
        for name, (action, count) in actions.items():
            if count == len(sample) and round_:
                continue  # seconds each: once is enough
            seconds = measure(action)
            best[name] = min(best.get(name, seconds), seconds)
    whole, start = best["partimento ingest, whole run"], best["partimento ingest, start and end alone (one file)"]
    best["partimento ingest, without start and end"] = (whole[0] - start[0], whole[1] - start[1])
    counts = {name: count for name, (_, count) in actions.items()} | {
        "partimento ingest, without start and end": len(paths) - 1
    }
    base = best["symusic, bare parse"][0] / len(paths)
    # The peers read a sample; its share of symusic's time is measured on that sample.
    sample_base = min(measure(lambda: read_all(symusic.Score, sample))[0] for _ in range(ROUNDS)) / len(sample)
    rows: list[dict[str, object]] = []
    for name, (processor, wall) in sorted(best.items(), key=lambda item: item[1][0] / counts[item[0]]):
        count = counts[name]
        per_file = processor / count
        reference = sample_base if count == len(sample) else base
        rows.append(
            {
                "reader": name,
                "files": count,
                "processor s": processor,
                "wall s": wall,
                "files/s a core": 1 / per_file,
                "share of symusic's rate": f"{100 * reference / per_file:.1f} %",
            }
        )
    size = sum(Path(path).stat().st_size for path in paths) / len(paths)
    names = " and ".join(source.name for source in sources)
    write_table(
        "ingest",
        "Ingest",
        rows,
        f"{len(paths):,} files of {names}, {size / 1000:.0f} kB each on average; best of {ROUNDS} interleaved rounds "
        f"(mido, miditoolkit, pretty_midi: one round, {len(sample)} files). Ingest, with one worker, reads, hashes, "
        "checks, drops duplicates and writes the Arrow shards.",
    )


if __name__ == "__main__":
    main()
