"""The pieces of ASAP and piano-midi.de, joined and split by ACPAS (Liu et al. 2021).

ACPAS splits by piece: here a movement, a prelude, a fugue. So a published test side shares works with the training
side, as the first and the second movement of a sonata. `untouched_by_test` tells the pieces of which that is not so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from partimento.corpus.datasets.solo_piano import work_keys
from partimento.tasks.piano.folds import SEED, joined
from partimento.tasks.piano.sets import folder, table
from partimento.tasks.task import Example

MOST_PERFORMANCES = 3  # of one piece in a labelled task; ASAP has up to 29
DATA = "ASAP, piano-midi.de"


@dataclass(frozen=True)
class Piece:
    """One piece of ACPAS.

    Args:
        composer: family name.
        titles: in ASAP and in piano-midi.de; one of them may be "".
        work: a name for the sonata, opus or collection that it belongs to.
        side: in ACPAS: train, validation or test.
        performances: MIDI files of ASAP, sorted; with and without repeats are one piece. The scores are not among them.
        sequences: MIDI files of piano-midi.de, one or none.
    """

    composer: str
    titles: tuple[str, str]
    work: str
    side: str
    performances: tuple[Path, ...]
    sequences: tuple[Path, ...]

    @property
    def name(self) -> str:
        """Composer and title."""
        return f"{self.composer} {self.titles[0] or self.titles[1]}"


def pieces(root: Path) -> list[Piece]:
    """Every piece of ASAP and piano-midi.de, in the order of ACPAS.

    Raises:
        FileNotFoundError: if `asap`, `piano_midi_de` or `acpas_meta` is not below `root`.
    """
    performances: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for line in table(root, "asap", "metadata.csv"):
        performances[line["composer"], _asap(line["title"])].append(root / "asap" / line["midi_performance"])
    sequences: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for line in table(root, "piano_midi_de", "metadata.csv"):
        midi = line["midi"].replace("_D850", "_d850")  # as the four files are spelt
        sequences[line["composer"], line["title"]].append(folder(root, "piano_midi_de") / midi)
    lines = {  # a repeat variant that ACPAS lists apart has the side of the piece
        (line["composer"], _asap(line["ASAP_title"]), line["CPM_title"]): line["split"]
        for line in table(root, "acpas_meta", "distinct_pieces.csv")
    }
    keys = {
        (composer, *titles): sorted(set().union(*(work_keys(composer, title) for title in titles if title)))
        for composer, *titles in lines
    }
    work = joined(list(keys.values()))
    return [
        Piece(
            composer,
            (asap, cpm),
            work[keys[composer, asap, cpm][0]],
            side,
            tuple(sorted(performances[composer, asap])) if asap else (),
            tuple(sequences[composer, cpm]) if cpm else (),
        )
        for (composer, asap, cpm), side in lines.items()
    ]


def _asap(title: str) -> str:
    return title.removesuffix("_repeat")


def some_performances(piece: Piece, most: int = MOST_PERFORMANCES) -> tuple[Path, ...]:
    """At most so many of the piece's performances, drawn with a fixed seed."""
    if len(piece.performances) <= most:
        return piece.performances
    drawn = np.random.default_rng(SEED).choice(len(piece.performances), most, replace=False)
    return tuple(piece.performances[i] for i in sorted(drawn))


def untouched_by_test(pieces: Sequence[Piece]) -> list[bool]:
    """Of each piece, whether its work has no piece on the test side of ACPAS."""
    tested = {piece.work for piece in pieces if piece.side == "test"}
    return [piece.work not in tested for piece in pieces]


def examples(piece: Piece, label: str) -> list[Example]:
    """The piece's examples in a labelled task, grouped by work: some performances, and the sequenced file."""
    return [Example(path, label, piece.work) for path in (*some_performances(piece), *piece.sequences)]
