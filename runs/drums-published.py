"""The published drummer (Dahale et al. 2022), trained anew and judged: each stage alone, then the chain.

    python runs/drums-published.py train FOLDER_OF_SETS -o WORK [--preset small] [--stages mini-bert mlp basic ...]
    python runs/drums-published.py score FOLDER_OF_SETS -o WORK [--results results] [--seeds 5]

Training stopped at any moment and started again goes on. The validation side selects the weights and the thresholds
(WORK/thresholds.json); the test side is for the figures, results/drums.jsonl (task "drums"). Stages that are not
trained are passed over.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from partimento.analysis.novelty import WINDOW, novelty, ordinary_bars
from partimento.checkpoint import WEIGHTS
from partimento.corpus.datasets.drums import DrumSet, read_drums
from partimento.generate.dahale import (
    Published,
    accompany,
    best,
    improvised_chances,
    infilled_cells,
    load_basic,
    load_infill,
    load_location,
    load_published,
)
from partimento.networks.dahale.infill import DECODERS, Infill
from partimento.networks.dahale.location import KINDS, Locator
from partimento.objectives.dahale import basic_pattern
from partimento.systems.dahale import basic, infill, location
from partimento.tasks.drums.drum_metrics import bar_counts, precision_recall_f1, with_interval
from partimento.tasks.drums.location import location_scores, song_labels
from partimento.tasks.drums.part_metrics import known_patterns
from partimento.tasks.drums.score_card import part_scores
from partimento.tasks.intervals import interval, song_weights
from partimento.tasks.results import Result, append
from partimento.training.dahale import (
    Part,
    all_windows,
    basic_windows,
    parts_of,
    train_basic,
    train_infill,
    train_location,
)
from partimento.training.distributed import join_world

NAME = "Dahale et al. 2022"
TASK, DATA = "drums", "multitrack"
BASIC = "basic"
STAGES = ("raw", "learned", "mini-bert", "mlp", BASIC, "conv", "mixer", "sub-beat")
PAPER = {"raw": "50.0", "sub-beat": "79.3", "learned": "50.0", "mini-bert": "82.1"}  # balanced accuracy
PAPER_F1 = {"mlp": "76.0", "mixer": "56.0", "conv": "60.5"}  # of what cannot be made out
SEED = 0
CANDIDATES = np.linspace(0.05, 0.95, 91)


def train(options: argparse.Namespace, drums: DrumSet) -> None:
    """Train the stages one after another, each in a folder of its name."""
    parts, valid = (parts_of(drums.where(side=side)) for side in ("train", "valid"))
    with join_world("auto") as world:
        for name in options.stages:
            about = {"name": f"published {name}", "preset": options.preset, "data": "multitrack songs (all tiers)"}
            more = (parts, valid, options.output / name, world, about)
            if name == BASIC:
                steps = basic(options.preset).recipe.schedule.steps
                state = train_basic(basic(options.preset), *more)
            elif name in KINDS:
                steps = location(name, options.preset).recipe.schedule.steps
                state = train_location(location(name, options.preset), *more)
            else:
                steps = infill(name, options.preset).recipe.schedule.steps
                state = train_infill(infill(name, options.preset), *more)
            print(f"{name}: {state.step:,} steps, {state.seconds:.0f} s, best validation loss {state.best:.4f}")
            if state.step < steps:
                return  # asked to stop


def chances_of(network: Locator, drums: DrumSet) -> list[np.ndarray]:
    """(bars,) of each song."""
    return [improvised_chances(network, grid.others) for grid in tqdm(drums, unit="song", disable=None)]


def natural_threshold(chances: Sequence[np.ndarray], marked: Sequence[np.ndarray]) -> float:
    """The chance from which a bar is improvised: that of the best F1 at the natural rate."""
    score, label = np.concatenate(list(chances)), np.concatenate(list(marked))
    valued = label > -2
    order = np.argsort(-score[valued], kind="stable")
    true = (label[valued] == 1)[order]
    right = np.cumsum(true)
    f1 = 2 * right / (np.arange(1, len(true) + 1) + true.sum())
    return float(score[valued][order][f1.argmax()])


def location_figures(chances: Sequence[np.ndarray], marked: Sequence[np.ndarray], threshold: float) -> dict[str, float]:
    """AUC and the like; balanced accuracy and F1 of both classes at an even chance; F1 at the natural rate."""
    score, label = np.concatenate(list(chances)), np.concatenate(list(marked))
    balanced, valued = label >= 0, label > -2
    said, true = score[balanced] >= 0.5, label[balanced] == 1
    counts = np.array(
        [
            [(said & true).sum(), said.sum(), true.sum()],
            [(~said & ~true).sum(), (~said).sum(), (~true).sum()],
        ]
    )
    scores = precision_recall_f1(counts)
    found, there = score[valued] >= threshold, label[valued] == 1
    natural = precision_recall_f1(np.array([(found & there).sum(), found.sum(), there.sum()]))
    names = ("precision_natural", "recall_natural", "f1_natural")
    return {
        **location_scores([np.nan_to_num(song) for song in chances], marked),
        "balanced_accuracy": float(scores[:, 1].mean()),
        "f1_class_improvised": float(scores[0, 2]),
        "f1_class_ordinary": float(scores[1, 2]),
        **dict(zip(names, natural.tolist(), strict=True)),
    }


def asked_bars(part: np.ndarray, generator: np.random.Generator, improvised: np.ndarray) -> dict[str, np.ndarray]:
    """Improvised bars, and as many others that are drawn."""
    ordinary = ordinary_bars(novelty(part), improvised, generator)
    return {"improvised": np.flatnonzero(improvised), "ordinary": np.flatnonzero(ordinary)}


def cells_of(network: Infill, drums: DrumSet, parts: Sequence[Part]) -> list[dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Of each song and kind of bar: what the network makes of the bars with real drums around, and the true hits."""
    generator = np.random.default_rng(SEED)
    index = {piece.path: number for number, piece in enumerate(drums.pieces)}
    found = []
    for part in tqdm(parts, unit="song", disable=None):
        others = drums[index[part.path]].others
        bars = asked_bars(part.hits, generator, part.improvised)
        found.append(
            {kind: (infilled_cells(network, others, part.hits, at), part.hits[at]) for kind, at in bars.items()}
        )
    return found


