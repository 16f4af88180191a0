"""Timed labels: how they are cut, moved and transposed, and what mir_eval reads in the chords."""

from __future__ import annotations

from pathlib import Path

import mir_eval.chord
import numpy as np
import pytest

from partimento.corpus.datasets.rendered import (
    KEYS,
    NO_CHORD,
    NO_ROOT,
    UNKNOWN,
    TimedLabels,
    load_labels,
    read_rendered,
)
from partimento.tasks.audio.to_render import QUALITIES


def labels() -> TimedLabels:
    """Two bars of 3/4 at 60 a minute, C major and then no chord, a drum and three notes, C major and then A minor."""
    return TimedLabels(
        note_onset_s=np.array([0.0, 1.0, 2.5, 4.0]),
        note_offset_s=np.array([2.0, 1.1, 3.0, 5.5]),
        note_pitch=np.array([60, 36, 64, 67]),
        note_velocity=np.array([80, 100, 70, 60]),
        note_program=np.array([0, -1, 0, 40]),
        note_role=np.array([2, 5, 2, 0]),
        beat_s=np.arange(6.0),
        beat_position=np.array([1, 2, 3, 1, 2, 3]),
        chord_start_s=np.array([0.0, 3.0, 4.0, 5.0]),
        chord_end_s=np.array([3.0, 4.0, 5.0, 6.0]),
        chord_root=np.array([0, NO_ROOT, 9, UNKNOWN]),
        chord_quality=np.array(["maj7", "N", "dim", "X"], dtype="U12"),
        key_start_s=np.array([0.0, 4.0]),
        key_end_s=np.array([4.0, 6.0]),
        key=np.array([0, 21]),
    )


def test_a_cut_has_its_own_clock_and_keeps_what_still_sounds():
    cut = labels().cut(1.5, 3.0)
    np.testing.assert_allclose(cut.note_onset_s, [-1.5, 1.0, 2.5])
    np.testing.assert_allclose(cut.note_offset_s, [0.5, 1.5, 4.0])
    np.testing.assert_allclose(cut.onset_s, [1.0, 2.5])
    np.testing.assert_allclose(cut.beat_s, [0.5, 1.5, 2.5])
    np.testing.assert_allclose(cut.downbeat_s, [1.5])
    np.testing.assert_allclose(cut.chord_start_s, [0, 1.5, 2.5])
    np.testing.assert_allclose(cut.chord_end_s, [1.5, 2.5, 3.0])
    np.testing.assert_allclose(cut.key_end_s, [2.5, 3.0])
    assert cut.chord_name == ["C:maj7", "N", "A:dim"]


def test_transposing_moves_notes_chords_and_keys_but_no_drums():
    moved = labels().transpose(5)
    assert moved.note_pitch.tolist() == [65, 36, 69, 72]
    assert moved.chord_name == ["F:maj7", "N", "D:dim", "X"]
    assert [KEYS[key] for key in moved.key] == ["F major", "D minor"]
    back = moved.transpose(-5)
    assert back.chord_name == labels().chord_name
    assert back.key.tolist() == labels().key.tolist()


def test_chord_classes_are_those_of_mir_eval():
    qualities = [*QUALITIES.values()]
    roots = np.arange(len(qualities)) % 12
    written = TimedLabels(
        chord_root=np.append(roots, [NO_ROOT, UNKNOWN]), chord_quality=np.array([*qualities, "N", "X"], dtype="U12")
    )
    for name, found, offsets in zip(written.chord_name, written.chord_class, [*QUALITIES, None, None], strict=True):
        root, bitmap, _ = mir_eval.chord.encode(name)
        if offsets is not None:
            assert tuple(np.flatnonzero(bitmap)) == offsets, name
        triad = tuple(np.flatnonzero(bitmap[:8]))
        expected = {(0, 4, 7): root, (0, 3, 7): root + 12, (): NO_CHORD if name == "N" else UNKNOWN}
        assert found == expected.get(triad, UNKNOWN), name


def test_labels_are_written_and_read(tmp_path: Path):
    labels().save(tmp_path / "a.npz")
    again = load_labels(tmp_path / "a.npz")
    assert again.chord_name == labels().chord_name
    np.testing.assert_array_equal(again.note_onset_s, labels().note_onset_s)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_clips_are_read_by_side(tmp_path: Path):
    (tmp_path / "frames").mkdir()
    labels().save(tmp_path / "frames" / "b.npz")
    rows = ["path,song,side,soundfont,seconds,key,bpm", "audio/b.flac,7,test,Font,30.0,Eb minor,98.5"]
    (tmp_path / "labels.csv").write_text("\n".join([*rows, "audio/a.flac,8,train,Font,30.0,,"]) + "\n")
    assert [clip.song for clip in read_rendered(tmp_path)] == ["8", "7"]
    (clip,) = read_rendered(tmp_path, "test")
    assert (KEYS[clip.key], clip.bpm, clip.seconds, clip.row["soundfont"]) == ("Eb minor", 98.5, 30.0, "Font")
    assert clip.labels.chord_name == labels().chord_name
    assert read_rendered(tmp_path, "train")[0].key == UNKNOWN


def test_a_folder_without_labels_is_named(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"labels\.csv is missing"):
        read_rendered(tmp_path)
