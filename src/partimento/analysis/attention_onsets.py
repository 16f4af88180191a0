"""Onsets that nobody taught: peaks of the attention that a ViT-1D gives to moments, set against spectral flux.

Both are curves over time that go through the same peak picker and the same judge, so that only the curve differs.

Shapes: T moments (frames or tokens), F mel bands, L layers, H heads, N onsets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from partimento.analysis.sound_layers import SoundLayers

WINDOW_S = 0.05  # how far an onset may be from the true one
COMBINED_S = 0.03  # what is heard as one onset (Böck, Krebs & Schedl 2012, section 3.1)

Curve = Literal["received", "received rise", "class", "class rise"]


@dataclass(frozen=True)
class PeakRule:
    """What is a peak: the rule of Böck, Krebs & Schedl (ISMIR 2012, section 2.3).

    A moment is one if it is the highest within `near_s` on both sides, above the mean from `before_s` before it to
    `after_s` after it by `above` standard deviations of the whole curve, and `apart_s` after the last peak.
    """

    near_s: float = 0.03
    before_s: float = 0.1
    after_s: float = 0.07
    apart_s: float = 0.03
    above: float = 0.5


def pick_peaks(curve: np.ndarray, times_s: np.ndarray, rule: PeakRule | None = None) -> np.ndarray:
    """(N,) float64 seconds of the peaks of curve (T,), whose moments are `times_s` (T,), evenly spaced.

    A flat curve has none.
    """
    from scipy.ndimage import maximum_filter1d

    rule = rule or PeakRule()
    curve = np.asarray(curve, np.float64)
    deviation = curve.std() if len(curve) > 1 else 0.0
    if deviation <= 1e-9 * np.abs(curve).max(initial=0.0):
        return np.empty(0)
    step_s = (times_s[-1] - times_s[0]) / (len(times_s) - 1)
    near, before, after = (max(1, round(s / step_s)) for s in (rule.near_s, rule.before_s, rule.after_s))
    highest = curve == maximum_filter1d(curve, 2 * near + 1, mode="nearest")

    total = np.cumsum(np.append(0.0, curve))
    moment = np.arange(len(curve))
    first, last = np.maximum(moment - before, 0), np.minimum(moment + after + 1, len(curve))
    mean = (total[last] - total[first]) / (last - first)

    found: list[float] = []
    for time in times_s[highest & (curve >= mean + rule.above * deviation)]:
        if not found or time - found[-1] > rule.apart_s:
            found.append(float(time))
    return np.array(found)


def rise(curve: np.ndarray) -> np.ndarray:
    """(..., T) by how much each moment is above the one before; 0 where it is not, and at the first."""
    return np.maximum(np.diff(curve, axis=-1, prepend=curve[..., :1]), 0)


def spectral_flux(mel: np.ndarray) -> np.ndarray:
    """(T,) the mean over the bands by how much a log-mel (F, T) rises: the floor of what a network should find."""
    return rise(np.asarray(mel)).mean(0)


def attention_curves(layers: SoundLayers, curve: Curve = "received") -> np.ndarray:
    """(L, H, T) for each layer and head the attention that moments get from all tokens or the class token."""
    attention = layers.class_attention if curve.startswith("class") else layers.received
    return rise(attention) if curve.endswith("rise") else attention


def attention_onset_f(
    layers: SoundLayers, truth_s: np.ndarray, curve: Curve = "received", rule: PeakRule | None = None
) -> np.ndarray:
    """(L, H) onset F of each head of each layer.

    The best of them is chosen by looking at the truth: to claim it, choose on some recordings and report on others.
    """
    curves = attention_curves(layers, curve)
    flat = curves.reshape(-1, curves.shape[-1])
    f = [onset_f(pick_peaks(one, layers.times_s, rule), truth_s) for one in flat]
    return np.array(f).reshape(curves.shape[:2])


def onset_f(times_s: np.ndarray, truth_s: np.ndarray, window_s: float = WINDOW_S) -> float:
    """F-measure of onsets within ±window_s of true ones, each matched once (mir_eval); 0 where either has none.

    True onsets at most COMBINED_S after one another, such as drums struck together, count as one at their mean.
    """
    from mir_eval.onset import f_measure

    if not len(times_s) or not len(truth_s):
        return 0.0
    truth_s = np.sort(np.asarray(truth_s, np.float64))
    starts = np.flatnonzero(np.append(True, np.diff(truth_s) > COMBINED_S))
    truth_s = np.add.reduceat(truth_s, starts) / np.diff(np.append(starts, len(truth_s)))
    return float(f_measure(truth_s, np.sort(np.asarray(times_s, np.float64)), window=window_s)[0])
