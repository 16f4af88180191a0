"""Which songs are one song: the same drum part, the same melody in any key, or one title; and a split by such groups.

Two fingerprints of a piece are sets of hashes: its distinct drum bars, and the runs of 12 intervals of the top line of
each of its tracks with the lengths of their notes' distances in time. What many pieces have says nothing of any two of
them (a rock beat, a scale, an arpeggio), so only hashes of a few pieces count.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import PurePosixPath

import numpy as np

from partimento.notes import Notes
from partimento.tokens.drum_columns import DrumColumns
from partimento.tokens.drum_lines import STEPS

RUN = 12  # intervals of a melody
RARE = 20  # pieces: a hash of more of them is common property
SHORTEST_TITLE = 6  # letters
ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 by the golden ratio, to spread a hash


@dataclass(frozen=True)
class Shared:
    """Two pieces (indices, first < second), how many rare hashes they share, and what part that is of the fewer."""

    first: int
    second: int
    count: int
    share: float


def drum_bars(columns: DrumColumns) -> np.ndarray:
    """(K,) uint64, sorted: hashes of the distinct drum bars of a piece that have hits."""
    bar, step = np.divmod(columns.hit_step.astype(np.int64), STEPS)
    cell = (step * 16 + columns.hit_class).astype(np.uint64)
    bars = int(bar[-1]) + 1 if len(bar) else 0
    found = np.zeros(bars, dtype=np.uint64)
    np.add.at(found, bar, _mixed(cell + np.uint64(1)))  # a sum of well-mixed words is a hash of the set
    return np.unique(found[np.bincount(bar, minlength=bars) > 0])


def melody_runs(notes: Notes) -> np.ndarray:
    """(K,) uint64, sorted: hashes of the runs of 12 intervals in the top line of each pitched track.

    A run is the semitones from note to note and, coarsely, the rhythm: each distance in time as a sixteenth or less, an
    eighth, ... So another key or tempo does not change it. Runs of fewer than 4 distinct intervals are left out:
    trills, repeated notes and scales are everybody's.
    """
    found = [np.zeros(0, dtype=np.uint64)]
    for track in np.unique(notes.track[~notes.is_drum]).tolist():
        mine = np.flatnonzero((notes.track == track) & ~notes.is_drum)
        sixteenth = np.rint(notes.onset[mine] * (4 / notes.ticks_per_quarter)).astype(np.int64)
        order = np.lexsort((-notes.pitch[mine], sixteenth))
        top = np.append(True, np.diff(sixteenth[order]) > 0)[: len(order)]
        at, pitch = sixteenth[order][top], notes.pitch[mine][order][top]
        interval = np.diff(pitch)
        if len(interval) < RUN:
            continue
        apart = np.ceil(np.log2(np.minimum(np.diff(at), 64))).astype(np.int64)
        word = ((interval + 128) * 16 + apart).astype(np.uint64)
        window = np.lib.stride_tricks.sliding_window_view(word, RUN)
        varied = (np.diff(np.sort(np.lib.stride_tricks.sliding_window_view(interval, RUN), axis=1), axis=1) > 0).sum(1)
        runs = np.zeros(len(window), dtype=np.uint64)
        for column in range(RUN):
            runs = _mixed(runs * np.uint64(31) + window[:, column])
        found.append(runs[varied >= 3])
    return np.unique(np.concatenate(found))


def pairs(fingerprints: Sequence[np.ndarray], rare: int = RARE) -> list[Shared]:
    """All pairs of pieces that share a hash which at most `rare` pieces have.

    Args:
        fingerprints: one (K,) uint64 a piece, distinct.
    """
    owner = np.repeat(np.arange(len(fingerprints)), [len(hashes) for hashes in fingerprints])
    hashes = np.concatenate([np.zeros(0, dtype=np.uint64), *fingerprints])
    order = np.argsort(hashes, kind="stable")
    hashes, owner = hashes[order], owner[order]
    starts = np.flatnonzero(np.append(True, hashes[1:] != hashes[:-1])[: len(hashes)])
    size = np.diff(np.append(starts, len(hashes)))
    own = np.zeros(len(fingerprints), dtype=np.int64)  # rare hashes of each piece
    counts: dict[tuple[int, int], int] = defaultdict(int)
    for start, pieces in zip(starts.tolist(), size.tolist(), strict=True):
        if pieces > rare:
            continue
        owners = owner[start : start + pieces].tolist()
        own[owners] += 1
        for pair in combinations(owners, 2):
            counts[pair] += 1
    return [Shared(i, j, count, count / int(min(own[i], own[j]))) for (i, j), count in counts.items()]


def title_key(path: str) -> str:
    """The letters of a file's name, without the initials of who made the file; "" if too few to be a title.

    >>> title_key("multitrack/a/all_of_me-kar_jd.mid")
    'allofme'
    """
    name = re.sub(r"[-_ ]kar(?=_|$)", "", PurePosixPath(path).stem.lower())
    letters = re.sub(r"[^a-z]", "", re.sub(r"_[a-z]{2,5}\d?$", "", name))
    return letters if len(letters) >= SHORTEST_TITLE else ""


def joined(count: int, links: Sequence[tuple[int, int]]) -> np.ndarray:
    """(count,) int64: the first piece of the group of each, where linked pieces are of one group (union-find)."""
    parent = list(range(count))

    def root(piece: int) -> int:
        while parent[piece] != piece:
            parent[piece] = parent[parent[piece]]
            piece = parent[piece]
        return piece

    for first, second in links:
        low, high = sorted((root(first), root(second)))
        parent[high] = low
    return np.array([root(piece) for piece in range(count)], dtype=np.int64)


def balanced_sides(
    groups: Sequence[str], strata: Sequence[str], shares: Mapping[str, float], seed: int = 0
) -> list[str]:
    """The side of each piece, a group on one side, each stratum divided by the shares as evenly as its groups allow.

    Largest groups first, then in an order drawn by the seed, each goes to the side that its stratum lacks most of.

    Args:
        groups: (N,) the group of each piece.
        strata: (N,) such as the origin of each piece; that of a group is the first by name of its pieces'.
        shares: of each side; they add up to 1.
        seed: another seed, another split.
    """
    size = Counter(groups)
    stratum: dict[str, str] = {}
    for group, layer in zip(groups, strata, strict=True):
        stratum[group] = min(layer, stratum.get(group, layer))
    total: Counter[str] = Counter()
    for group, layer in stratum.items():
        total[layer] += size[group]
    drawn = {group: hashlib.sha256(f"{seed}\0{group}".encode()).hexdigest() for group in size}
    have: Counter[tuple[str, str]] = Counter()
    side: dict[str, str] = {}
    for group in sorted(size, key=lambda name: (-size[name], drawn[name])):
        layer = stratum[group]
        side[group] = max(shares, key=lambda name: shares[name] * total[layer] - have[layer, name])
        have[layer, side[group]] += size[group]
    return [side[group] for group in groups]


def _mixed(words: np.ndarray) -> np.ndarray:
    """uint64 words spread over all bits (splitmix64)."""
    words = words + ODD
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