def hit_threshold(cells: Sequence[dict[str, tuple[np.ndarray, np.ndarray]]]) -> float:
    """The value from which a cell is a hit: that of the best F1 at improvised bars."""
    made, true = (np.concatenate([song["improvised"][place] for song in cells]) for place in (0, 1))
    scores = [precision_recall_f1(bar_counts(made >= value, true).sum((0, 1)))[2] for value in CANDIDATES]
    return float(CANDIDATES[int(np.argmax(scores))])


def infill_figures(
    cells: Sequence[dict[str, tuple[np.ndarray, np.ndarray]]], songs: Sequence[str], threshold: float
) -> dict[str, float]:
    """Onset F1 with intervals, precision and recall, at improvised and at ordinary bars."""
    metrics: dict[str, float] = {"threshold": threshold}
    for kind in ("improvised", "ordinary"):
        counts = np.array([bar_counts(song[kind][0] >= threshold, song[kind][1]).sum((0, 1)) for song in cells])
        precision, recall, _ = precision_recall_f1(counts.sum(0)).tolist()
        metrics |= with_interval(counts, songs, f"f1_{kind}")
        metrics |= {f"precision_{kind}": precision, f"recall_{kind}": recall}
    return metrics


@torch.inference_mode()
def basic_figures(folder: Path, parts: Sequence[Part], songs: Sequence[str]) -> dict[str, float]:
    """Nats a token and bits a bar of the windows that the parts hold whole."""
    network = load_basic(best(folder, BASIC), "cpu")
    sums = np.zeros((len(parts), 3))  # nats, tokens, bars
    places = all_windows(parts)
    for place in tqdm(places, unit="window", disable=None):
        windows = basic_windows(parts, [place])
        _, logs = basic_pattern(network, windows, torch.Generator(), masked_family=0.0, masked_steps=0.0)
        sums[place[0]] += [float(logs["loss"]), float(logs["count"]), WINDOW]
    nats, tokens, bars = sums.sum(0)
    drawn = song_weights(DATA, songs) @ sums
    low, high = interval(drawn[:, 0] / drawn[:, 2] / np.log(2))
    return {
        "nats_per_token": nats / tokens,
        "bits_per_bar": nats / bars / np.log(2),
        "bits_per_bar_low": low,
        "bits_per_bar_high": high,
        "windows": len(places),
    }


def chain_figures(
    published: Published, drums: DrumSet, known: frozenset[bytes], temperature: float, seed: int
) -> dict[str, dict[str, float]]:
    """The figures of the basic patterns and of the chain's parts, over the bars of the true drum part."""
    true, made = [], []
    for part in tqdm(parts_of(drums), unit="song", disable=None):
        grid = drums[[piece.path for piece in drums.pieces].index(part.path)]
        made.append((part.path, accompany(published, grid.others[part.bars], temperature, seed)))
        true.append(part.hits[part.bars])
    songs = groups(drums, [path for path, _ in made])
    kinds = {"stage 1": [one.basic for _, one in made], "whole chain": [one.hits for _, one in made]}
    return {name: part_scores(parts, true, songs, known) for name, parts in kinds.items()}


