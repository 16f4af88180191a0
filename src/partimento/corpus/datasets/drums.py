"""The two sets that drums are learned from, on the grid: `multitrack` (songs) and `groove` (a drummer alone).

- `multitrack`: 2,098 songs in 4/4 with drums, two tiers of rights; the 1,684 are used whose drums lie within 0.15 of a
  step of the grid, on average, and are of the 16 classes in at least 11 bars.
- `groove`: the Groove MIDI Dataset (Gillick et al. 2019, CC BY 4.0): 503 beats and 647 fills, played to a click on an
  electronic kit, with the published split; the 1,138 in 4/4 are used. A session's steady delay behind the click (or
  before it), -28 to 27 ms, is taken out: it is no part of the playing, and a step lasts 62 ms at 120 a minute.

Which side a piece is on says a table (path, tier, side, group), docs/data/drums-split.csv, made by
runs/drums-split.py: songs that share their drum part or a melody are one group, and a group is on one side. Reading
takes a minute; the columns of each set are kept in one file of a folder that the caller names.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from partimento.corpus.datasets import drum_cache
from partimento.corpus.reading import map_isolated
from partimento.corpus.worker import Failure
from partimento.midi import read_midi
from partimento.tokens.drum_columns import DrumColumns, drum_columns, earlier
from partimento.tokens.drum_kit import CLASSES, GENERAL_MIDI, ROLAND_TD11
from partimento.tokens.drum_lines import STEPS, STEPS_PER_QUARTER, grid_fit, steady_delay
from partimento.tokens.drumgrid import DrumGrid, dense

SETS = ("multitrack", "groove")
SIDES = ("train", "valid", "test")
OPEN = "open"
MOST_DEVIATION = 0.15  # of a step, mean over the drums of a song
LEAST_DRUM_BARS = 11  # of a song, with hits of the 16 classes
CACHE_VERSION = 2
AGREEMENT = 0.4  # of the hits of a performance on their delay, for it to count in that of its session
SONG, BEAT, FILL = "song", "beat", "fill"
_SIDE_NAMES = {"train": "train", "validation": "valid", "test": "test"}


@dataclass(frozen=True)
class DrumPiece:
    """What is known of a piece.

    Args:
        path: below the folder of sets, such as groove/drummer1/session1/1.mid.
        set: "multitrack" or "groove".
        tier: of its rights, "open" or "research-only".
        side: "train", "valid" or "test".
        group: pieces of one group are on one side: a song and its duplicates; of `groove` the recording session.
        kind: "song"; of `groove` "beat" or "fill".
        style: of `groove`, such as funk/groove1; else "".
        deviation: mean distance of its drums from the steps, in steps.
        feel: "straight", "swing", "swung sixteenths" or "triplets".
        ticks_per_quarter: of its file.
        tempo_bpm: quarters a minute at its beginning.
        delay_ms: what its drums have been moved earlier by.
    """

    path: str
    set: str
    tier: str = OPEN
    side: str = "train"
    group: str = ""
    kind: str = SONG
    style: str = ""
    deviation: float = 0.0
    feel: str = ""
    ticks_per_quarter: int = 480
    tempo_bpm: float = 120.0
    delay_ms: float = 0.0


Found = tuple[DrumPiece, DrumColumns]


@dataclass(frozen=True, eq=False)
class DrumSet:
    """Pieces on the drum grid, as columns; `drums[i]` is the dense grid of piece i, made when it is asked for."""

    pieces: tuple[DrumPiece, ...]
    columns: tuple[DrumColumns, ...]

    def __len__(self) -> int:
        return len(self.pieces)

    def __getitem__(self, index: int) -> DrumGrid:
        return dense(self.columns[index])

    def __iter__(self) -> Iterator[DrumGrid]:
        return map(dense, self.columns)

    def hits(self, index: int) -> np.ndarray:
        """(bars, 32, 16) bool hits of piece i: a thirtieth of the work of its whole grid."""
        columns = self.columns[index]
        bars = len(columns.bar_ticks) - 1
        hits = np.zeros((bars * STEPS, len(CLASSES)), dtype=bool)
        hits[columns.hit_step, columns.hit_class] = True
        return hits.reshape(bars, STEPS, len(CLASSES))

    def where(self, **wanted: str) -> DrumSet:
        """The pieces with these values, such as side="test", set="multitrack", tier="open", kind="fill".

        Raises:
            AttributeError: if a piece has no field of that name.
        """
        kept = [
            index
            for index, piece in enumerate(self.pieces)
            if all(getattr(piece, name) == value for name, value in wanted.items())
        ]
        return DrumSet(tuple(self.pieces[index] for index in kept), tuple(self.columns[index] for index in kept))


def read_drums(
    root: str | Path,
    split: str | Path | None,
    cache: str | Path,
    sets: Sequence[str] = SETS,
    most_deviation: float = MOST_DEVIATION,
    jobs: int | None = None,
) -> DrumSet:
    """The pieces of the sets that lie on the grid, with the side that each is on.

    Args:
        root: folder of the unpacked sets.
        split: the table of sides; None leaves songs on the side "train" in groups of their own, and `groove` on the
            sides of its published split.
        cache: folder for the columns, one file a set; made when missing, written when what is there is of other files.
        sets: which.
        most_deviation: of the drums of a song, in steps; `groove`, played to a click, is taken as it is.
        jobs: worker processes that read the files, one a core by default.

    Raises:
        ValueError: if a set is none of `SETS`, or a piece is not in the split.
        OSError: if a set, the split or the cache cannot be read or written.
    """
    if unknown := set(sets) - set(SETS):
        raise ValueError(f"no set {', '.join(sorted(unknown))}; the sets are {', '.join(SETS)}")
    sides = read_split(split) if split is not None else None
    pieces: list[DrumPiece] = []
    columns: list[DrumColumns] = []
    for name in sets:
        for piece, column in _kept(Path(root), name, cache, jobs)[0]:
            if name == "multitrack" and (piece.deviation > most_deviation or drum_bars(column) < LEAST_DRUM_BARS):
                continue
            if sides is not None:
                if piece.path not in sides:
                    raise ValueError(
                        f"{piece.path} is not in the split {split}; make it again with runs/drums-split.py"
                    )
                tier, side, group = sides[piece.path]
                piece = replace(piece, tier=tier, side=side, group=group)
            pieces.append(piece)
            columns.append(column)
    return DrumSet(tuple(pieces), tuple(columns))


def drum_bars(columns: DrumColumns) -> int:
    """How many bars have hits."""
    return len(np.unique(columns.hit_step // STEPS))


def refused(root: str | Path, cache: str | Path, name: str, jobs: int | None = None) -> dict[str, str]:
    """The pieces of a set that cannot be laid on the grid, by path, with the reason."""
    return _kept(Path(root), name, cache, jobs)[1]


def read_split(path: str | Path) -> dict[str, tuple[str, str, str]]:
    """Tier, side and group of each path of the table."""
    with Path(path).open(encoding="utf-8", newline="") as file:
        return {row["path"]: (row["tier"], row["side"], row["group"]) for row in csv.DictReader(file)}


def listed(root: Path, name: str) -> list[DrumPiece]:
    """The pieces of a set as its own index has them, sorted by path; of `groove` only those with a MIDI file.

    Raises:
        OSError: if the index is not there.
    """
    if name == "multitrack":
        with (root / name / "index.tsv").open(encoding="utf-8", newline="") as file:
            rows = [
                DrumPiece(f"{name}/{line['path']}", name, line["tier"].split(":")[0], group=f"{name}/{line['path']}")
                for line in csv.DictReader(file, delimiter="\t")
            ]
    else:
        with (root / name / "info.csv").open(encoding="utf-8", newline="") as file:
            rows = [
                DrumPiece(
                    *(f"{name}/{line['midi_filename']}", name, OPEN, _SIDE_NAMES[line["split"]]),
                    group=f"{name}/{line['session']}",
                    kind=line["beat_type"],
                    style=line["style"],
                )
                for line in csv.DictReader(file)
            ]
    return sorted(rows, key=lambda piece: piece.path)


def read_piece(root: Path, piece: DrumPiece) -> tuple[DrumPiece, DrumColumns]:
    """A piece with what its file says of it, and its columns.

    Raises:
        ValueError: if the file is damaged or does not lie on the grid.
        OSError: if it cannot be read.
    """
    notes = read_midi(root / piece.path)
    alone = piece.set == "groove"
    columns = drum_columns(notes, ROLAND_TD11, least_strength=0) if alone else drum_columns(notes, GENERAL_MIDI)
    fit = grid_fit(notes)
    piece = replace(
        piece,
        deviation=round(fit.deviation, 3),
        feel=fit.feel,
        ticks_per_quarter=notes.ticks_per_quarter,
        tempo_bpm=round(6e7 / int(notes.tempo_us[0]), 3),
    )
    return piece, columns


def without_delay(found: Sequence[Found]) -> list[Found]:
    """The pieces with each session's steady delay taken out: the mean over its beats, weighted by their hits."""
    delays: dict[str, list[tuple[float, int]]] = {}
    for piece, columns in found:
        steps, agreement = steady_delay(columns.hit_step + columns.hit_shift.astype(np.float64))
        if piece.kind == BEAT and agreement >= AGREEMENT:
            delays.setdefault(piece.group, []).append((steps * _step_ms(piece), len(columns.hit_step)))
    moved = []
    for piece, columns in found:
        if piece.group in delays:
            ms, hits = np.array(delays[piece.group]).T
            piece = replace(piece, delay_ms=round(float(ms @ hits / hits.sum()), 2))
            columns = earlier(columns, piece.delay_ms / _step_ms(piece))
        moved.append((piece, columns))
    return moved


