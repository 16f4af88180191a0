"""Speed of tokens on one core: Aria's beside MidiTok's REMI, OctupleMIDI beside MidiTok's Octuple.

Files are also read, beside symusic's bare parsing of them.

    python benchmarks/tokenize.py [FOLDER OF MIDI FILES ...] [--files 300]

Without folders: ASAP and POP909 where they are unpacked.
"""

from __future__ import annotations

import sys

if __name__ != "__main__":
    # A script of this folder that needs the standard library's tokenize finds this file first; hand it the right one.
    del sys.modules[__name__]
    folder = sys.path.pop(0)
    import tokenize  # noqa: F401

    sys.path.insert(0, folder)

ROUNDS = 7
MAX_BARS = 4096


def main() -> None:
    import argparse
    import os
    import random
    from importlib.metadata import version
    from pathlib import Path

    os.environ["OMP_NUM_THREADS"] = "1"

    import miditok
    import symusic
    from table import write_table

    from partimento.midi import read_midi
    from partimento.tokens import octuple
    from partimento.tokens.performance import PerformanceTokenizer

    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--files", type=int, default=300)
    arguments = parser.parse_args()
    raw = Path(os.environ.get("PARTIMENTO_DATA", Path.home() / ".cache" / "partimento" / "raw"))
    folders = arguments.folders or [raw / "asap", raw / "pop909" / "mid"]
    paths = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in (".mid", ".midi"))
    random.Random(0).shuffle(paths)
    paths = paths[: arguments.files]
    if not paths:
        sys.exit(f"no MIDI files in {', '.join(map(str, folders))}; give folders")

    tokenizer, remi = PerformanceTokenizer(), miditok.REMI()
    # As in ours: every instrument, tempo and metre is told, and no bar left out.
    config = miditok.TokenizerConfig(
        use_programs=True, use_tempos=True, use_time_signatures=True, max_bar_embedding=MAX_BARS
    )
    octuples = miditok.Octuple(config)
    pieces = [read_midi(path) for path in paths]
    scores = [symusic.Score(str(path)) for path in paths]
    num_notes, num_scored = sum(map(len, pieces)), sum(score.note_num() for score in scores)

    few = slice(0, max(1, len(paths) // 10))  # the slow ones on a tenth of the files
    scored = sum(score.note_num() for score in scores[few])
    encode_s, remi_s, ours_octuple_s, octuple_s = seconds(
        [
            (tokenizer.encode, pieces),
            (lambda score: remi(score.copy()), scores[few]),
            (octuple.encode, pieces),
            (lambda score: octuples(score.copy()), scores[few]),
        ]
    )
    parse_s, ours_s, remi_file_s = seconds(
        [
            (lambda path: symusic.Score(str(path)), paths),
            (lambda path: tokenizer.encode(read_midi(path)), paths),
            (lambda path: remi(symusic.Score(str(path))), paths[few]),
        ]
    )
    ours, theirs = num_notes / encode_s, scored / remi_s
    ours_octuple, their_octuple = num_notes / ours_octuple_s, scored / octuple_s
    bare, whole, remi_whole = num_scored / parse_s, num_scored / ours_s, scored / remi_file_s
    rows: list[dict[str, object]] = [
        row("parsed notes → ids", "partimento", ours, ours / theirs, "MidiTok REMI"),
        row("parsed notes → ids", "MidiTok REMI", theirs, 1.0, "MidiTok REMI"),
        row("parsed notes → OctupleMIDI", "partimento", ours_octuple, ours_octuple / their_octuple, "MidiTok Octuple"),
        row("parsed notes → OctupleMIDI", "MidiTok Octuple", their_octuple, 1.0, "MidiTok Octuple"),
        row("file → parsed notes", "symusic", bare, 1.0, "symusic parsing"),
        row("file → ids", "partimento", whole, whole / bare, "symusic parsing"),
        row("file → ids", "MidiTok REMI", remi_whole, remi_whole / bare, "symusic parsing"),
    ]
    notes = (
        f"{len(paths)} files, {num_scored:,} notes, one core, best of {ROUNDS} rounds, taking turns; MidiTok "
        f"{version('miditok')} on {len(paths[few])} of the files, symusic {version('symusic')}."
    )
    write_table("tokenize", "Tokens: notes a second", rows, notes)


def row(step: str, program: str, rate: float, ratio: float, of: str) -> dict[str, object]:
    return {"step": step, "program": program, "notes/s": rate, "ratio": f"{ratio:.2f} × {of}"}


def seconds(work: list) -> list[float]:
    """Least processor seconds that each function takes for all its items; in turns, so a busy moment hits all."""
    import time

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