def groups(drums: DrumSet, paths: Sequence[str]) -> list[str]:
    """The group of each of some songs."""
    group = {piece.path: piece.group for piece in drums.pieces}
    return [group[path] for path in paths]


def score(options: argparse.Namespace, drums: DrumSet) -> None:
    """Choose the thresholds, judge what is trained, and add it to the results."""
    work: Path = options.output
    trained = [stage for stage in options.stages if (best(work, stage) / WEIGHTS).is_file()]
    valid, test = drums.where(side="valid"), drums.where(side="test")
    valid_marks, test_marks = (song_labels([side.hits(i) for i in range(len(side))], SEED) for side in (valid, test))
    test_parts, valid_parts = parts_of(test), parts_of(valid)
    songs = groups(test, [part.path for part in test_parts])
    path = work / "thresholds.json"
    thresholds: dict[str, float] = json.loads(path.read_text("utf-8")) if path.is_file() else {}

    def report(what: str, stage: str, metrics: dict[str, float], began: float, seed: int = 0, **more: str) -> None:
        checkpoint = hashlib.sha256((best(work, stage) / WEIGHTS).read_bytes()).hexdigest()[:12]
        facts = json.loads((best(work, stage) / "config.json").read_text("utf-8"))
        about = {"songs": len(test), "preset": facts["preset"], "steps": facts["trained"]["step"]}
        paper = {NAME: more.pop("paper")} if "paper" in more else {}
        metrics = {key: float(value) for key, value in metrics.items() if np.isfinite(value)}
        line = Result(
            *(f"{NAME}, {what}", checkpoint, TASK, DATA, "test", seed, metrics, round(time.perf_counter() - began, 1)),
            paper=paper,
            about=about | more,
        )
        print(line.system, {name: round(value, 4) for name, value in metrics.items()}, flush=True)
        append([line], options.results)

    for stage in trained:
        began = time.perf_counter()
        if stage in KINDS:
            locator = load_location(best(work, stage), "cpu")
            thresholds[stage] = natural_threshold(chances_of(locator, valid), valid_marks)
            metrics = location_figures(chances_of(locator, test), test_marks, thresholds[stage])
            report(f"location, {stage}", stage, metrics, began, paper=f"{PAPER[stage]} balanced accuracy, its data")
        elif stage in DECODERS:
            network = load_infill(best(work, stage), "cpu")
            thresholds[stage] = hit_threshold(cells_of(network, valid, valid_parts))
            metrics = infill_figures(cells_of(network, test, test_parts), songs, thresholds[stage])
            report(f"infill, {stage}", stage, metrics, began, paper=f"{PAPER_F1[stage]} F1, definition unclear")
        else:
            report("stage 1", stage, basic_figures(work, test_parts, songs), began)
        path.write_text(json.dumps(thresholds, indent=1) + "\n", encoding="utf-8")
    if {BASIC, options.location, options.decoder} <= set(trained):
        published = load_published(work, options.location, options.decoder, "cpu")
        train_side = drums.where(side="train")
        known = known_patterns(train_side.hits(i) for i in range(len(train_side)))
        kinds = [(0.0, "greedy", 0)] + [(1.0, "sampled", seed) for seed in range(options.seeds)]
        for temperature, way, seed in kinds:
            began = time.perf_counter()
            for what, metrics in chain_figures(published, test, known, temperature, seed).items():
                more = {"location": options.location, "decoder": options.decoder, "outputs": "unfiltered"}
                report(f"{what}, {way}", BASIC, metrics, began, seed, **more)


def main() -> None:
    """Train or judge from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("do", choices=("train", "score"))
    parser.add_argument("root", type=Path, help="folder of the unpacked sets")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--cache", type=Path, help="folder for the columns of the sets")
    parser.add_argument("--split", type=Path, default=Path("docs/data/drums-split.csv"))
    parser.add_argument("--preset", choices=("paper", "small"), default="small")
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES)
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--seeds", type=int, default=5, help="of the sampled chain")
    parser.add_argument("--location", choices=KINDS, default="mini-bert", help="of the chain")
    parser.add_argument("--decoder", choices=DECODERS, default="mlp", help="of the chain")
    options = parser.parse_args()
    torch.set_num_threads(1)
    drums = read_drums(options.root, options.split, options.cache or options.output / "cache", (DATA,))
    {"train": train, "score": score}[options.do](options, drums)


if __name__ == "__main__":
    main()
