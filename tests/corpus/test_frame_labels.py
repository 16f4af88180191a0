"""Labels at frames, on a clip small enough to count."""

from __future__ import annotations

import numpy as np

from partimento.corpus import frame_labels
from partimento.corpus.datasets.rendered import NO_CHORD, NO_ROOT, UNKNOWN, TimedLabels
from partimento.corpus.frame_labels import FAMILIES, event_targets, frame_times, pitch_roll

LABELS = TimedLabels(
    note_onset_s=np.array([-0.5, 0.5, 1.26, 1.5]),
    note_offset_s=np.array([0.5, 1.0, 1.27, 2.5]),
    note_pitch=np.array([60, 64, 20, 38]),
    note_velocity=np.array([80, 80, 80, 80]),
    note_program=np.array([0, 40, 33, -1]),
    note_role=np.array([2, 0, 2, 5]),
    chord_start_s=np.array([0.0, 0.5, 1.0, 1.5]),
    chord_end_s=np.array([0.5, 1.0, 1.5, 2.0]),
    chord_root=np.array([7, 2, NO_ROOT, 5]),
    chord_quality=np.array(["7", "min7", "N", "sus4"], dtype="U12"),
    key_start_s=np.array([0.0, 0.5]),
    key_end_s=np.array([0.5, 2.0]),
    key=np.array([0, 14]),
)
TIMES = frame_times(2.25, 4.0)  # 0.125, 0.375 ... 2.125


def test_chords_and_keys_at_frames():
    assert frame_labels.chords(LABELS, TIMES).tolist() == [7, 7, 14, 14, NO_CHORD, NO_CHORD, -1, -1, -1]
    assert frame_labels.chord_roots(LABELS, TIMES).tolist() == [7, 7, 2, 2, NO_ROOT, NO_ROOT, 5, 5, -1]
    assert frame_labels.chord_modes(LABELS, TIMES).tolist() == [0, 0, 1, 1, 2, 2, -1, -1, -1]
    assert frame_labels.keys(LABELS, TIMES).tolist() == [0, 0, 14, 14, 14, 14, 14, 14, -1]
    assert frame_labels.key_of(LABELS) == 14
    assert frame_labels.key_of(TimedLabels()) == UNKNOWN
    assert frame_labels.chords(TimedLabels(), TIMES).tolist() == [UNKNOWN] * 9


def test_roots_of_classes():
    found = frame_labels.root_of_class(np.array([0, 11, 12, 23, NO_CHORD, UNKNOWN]))
    assert found.tolist() == [0, 11, 0, 11, NO_ROOT, UNKNOWN]


def test_notes_are_held_at_frames_and_short_ones_are_not_lost():
    roll = pitch_roll(LABELS, TIMES, 0, 128)
    assert {(int(t), int(p)) for t, p in np.argwhere(roll)} == {(0, 60), (1, 60), (2, 64), (3, 64), (5, 20)}
    piano = pitch_roll(LABELS, TIMES)
    assert piano.shape == (9, 88)
    assert piano.sum() == 4  # 20 is below the piano
    chroma = frame_labels.chroma(LABELS, TIMES)
    assert {(int(t), int(p)) for t, p in np.argwhere(chroma)} == {(0, 0), (1, 0), (2, 4), (3, 4), (5, 8)}


def test_events_take_the_nearest_frame_and_half_of_its_neighbours():
    times = np.arange(8) * 0.02
    target = event_targets(np.array([0.041, 0.3]), times)
    assert target.tolist() == [0, 0.5, 1, 0.5, 0, 0, 0, 0]
    assert event_targets(np.array([0.05]), times, near_s=0.0).sum() == 1
    assert not event_targets(np.zeros(0), times).any()


def test_events_between_coarse_frames_are_not_lost():
    times = frame_times(2.0, 4.0)
    assert event_targets(np.array([0.01, 0.77, 1.99]), times).tolist() == [0, 0, 0, 1, 0, 0, 0, 0]
    wide = event_targets(np.array([0.01, 0.77, 1.99]), times, near_s=0.125)
    assert wide.tolist() == [1, 0, 0, 1, 0, 0, 0, 1]


def test_families_that_play():
    assert [FAMILIES[i] for i in np.flatnonzero(frame_labels.families(LABELS))] == ["piano", "bass", "strings"]
