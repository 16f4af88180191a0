"""Metrics of music information retrieval: keys, chords, beats, onsets, tempo, tags and numbers.

Beats, downbeats and onsets go through mir_eval, tags and numbers through scikit-learn.
"""

from __future__ import annotations

import numpy as np

from partimento.corpus.datasets.rendered import NO_CHORD, NO_ROOT
from partimento.corpus.frame_labels import root_of_class

BEAT_WINDOW_S, ONSET_WINDOW_S = 0.07, 0.05
OCTAVES = (1.0, 2.0, 3.0, 1 / 2, 1 / 3)


def key_scores(reference: np.ndarray, estimated: np.ndarray, both_fifths: bool = False) -> np.ndarray:
    """(N,) weighted scores of keys 0-11 major and 12-23 minor from C.

    1 for the key, 0.5 a fifth off, 0.3 for the relative and 0.2 for the parallel key, else 0.

    Args:
        reference, estimated: (N,) key classes.
        both_fifths: whether the fifth below counts as the fifth above does, as in MIREX since 2017. mir_eval, and what
            is published with it (MULE, MARBLE), counts the one above alone.

    Raises:
        ValueError: if there is a class outside of 0-23.
    """
    reference, estimated = np.asarray(reference), np.asarray(estimated)
    for name, key in (("reference", reference), ("estimated", estimated)):
        if key.size and (key.min() < 0 or key.max() > 23):
            raise ValueError(f"{name} keys are {key.min()} to {key.max()}; leave out clips without a key (0-23)")
    same_mode = reference // 12 == estimated // 12
    up = (estimated - reference) % 12
    fifth = same_mode & ((up == 7) | (both_fifths & (up == 5)))
    relative = ~same_mode & (up == np.where(reference < 12, 9, 3))
    cases = [same_mode & (up == 0), fifth, relative, ~same_mode & (up == 0)]
    return np.select(cases, [1.0, 0.5, 0.3, 0.2], 0.0)


def chord_right(chord: np.ndarray, root: np.ndarray, estimated: np.ndarray) -> dict[str, np.ndarray]:
    """Per frame, whether an estimated chord is right: 1, 0, or NaN where the label does not tell.

    Args:
        chord: (T,) labelled class 0-23, NO_CHORD, or below 0 for a chord that is neither major nor minor.
        root: (T,) labelled root 0-11, NO_ROOT, or below 0; known of augmented, diminished and suspended chords too.
        estimated: (T,) class 0-24.

    Returns:
        "root"; "maj/min", whether the mode, major, minor or no chord, is right whatever the root; and "chord", both
        together: the 25 classes. Means over frames of "root" and "chord" are mir_eval's `root` and `majmin`.
    """

    def where(known: np.ndarray, right: np.ndarray) -> np.ndarray:
        return np.where(known, right.astype(np.float64), np.nan)

    known = chord >= 0
    return {
        "root": where((root >= 0) & (root <= NO_ROOT), root_of_class(estimated) == root),
        "maj/min": where(known, np.minimum(chord, NO_CHORD) // 12 == estimated // 12),
        "chord": where(known, chord == estimated),
    }


def chord_accuracy(chord: np.ndarray, root: np.ndarray, estimated: np.ndarray) -> dict[str, float]:
    """Share of the frames that are right by `chord_right`, of those that count; NaN where there are none."""
    right = chord_right(chord, root, estimated)
    return {name: float(np.nanmean(each)) if np.isfinite(each).any() else float("nan") for name, each in right.items()}


def beat_f(reference_s: np.ndarray, estimated_s: np.ndarray) -> float:
    """F of beats or downbeats within 70 ms, none trimmed; NaN where none are labelled and none found."""
    import mir_eval.beat

    if not len(reference_s) or not len(estimated_s):  # of which mir_eval warns
        return 0.0 if len(reference_s) or len(estimated_s) else float("nan")
    return float(mir_eval.beat.f_measure(np.sort(reference_s), np.sort(estimated_s), BEAT_WINDOW_S))


def onset_f(reference_s: np.ndarray, estimated_s: np.ndarray) -> float:
    """F of onsets within 50 ms; NaN where none are labelled and none found."""
    import mir_eval.onset

    if not len(reference_s) or not len(estimated_s):
        return 0.0 if len(reference_s) or len(estimated_s) else float("nan")
    return float(mir_eval.onset.f_measure(np.sort(reference_s), np.sort(estimated_s), ONSET_WINDOW_S)[0])


def tempo_right(
    reference_bpm: np.ndarray, estimated_bpm: np.ndarray, tolerance: float = 0.04
) -> tuple[np.ndarray, np.ndarray]:
    """(N,) bool whether tempi are right, and whether they are up to a factor of 2 or 3: accuracy 1 and 2.

    Args:
        reference_bpm, estimated_bpm: (N,) beats a minute.
        tolerance: part of the true tempo: 0.04 (Gouyon et al. 2006), or 0.08 as in MIREX.
    """
    true, found = np.asarray(reference_bpm, dtype=np.float64), np.asarray(estimated_bpm, dtype=np.float64)
    near = [np.abs(found - factor * true) <= tolerance * factor * true for factor in OCTAVES]
    return near[0], np.logical_or.reduce(near)


def tempo_of(beat_s: np.ndarray) -> float:
    """Beats a minute by the median interval; 0 of fewer than two beats."""
    return 60.0 / float(np.median(np.diff(beat_s))) if len(beat_s) > 1 else 0.0


def tag_scores(reference: np.ndarray, score: np.ndarray) -> dict[str, float]:
    """Macro mean over tags of average precision ("mAP") and area under the ROC curve ("ROC-AUC").

    Tags that no clip has, or that all have, are left out.

    Args:
        reference: (N, tags) 1 where a clip has a tag.
        score: (N, tags) higher where a tag is likelier.

    Raises:
        ValueError: if every tag would be left out.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    reference = np.asarray(reference).astype(bool)
    told = reference.any(0) & ~reference.all(0)
    if not told.any():
        raise ValueError(f"none of {reference.shape[1]} tags has clips with and clips without it")
    return {
        "mAP": float(average_precision_score(reference[:, told], score[:, told], average="macro")),
        "ROC-AUC": float(roc_auc_score(reference[:, told], score[:, told], average="macro")),
    }


def r2(reference: np.ndarray, estimated: np.ndarray) -> np.ndarray:
    """(D,) coefficient of determination of each dimension of (N, D) numbers; negative is worse than their mean."""
    from sklearn.metrics import r2_score

    return np.atleast_1d(r2_score(reference, estimated, multioutput="raw_values"))
