"""The labeller behind `partimento melody`: understanding-small, fine-tuned on the tracks of POP909's training songs.

Every song is learned in two forms, as it was played and as a plain score would have it: on sixteenths, without
velocity, tempo and metre. The test songs are judged in both.

python runs/understanding-melody.py FOLDER_OF_SETS ENCODER -o RUN [--card held-out.md]
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from partimento.analysis.parts import PARTS
from partimento.corpus.datasets.pop909 import read_aligned
from partimento.networks.labelling import predict
from partimento.notes_model import load_notes
from partimento.tasks.words.learn import trained
from partimento.tasks.words.learners import learners
from partimento.tasks.words.pop909 import TWIN
from partimento.tasks.words.task import WORDS, cut
from partimento.tokens import octuple
from partimento.tokens.fields import MASK
from partimento.tokens.word_augment import on_sixteenths
from partimento.training.labels import LabelledSequences

TRACKS = ("MELODY", "BRIDGE", "PIANO")  # in the order of PARTS
SCORE = ("velocity", "tempo", "time_signature")  # what a plain score does not say
SEED = 0

Labelled = tuple[np.ndarray, np.ndarray]  # words (T, 8), part of each (T,)


def songs(root: Path) -> dict[str, list[str]]:
    """Songs of POP909 by side of MIDI-BERT's split."""
    found: dict[str, list[str]] = {"train": [], "valid": [], "test": []}
    with (root / "pop909" / "midibert_split.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["split_midibert"] in found and (row["song"] != TWIN or row["split_midibert"] == "test"):
                found[row["split_midibert"]].append(row["song"])
    return found


def played(root: Path, song: str) -> Labelled:
    """A song on its beats, as it was played."""
    notes = read_aligned(root / "pop909", song)
    words, which = octuple.encode(notes)
    part = np.array([TRACKS.index(name) for name in notes.track_names])[notes.track]
    return words, part[which]


def written(words: np.ndarray, part: np.ndarray) -> Labelled:
    """The same as a plain score would have it; equal notes stand in random order."""
    plain = words.copy()
    for name in SCORE:
        field = octuple.OCTUPLE.index(name)
        plain[:, field] = octuple.OCTUPLE.sizes[field] + MASK
    chance = np.random.default_rng(SEED).permutation(len(words))
    both = on_sixteenths(np.column_stack([plain, chance, part]), octuple.OCTUPLE)
    return both[:, : len(octuple.OCTUPLE)], both[:, -1]


def sequences(pieces: Sequence[Labelled]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Words of at most 512 notes, and the part of each note, (T, 1)."""
    words = [piece[0][part] for piece in pieces for part in cut(piece[0], WORDS)]
    labels = [piece[1][part][:, None] for piece in pieces for part in cut(piece[1], WORDS)]
    return words, labels


def main() -> None:
    """Train, judge, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="folder of the unpacked sets")
    parser.add_argument("encoder", help="name or folder of the pretrained encoder")
    parser.add_argument("-o", "--output", type=Path, required=True, help="run folder")
    parser.add_argument("--card", type=Path, help="Markdown file for the held-out figures")
    parser.add_argument("--set", nargs="*", default=["epochs=1.2", "validations=6"], help="settings of the fine-tuning")
    options = parser.parse_args()
    torch.set_num_threads(1)
    by_side = {
        side: [played(options.root, song) for song in tqdm(names, desc=side, unit="song")]
        for side, names in songs(options.root).items()
    }
    both = {side: pieces + [written(*piece) for piece in pieces] for side, pieces in by_side.items()}
    words, labels = sequences(both["train"])
    valid_words, valid_labels = sequences(both["valid"])
    data = LabelledSequences(
        words + valid_words,
        labels + valid_labels,
        list(range(len(words))),
        list(range(len(words), len(words) + len(valid_words))),
    )
    encoder = load_notes(options.encoder, "cpu")
    (learner,) = learners(encoder, "note", settings=options.set)
    head = {"name": "melody", "classes": list(PARTS)}
    about = ("POP909, training songs of MIDI-BERT's split", str(encoder.config["licence"]))
    network = trained(learner, data, "note", (len(PARTS),), SEED, options.output, *about, heads=[head], name=NAME)
    lines = ["| test songs of POP909 (86) | notes | accuracy | melody against the rest |", "|---|---:|---:|---:|"]
    for form, pieces in (("as played", by_side["test"]), ("as a plain score", both["test"][len(by_side["test"]) :])):
        some, parts = sequences(pieces)
        guess = np.concatenate([found[0].argmax(1) for found in predict(network, some)])
        true = np.concatenate(parts)[:, 0]
        lead = ((guess == 0) == (true == 0)).mean()
        lines.append(f"| {form} | {len(true):,} | {(guess == true).mean():.1%} | {lead:.1%} |")
    print("\n".join(lines))
    if options.card:
        options.card.write_text("\n".join(lines) + "\n", encoding="utf-8")


NAME = "understanding-small-melody"

if __name__ == "__main__":
    main()
