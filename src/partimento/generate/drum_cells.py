"""Drums of one patch of steps drawn cell by cell, with limbs, kit and given voices in mind.

In numpy: a step has few hits, and what a hit changes is a vector of a hundred numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from partimento.generate.playable import may_hit
from partimento.networks.drum_cells import SHIFT_BINS, VELOCITY_BINS, DrumCells
from partimento.networks.drum_windows import CLASSES

PLAIN_VELOCITY = 96  # where the network knows nothing of velocity


@dataclass(frozen=True, eq=False)
class CellWeights:
    """The weights of `DrumCells` that are needed hit by hit, float32.

    Args:
        earlier: (S, L, S, C) what a hit adds to the later steps of its patch.
        within: (C, L) what it adds to the later classes of its step.
        out, bias: (C, L) and (C,).
    """

    earlier: np.ndarray
    within: np.ndarray
    out: np.ndarray
    bias: np.ndarray


def weights_of(cells: DrumCells) -> CellWeights:
    """The weights as arrays."""
    earlier = cells.earlier_weight().view(cells.steps, cells.hidden, cells.steps, CLASSES)
    parts = (earlier, cells.within.weight.T, cells.out.weight, cells.out.bias)
    return CellWeights(*(np.ascontiguousarray(part.detach().float().cpu().numpy()) for part in parts))


@dataclass(frozen=True, eq=False)
class Rules:
    """What may be drawn of a step.

    Args:
        temperature: of the hits.
        kit: (16,) bool, drums that may play.
        limbs: whether hands and feet are counted.
        lean: added to the log odds of another hit against none; 0 draws by the chances of the network.
    """

    temperature: float
    kit: np.ndarray
    limbs: bool
    lean: float = 0.0


def draw_patch(
    weights: CellWeights,
    before: np.ndarray,
    straight: np.ndarray,
    given: np.ndarray,
    known: np.ndarray,
    rules: Rules,
    random: np.random.Generator,
) -> np.ndarray:
    """(S, C) bool hits of one patch; `before` gets what its hits add to later steps.

    Args:
        before: (S, L) `DrumCells.before` of the patch without hits.
        straight: (S, C) what the repeated bars say of each cell.
        given: (S, C) bool hits of the known classes.
        known: (C,) bool.
    """
    hits = np.zeros((len(before), CLASSES), dtype=bool)
    for step in range(len(before)):
        uniform = random.random((CLASSES, 2))
        hits[step] = _draw_step(weights, before[step], straight[step], given[step] & known, known, rules, uniform)
        for drum in np.flatnonzero(hits[step]):
            before[step + 1 :] += weights.earlier[step + 1 :, :, step, drum]
    return hits


def _draw_step(
    weights: CellWeights,
    before: np.ndarray,
    straight: np.ndarray,
    given: np.ndarray,
    known: np.ndarray,
    rules: Rules,
    uniform: np.ndarray,
) -> np.ndarray:
    """(C,) bool hits of a step, from one hit to the next, as between them nothing changes: first whether there is
    another, then which.

    At temperature 1 these are the chances of the cells one by one. Below, cells one by one would fall silent: where a
    step may be hit in many ways, each of them is less likely than not.
    """
    hits, state, first = given & False, before, 0
    while first < CLASSES:
        stop = first + int(given[first:].argmax()) if given[first:].any() else CLASSES
        logits = weights.out[first:stop] @ (state / (1 + np.exp(-state))) + weights.bias[first:stop]
        may = rules.kit[first:stop] & ~known[first:stop]
        if rules.limbs:
            may &= may_hit(hits | given)[first:stop]
        log_hit, log_rest = _log_chances(logits + straight[first:stop], may)
        drum = first + _next_hit(log_hit, log_rest, rules, uniform[first])
        if drum >= stop:
            if stop == CLASSES:
                break
            drum = stop
        hits[drum] = True
        state = state + weights.within[drum]
        first = drum + 1
    return hits


def _log_chances(logits: np.ndarray, may: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of hit and rest of some cells; what may not be hit rests."""
    rest = np.where(may, -np.logaddexp(0, logits), 0.0)
    with np.errstate(invalid="ignore"):
        return np.where(may, rest + logits, -np.inf), rest


def _next_hit(log_hit: np.ndarray, log_rest: np.ndarray, rules: Rules, uniform: np.ndarray) -> int:
    """The first cell of some that is hit, or how many they are if none is; two uniform numbers are looked at."""
    if not np.isfinite(log_hit).any():
        return len(log_hit)
    log_none = float(log_rest.sum())
    log_first = log_hit + np.cumsum(log_rest) - log_rest
    odds = np.log(-np.expm1(min(log_none, -1e-12))) - log_none + rules.lean
    if rules.temperature == 0:
        return int(log_first.argmax()) if odds > 0 else len(log_hit)
    if uniform[0] >= 1 / (1 + np.exp(-np.clip(odds / rules.temperature, -80, 80))):
        return len(log_hit)
    mass = np.exp((log_first - log_first.max()) / rules.temperature).cumsum()
    return int(np.searchsorted(mass, uniform[1] * mass[-1], side="right"))


@torch.inference_mode()
def touch_of(
    cells: DrumCells,
    before: Tensor,
    hits: np.ndarray,
    copied: Tensor,
    played: int,
    humanize: float,
    random: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Velocities (S, C) uint8 and shifts (S, C) float32 of the hits of a patch, 0 where there is none.

    Args:
        before: (S, L) with what earlier steps add.
        hits: (S, C) bool.
        copied: (S, H, 2, C).
        played: `played_class` of the part.
        humanize: 0 takes the mean velocity and the likeliest shift, 1 draws both; between, a part of the way.
    """
    velocity, shift = np.zeros(hits.shape, np.uint8), np.zeros(hits.shape, np.float32)
    step, drum = np.nonzero(hits)
    if not len(step):
        return velocity, shift
    at, which = torch.from_numpy(step), torch.from_numpy(drum)
    beside = torch.from_numpy(hits)[at]
    found = cells.touches(before[at], beside, copied[at, :, :, which], which, torch.full((len(step),), played))
    loudness, places = (logits.softmax(-1).double().cpu().numpy() for logits in found)
    width = 128 // VELOCITY_BINS
    uniform = random.random((3, len(step)))
    drawn = (_column(loudness, uniform[0]) + uniform[2]) * width
    mean = loudness @ ((np.arange(VELOCITY_BINS) + 0.5) * width)
    velocity[step, drum] = np.clip(np.rint(mean + humanize * (drawn - mean)), 1, 127)
    likeliest, other = (bins - SHIFT_BINS // 2 for bins in (places.argmax(1), _column(places, uniform[1])))
    steps = (likeliest + humanize * (other - likeliest)) / (SHIFT_BINS - 1)
    shift[step, drum] = np.clip(steps, -0.5, 0.499)
    return velocity, shift


def _column(chances: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    mass = chances.cumsum(1)
    return np.minimum((mass <= uniform[:, None] * mass[:, -1:]).sum(1), chances.shape[1] - 1)
