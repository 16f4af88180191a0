"""What a whole drum part is like beside the true one: its novelty, its groove, its fills, its copies, its limbs."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from partimento.analysis.novelty import improvised_bars, novelty, sounding
from partimento.tokens.drum_kit import CLASSES

FEET = ("kick", "pedal hi-hat")
HANDS = 2
_HANDS = np.array([drum.name not in FEET for drum in CLASSES])
_NAMES = [drum.name for drum in CLASSES]
_OPEN, _CLOSED = _NAMES.index("open hi-hat"), _NAMES.index("closed hi-hat")


def novelty_correlation(generated: np.ndarray, true: np.ndarray) -> float:
    """Pearson correlation of the novelty curves (bars, 32, 16) where both have values; NaN if one is flat or short."""
    first, second = novelty(generated), novelty(true)
    both = ~np.isnan(first) & ~np.isnan(second)
    first, second = first[both], second[both]
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def groove_consistency_neighbours(hits: np.ndarray) -> float:
    """MusPy's groove consistency: 1 - the mean Hamming distance of the onset vectors of neighbouring bars, per step.

    Steps at which anything is hit are 1. NaN for fewer than two bars.
    """
    onsets = _struck(hits)
    return float(1 - (onsets[1:] != onsets[:-1]).mean()) if len(onsets) > 1 else float("nan")


def groove_similarity_all_pairs(hits: np.ndarray) -> float:
    """MusDr's grooving pattern similarity (Wu and Yang 2020): as MusPy's, but over all pairs of bars.

    MusDr's bars have 64 positions; here they have as many as there are steps, and positions that are always empty would
    only raise it. NaN for fewer than two bars.
    """
    onsets = _struck(hits)
    bars = len(onsets)
    if bars < 2:
        return float("nan")
    ones = onsets.sum(0)  # of each step: pairs that differ there are ones * zeros
    differing = float((ones * (bars - ones)).sum())
    return 1 - differing / (bars * (bars - 1) / 2 * onsets.shape[1])


def fills_per_8_bars(hits: np.ndarray) -> float:
    """Improvised bars in eight bars of those that can be judged, (bars, 32, 16); NaN if none can."""
    valued = int((~np.isnan(novelty(hits))).sum())
    return 8 * float(improvised_bars(hits).sum()) / valued if valued else float("nan")


def bar_patterns(hits: np.ndarray) -> np.ndarray:
    """(K,) bytes of the bars that have hits, one value a pattern."""
    packed = np.packbits(np.asarray(hits, dtype=bool).reshape(len(hits), -1), axis=1)
    packed = packed[packed.any(1)]
    return np.ascontiguousarray(packed).view(f"V{packed.shape[1]}").reshape(-1)


def known_patterns(parts: Iterable[np.ndarray]) -> frozenset[bytes]:
    """The patterns of all bars of some parts, such as those of the training songs."""
    return frozenset(pattern.tobytes() for hits in parts for pattern in np.unique(bar_patterns(hits)))


def copied_share(hits: np.ndarray, known: frozenset[bytes]) -> float:
    """Share of the bars with hits whose pattern is known, to the hit; NaN if there are none.

    Plain beats are everybody's: judge it beside the share of the true part.
    """
    patterns = bar_patterns(hits)
    return float(np.mean([pattern.tobytes() in known for pattern in patterns])) if len(patterns) else float("nan")


def limb_violations(hits: np.ndarray) -> np.ndarray:
    """(bars, 32) bool: the steps that one drummer cannot play.

    There more than two classes ask for a hand (all but the kick and the pedal hi-hat, which have a foot each), or the
    hi-hat is hit open and closed.
    """
    hits = np.asarray(hits, dtype=bool)
    return (hits[..., _HANDS].sum(-1) > HANDS) | (hits[..., _OPEN] & hits[..., _CLOSED])


def violation_share(hits: np.ndarray) -> float:
    """Share of the steps with hits that cannot be played; NaN if there are none."""
    struck = _struck(hits)
    return float(limb_violations(hits)[struck].mean()) if struck.any() else float("nan")


def part_only(generated: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both over the bars of the true drum part, from its first to its last hit."""
    part = sounding(true)
    return generated[part], true[part]


def _struck(hits: np.ndarray) -> np.ndarray:
    """(bars, 32) bool, the steps at which anything is hit."""
    return np.count_nonzero(hits, axis=-1) > 0
