"""How much of some music is copied from a corpus, and how much held-out human music shares with it by chance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from time import perf_counter

import numpy as np
from tqdm import tqdm

from partimento.corpus.store import Corpus
from partimento.notes import Notes
from partimento.search.copies import LONG_RUN, CopyIndex, shared_runs
from partimento.tasks import results
from partimento.tasks.excerpts import jackknife
from partimento.tasks.results import Result

COPIED = "copied_runs"
PART_S = 30.0


def copied(music: Sequence[Notes], copies: CopyIndex) -> dict[str, float]:
    """How much of N pieces, one a song, is copied: their longest runs shared with a corpus.

    In notes and in distinct notes (`copied_notes`, `copied_distinct`) the mean, the most, and the share of pieces whose
    longest is over 16, with its exact 95 % interval.
    """
    from scipy.stats import binomtest

    longest = longest_runs(music, copies)
    metrics = _lengths(longest)
    for name, column in longest.items():
        over = int((column > LONG_RUN).sum())
        ends = binomtest(over, len(column)).proportion_ci()
        metrics |= {f"copied_{name}_over_{LONG_RUN}": over / len(column)}
        metrics |= {f"copied_{name}_over_{LONG_RUN}_{end}": float(getattr(ends, end)) for end in ("low", "high")}
    return metrics


def longest_runs(music: Iterable[Notes], copies: CopyIndex) -> dict[str, np.ndarray]:
    """(N,) the longest run of each piece in `notes`, and (N,) that in `distinct` notes; 0 where there is none."""
    runs = [shared_runs(notes, copies) for notes in music]
    names = ("notes", "distinct")
    return {name: np.array([max((getattr(run, name) for run in its), default=0) for its in runs]) for name in names}


def half_minutes(corpus: Corpus, copies: CopyIndex, folder: str | Path | None = None, split: str = "test") -> Result:
    """The metrics of `copied` for each half minute of human music on one side, intervals over songs.

    What a copied continuation has to be told from: music of other songs shares runs too.

    Raises:
        ValueError: if there are fewer than two songs.
    """
    begun = perf_counter()
    side = corpus.where(split=split) if "split" in corpus.label_names else corpus
    songs = side.label("song") if "song" in side.label_names else side.column("path")
    parts: list[Notes] = []
    part_song: list[str] = []
    for song, piece in zip(songs, side, strict=True):
        for start_s in np.arange(0, piece.seconds - PART_S + 1, PART_S).tolist():
            part = piece.notes.window(start_s, start_s + PART_S)
            if len(part):
                parts.append(part)
                part_song.append(str(song))
    names, song_of = np.unique(part_song, return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"{corpus.folder} has {len(names)} songs of half a minute on its {split} side; two are needed")
    bar = tqdm(parts, unit="part", desc="half minutes", disable=None, leave=False)
    longest = longest_runs(bar, copies)
    metrics = _lengths(longest) | {"parts": len(parts), "songs": len(names)}
    count = np.bincount(song_of)
    for name, column in longest.items():
        over = np.bincount(song_of, column > LONG_RUN)
        metrics |= jackknife(
            f"copied_{name}_over_{LONG_RUN}",
            lambda rows, over=over: float(over[rows].sum() / count[rows].sum()),  # type: ignore[misc]
            len(names),
            (0.0, 1.0),
        )
    seconds = round(perf_counter() - begun, 3)
    result = Result(f"every half minute of the {split} side", "", COPIED, "all", split, 0, metrics, seconds)
    if folder:
        results.append([result], folder)
    return result


def _lengths(longest: dict[str, np.ndarray]) -> dict[str, float]:
    metrics: dict[str, float] = {}
    for name, column in longest.items():
        metrics |= {f"copied_{name}": float(column.mean()), f"copied_{name}_most": int(column.max())}
    return metrics
