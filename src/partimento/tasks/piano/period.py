"""Period: baroque, classical, romantic or modern, by the composer of a piece of ASAP or piano-midi.de."""

from __future__ import annotations

from pathlib import Path

from partimento.tasks.piano.classical import Piece
from partimento.tasks.piano.composer import by_piece
from partimento.tasks.task import Task

PERIODS = ("baroque", "classical", "romantic", "impressionist and modern")

# Left out are Scriabin, who belongs to two periods, Godowsky's arrangements and the fantasias on Christmas carols.
COMPOSERS = {
    "baroque": ("Bach",),
    "classical": ("Beethoven", "Clementi", "Haydn", "Mozart"),
    "romantic": (
        *("Albeniz", "Balakirev", "Borodin", "Brahms", "Burgmueller", "Chopin", "Glinka", "Granados", "Grieg", "Liszt"),
        *("Mendelssohn", "Moszkowski", "Mussorgsky", "Rachmaninoff", "Schubert", "Schumann", "Sinding", "Tchaikovsky"),
    ),
    "impressionist and modern": ("Debussy", "Prokofiev", "Ravel"),
}
_PERIOD = {composer: period for period, composers in COMPOSERS.items() for composer in composers}


def period(root: Path) -> list[Task]:
    """Pieces and splits of the composer task, with the period for a label; the baroque is Bach alone.

    Raises:
        FileNotFoundError: if `asap`, `piano_midi_de` or `acpas_meta` is not below `root`.
    """

    def label(piece: Piece) -> str:
        return _PERIOD.get(piece.composer, "")

    return by_piece("period", root, label, PERIODS, {"Aria": "84.7 (split by segment file)"})
