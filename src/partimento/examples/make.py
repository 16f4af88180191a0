"""Write the example pieces as MIDI: `python -m partimento.examples.make [FOLDER]`, by default beside this file."""

from __future__ import annotations

import sys
from pathlib import Path

from partimento.examples import FOLDER
from partimento.examples.notation import perform
from partimento.examples.pieces import PIECES
from partimento.midi import write_midi


def write_examples(folder: Path) -> list[Path]:
    """Write every piece into a folder, made if need be; the same files each time. Gives their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{piece.name}.mid" for piece in PIECES]
    for piece, path in zip(PIECES, paths, strict=True):
        write_midi(perform(piece), path)
    return paths


if __name__ == "__main__":
    for written in write_examples(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER):
        print(written)
