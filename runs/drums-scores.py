"""The scores of drummers on the test songs of `multitrack`, no output left out; results/drums.jsonl (task "drums").

    python runs/drums-scores.py FOLDER_OF_SETS MODEL... --cache CACHE [--seeds 5] [--results results]
    python runs/drums-scores.py FOLDER_OF_SETS MODEL --cache CACHE --choose 0.6 0.8 1.0

- All drums hidden, the other instruments given: exact bits a bar, and how well improvised bars are found.
- One bar hidden, all else given: bits, location and in-filling at all improvised bars, as many ordinary ones and some
  more of every song; what is told of all bars is told with the weights that these stand for.
- Whole parts drawn from nothing: the first bars of songs that are drawn by seed, all seeds.

`--choose` tries temperatures of whole parts on the validation songs and adds nothing. The swing of a song is heard from
its other instruments alone. Intervals are of 95 %, over songs, and over seeds where drums are drawn.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from partimento.analysis.novelty import sounding
from partimento.corpus.datasets.drums import DrumSet, read_drums
from partimento.drum_model import DrumModel, load_drummer
from partimento.generate.drum_cells import Rules, weights_of
from partimento.generate.drum_fill import fill, stream
from partimento.generate.drum_options import USUAL_DENSITY, DrumOptions
from partimento.midi import read_midi
from partimento.networks.drum_windows import CLASSES, FILL, UNSAID
from partimento.tasks.drums.distributions import consistency, density, inter_onset_intervals, overlap
from partimento.tasks.drums.drum_metrics import bar_counts, class_f1, f1, precision_recall_f1, sixteenth_counts
from partimento.tasks.drums.floors import COPIES, copied_counts
from partimento.tasks.drums.infilling import asked_bars, hidden_bar, hidden_song, weighted_location
from partimento.tasks.drums.location import location_scores, song_labels
from partimento.tasks.drums.part_metrics import known_patterns
from partimento.tasks.drums.score_card import part_scores
from partimento.tasks.intervals import interval, over_seeds, song_weights
from partimento.tasks.results import Result, append
from partimento.tokens.drum_lines import grid_fit
from partimento.training.drum_cutting import feel_number

TASK, DATA, SEED = "drums", "multitrack", 0
MORE_BARS = 2  # of every song, beside the improvised bars and their counterparts
LOCATION_DRAWS = 200  # of the intervals of ranks, each of which sorts all bars


@dataclass(frozen=True, eq=False)
class Side:
    """The songs that are judged.

    Args:
        true: (bars, 32, 16) bool of each.
        feels: heard from the other instruments.
        groups: the group of each.
    """

    drums: DrumSet
    true: list[np.ndarray]
    feels: list[str]
    groups: list[str]


def side_of(drums: DrumSet, root: Path) -> Side:
    """The songs with what is asked of each."""
    feels = []
    for piece in drums.pieces:
        notes = read_midi(root / piece.path)
        others = notes.select(~notes.is_drum)
        feels.append(grid_fit(others).feel if len(others) else "")
    true = [drums.hits(index) for index in range(len(drums))]
    return Side(drums, true, feels, [piece.group for piece in drums.pieces])


def ends(name: str, value: float, draws: np.ndarray) -> dict[str, float]:
    """A figure with the ends of its interval."""
    low, high = interval(draws)
    return {name: float(value), f"{name}_low": low, f"{name}_high": high}


def ratio(name: str, above: np.ndarray, below: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    """A sum over songs (songs,) by another one, with its interval."""
    return ends(name, above.sum() / below.sum(), (weights @ above) / (weights @ below))


def all_hidden(model: DrumModel, side: Side, marked: list[np.ndarray], weights: np.ndarray) -> dict[str, float]:
    """Bits a bar of the drum parts, and location given the other instruments only."""
    chances, sums = [], np.zeros((len(side.true), 2))
    for index in tqdm(range(len(side.true)), unit="song", disable=None):
        bits, chance = hidden_song(model, side.drums[index], feel_number(side.feels[index]))
        part = sounding(side.true[index])
        sums[index] = bits[part].sum(), part.stop - part.start
        chances.append(chance)
    found = ratio("bits_per_bar", sums[:, 0], sums[:, 1], weights) | location_scores(chances, marked)
    label, chance = np.concatenate(marked), np.concatenate(chances)
    song = np.repeat(np.arange(len(marked)), [len(mark) for mark in marked])
    valued = label > -2
    return found | rank_ends(chance[valued], label[valued], np.ones(valued.sum()), weights[:, song[valued]])


def rank_ends(chance: np.ndarray, label: np.ndarray, stands: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    """The ends of the intervals of auc and average precision; weights (draws, K) of the songs of the bars."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    balanced, true = label >= 0, label == 1
    weights = weights[:LOCATION_DRAWS]
    auc = [roc_auc_score(true[balanced], chance[balanced], sample_weight=draw[balanced]) for draw in weights]
    precision = [average_precision_score(true, chance, sample_weight=stands * draw) for draw in weights]
    found = ends("auc", 0.0, np.array(auc)) | ends("average_precision", 0.0, np.array(precision))
    return {name: value for name, value in found.items() if name.endswith(("_low", "_high"))}


