"""Ten short piano pieces that come with the package: entered as notes in `pieces`, shipped as MIDI files beside it."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def example_paths() -> list[Path]:
    """The MIDI files that come with the package, by name."""
    return sorted(FOLDER.glob("*.mid"))


def example_titles() -> dict[str, str]:
    """Surname and short title of each example by its file name without suffix: "Bach: Prelude no. 1 in C major"."""
    from partimento.examples.pieces import PIECES

    return {piece.name: f"{_surname(piece.composer)}: {_short(piece.title)}" for piece in PIECES}


def _surname(composer: str) -> str:
    return composer.partition(" (")[0].split()[-1].capitalize()


def _short(title: str) -> str:
    for mark in (" (", ":", ", set for", ", opening", ", BWV", ", op.", ", K.", ", WoO"):
        title = title.partition(mark)[0]
    return title
