"""The drummer, trained on the drum sets: `multitrack` and `groove`, the training side of docs/data/drums-split.csv.

    python runs/drums-train.py FOLDER_OF_SETS -o RUN [--tier open] [--begin CHECKPOINT] [--set KEY=VALUE ...]

Stopped at any moment and started again it goes on. `--sets groove` gives a beginning for `--begin`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from partimento.checkpoint import read_state
from partimento.corpus.datasets.drums import SETS, DrumSet, read_drums
from partimento.overrides import override
from partimento.systems.drummer import PRESETS
from partimento.training.distributed import join_world
from partimento.training.drums import pretrain_drummer

TITLES = {"multitrack": "multitrack songs", "groove": "Groove MIDI Dataset"}


def main() -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="folder of the unpacked sets")
    parser.add_argument("-o", "--output", type=Path, required=True, help="run folder")
    parser.add_argument("--split", type=Path, default=Path("docs/data/drums-split.csv"))
    parser.add_argument("--cache", type=Path, help="folder for the columns of the sets; beside the run by default")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--tier", choices=("open", "all"), default="all")
    parser.add_argument("--preset", choices=tuple(PRESETS), default="small")
    parser.add_argument("--begin", type=Path, help="checkpoint folder whose weights it begins from")
    parser.add_argument("--name")
    parser.add_argument("--licence", default="unknown")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    system = override(PRESETS[options.preset](), options.set)
    cache = options.cache or options.output.parent / "cache"
    pieces = read_drums(options.root, options.split, cache, options.sets, jobs=options.threads)
    if options.tier == "open":
        pieces = pieces.where(tier="open")
    about = {
        "name": options.name or options.output.name,
        "preset": options.preset,
        "data": f"{' and '.join(TITLES[name] for name in options.sets)} ({options.tier} tier)",
        "licence": options.licence,
    }
    begin = read_state(options.begin) if options.begin else None
    with join_world("auto") as world:
        pretrain_drummer(system, *_sides(pieces), options.output, world, about, begin)
    print(options.output / "checkpoints" / "best")


def _sides(pieces: DrumSet) -> tuple[DrumSet, DrumSet]:
    return pieces.where(side="train"), pieces.where(side="valid")


if __name__ == "__main__":
    main()