def one_hidden(
    model: DrumModel,
    side: Side,
    marked: list[np.ndarray],
    temperatures: Sequence[float],
    seeds: int,
    weights: np.ndarray,
    told: bool,
) -> dict[str, dict[str, float]]:
    """By system: bits and location with one bar hidden, and F1 of what is drawn there."""
    kit = np.ones(CLASSES, dtype=bool)
    rules = [Rules(0.0, kit, True)] + [Rules(t, kit, True) for t in temperatures for _ in range(seeds)]
    cells, generator = weights_of(model.network.cells), np.random.default_rng(SEED)
    rows = ["told, temperature 0", *(f"temperature {rule.temperature:g}" for rule in rules)]
    # (kind, row, song, class, 3); the sixteenths of REMI-z likewise
    counts = np.zeros((2, 2, len(rows), len(side.true), CLASSES, 3))
    bars_found: list[tuple[int, int, float, float, float]] = []  # song, label, stands for, bits, chance
    copied: dict[str, dict[str, list[np.ndarray]]] = {name: {"improvised": [], "ordinary": []} for name in COPIES}
    for song in tqdm(range(len(side.true)), unit="song", disable=None):
        grid, true, feel = side.drums[song], side.true[song], feel_number(side.feels[song])
        bars, stands = asked_bars(marked[song], MORE_BARS, generator)
        for kind, label in (("improvised", 1), ("ordinary", 0)):
            for name, found in copied_counts(true, marked[song] == label).items():
                copied[name][kind].append(found)
        for bar, stand in zip(bars.tolist(), stands.tolist(), strict=True):
            label = int(marked[song][bar])
            one = hidden_bar(model, cells, grid, bar, feel, UNSAID, rules if label >= 0 else (), SEED)
            bars_found.append((song, label, stand, one.bits, one.chance))
            if label < 0:
                continue
            made = one.hits
            say = told and label == 1
            wished = hidden_bar(model, cells, grid, bar, feel, FILL, rules[:1], SEED).hits if say else made[:1]
            for row, hits in enumerate(np.concatenate([wished, made])):
                counts[0, 1 - label, row, song] += bar_counts(hits[None], true[bar][None])[0]
                counts[1, 1 - label, row, song] += sixteenth_counts(hits[None], true[bar][None])
    for name in COPIES:
        print(
            f"  {name}:",
            {kind: round(100 * float(f1(np.sum(found, 0))), 1) for kind, found in copied[name].items()},
            flush=True,
        )
    filled = filled_figures(counts, rows, weights)
    kept = {name: metrics for name, metrics in filled.items() if told or not name.startswith("one bar, told")}
    return {"": hidden_figures(bars_found, weights)} | kept


