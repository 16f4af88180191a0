"""Ten short piano pieces that come with the package: entered as notes in `pieces`, shipped as MIDI files beside it."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def example_paths() -> list[Path]:
    """The MIDI files that come with the package, by name."""
    return sorted(FOLDER.glob("*.mid"))


def example_titles() -> dict[str, str]:
    """Composer and title of each example by its file name without suffix."""
    from partimento.examples.pieces import PIECES

    return {piece.name: f"{piece.composer}: {piece.title}" for piece in PIECES}
