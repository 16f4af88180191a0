"""The scores of signal processing on a clip that a test writes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
from test_signal_baselines import RATE_HZ, TRIADS, tone

from partimento.corpus.datasets.rendered import TimedLabels, read_rendered
from partimento.tasks.audio.rendered_baselines import mean_scores, scores_of


def test_a_cadence_is_understood(tmp_path: Path):
    for name in ("audio", "frames"):
        (tmp_path / name).mkdir()
    names = [name for name in "CFGCaFGC" for _ in range(2)]
    sound = np.concatenate([tone(TRIADS[name], 0.6) for name in names])
    soundfile.write(tmp_path / "audio" / "a.flac", sound, RATE_HZ)
    begin = np.arange(len(names)) * 0.6
    labels = TimedLabels(
        note_onset_s=begin,
        note_offset_s=begin + 0.6,
        note_pitch=np.array([TRIADS[name][0] for name in names]),
        note_velocity=np.full(len(names), 80),
        note_program=np.zeros(len(names), dtype=int),
        note_role=np.full(len(names), 3),
        beat_s=begin,
        beat_position=np.arange(len(names)) % 4 + 1,
        chord_start_s=begin,
        chord_end_s=begin + 0.6,
        chord_root=np.array([{"C": 0, "F": 5, "G": 7, "a": 9}[name] for name in names]),
        chord_quality=np.array(["min" if name == "a" else "maj" for name in names], dtype="U12"),
        key_start_s=np.array([0.0]),
        key_end_s=np.array([9.6]),
        key=np.array([0]),
    )
    labels.save(tmp_path / "frames" / "a.npz")
    header = "path,song,side,soundfont,seconds,key,bpm"
    (tmp_path / "labels.csv").write_text(f"{header}\naudio/a.flac,1,test,none,9.6,C major,100\n")
    (clip,) = read_rendered(tmp_path)
    scores = scores_of(clip)
    assert scores["key, temperley"] == scores["key, krumhansl, both fifths"] == 1
    assert scores["chord"] > 0.9
    assert scores["chord root"] > 0.9
    assert scores["onset F"] > 0.9
    assert scores["beat F"] > 0.9
    assert scores["tempo accuracy 1"] == 1
    TimedLabels().save(tmp_path / "frames" / "a.npz")
    (unlabelled,) = read_rendered(tmp_path)
    assert math.isnan(scores_of(unlabelled)["key, temperley"])
    assert "chord" not in mean_scores([unlabelled])
    with pytest.raises(ValueError, match="no clips"):
        mean_scores([])