def hidden_figures(bars_found: Sequence[tuple[int, int, float, float, float]], weights: np.ndarray) -> dict[str, float]:
    """Bits a bar at the natural rate, at improvised and at ordinary bars, and location, with one bar hidden."""
    song, label, stands, bits, chance = (np.array(column) for column in zip(*bars_found, strict=True))
    figures: dict[str, float] = {}
    for name, kept in (("", label > -2), ("_improvised", label == 1), ("_ordinary", label == 0)):
        drawn = weights[:, song[kept]] * stands[kept]
        value = np.average(bits[kept], weights=stands[kept])
        figures |= ends(f"one_hidden_bits_per_bar{name}", value, (drawn @ bits[kept]) / drawn.sum(1))
    found = weighted_location(chance, label, stands) | rank_ends(chance, label, stands, weights[:, song])
    return figures | {f"one_hidden_{name}": value for name, value in found.items()}


def filled_figures(counts: np.ndarray, rows: list[str], weights: np.ndarray) -> dict[str, dict[str, float]]:
    """F1 by name of the row, over its seeds; those that are told of a fill at improvised bars only."""
    found: dict[str, dict[str, float]] = {}
    for name in dict.fromkeys(rows):
        which = [index for index, row in enumerate(rows) if row == name]
        metrics: dict[str, float] = {}
        for kind, label in enumerate(("improvised", "ordinary")):
            if label == "ordinary" and name.startswith("told"):
                continue
            for definition, short in enumerate(("f1", "sixteenths_within_one_f1")):
                each = counts[definition, kind, which].sum(2)  # (seeds, songs, 3)
                draws = over_seeds(np.array([f1(weights @ seed) for seed in each]))
                metrics |= ends(f"{short}_{label}", float(f1(each.sum(1)).mean()), draws)
            precision, recall, _ = precision_recall_f1(counts[0, kind, which].sum((0, 1, 2))).tolist()
            metrics |= {f"precision_{label}": precision, f"recall_{label}": recall}
            by_class = class_f1(counts[0, kind, which].sum((0, 1)))
            metrics |= {f"f1_{label} {drum}": value for drum, value in by_class.items()}
        found[f"one bar, {name}"] = metrics
    return found


def drawn_parts(
    model: DrumModel, side: Side, songs: Sequence[int], bars: int, options: DrumOptions
) -> tuple[list[list[np.ndarray]], list[np.ndarray]]:
    """Of each seed and song the first bars of a part drawn from nothing; of each song the true ones."""
    seeds = options.variations
    made: list[list[np.ndarray]] = [[] for _ in range(seeds)]
    true = []
    for index in tqdm(songs, unit="song", disable=None):
        grid, hits = side.drums[index], side.true[index]
        stop = min(len(grid), sounding(hits).start + bars)
        drawn = np.zeros((seeds, stop, *hits.shape[1:]), dtype=bool)
        for bar in stream(model, grid, options, side.feels[index]):
            if bar.bar >= stop:
                break
            drawn[:, bar.bar] = bar.velocity > 0
        for seed in range(seeds):
            made[seed].append(drawn[seed])
        true.append(hits[:stop])
    return made, true


