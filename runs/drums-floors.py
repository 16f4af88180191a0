"""The floors of the drum tasks, the shares of the readings of the peak rule, and its check on labelled fills.

Results go to results/drums.jsonl (task "drums"); the counts of readings and the check of fills are printed.

    python runs/drums-floors.py FOLDER_OF_SETS CACHE [--split docs/data/drums-split.csv] [-o results]
"""

from __future__ import annotations

import argparse
import hashlib
import time
from pathlib import Path

import numpy as np

from partimento.analysis.novelty import highest, improvised_bars, novelty, ordinary_bars, peaks, sounding
from partimento.corpus.datasets.drums import DrumSet, read_drums
from partimento.tasks.drums.drum_metrics import on_sixteenths, precision_recall_f1, with_interval
from partimento.tasks.drums.fill_labels import check_fills
from partimento.tasks.drums.floors import COPIES, FEATURES, another_part, copied_counts, counted_bits, feature_scores
from partimento.tasks.drums.location import location_scores, song_labels
from partimento.tasks.drums.part_metrics import known_patterns
from partimento.tasks.drums.score_card import part_scores
from partimento.tasks.results import Result, append

SEED = 0
TASK, DATA = "drums", "multitrack"
SPLITS = {"test": "test", "all songs": ""}  # name of the split: side, "" for all


def copies(drums: DrumSet) -> dict[str, dict[str, float]]:
    """Precision, recall and F1 of the copied bars, at improvised and at as many ordinary bars."""
    generator = np.random.default_rng(SEED)
    kinds: dict[str, list[dict[str, np.ndarray]]] = {"improvised": [], "ordinary": []}
    for index in range(len(drums)):
        hits = drums.hits(index)
        improvised = improvised_bars(hits)
        ordinary = ordinary_bars(novelty(hits), improvised, generator)
        kinds["improvised"].append(copied_counts(hits, improvised))
        kinds["ordinary"].append(copied_counts(hits, ordinary))
    songs = [piece.group for piece in drums.pieces]
    found: dict[str, dict[str, float]] = {name: {} for name in COPIES}
    for kind, counts in kinds.items():
        for name in COPIES:
            of_songs = np.array([song[name] for song in counts])
            precision, recall, _ = precision_recall_f1(of_songs.sum(0)).tolist()
            found[name] |= with_interval(of_songs, songs, f"f1_{kind}")
            found[name] |= {f"precision_{kind}": precision, f"recall_{kind}": recall}
    return found


def features(drums: DrumSet) -> dict[str, dict[str, float]]:
    """Location scores of each single feature."""
    marked = song_labels([drums.hits(index) for index in range(len(drums))], SEED)
    scores = [feature_scores(grid) for grid in drums]
    return {name: location_scores([song[name] for song in scores], marked) for name in FEATURES}


def readings(drums: DrumSet) -> dict[str, float]:
    """Percent of all bars that are improvised, by the reading of the peak rule; 10 % of a song at most each."""
    from scipy.signal import find_peaks

    bars = 0
    count = dict.fromkeys(("both neighbours by 0.1", "either neighbour by 0.1", "prominence 0.1", "10 % alone"), 0)
    for index in range(len(drums)):
        hits = drums.hits(index)
        values = novelty(hits)[sounding(hits)]
        most = len(values) // 10
        bars += len(values)
        local = np.flatnonzero(peaks(values, len(values), height=1e-6))
        rise = np.maximum(values[local] - values[local - 1], values[local] - values[local + 1])
        count["both neighbours by 0.1"] += int(peaks(values, most).sum())
        count["either neighbour by 0.1"] += int(highest(values, local[rise >= 0.1 - 1e-9], most).sum())
        prominent, _ = find_peaks(values[~np.isnan(values)], prominence=0.1 - 1e-9)
        count["prominence 0.1"] += min(len(prominent), most)
        count["10 % alone"] += int(highest(values, local, most).sum())
    return {f"{name}, of {bars:,} bars": 100 * number / bars for name, number in count.items()}


def whole_parts(train: DrumSet, test: DrumSet) -> dict[str, dict[str, float]]:
    """The true parts by themselves, another song's part in their place, and the bits of counted frequencies."""
    learned = [train.hits(index) for index in range(len(train))]
    true = [test.hits(index) for index in range(len(test))]
    songs = [piece.group for piece in test.pieces]
    known = known_patterns(learned)
    generator = np.random.default_rng(SEED)
    others = []
    for hits in true:
        part = sounding(hits)
        made = np.zeros_like(hits)
        made[part] = another_part(learned, part.stop - part.start, generator)
        others.append(made)
    found = {"another song's part": part_scores(others, true, songs, known)}
    for name, (bits, bars) in counted_bits(learned, true).items():
        found[name] = {"bits_per_bar": bits / bars}
    return found


def main() -> None:
    """Measure the floors and add them to the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="folder of the unpacked sets")
    parser.add_argument("cache", type=Path, help="folder for the sets on the grid")
    parser.add_argument("--split", type=Path, default=Path("docs/data/drums-split.csv"))
    parser.add_argument("-o", "--output", type=Path, default=Path("results"))
    options = parser.parse_args()
    drums = read_drums(options.root, options.split, options.cache)
    songs, groove = drums.where(set="multitrack"), drums.where(set="groove")
    checkpoint = hashlib.sha256(options.split.read_bytes()).hexdigest()[:12]
    results = []
    for split, side in SPLITS.items():
        chosen = songs.where(side=side) if side else songs
        began = time.perf_counter()
        found = copies(chosen) | features(chosen)
        if side:
            found |= whole_parts(songs.where(side="train"), chosen)
        took = time.perf_counter() - began
        print(f"\n{split}: {len(chosen)} songs, {took:.0f} s")
        for system, metrics in found.items():
            print(system, {name: round(value, 4) for name, value in metrics.items()})
            results.append(Result(system, checkpoint, TASK, DATA, split, 0, metrics, about={"songs": len(chosen)}))
    print("\npercent of bars improvised:", {name: round(value, 2) for name, value in readings(songs).items()})
    print("\nfills of groove, on 32 steps:", check_fills(groove))
    print("on sixteenths:", check_fills(groove, on_sixteenths))
    append(results, options.output)


if __name__ == "__main__":
    main()
