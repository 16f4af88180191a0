"""Speed of the drum grid on one core: pieces a second beside MidiTok's REMI on the same files in one run.

Both begin with a parsed file in memory: ours with `Notes`, MidiTok with a symusic `Score`. A second pair of rows begins
with the file.

    python benchmarks/drumgrid.py [FOLDER OF MIDI FILES] [--files 200]

Without a folder: the multitrack songs where they are unpacked. Files that the grid refuses (the metre, a performance
without beats) are left out for both, and counted.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROUNDS = 5


def main() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"

    import miditok
    import symusic
    from table import write_table

    from partimento.midi import read_midi
    from partimento.notes import Notes
    from partimento.tokens.drum_columns import drum_columns
    from partimento.tokens.drumgrid import to_grid

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--files", type=int, default=200)
    arguments = parser.parse_args()
    raw = Path(os.environ.get("PARTIMENTO_DATA", Path.home() / ".cache" / "partimento" / "raw"))
    folder = arguments.folder or raw / "multitrack"
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".mid", ".midi"))
    random.Random(0).shuffle(paths)
    kept: list[Path] = []
    pieces: list[Notes] = []
    refused = 0
    for path in paths:
        if len(kept) == arguments.files:
            break
        try:
            notes = read_midi(path)
            to_grid(notes)
        except ValueError:
            refused += 1
            continue
        kept.append(path)
        pieces.append(notes)
    if not kept:
        sys.exit(f"no MIDI file in {folder} lies on the drum grid; give another folder")
    remi = miditok.REMI(miditok.TokenizerConfig(use_programs=True, use_tempos=True, use_time_signatures=True))
    scores = [symusic.Score(str(path)) for path in kept]
    few = slice(0, max(1, len(kept) // 10))  # the slow one on a tenth of the files
    grid_s, same_grid_s, columns_s, remi_s, file_grid_s, file_remi_s = seconds(
        [
            (to_grid, pieces),
            (to_grid, pieces[few]),
            (drum_columns, pieces),
            (lambda score: remi(score.copy()), scores[few]),
            (lambda path: to_grid(read_midi(path)), kept[few]),
            (lambda path: remi(symusic.Score(str(path))), kept[few]),
        ]
    )
    tenth = len(kept[few])
    theirs, their_files = tenth / remi_s, tenth / file_remi_s

    def row(step: str, program: str, rate: float, peer: float, pair: str) -> dict[str, object]:
        return {"step": step, "program": program, "pieces/s": rate, "ratio": f"{rate / peer:.2f} × {pair}"}

    rows = [
        row("parsed notes → dense grid", f"partimento, the same {tenth} files", tenth / same_grid_s, theirs, "REMI"),
        row("parsed notes → dense grid", f"partimento, all {len(kept)} files", len(kept) / grid_s, theirs, "REMI"),
        row("parsed notes → columns", f"partimento, all {len(kept)} files", len(kept) / columns_s, theirs, "REMI"),
        row("parsed notes → ids", f"MidiTok REMI, {tenth} files", theirs, theirs, "REMI"),
        row("file → dense grid", f"partimento, the same {tenth} files", tenth / file_grid_s, their_files, "REMI"),
        row("file → ids", f"MidiTok REMI, {tenth} files", their_files, their_files, "REMI"),
    ]
    notes_a_piece = sum(map(len, pieces)) / len(pieces)
    write_table(
        "drumgrid",
        "Drum grid: pieces a second",
        rows,
        f"{len(kept)} multitrack songs of {notes_a_piece:,.0f} notes on average ({refused} more are refused), one "
        f"core, best of {ROUNDS} rounds, taking turns. The grid is velocity, micro-timing and four held instrument "
        f"families at 32 steps a bar (no others), bars and beats checked; MidiTok {version('miditok')} with all "
        "programs, tempos and time signatures. Parsed notes are `Notes` for ours, a symusic `Score` for MidiTok.",
    )


def seconds(work: Sequence[tuple[Callable[[Any], object], Sequence[Any]]]) -> list[float]:
    """Least processor seconds that each function takes for all its items; in turns, so a busy moment hits all."""
    best = [float("inf")] * len(work)
    for _ in range(ROUNDS):
        for number, (function, items) in enumerate(work):
            began = time.process_time()
            for item in items:
                function(item)
            best[number] = min(best[number], time.process_time() - began)
    return best


if __name__ == "__main__":
    main()