def part_figures(
    made: list[list[np.ndarray]], true: list[np.ndarray], groups: list[str], known: frozenset[bytes]
) -> dict[str, float]:
    """`part_scores` as means over the seeds, the main ones with intervals over songs and seeds."""
    weights = song_weights(DATA, groups)
    each = [part_scores(parts, true, groups, known) for parts in made]
    alone = [
        [part_scores([one], [hits], [group], known) for one, hits, group in zip(*row, strict=True)]
        for row in ((parts, true, groups) for parts in made)
    ]
    figures: dict[str, float] = {}
    for name in each[0]:
        if name.endswith(("_low", "_high")):
            continue
        value = float(np.nanmean([scores[name] for scores in each]))
        if name in PARTS_OVERLAPS:
            draws = np.array([overlap_draws(PARTS_OVERLAPS[name], parts, true, weights) for parts in made])
        elif name in PARTS_MEANS:
            values = np.array([[song[name] for song in seed] for seed in alone])  # (seeds, songs)
            there = ~np.isnan(values)
            draws = (np.where(there, values, 0) @ weights.T) / (there @ weights.T)
        elif name.startswith("onset_f1") and f"{name}_low" in each[0]:
            figures |= {name: value} | {
                f"{name}_{end}": float(np.mean([scores[f"{name}_{end}"] for scores in each])) for end in ("low", "high")
            }
            continue
        else:
            figures[name] = value
            continue
        figures |= ends(name, value, over_seeds(draws))
    hits = np.array([sum(part.sum() for part in parts) / sum(map(len, parts)) for parts in made])
    figures["hits_per_bar"] = float(hits.mean())
    figures["hits_per_bar_true"] = sum(int(part.sum()) for part in true) / sum(map(len, true))
    return figures


PARTS_OVERLAPS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "inter_onset_overlap": inter_onset_intervals,
    "consistency_overlap": consistency,
    "density_overlap": density,
}
PARTS_MEANS = (
    "novelty_correlation",
    "groove_consistency_muspy",
    "groove_similarity_musdr",
    "fills_per_8_bars",
    "copied_bars",
    "limb_violations",
)


def overlap_draws(
    histogram: Callable[[np.ndarray], np.ndarray],
    made: Sequence[np.ndarray],
    true: Sequence[np.ndarray],
    weights: np.ndarray,
) -> np.ndarray:
    """(draws,) overlap of the distributions of weighted songs, over the bars of the true parts."""
    parts = [
        (histogram(one[sounding(other)]), histogram(other[sounding(other)]))
        for one, other in zip(made, true, strict=True)
    ]
    first, second = (weights @ np.array([pair[place] for pair in parts], dtype=np.float64) for place in (0, 1))
    return np.array([overlap(one, other) for one, other in zip(first, second, strict=True)])


def seconds_a_bar(model: DrumModel, side: Side, bars: int = 32) -> float:
    """CPU seconds that one variation takes, on one thread."""
    index = next(index for index, hits in enumerate(side.true) if len(hits) >= bars)
    began = time.process_time()
    fill(model, side.drums[index].bars(0, bars), DrumOptions(seed=SEED))
    return (time.process_time() - began) / bars


def drawn_songs(side: Side, count: int) -> list[int]:
    """So many songs, drawn by seed."""
    order = np.random.default_rng(SEED).permutation(len(side.true))
    return sorted(order[:count].tolist())


def choose(model: DrumModel, side: Side, temperatures: Sequence[float], options: argparse.Namespace) -> None:
    """Print how parts of the validation songs are at each temperature."""
    songs = drawn_songs(side, options.songs)
    groups = [side.groups[index] for index in songs]
    for temperature in temperatures:
        how = DrumOptions(temperature=temperature, density=options.density, seed=SEED, variations=options.seeds)
        made, true = drawn_parts(model, side, songs, options.bars, how)
        figures = part_figures(made, true, groups, frozenset())
        shown = (
            "hits_per_bar",
            "hits_per_bar_true",
            "onset_f1",
            "density_overlap",
            "consistency_overlap",
            "inter_onset_overlap",
            "novelty_correlation",
            "fills_per_8_bars",
            "fills_per_8_bars_true",
            "groove_consistency_muspy",
            "groove_consistency_muspy_true",
        )
        print(f"temperature {temperature}:", {name: round(figures[name], 3) for name in shown}, flush=True)


