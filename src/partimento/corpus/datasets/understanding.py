"""The open sets that masked models learn from, as one table with a song-disjoint split.

POP909 on its beats, Pianist8, EMOPIA and piano-midi.de are split as in `solo_piano`; of Nottingham's tunes and of the
open multitrack songs (Freedoom, OpenMSX) a tenth is the test side. A set left out with `--without` is left out whole:
for tasks in which every song of it is tested once.

    python -m partimento.corpus.datasets.pop909 FOLDER_OF_SETS/pop909 -o FOLDER_OF_SETS/pop909_aligned
    python -m partimento.corpus.datasets.understanding FOLDER_OF_SETS -o labels.csv
    partimento ingest FOLDER_OF_SETS --labels labels.csv --only-labelled -o CORPUS
"""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path

from partimento.corpus.datasets.solo_piano import VALID_SHARE, solo_piano
from partimento.corpus.splits import split_by_group

SETS = ("pop909", "pianist8", "emopia", "piano_midi_de", "nottingham", "multitrack")
TEST_SHARE = 0.1  # of the tunes and songs of sets that no published split tests on
SEED = 0
OPEN = "open"

# Songs that share at least 20 % of the smaller one's runs of 16 pitches, or of 16 intervals of the melody, with a song
# of another name (song -> that song): each pair is one song.
SAME_SONG = {
    "john peel variations": "john peel",
    "happy meeting": "greenholm",
    "irish whiskey": "ballybunion",
    "the old horned sheep or the humours of donnybrook": "humours of donnybrook",
    "wi a 100 pipers": "the hundred pipers",
    "new rigged ship": "pipers fancy",
    "regs cigar": "red cigar",
    "saddle the pony": "red stocking",
    "the rollicking irishman": "top of the cork road",
    "there came a young man": "bung your eye",
    "road to butlins a52": "on the road to boston",
    "b variation": "dixie hoedown",
    "flop eared mule": "flop eard mule",
    "the ton or jessies hornpipe": "jessies hornpipe",
    "masons apron": "my sons a prawn",
    "english dance": "soldiers joy",
    "st annes l": "st annes v",
    "teetotallers reel descant": "teetotallers reel",
    "welsh clog": "pany corlan yr wyn",
    "d_dm28": "d_dm26",
}


@dataclass(frozen=True)
class Row:
    """One piece: its path below the folder of sets, its set, its song, the side it is on and the tier of its rights."""

    path: str
    set: str
    song: str
    split: str = "train"
    tier: str = OPEN


def understanding(root: Path, without: Sequence[str] = ()) -> list[Row]:
    """Every piece of the open sets below `root`, with the side it is on: train, valid, test, or kept-out.

    Raises:
        ValueError: if `without` names a set that is none of `SETS`.
    """
    if unknown := set(without) - set(SETS):
        raise ValueError(f"no set {', '.join(sorted(unknown))}; the sets are {', '.join(SETS)}")
    piano = [
        Row(row.path.replace("pop909/mid/", "pop909_aligned/"), row.set, row.song, row.split)
        for row in solo_piano(root)
    ]
    rows = [*piano, *_split([*nottingham(root), *multitrack(root)])]
    return sorted((row for row in rows if row.set not in without), key=lambda row: row.path)


def nottingham(root: Path) -> Iterator[Row]:
    """1,034 folk tunes, melody and chords (jukedeck/nottingham-dataset, GPL-3); of one title they are one song."""
    titles = tune_titles(root)
    for path in sorted((root / "nottingham" / "MIDI").glob("*.mid")):
        yield Row(f"nottingham/MIDI/{path.name}", "nottingham", SAME_SONG.get(titles[path.stem], titles[path.stem]))


def multitrack(root: Path) -> Iterator[Row]:
    """109 songs with drums, the rows whose tier is open: Freedoom (BSD-3) and OpenMSX (GPL-2)."""
    with (root / "multitrack" / "index.tsv").open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file, delimiter="\t"):
            if line["tier"].split(":")[0] == OPEN:
                song = Path(line["path"]).stem
                yield Row(f"multitrack/{line['path']}", "multitrack", SAME_SONG.get(song, song))


def tune_titles(root: Path) -> dict[str, str]:
    """The title of each of Nottingham's tunes by the stem of its files, in small letters and without punctuation."""
    titles: dict[str, str] = {}
    for book in sorted((root / "nottingham" / "ABC_cleaned").glob("*.abc")):
        number = ""
        for line in book.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("X:"):
                number = line[2:].strip()
            elif line.startswith("T:"):  # the first title of a tune names it
                words = re.findall(r"\w+", line[2:].replace("'", "").lower())
                titles.setdefault(f"{book.stem}{number}", " ".join(words))
    return titles


def _split(rows: list[Row]) -> list[Row]:
    shares = {"train": 1 - TEST_SHARE - VALID_SHARE, "valid": VALID_SHARE, "test": TEST_SHARE}
    sides = split_by_group([f"{row.set}/{row.song}" for row in rows], shares, SEED)
    return [replace(rows[index], split=side) for side, where in sides.items() for index in where.tolist()]


def main() -> None:
    """Write the table as CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "root", type=Path, help="folder that holds the sets, pop909_aligned, midibert and acpas_meta (published splits)"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="CSV to write")
    parser.add_argument("--without", nargs="+", choices=SETS, default=[], metavar="SET", help="leave these sets out")
    options = parser.parse_args()
    rows = understanding(options.root, options.without)
    with options.output.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([field.name for field in fields(Row)])
        writer.writerows(astuple(row) for row in rows)


if __name__ == "__main__":
    main()
