"""What a drummer knows of hidden bars: of all bars of a song, and of one with everything else given.

Bits are exact (the chain rule over cells); chances are those of a bar being improvised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn import functional as F

from partimento.drum_model import DrumModel, Wanted, everything_hidden
from partimento.generate.drum_cells import CellWeights, Rules
from partimento.generate.drum_drawer import Drawer
from partimento.networks.drum_windows import UNSAID, DrumWindows
from partimento.networks.drummer import Heard
from partimento.tokens.drumgrid import DrumGrid


@dataclass(frozen=True, eq=False)
class HiddenBar:
    """One hidden bar, everything else given.

    Args:
        bits: of its hits.
        chance: of it being improvised.
        hits: (draws, 32, 16) bool, what was drawn in its place.
    """

    bits: float
    chance: float
    hits: np.ndarray


@torch.inference_mode()
def hidden_song(model: DrumModel, grid: DrumGrid, feel: int = UNSAID) -> tuple[np.ndarray, np.ndarray]:
    """(bars,) bits and (bars,) chances of the bars of a song whose drums are all hidden.

    Args:
        feel: as in `DrumWindows`.
    """
    bits, chance = np.zeros(len(grid)), np.zeros(len(grid))
    wanted = everything_hidden(len(grid), feel)
    for part in model.stretches(len(grid)):
        window = model.window(grid, part.first, wanted)
        heard = model.network.hear(window)
        told = slice(part.start - part.first, part.stop - part.first)
        bits[part.start : part.stop] = _bits(model, window, heard)[told]
        chance[part.start : part.stop] = model.network.fill_logits(heard)[0].sigmoid().cpu().numpy()[told]
    return bits, chance


@torch.inference_mode()
def hidden_bar(
    model: DrumModel,
    weights: CellWeights,
    grid: DrumGrid,
    bar: int,
    feel: int = UNSAID,
    fill: int = UNSAID,
    rules: Sequence[Rules] = (),
    seed: int = 0,
) -> HiddenBar:
    """One bar of a song, hidden in the middle of a window as far as the song allows, and drawn once for each rule.

    Args:
        weights: `weights_of` its cells.
        feel: as in `DrumWindows`.
        fill: what is said of the bar, as in `DrumWindows`.
        rules: how each draw is made.
        seed: of the draws, with the number of the bar and of the draw.
    """
    bars = len(grid)
    window_bars = min(model.network.config.bars, bars)
    first = max(0, min(bar - window_bars // 2, bars - window_bars))
    asked = np.arange(bars) == bar
    known = np.repeat(~asked[:, None], grid.velocity.shape[2], 1)
    wanted = Wanted(known, np.where(asked, fill, UNSAID), np.full(bars, UNSAID), feel)
    plain = Rules(1.0, np.ones(grid.velocity.shape[2], dtype=bool), False)
    part = replace(grid, velocity=grid.velocity.copy(), shift=grid.shift.copy())
    drawer = Drawer(model, weights, plain, wanted, 1.0, [part], [np.random.default_rng(seed)], first)
    chance = model.network.fill_logits(drawer.heard)[0].sigmoid().cpu().numpy()[bar - first]
    drawer.skip(first, bar)
    logits = drawer.logits(bar)[0]
    true = torch.from_numpy(grid.hits[bar]).to(logits)
    bits = F.binary_cross_entropy_with_logits(logits, true, reduction="sum").item() / np.log(2)
    part.velocity[bar] = 0
    made = np.zeros((0, *grid.velocity.shape[1:]), dtype=bool)
    if rules:
        drawer.divide(rules, [np.random.default_rng([seed, bar, draw]) for draw in range(len(rules))])
        drawer.draw(bar)
        made = np.stack([part.hits[bar] for part in drawer.parts])
    return HiddenBar(float(bits), float(chance), made)


def _bits(model: DrumModel, window: DrumWindows, heard: Heard) -> np.ndarray:
    """(N,) bits of the hidden cells of the bars of a window."""
    logits = model.network.cell_logits(window, heard)
    nats = F.binary_cross_entropy_with_logits(logits, window.hits.float(), reduction="none")
    bits: np.ndarray = (nats * ~window.known[:, :, None]).sum((2, 3))[0].cpu().numpy() / np.log(2)
    return bits


def asked_bars(marked: np.ndarray, more: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(K,) bars of a song that stand for all, and (K,) how many bars each stands for.

    All improvised bars, their ordinary counterparts and some more of those with a value, which together stand for all
    bars that are not improvised.

    Args:
        marked: (bars,) `location.labels`.
        more: how many more, at most.
    """
    others = np.flatnonzero(marked == -1)
    drawn = generator.choice(others, size=min(more, len(others)), replace=False)
    improvised, plain = np.flatnonzero(marked == 1), np.union1d(np.flatnonzero(marked == 0), drawn)
    bars = np.concatenate([improvised, plain]).astype(np.int64)
    stands = (len(others) + np.count_nonzero(marked == 0)) / max(1, len(plain))
    return bars, np.where(marked[bars] == 1, 1.0, stands)


def weighted_location(chance: np.ndarray, label: np.ndarray, weight: np.ndarray) -> dict[str, float]:
    """`location_scores` of bars that stand for others: auc between labels 1 and 0, the rest between 1 and all others.

    Args:
        chance: (K,), higher where a bar is likelier to be improvised.
        label: (K,) as `location.labels`, without -2.
        weight: (K,) how many bars each stands for.

    Raises:
        ValueError: if no bar is improvised, or all are.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    if not 0 < np.count_nonzero(label == 1) < len(label):
        raise ValueError("the bars must have improvised ones and others among them")
    balanced = label >= 0
    return {
        "auc": float(roc_auc_score(label[balanced], chance[balanced])),
        "auc_natural": float(roc_auc_score(label == 1, chance, sample_weight=weight)),
        "average_precision": float(average_precision_score(label == 1, chance, sample_weight=weight)),
        "rate": float(weight[label == 1].sum() / weight.sum()),
    }
