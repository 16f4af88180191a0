"""Metrics against mir_eval and scikit-learn, and on answers that are known."""

from __future__ import annotations

import math

import mir_eval
import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from partimento.corpus.datasets.rendered import KEYS, PITCH_CLASSES
from partimento.tasks.audio import music_metrics
from partimento.tasks.audio.music_metrics import chord_accuracy, key_scores, tag_scores, tempo_right


def test_key_scores_are_mir_evals():
    reference, estimated = (each.ravel() for each in np.meshgrid(np.arange(24), np.arange(24)))
    expected = [
        mir_eval.key.weighted_score(KEYS[a], KEYS[b]) for a, b in zip(reference, estimated, strict=True)
    ]  # fmt: skip
    np.testing.assert_array_equal(key_scores(reference, estimated), expected)
    both = key_scores(reference, estimated, both_fifths=True)
    more = np.flatnonzero(both != expected)
    assert len(more) == 24
    assert set(both[more]) == {0.5}
    assert set(((estimated - reference) % 12)[more]) == {5}


def test_keys_that_are_none_are_refused():
    with pytest.raises(ValueError, match="-1 to 3"):
        key_scores(np.array([3, -1]), np.array([3, 3]))


def test_chord_accuracy_is_mir_evals():
    rng = np.random.default_rng(0)
    qualities = ["maj", "min", "7", "min7", "dim", "sus4"]
    names, chord, root = [], [], []
    for _ in range(300):
        pick, pitch = int(rng.integers(0, 8)), int(rng.integers(0, 12))
        if pick > 5:
            names.append("N" if pick == 6 else "X")
            chord.append(24 if pick == 6 else -1)
            root.append(12 if pick == 6 else -1)
        else:
            names.append(f"{PITCH_CLASSES[pitch]}:{qualities[pick]}")
            chord.append((pitch, pitch + 12, pitch, pitch + 12, -1, -1)[pick])
            root.append(pitch)
    estimated = np.where(rng.random(300) < 0.6, np.maximum(chord, 0), rng.integers(0, 25, 300))
    spoken = ["N" if c == 24 else f"{PITCH_CLASSES[c % 12]}:{'min' if c > 11 else 'maj'}" for c in estimated]
    ours = chord_accuracy(np.array(chord), np.array(root), estimated)
    for name, compare in (("root", mir_eval.chord.root), ("chord", mir_eval.chord.majmin)):
        right = compare(names, spoken)
        assert ours[name] == pytest.approx(mir_eval.chord.weighted_accuracy(right, np.ones(300)))
        assert 0.3 < ours[name] < 0.9
    assert ours["maj/min"] > ours["chord"]


def test_frames_without_a_label_do_not_count():
    scores = chord_accuracy(np.array([3, -1, -1]), np.array([3, 5, -1]), np.array([15, 5, 9]))
    assert scores == {"root": 1.0, "maj/min": 0.0, "chord": 0.0}
    nothing = chord_accuracy(np.array([-1]), np.array([-1]), np.array([0]))
    assert all(math.isnan(each) for each in nothing.values())


def test_beats_and_onsets_within_their_windows():
    true = np.array([1.0, 2.0, 3.0, 4.0])
    found = np.array([1.06, 2.06, 3.06, 5.0])
    assert music_metrics.beat_f(true, found) == pytest.approx(0.75)
    assert music_metrics.onset_f(true, found) == 0
    assert music_metrics.onset_f(true, found - 0.02) == pytest.approx(0.75)
    assert music_metrics.beat_f(true, np.zeros(0)) == 0
    assert music_metrics.onset_f(np.zeros(0), found) == 0
    assert math.isnan(music_metrics.beat_f(np.zeros(0), np.zeros(0)))


def test_tempi_and_their_octaves():
    true = np.full(6, 100.0)
    first, second = tempo_right(true, np.array([103.9, 104.1, 200, 33, 50, 140]))
    assert first.tolist() == [True, False, False, False, False, False]
    assert second.tolist() == [True, False, True, True, True, False]
    assert tempo_right(true[:1], np.array([107.0]), 0.08)[0].all()
    assert music_metrics.tempo_of(np.array([0, 0.5, 1.0, 1.52])) == pytest.approx(120)
    assert music_metrics.tempo_of(np.array([3.0])) == 0


def test_tag_scores_are_sklearns_over_tags_that_tell():
    rng = np.random.default_rng(1)
    true = rng.random((60, 4)) < 0.3
    true[:, 2] = False
    score = true + rng.normal(0, 1, true.shape)
    kept = [0, 1, 3]
    found = tag_scores(true, score)
    ap = np.mean([average_precision_score(true[:, i], score[:, i]) for i in kept])
    auc = np.mean([roc_auc_score(true[:, i], score[:, i]) for i in kept])
    assert found == pytest.approx({"mAP": ap, "ROC-AUC": auc})
    with pytest.raises(ValueError, match="none of 1 tags"):
        tag_scores(true[:, 2:3], score[:, 2:3])


def test_r2_of_each_dimension():
    true = np.array([[0.0, 1.0], [1.0, 3.0], [2.0, 5.0]])
    found = np.stack([true[:, 0], np.full(3, 3.0)], axis=1)
    np.testing.assert_allclose(music_metrics.r2(true, found), [1, 0])
    np.testing.assert_allclose(music_metrics.r2(true[:, 0], true[:, 0] + 1), [1 - 3 / 2])
