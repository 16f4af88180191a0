"""The novelty function against fills that are labelled: those of the Groove MIDI Dataset.

There beats and fills are files of their own. So each fill is set into a beat of its session and style, the one whose
tempo is nearest: it takes the place of the fourth bars of three phrases, where a drummer would play it, one at a time.
Then the novelty of that bar, and whether the peak rule names it, is compared with the other bars of the same beat.
Beats hold fills too, which nobody has labelled, and only one bar of each is labelled: precision is a lower bound.

Any bar from elsewhere is new. So as a control a bar of another beat of that session and style is set in the same
places.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from partimento.analysis.novelty import WINDOW, improvised_bars, novelty
from partimento.corpus.datasets.drums import BEAT, FILL, DrumPiece, DrumSet

PHRASE = 4  # bars
PLACES = (7, 11, 15)  # bars of a beat, from 0, at the end of a phrase
LEAST_BARS = PLACES[0] + WINDOW // 2 + 2  # so that at least one place has neighbours with a novelty


@dataclass(frozen=True)
class FillCheck:
    """What the novelty function makes of the labelled fills.

    Args:
        fills: how many could be set into a beat.
        bars: that were judged.
        auc: of the novelty of the fills against that of the beats' bars.
        auc_foreign: against that of bars of other beats in the same places.
        precision, recall: of the peak rule.
        false_alarms: share of the beats' bars that it names.
        recall_foreign: share of the foreign bars that it names.
    """

    fills: int
    bars: int
    auc: float
    auc_foreign: float
    precision: float
    recall: float
    false_alarms: float
    recall_foreign: float


def check_fills(groove: DrumSet, form: Callable[[np.ndarray], np.ndarray] | None = None) -> FillCheck:
    """The novelty function on the fills of `groove`.

    Args:
        groove: beats and fills.
        form: what is made of the hits (bars, 32, 16) before they are compared, such as sixteenths; by default nothing.

    Raises:
        ValueError: if no fill has a beat of its session and style.
    """
    hits = [groove.hits(index) for index in range(len(groove))]
    beats = [i for i, piece in enumerate(groove.pieces) if piece.kind == BEAT and len(hits[i]) >= LEAST_BARS]
    seen: dict[str, list[np.ndarray]] = {"fill": [], "foreign": [], "beat": []}  # (bars, 2): novelty, named
    fills = 0
    for index, piece in enumerate(groove.pieces):
        nearest = _nearest_beats(piece, [(i, groove.pieces[i]) for i in beats])
        if piece.kind != FILL or not nearest or not hits[index].any():
            continue
        fills += 1
        beat, fill = hits[nearest[0]], hits[index][hits[index].any((1, 2))][0]
        inserted = {"fill": fill}
        if len(nearest) > 1:
            inserted["foreign"] = hits[nearest[1]][len(hits[nearest[1]]) // 2]
        for place in (place for place in PLACES if place + WINDOW // 2 + 1 < len(beat)):
            for kind, bar in inserted.items():
                song = beat.copy()
                song[place] = bar
                song = form(song) if form else song
                judged = np.stack([novelty(song), improvised_bars(song)], axis=1)
                seen[kind].append(judged[place])
                if kind == "fill":
                    others = np.delete(judged, place, axis=0)
                    seen["beat"].extend(others[~np.isnan(others[:, 0])])
    if not fills:
        raise ValueError("no fill has a beat of its session and style: give the whole of groove")
    fill, foreign, beat = (np.array(seen[kind]).reshape(-1, 2).T for kind in ("fill", "foreign", "beat"))
    return FillCheck(
        fills=fills,
        bars=fill.shape[1] + beat.shape[1],
        auc=_auc(fill[0], beat[0]),
        auc_foreign=_auc(fill[0], foreign[0]),
        precision=float(fill[1].sum() / max(1, fill[1].sum() + beat[1].sum())),
        recall=float(fill[1].mean()),
        false_alarms=float(beat[1].mean()),
        recall_foreign=float(foreign[1].mean()),
    )


def _auc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Area under the ROC curve of two sets of scores."""
    from sklearn.metrics import roc_auc_score

    score = np.concatenate([positive, negative])
    return float(roc_auc_score(np.arange(len(score)) < len(positive), score))


def _nearest_beats(fill: DrumPiece, beats: list[tuple[int, DrumPiece]]) -> list[int]:
    """The beats of the fill's session and main style, those of the nearest tempo first."""
    same = [
        (abs(beat.tempo_bpm - fill.tempo_bpm), index)
        for index, beat in beats
        if beat.group == fill.group and _main_style(beat) == _main_style(fill)
    ]
    return [index for _, index in sorted(same)]


def _main_style(piece: DrumPiece) -> str:
    return piece.style.split("/")[0].split("-")[0]
