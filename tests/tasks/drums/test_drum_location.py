"""Where fills are: known answers."""

from __future__ import annotations

import numpy as np
import pytest

from partimento.tasks.drums.location import location_scores, song_labels


def test_scores_of_a_song() -> None:
    #                  0   1   2   3   4   5   6   7   8   9
    marked = np.array([-2, -1, 1, -1, 0, -1, -1, 1, 0, -2], dtype=np.int8)
    score = np.array([9.0, 0, 5, 1, 2, 2, 6, 3, 4, np.nan])
    found = location_scores([score], [marked])
    assert found["auc"] == pytest.approx(3 / 4)  # 5 and 3 against 2 and 4
    assert found["auc_natural"] == pytest.approx((5 + 4) / 12)  # against 0, 1, 2, 2, 6, 4
    assert found["rate"] == pytest.approx(2 / 8)
    assert found["average_precision"] == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert found["hit_within_bar"] == 1.0  # 6 and 2 are named, 7 and 2 are the fills


def test_naming_is_song_by_song() -> None:
    marked = [np.array([1, -1, -1, -1, -1]), np.array([-1, -1, -1, -1, 1])]
    far = [np.array([0.0, 0, 0, 1, 0]), np.array([10.0, 0, 0, 0, 9])]
    assert location_scores(far, [*marked[:1], np.array([-1, -1, 0, -1, 1])])["hit_within_bar"] == 0
    near = [np.array([0.0, 1, 0, 0, 0]), np.array([0.0, 0, 0, 9, 0])]
    assert location_scores(near, [np.array([1, -1, -1, -1, 0]), marked[1]])["hit_within_bar"] == 1


def test_what_cannot_be_judged_is_refused() -> None:
    with pytest.raises(ValueError, match="no improvised bar"):
        location_scores([np.zeros(3)], [np.array([0, -1, -2])])
    with pytest.raises(ValueError, match="not finite"):
        location_scores([np.array([np.nan, 1])], [np.array([1, 0])])


def test_labels_are_of_fills_and_as_many_others() -> None:
    hits = np.zeros((40, 32, 16), dtype=bool)
    hits[:, ::8, 0] = True
    hits[[12, 20]] = np.roll(hits[[12, 20]], 1, axis=1)
    (marked,) = song_labels([hits])
    assert np.flatnonzero(marked == 1).tolist() == [12, 20]
    assert (marked == 0).sum() == 2
    assert (marked[:5] == -2).all()
    assert (marked[-5:] == -2).all()
    assert (marked == song_labels([hits])[0]).all()
