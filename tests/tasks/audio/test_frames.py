"""Heads on frames: they find moments and classes, at any frame rate, and see nothing of what they are tested on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from partimento.audio_model import Frames
from partimento.corpus.datasets.rendered import NO_CHORD, UNKNOWN, TimedLabels
from partimento.tasks import results
from partimento.tasks.audio.frame_probe import FrameRecipe, train_head
from partimento.tasks.audio.frame_suite import FrameSystem, find_events, measure_frames, run_frames
from partimento.tasks.audio.frame_task import EventTarget, FrameClip, FrameTask, Spans, SpanTarget
from partimento.tasks.audio.mdb_drums import mdb_drums
from partimento.tasks.audio.rendered import rendered
from partimento.tasks.audio.sound_vectors import FrameStore
from partimento.tasks.suite import Suite
from partimento.tasks.task import Fold

QUICK = FrameRecipe(steps=50, rate=3e-2, context_s=0.04)
TARGETS = (
    EventTarget("beats", "beats", "track", "beat"),
    EventTarget("downbeats", "downbeats", "bars", "beat"),
    EventTarget("onsets", "onsets", "peaks", "onset"),
)


def song(number: int, rate_hz: float = 50.0, told: bool = True) -> tuple[FrameClip, Frames]:
    """Twelve seconds of beats, every fourth one another sound, on chords that change with the bar."""
    generator = np.random.default_rng(number)
    beats = 0.3 + np.arange(0, 11.4, 60 / (100 + 10 * (number % 3)))
    times_s = (np.arange(int(12 * rate_hz)) + 0.5) / rate_hz
    bars = beats[::4]
    chord = generator.permutation([0, 5, 19, 3, 4, 7, 8, NO_CHORD])[np.arange(len(bars)) % 8]
    spans = Spans(bars, np.append(bars[1:], 12.0), np.where(np.arange(len(bars)) == 1, UNKNOWN, chord))
    vectors = 0.1 * generator.standard_normal((len(times_s), 30))
    if told:
        for column, events in enumerate((beats, bars)):
            vectors[np.abs(times_s[:, None] - events).argmin(0), column] += 3
        vectors[:, 4:30] += np.eye(26)[spans.at(times_s)]
    events = {"beats": beats, "downbeats": bars, "onsets": beats}
    roots = replace(spans, label=np.where(spans.label == NO_CHORD, 12, np.where(spans.label < 0, -1, spans.label % 12)))
    clip = FrameClip(Path(f"{number}.wav"), f"song {number}", events, {"chords": spans, "roots": roots})
    return clip, Frames(vectors.astype(np.float32), times_s)


def toy(told: bool = True, rate_hz: float = 50.0, valid: bool = False) -> tuple[FrameTask, FrameSystem]:
    songs = [song(number, rate_hz, told) for number in range(6)]
    nothing = np.zeros(0, dtype=np.int64)
    sides = (np.arange(3), np.arange(3, 4)) if valid else (np.arange(4), nothing)
    folds = (Fold("one", *sides, np.array([4, 5])),)
    frames = {clip.path: some for clip, some in songs}
    task = FrameTask(
        *("toys", "by song", tuple(clip for clip, _ in songs), folds, TARGETS),
        (SpanTarget("chords", "chords", 25, chords=True),),
    )
    return task, FrameSystem("toy", "abc", lambda path, seed: frames[path])


@pytest.mark.parametrize(
    ("recipe", "rate_hz", "valid"),
    [(QUICK, 50.0, False), (replace(QUICK, hidden=32, steps=80), 25.0, True)],
)
def test_what_is_there_is_found(recipe: FrameRecipe, rate_hz: float, valid: bool) -> None:
    found = measure_frames(*toy(rate_hz=rate_hz, valid=valid), recipe, 1)
    for name in ("beats", "downbeats", "onsets"):
        main, measured = found[name]
        assert main == "f_measure"
        assert measured.values["f_measure"][0] > 0.85
        assert measured.draws["f_measure"].shape == (1000,)
    main, chords = found["chords"]
    assert main == "accuracy"
    assert chords.values["accuracy"][0] > 0.8
    assert chords.values["root_accuracy"][0] >= chords.values["accuracy"][0]
    assert chords.values["mode_accuracy"][0] >= chords.values["accuracy"][0]


def test_noise_tells_nothing() -> None:
    found = measure_frames(*toy(told=False, rate_hz=25.0), QUICK, 2)
    assert found["chords"][1].values["accuracy"].max() < 0.5
    assert found["downbeats"][1].values["f_measure"].max() < 0.7


def test_nothing_of_a_test_song_reaches_the_others() -> None:
    task, system = toy(rate_hz=25.0)
    task = replace(task, folds=(replace(task.folds[0], test=np.array([4])),))
    events = {name: some + 0.2 for name, some in task.clips[5].events.items()}
    spans = {name: replace(some, label=some.label * 0) for name, some in task.clips[5].spans.items()}
    spoiled = replace(task, clips=(*task.clips[:5], replace(task.clips[5], events=events, spans=spans)))
    learned_from = replace(spoiled, folds=(replace(task.folds[0], train=np.array([0, 1, 2, 3, 5])),))
    found, again, other = (measure_frames(some, system, QUICK, 1) for some in (task, spoiled, learned_from))
    assert again["chords"][1].values == found["chords"][1].values
    assert again["onsets"][1].values == found["onsets"][1].values
    assert other["chords"][1].values != found["chords"][1].values  # it would have shown


def test_a_head_sees_its_context_and_no_more() -> None:
    """The convolution is the head on the frames side by side, those at the ends repeated."""
    _, frames = song(0)
    target = np.zeros((len(frames.times_s), 2), dtype=np.float32)
    target[::7, 0] = 1
    head = train_head(replace(QUICK, steps=5), [frames], [target], 2, 0)
    assert head.context == 2
    found = head.activations(frames)
    x = (frames.vectors - head.mean) / head.deviation
    layer = head.network[0]
    for t in (0, 1, 100, len(x) - 1):
        rows = np.clip(np.arange(t - 2, t + 3), 0, len(x) - 1)
        out = torch.einsum("kdc,cd->k", layer.weight, torch.from_numpy(x[rows])) + layer.bias
        assert found[t] == pytest.approx(out.sigmoid().numpy(), abs=1e-5)
    changed = replace(frames, vectors=frames.vectors.copy())
    changed.vectors[100] = 9
    moved = np.flatnonzero(np.abs(head.activations(changed) - found).max(1) > 1e-7)
    assert moved.min() >= 98
    assert moved.max() <= 102


def test_segments_stay_inside_their_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    """With targets that say which clip a frame is of, no segment holds two."""
    clips = [Frames(np.full((length, 1), length, dtype=np.float32), np.arange(length) / 50.0) for length in (30, 9, 50)]
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    real = F.cross_entropy

    def spy(out: torch.Tensor, y: torch.Tensor, **rest: object) -> torch.Tensor:
        seen.append((out.detach(), y))
        return real(out, y, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(F, "cross_entropy", spy)
    targets = [np.full(len(clip.vectors), number) for number, clip in enumerate(clips)]
    train_head(replace(QUICK, steps=30), clips, targets, 3, 0)
    drawn = torch.cat([y.reshape(16, 9) for _, y in seen])
    assert (drawn == drawn[:, :1]).all()
    assert drawn.unique().tolist() == [0, 1, 2]


def test_frames_without_a_label_do_not_count() -> None:
    _, frames = song(0)
    target = np.full(len(frames.times_s), UNKNOWN)
    with pytest.raises(ValueError, match="no frame of the training clips has a label"):
        train_head(QUICK, [frames], [target], 3, 0)
    target[:300] = 1
    head = train_head(QUICK, [frames], [target], 3, 0)
    assert (head.activations(frames)[:300].argmax(1) == 1).all()


def test_results_are_kept(tmp_path: Path) -> None:
    task, system = toy(rate_hz=25.0)
    found = run_frames(Suite("audio", tmp_path, 2), [task], [system], QUICK)
    lines = results.read(tmp_path)
    assert len(lines) == len(found) == 2 * 4
    assert {line.task for line in lines} == {"beats", "downbeats", "onsets", "chords"}
    assert all(line.checkpoint == "abc" and line.probe == "frame head, linear" for line in lines)
    assert "40 ms" in lines[0].note
    assert "beats" in results.suite_tables(lines)


def test_frames_are_computed_once(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"a")
    store, calls = FrameStore(tmp_path / "frames"), []

    def compute(path: Path) -> Frames:
        calls.append(path)
        return song(1)[1]

    first, again = (store.frames("key", tmp_path / "a.wav", compute) for _ in range(2))
    store.frames("other", tmp_path / "a.wav", compute)
    assert len(calls) == 2
    assert np.array_equal(first.vectors, again.vectors)
    assert first.times_s == pytest.approx(again.times_s, abs=1e-5)


def test_a_rendered_folder_becomes_tasks(tmp_path: Path) -> None:
    labels = TimedLabels(
        beat_s=np.array([0.5, 1.0, 1.5]),
        beat_position=np.array([4, 1, 2]),
        chord_start_s=np.array([0.0, 1.0]),
        chord_end_s=np.array([1.0, 2.0]),
        chord_root=np.array([2, 12]),
        chord_quality=np.array(["min7", "N"]),
    )
    (tmp_path / "frames").mkdir()
    rows = ["path,song,side,soundfont,seconds,key,bpm"]
    for number, (side, key) in enumerate(
        (("train", "D minor"), ("valid", "C major"), ("test", "Eb major"), ("train", ""))
    ):
        labels.save(tmp_path / "frames" / f"{number}.npz")
        rows.append(f"audio/{number}.flac,song {number},{side},font,2.0,{key},120")
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    [key], [task] = rendered(tmp_path)
    assert task.clips[0].events["downbeats"].tolist() == [1.0]
    assert task.clips[0].spans["chords"].at(np.array([0.2, 1.2, 2.5])).tolist() == [14, NO_CHORD, UNKNOWN]
    [fold] = task.folds
    assert [side.tolist() for side in (fold.train, fold.valid, fold.test)] == [[0, 3], [1], [2]]
    assert [example.label for example in key.examples] == ["D minor", "C major", "Eb major"]
    assert key.kind == "keys"
    (tmp_path / "labels.csv").write_text("\n".join(rows[:2]) + "\n")
    with pytest.raises(ValueError, match="no test and no valid side"):
        rendered(tmp_path)


def test_mdb_drums(raw: Callable[[str], Path]) -> None:
    task = mdb_drums(raw("mdb_drums").parent)
    assert len(task.clips) == len(task.folds) == 13
    for number, fold in enumerate(task.folds):
        assert fold.test.tolist() == [number]
        assert number not in fold.train
    clip = next(clip for clip in task.clips if clip.group == "MusicDelta_80sRock")
    assert clip.events["beats"][:2].tolist() == [0.01, 0.57]
    assert clip.events["downbeats"][:2].tolist() == [0.01, 2.21]
    assert set(clip.events) == {"beats", "downbeats", "onsets", "kick", "snare", "hi-hat"}
    perfect = np.stack([np.isin(np.arange(3000), np.rint(100 * clip.events[t.key])) for t in task.events], axis=1)
    found = find_events(task, perfect.astype(np.float32), np.arange(3000) / 100, [0.5] * 6)
    near = clip.events["onsets"] < 30
    assert np.abs(found[2][:, None] - clip.events["onsets"][near]).min(0).max() < 0.05