def judge(model: DrumModel, side: Side, known: frozenset[bytes], options: argparse.Namespace) -> None:
    """Add the lines of one model to the results."""
    marked = song_labels(side.true, SEED)
    weights = song_weights(DATA, side.groups)
    system = {"drums-pool": "ours, pool"}.get(model.title, f"ours, {model.title}")
    parameters = sum(parameter.numel() for parameter in model.network.parameters())

    def report(what: str, metrics: dict[str, float], began: float, **more: float | str) -> None:
        metrics = {name: float(value) for name, value in metrics.items() if np.isfinite(value)}
        about: dict[str, float | str] = {"songs": len(side.true), "seeds": options.seeds, "parameters": parameters}
        name = f"{system}, {what}" if what else system
        seconds = round(time.perf_counter() - began, 1)
        line = Result(name, model.hash, TASK, DATA, "test", 0, metrics, seconds, about=about | more)
        print(name, {key: round(value, 4) for key, value in metrics.items() if " " not in key}, flush=True)
        append([line], options.results)

    if "all" in options.only:
        began = time.perf_counter()
        report("", all_hidden(model, side, marked, weights), began, bars=sum(map(len, side.true)))
    if "parts" in options.only:
        songs = drawn_songs(side, options.songs)
        groups = [side.groups[index] for index in songs]
        for density in (USUAL_DENSITY, None):
            began, temperature = time.perf_counter(), DrumOptions().temperature
            how = DrumOptions(temperature=temperature, density=density, seed=SEED, variations=options.seeds)
            made, true = drawn_parts(model, side, songs, options.bars, how)
            figures = part_figures(made, true, groups, known) | {"cpu_seconds_a_bar": seconds_a_bar(model, side)}
            more = {"songs": len(songs), "most_bars": options.bars, "outputs": "unfiltered", "temperature": temperature}
            name = f"whole parts, {'density left to it' if density is None else f'density {density:g}'}"
            report(name, figures, began, **more)
    if "one" in options.only:
        began = time.perf_counter()
        found = one_hidden(model, side, marked, options.temperatures, options.seeds, weights, options.told)
        for what, metrics in found.items():
            report(what, metrics, began, outputs="unfiltered")


def main() -> None:
    """Judge from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="folder of the unpacked sets")
    parser.add_argument("models", nargs="+", help="checkpoint folders or names")
    parser.add_argument("--cache", type=Path, required=True, help="folder for the columns of the sets")
    parser.add_argument("--split", type=Path, default=Path("docs/data/drums-split.csv"))
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--songs", type=int, default=40, help="of whole parts")
    parser.add_argument("--bars", type=int, default=64, help="of each, from the first with drums on")
    parser.add_argument("--temperatures", type=float, nargs="*", default=[0.8, 1.0], help="of one bar, beside 0")
    parser.add_argument("--told", action="store_true", help="also one bar that is told to be a fill, at temperature 0")
    parser.add_argument("--density", type=float, help="of --choose; left to the network by default")
    parser.add_argument("--only", nargs="+", choices=("all", "one", "parts"), default=("all", "parts", "one"))
    parser.add_argument("--choose", type=float, nargs="+", metavar="TEMPERATURE")
    parser.add_argument("--most", type=int, help="only so many songs, drawn by seed, to try it")
    options = parser.parse_args()
    torch.set_num_threads(1)
    drums = read_drums(options.root, options.split, options.cache)
    asked = drums.where(set=DATA, side="valid" if options.choose else "test")
    if options.most:
        kept = sorted(np.random.default_rng(SEED).permutation(len(asked))[: options.most].tolist())
        asked = DrumSet(tuple(asked.pieces[i] for i in kept), tuple(asked.columns[i] for i in kept))
    side = side_of(asked, options.root)
    for name in options.models:
        model = load_drummer(name, "cpu")
        learned = drums.where(side="train")
        if "open tier" in str(model.config.get("data")):
            learned = learned.where(tier="open")
        if options.choose:
            choose(model, side, options.choose, options)
        else:
            judge(model, side, known_patterns(learned.hits(i) for i in range(len(learned))), options)


if __name__ == "__main__":
    main()
