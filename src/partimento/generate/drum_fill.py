"""Drums to a song: windows slide over it, hidden bars are drawn from left to right, patch after patch.

What is to stay (bars, voices) is seen on both sides. Bars in, bars out (`fill`), bar by bar as they are drawn
(`stream`), or notes in and out (`drums_for`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from partimento.drum_model import DrumModel, Wanted, first_bar
from partimento.generate.drum_cells import Rules, weights_of
from partimento.generate.drum_drawer import Drawer
from partimento.generate.drum_options import DrumOptions, bar_numbers, drum_classes, fill_wish
from partimento.networks.drum_windows import CLASSES, FEELS, FILL, NO_FILL, UNSAID
from partimento.notes import Notes
from partimento.systems.drummer import DENSITY_EDGES
from partimento.tokens.drum_kit import KIT
from partimento.tokens.drum_lines import grid_fit
from partimento.tokens.drumgrid import DrumGrid, to_grid, with_drums

APART = 3  # bars between fills that are found


@dataclass(frozen=True, eq=False)
class DrumBar:
    """One bar as it is drawn, of every variation.

    Args:
        bar: its number from 0.
        velocity: (variations, 32, 16) uint8.
        shift: (variations, 32, 16) float32.
    """

    bar: int
    velocity: np.ndarray
    shift: np.ndarray


@dataclass(frozen=True, eq=False)
class DrumTake:
    """One drum part.

    Args:
        notes: the song with it.
        grid: the song's grid with its drums.
        fills: bars from 0 that were to be fills.
        seed, variation: what gives the same drums again.
    """

    notes: Notes
    grid: DrumGrid
    fills: tuple[int, ...]
    seed: int
    variation: int


def fill(model: DrumModel, grid: DrumGrid, options: DrumOptions | None = None, feel: str = "") -> list[DrumGrid]:
    """The grid with other drums, one a variation.

    Args:
        feel: of the song, one of `FEELS`; "" where it is not known.

    Raises:
        ValueError: if a bar that is named is beyond the end, or the feel is not known.
    """
    options = options or DrumOptions()
    velocity = np.repeat(grid.velocity[None], options.variations, 0)
    shift = np.repeat(grid.shift[None], options.variations, 0)
    for bar in stream(model, grid, options, feel):
        velocity[:, bar.bar], shift[:, bar.bar] = bar.velocity, bar.shift
    return [replace(grid, velocity=v, shift=s) for v, s in zip(velocity, shift, strict=True)]


def stream(model: DrumModel, grid: DrumGrid, options: DrumOptions | None = None, feel: str = "") -> Iterator[DrumBar]:
    """The bars that are drawn, in order, each as soon as it is; closing the iterator stops the work.

    Raises:
        ValueError: as `fill`.
    """
    options = options or DrumOptions()
    return _stream(model, grid, options, wanted_of(model, grid, options, feel), chosen_seed(options))


def drums_for(
    model: DrumModel,
    notes: Notes,
    options: DrumOptions | None = None,
    replace_drums: bool = False,
    kit: tuple[int, ...] = KIT,
    on_bar: Callable[[int, int], None] | None = None,
) -> list[DrumTake]:
    """A song with drums, one take a variation.

    Args:
        replace_drums: whether drums that it has give way, but for what the options keep.
        kit: 16 pitches of the drum channel, one a class.
        on_bar: is told the bar that is done and how many the song has.

    Raises:
        ValueError: if the song has drums that are neither replaced nor kept in part, its notes do not lie on a grid of
            4/4, or the options do not fit it.
    """
    options = options or DrumOptions()
    options = replace(options, seed=chosen_seed(options))
    assert options.seed is not None
    drums = int(notes.is_drum.sum())
    if drums and not (replace_drums or options.keep_bars or options.keep):
        raise ValueError(f"it has {drums:,} drum notes already: say that they are replaced, or which are kept")
    others = notes.select(~notes.is_drum)
    grid = to_grid(notes)
    feel = grid_fit(others if len(others) else notes).feel
    wanted = wanted_of(model, grid, options, feel)
    velocity = np.repeat(grid.velocity[None], options.variations, 0)
    shift = np.repeat(grid.shift[None], options.variations, 0)
    for bar in _stream(model, grid, options, wanted, options.seed):
        velocity[:, bar.bar], shift[:, bar.bar] = bar.velocity, bar.shift
        if on_bar:
            on_bar(bar.bar + 1, len(grid))
    changed = np.logical_not(wanted.known.all(1))
    fills = tuple(np.flatnonzero((wanted.fill == FILL) & changed).tolist())
    takes = []
    for variation in range(options.variations):
        made = replace(grid, velocity=velocity[variation], shift=shift[variation])
        takes.append(DrumTake(with_drums(notes, made, changed, kit), made, fills, options.seed, variation))
    return takes


def chosen_seed(options: DrumOptions) -> int:
    """The seed that was asked for, or a new one short enough to type again."""
    return int(np.random.SeedSequence().generate_state(1)[0]) if options.seed is None else options.seed


def wanted_of(model: DrumModel, grid: DrumGrid, options: DrumOptions, feel: str = "") -> Wanted:
    """What is known and wished of every bar.

    Raises:
        ValueError: as `fill`.
    """
    if feel and feel not in FEELS:
        raise ValueError(f"feel {feel!r} is none of {', '.join(FEELS)}")
    bars = len(grid)
    known = np.repeat(drum_classes(options.keep)[None], bars, 0)
    known[bar_numbers(options.keep_bars, bars)] = True
    feel_class = 1 + FEELS.index(feel) if feel else UNSAID
    wanted = Wanted(known, np.full(bars, UNSAID), np.full(bars, UNSAID), feel_class, options.humanize > 0)
    kind, number = fill_wish(options.fills)
    free = ~known.all(1)
    if kind == "auto":
        chances = np.where(free, model.fill_probabilities(grid, wanted), 0.0)
        chances[: first_bar(grid) + APART] = 0.0  # nothing has been played yet that a fill could depart from
        fills = np.isin(np.arange(bars), likeliest_fills(chances))
        plan = np.where(fills, FILL, UNSAID)
    else:
        fills = np.zeros(bars, dtype=bool)
        if isinstance(number, int):
            fills[first_bar(grid) + number - 1 :: number] = True
        elif number is not None:
            if number[-1] >= bars:
                raise ValueError(f"a fill in bar {number[-1] + 1} is beyond the end; the song has {bars} bars")
            fills[number] = True
        plan = np.where(fills, FILL, NO_FILL)
    density = np.full(bars, UNSAID)
    if options.density is not None:  # class 1 is silence
        sounding = np.flatnonzero((grid.others[..., 1:] > 0).any((1, 2, 3)))
        span = slice(sounding[0], sounding[-1] + 1) if len(sounding) else slice(None)
        density[span] = 2 + round(options.density * (len(DENSITY_EDGES) - 1))
        density[plan == FILL] = UNSAID
    return replace(wanted, fill=plan, density=density)


def likeliest_fills(chances: np.ndarray) -> list[int]:
    """Bars with the highest of chances (bars,), as many as are expected in all, none near another."""
    count, chosen = round(float(chances.sum())), list[int]()
    for bar in np.argsort(-chances, kind="stable").tolist():
        if len(chosen) >= count:
            break
        if all(abs(bar - other) >= APART for other in chosen):
            chosen.append(bar)
    return sorted(chosen)


def _stream(model: DrumModel, grid: DrumGrid, options: DrumOptions, wanted: Wanted, seed: int) -> Iterator[DrumBar]:
    randoms = [np.random.Generator(np.random.PCG64([seed, k])) for k in range(options.variations)]
    kit = drum_classes(options.kit) if options.kit else np.ones(CLASSES, dtype=bool)
    rules = Rules(options.temperature, kit, options.limbs)
    weights = weights_of(model.network.cells)
    hidden = np.logical_not(wanted.known.all(1))
    # what is hidden is forgotten before anything is drawn
    velocity = np.where(wanted.known[:, None], grid.velocity, 0)
    parts = [replace(grid, velocity=velocity.copy(), shift=grid.shift.copy()) for _ in randoms]
    for part in model.stretches(len(grid)):
        if not hidden[part.start : part.stop].any():
            continue
        drawer = Drawer(model, weights, rules, wanted, options.humanize, parts, randoms, part.first)
        drawer.skip(part.first, part.start)
        for bar in range(part.start, part.stop):
            if not hidden[bar]:
                drawer.skip(bar, bar + 1)
                continue
            drawer.draw(bar)
            yield DrumBar(bar, np.stack([p.velocity[bar] for p in parts]), np.stack([p.shift[bar] for p in parts]))
