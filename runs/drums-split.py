"""The split of the drum sets by song, docs/data/drums-split.csv: path, tier, side, group.

Songs of `multitrack` are one group if they share at least half of the rarer drum bars of the one that has fewer (4 at
least), a tenth of its rarer runs of melody in any key (16 at least), or their title; rarer is what at most 20 of the
songs have. Groups are divided 80/10/10, each origin (and so each tier) by itself, and the songs that lie on the grid by
themselves. `groove` keeps its published split; a recording session is a group there.

    python runs/drums-split.py FOLDER_OF_SETS [-o docs/data/drums-split.csv]
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from pathlib import Path

import numpy as np
from tqdm import tqdm

from partimento.corpus.datasets.drum_groups import (
    balanced_sides,
    drum_bars,
    joined,
    melody_runs,
    pairs,
    title_key,
)
from partimento.corpus.datasets.drums import MOST_DEVIATION, DrumPiece, listed
from partimento.corpus.reading import read_many
from partimento.tokens.drum_columns import drum_columns
from partimento.tokens.drum_lines import LEAST_STRENGTH, check_beats, grid_fit

DRUM_SHARE, DRUM_BARS = 0.5, 4
MELODY_SHARE, MELODY_RUNS = 0.1, 16
SHARES = {"train": 0.8, "valid": 0.1, "test": 0.1}
SEED = 0
USED, UNUSED = "on the grid", "without a place on it"  # in this order


def fingerprints(root: Path, pieces: list[DrumPiece]) -> tuple[list[np.ndarray], list[np.ndarray], list[str]]:
    """The drum bars and the melody runs of each song, and whether it is used."""
    drums, melodies, uses = [], [], []
    read = read_many([root / piece.path for piece in pieces], jobs=1)
    for path, notes in tqdm(read, total=len(pieces), unit="song", disable=None):
        drums.append(np.zeros(0, dtype=np.uint64))
        melodies.append(np.zeros(0, dtype=np.uint64))
        uses.append(UNUSED)
        if isinstance(notes, str):
            print(f"{path}: {notes}")
            continue
        drums[-1] = drum_bars(drum_columns(notes, least_strength=0))
        melodies[-1] = melody_runs(notes)
        if grid_fit(notes).deviation <= MOST_DEVIATION:
            try:
                check_beats(notes, LEAST_STRENGTH)
            except ValueError:
                continue
            uses[-1] = USED
    return drums, melodies, uses


def main() -> None:
    """Make the groups, divide them, write the table and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="folder of the unpacked sets")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/data/drums-split.csv"))
    options = parser.parse_args()
    songs = listed(options.root, "multitrack")
    drums, melodies, uses = fingerprints(options.root, songs)

    keys = [title_key(song.path) for song in songs]
    same_title = [(keys.index(key), index) for index, key in enumerate(keys) if key and keys.index(key) != index]
    same_drums = [(p.first, p.second) for p in pairs(drums) if p.share >= DRUM_SHARE and p.count >= DRUM_BARS]
    same_tune = [(p.first, p.second) for p in pairs(melodies) if p.share >= MELODY_SHARE and p.count >= MELODY_RUNS]
    first = joined(len(songs), [*same_drums, *same_tune, *same_title])
    groups = [songs[index].path for index in first.tolist()]
    strata = [f"{song.tier} {song.path.split('/')[1]} {use}" for song, use in zip(songs, uses, strict=True)]
    sides = balanced_sides(groups, strata, SHARES, SEED)

    rows = [(song.path, song.tier, side, group) for song, side, group in zip(songs, sides, groups, strict=True)]
    rows += [(piece.path, piece.tier, piece.side, piece.group) for piece in listed(options.root, "groove")]
    options.output.parent.mkdir(parents=True, exist_ok=True)
    with options.output.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["path", "tier", "side", "group"])
        writer.writerows(rows)

    print(f"pairs: {len(same_drums)} of drums, {len(same_tune)} of melody, {len(same_title)} of title")
    sizes = sorted((size for size in Counter(groups).values() if size > 1), reverse=True)
    print(f"{len(sizes)} groups of several songs, {sum(sizes)} songs in them, the largest of {sizes[:5]}")
    for kind in (USED, UNUSED):
        kept = [(row[1], row[2]) for row, use in zip(rows, uses, strict=False) if use == kind]
        print(f"songs {kind}:", dict(sorted(Counter(kept).items())))


if __name__ == "__main__":
    main()
