"""Windows of bars cut from pieces on the drum grid, with what is hidden of them and what is said."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from partimento.networks.drum_windows import CLASSES, FEELS, FILL, NO_FILL, STEPS, UNSAID, DrumWindows
from partimento.systems.drummer import DENSITY_EDGES, Changes, DrummerSystem, Hiding, Wishes
from partimento.tokens.drum_columns import DrumColumns
from partimento.tokens.drumgrid import FAMILIES, LINES, DrumGrid, dense

AROUND = 4  # bars without drums that are kept before the first and after the last with drums


@dataclass(frozen=True, eq=False)
class Song:
    """A piece to learn from.

    Args:
        is_fill: (bars,) int64: 1 fill, 0 none, -1 not known.
        feel: as in `DrumWindows`; so are `played` and `touch`.
    """

    columns: DrumColumns
    is_fill: np.ndarray
    feel: int
    played: bool
    touch: bool

    @property
    def bars(self) -> int:
        return len(self.columns.bar_ticks) - 1

    def first(self) -> int:
        """The first bar with notes of the other instruments; of drums where there are no others."""
        starts = self.columns.note_start if len(self.columns.note_start) else self.columns.hit_step
        return int(starts.min()) // STEPS

    def span(self) -> tuple[int, int]:
        """First and last + 1 of the bars worth learning."""
        bars = self.columns.hit_step // STEPS
        return max(0, int(bars.min()) - AROUND), min(self.bars, int(bars.max()) + 1 + AROUND)


def starts_of(song: Song, bars: int, generator: np.random.Generator) -> list[int]:
    """First bars of windows that together are about as long as the song, at a place drawn anew."""
    low, high = song.span()
    count = max(1, int((high - low) / bars + generator.random()))
    slack = (high - low) - count * bars
    first = low + int(generator.integers(min(slack, 0), max(slack, 0) + 1))
    return [first + index * bars for index in range(count)]


def cut(columns: DrumColumns, start: int, bars: int) -> DrumGrid:
    """The bars [start, start + bars) of a piece as a dense grid, silent where the piece has no such bar."""
    first, stop = start * STEPS, (start + bars) * STEPS
    hits = (columns.hit_step >= first) & (columns.hit_step < stop)
    notes = (columns.note_stop > first) & (columns.note_start < stop)
    parts = {name: getattr(columns, name)[hits] for name in ("hit_class", "hit_velocity", "hit_shift")}
    parts |= {name: getattr(columns, name)[notes] for name in ("note_family", "note_line", "note_velocity")}
    return dense(
        replace(
            columns,
            **parts,
            hit_step=columns.hit_step[hits] - np.int32(first),
            note_start=np.maximum(columns.note_start[notes] - np.int32(first), 0),
            note_stop=np.minimum(columns.note_stop[notes], stop) - np.int32(first),
            bar_ticks=np.arange(bars + 1),
        )
    )


def changed(columns: DrumColumns, changes: Changes, generator: np.random.Generator) -> DrumColumns:
    """The other instruments transposed, and some families silent."""
    line = columns.note_line.astype(np.int64) + generator.integers(-changes.semitones, changes.semitones + 1)
    kept = (line >= 1) & (line < LINES)
    if generator.random() < changes.silenced:
        kept &= columns.note_family != generator.integers(len(FAMILIES))
    if generator.random() < changes.alone:
        kept[:] = False
    names = ("note_start", "note_stop", "note_family", "note_velocity")
    return replace(
        columns, note_line=line[kept].astype(np.uint8), **{name: getattr(columns, name)[kept] for name in names}
    )


def hidden_classes(hiding: Hiding, inside: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """(N, 16) bool, which drum classes of which bars are hidden; at least one bar inside the song has some."""
    bars = np.flatnonzero(inside)
    hidden = np.zeros((len(inside), CLASSES), dtype=bool)
    kinds = (hiding.whole, hiding.rest, hiding.runs, hiding.single, hiding.voices)
    kind = int(np.searchsorted(np.cumsum(kinds), generator.random(), side="right"))
    if kind == 0:
        hidden[bars] = True
    elif kind == 1:
        hidden[bars[int(generator.integers(len(bars))) :]] = True
    elif kind == 2:
        for _ in range(int(generator.integers(1, 4))):
            hidden[_run(bars, int(generator.integers(1, 9)), generator)] = True
    elif kind == 3:
        hidden[bars[generator.random(len(bars)) < 0.2]] = True
        hidden[generator.choice(bars)] = True
    else:
        voices = generator.random(CLASSES) < generator.uniform(0.1, 0.9)
        voices[generator.integers(CLASSES)] = True
        run = bars if generator.random() < 0.5 else _run(bars, int(generator.integers(1, 17)), generator)
        hidden[np.ix_(run, voices)] = True
    return hidden


def _run(bars: np.ndarray, length: int, generator: np.random.Generator) -> np.ndarray:
    start = int(generator.integers(len(bars)))
    return bars[start : start + length]


def density_class(hits: np.ndarray) -> np.ndarray:
    """Classes 1 ... 8 of bars by how many hits they have."""
    return 1 + np.searchsorted(np.array(DENSITY_EDGES), hits, side="right")


def said(truth: np.ndarray, share: float, generator: np.random.Generator) -> np.ndarray:
    """The truth in a share of the windows, of all their bars or of some; UNSAID elsewhere."""
    if generator.random() >= share:
        return np.full_like(truth, UNSAID)
    rate = 1.0 if generator.random() < 0.5 else generator.random()
    return np.where(generator.random(len(truth)) < rate, truth, UNSAID)


def window_of(
    song: Song, start: int, bars: int, system: DrummerSystem | None, generator: np.random.Generator | None
) -> DrumWindows:
    """One window to learn from; without a generator all bars are hidden, nothing is said and nothing changed."""
    columns = song.columns
    if generator is not None and system is not None and generator.random() < system.recipe.batch.augment:
        columns = changed(columns, system.changes, generator)
    grid = cut(columns, start, bars)
    bar = np.arange(start, start + bars)
    inside = (bar >= 0) & (bar < song.bars)
    is_fill = np.full(bars, -1)
    is_fill[inside] = song.is_fill[bar[inside]]
    phrase = np.maximum(bar - song.first(), -1)
    left = np.maximum(song.bars - 1 - bar, 0)
    fill, density, feel = np.full(bars, UNSAID), np.full(bars, UNSAID), song.feel
    if generator is None or system is None:
        hidden = np.repeat(inside[:, None], CLASSES, 1)
    else:
        wishes: Wishes = system.wishes
        hidden = hidden_classes(system.hiding, inside, generator)
        known_fill = np.array((UNSAID, NO_FILL, FILL))[is_fill + 1]
        fill = said(known_fill, wishes.fills, generator)
        density = said(density_class(grid.hits.sum((1, 2))), wishes.density, generator)
        feel = song.feel if generator.random() < wishes.feel else UNSAID
        if generator.random() >= wishes.phrase:
            phrase = np.full_like(phrase, -1)
    bars_of = (grid.velocity, grid.shift, grid.others, ~hidden, phrase, left, inside, fill, density)
    arrays = (*bars_of, np.array(feel), np.array(song.played), is_fill, np.array(song.touch))
    return DrumWindows(*(torch.from_numpy(np.array(array))[None] for array in arrays))


def feel_number(name: str) -> int:
    """1 ... 4 for a name of FEELS, 0 for another."""
    return 1 + FEELS.index(name) if name in FEELS else UNSAID