def _step_ms(piece: DrumPiece) -> float:
    return 60_000 / (piece.tempo_bpm * STEPS_PER_QUARTER)


def _kept(root: Path, name: str, cache: str | Path, jobs: int | None) -> tuple[list[Found], dict[str, str]]:
    """The pieces of a set with their columns, the refused ones with the reason; from the cache if it is of them."""
    rows = listed(root, name)
    path = Path(cache) / f"drums-{name}.npz"
    about = json.dumps([CACHE_VERSION, [row.path for row in rows]])
    if not path.is_file() or drum_cache.about(path) != about:
        found: list[Found] = []
        reasons = {}
        for batch, results in map_isolated(partial(read_piece, root), rows, jobs=jobs):
            for row, result in zip(batch, results, strict=True):
                if isinstance(result, Failure):
                    reasons[row.path] = result.reason
                else:
                    found.append(result)
        if name == "groove":
            found = without_delay(found)
        facts = {"pieces": [asdict(piece) for piece, _ in found], "refused": reasons}
        drum_cache.write(path, about, json.dumps(facts), [columns for _, columns in found])
    text, columns = drum_cache.read(path)
    facts = json.loads(text)
    return [(DrumPiece(**fact), part) for fact, part in zip(facts["pieces"], columns, strict=True)], facts["refused"]
