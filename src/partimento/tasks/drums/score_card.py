"""All figures of generated drum parts beside the true ones, no output left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from partimento.tasks.drums.distributions import overlaps
from partimento.tasks.drums.drum_metrics import class_f1, onset_counts, sixteenth_counts, with_interval
from partimento.tasks.drums.part_metrics import (
    copied_share,
    fills_per_8_bars,
    groove_consistency_neighbours,
    groove_similarity_all_pairs,
    novelty_correlation,
    part_only,
    violation_share,
)


def part_scores(
    generated: Sequence[np.ndarray], true: Sequence[np.ndarray], songs: Sequence[str], known: frozenset[bytes]
) -> dict[str, float]:
    """The figures of whole parts, one generated for each true one; F1 with intervals over songs.

    Of what has a value in each song, such as the groove consistency, the mean over the songs that have one.

    Args:
        generated, true: (bars, 32, 16) bool of each song, all its bars.
        songs: the group of each song.
        known: the patterns of the training bars (`part_metrics.known_patterns`).
    """
    pairs = [part_only(one, other) for one, other in zip(generated, true, strict=True)]
    made, wanted = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    exact = np.array([onset_counts(*pair) for pair in pairs])  # (songs, 16, 3)
    near = np.array([onset_counts(*pair, tolerance=1) for pair in pairs])
    sixteenths = np.array([sixteenth_counts(*pair) for pair in pairs])
    scores = {
        **with_interval(exact.sum(1), songs, "onset_f1"),
        **with_interval(near.sum(1), songs, "onset_f1_within_step"),
        **with_interval(sixteenths.sum(1), songs, "onset_f1_sixteenths_within_one"),
        **{f"onset_f1 {name}": value for name, value in class_f1(exact.sum(0)).items()},
        **overlaps(made, wanted),
        "novelty_correlation": _mean([novelty_correlation(*pair) for pair in pairs]),
    }
    for name, parts in (("", made), ("_true", wanted)):
        scores |= {
            f"groove_consistency_muspy{name}": _mean([groove_consistency_neighbours(hits) for hits in parts]),
            f"groove_similarity_musdr{name}": _mean([groove_similarity_all_pairs(hits) for hits in parts]),
            f"fills_per_8_bars{name}": _mean([fills_per_8_bars(hits) for hits in parts]),
            f"copied_bars{name}": _mean([copied_share(hits, known) for hits in parts]),
            f"limb_violations{name}": _mean([violation_share(hits) for hits in parts]),
        }
    return scores


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
