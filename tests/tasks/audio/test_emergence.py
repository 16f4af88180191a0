"""The measures of what emerges, on inputs whose answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from partimento.analysis.sound_layers import SoundLayers, sound_layers
from partimento.audio_model import Frames
from partimento.corpus.datasets.rendered import TimedLabels
from partimento.networks.transformer import TransformerConfig
from partimento.networks.vit1d import ViT1D, ViT1DConfig
from partimento.tasks.audio import emergence
from partimento.tasks.audio.emergence import POOLS
from partimento.tasks.task import Example, Fold, Task


def network() -> ViT1D:
    torch.manual_seed(0)
    return ViT1D(ViT1DConfig(TransformerConfig(16, 2, 2, 24), mels=10, context=16, patch_frames=2)).eval()


def test_pools_are_means_over_the_windows_of_each_recording() -> None:
    vit = network()
    windows = [torch.randn(count, 10, 16) for count in (1, 3, 70)]
    found = emergence.pooled_vectors(vit, windows)
    assert {pool: values.shape for pool, values in found.items()} == {
        pool: (3, 32 if pool == "both" else 16) for pool in POOLS
    }
    with torch.no_grad():
        for number, some in enumerate(windows):
            hidden = vit.hidden(some)
            np.testing.assert_allclose(found["class"][number], hidden[:, 0].mean(0), atol=1e-5)
            np.testing.assert_allclose(found["mean"][number], hidden.mean((0, 1)), atol=1e-5)
            np.testing.assert_allclose(found["sequence"][number], hidden[:, 1:].mean((0, 1)), atol=1e-5)
            np.testing.assert_allclose(found["both"][number, :16], hidden[:, 0].mean(0), atol=1e-5)


def test_a_thinned_task_keeps_sides_and_labels() -> None:
    examples = tuple(Example(Path(f"{i}.flac"), "ab"[i % 2], str(i)) for i in range(40))
    fold = Fold("one", np.arange(20), np.arange(20, 30), np.arange(30, 40))
    task = Task("t", "d", "s", "classes", ("a", "b"), examples, (fold,))
    few = emergence.thinned(task, 15)
    assert len(few.examples) == 15
    assert few.note == "15 of 40 recordings"
    sides = [few.folds[0].train, few.folds[0].valid, few.folds[0].test]
    assert sorted(np.concatenate(sides)) == list(range(15))
    for side, (low, high) in zip(sides, ((0, 20), (20, 30), (30, 40)), strict=True):
        assert all(low <= int(few.examples[i].group) < high for i in side)
    assert emergence.thinned(task, 100).examples == examples


def test_columns_stand_where_their_token_does() -> None:
    vit = network()
    mel = torch.arange(21.0).repeat(10, 1)
    heard = sound_layers(vit, mel, 0.02)
    columns = emergence.column_frames(mel.numpy(), heard)
    assert columns.vectors.shape == (11, 20)
    np.testing.assert_allclose(columns.times_s, heard.times_s)
    np.testing.assert_allclose(columns.vectors.mean(1)[:10] * 0.02, heard.times_s[:10], atol=1e-6)
    np.testing.assert_allclose(columns.vectors[10], 20)  # the last patch has one frame
    smooth = emergence.column_frames(mel.numpy(), heard, smooth_s=0.12)
    np.testing.assert_allclose(smooth.vectors[5], columns.vectors[4:7].mean(0), rtol=1e-6)
    assert emergence.layer_frames(heard, 2).vectors.shape == (11, 16)


def clips(count: int, seed: int) -> list[Frames]:
    rng = np.random.default_rng(seed)
    return [Frames(rng.standard_normal((50, 6)).astype(np.float32), np.arange(50) * 0.04) for _ in range(count)]


def test_a_linear_head_finds_what_is_linear_in_a_frame_or_its_neighbours() -> None:
    learn, test = clips(9, 0), clips(3, 1)

    def here(frames: Frames) -> np.ndarray:
        return np.stack([3 * frames.vectors[:, 1] + 2, frames.vectors[:, 0] - frames.vectors[:, 4]], axis=1)

    def before(frames: Frames) -> np.ndarray:
        return np.append(0.0, frames.vectors[:-1, 2])[:, None]

    head = emergence.fit_linear(learn, [here(some) for some in learn])
    for some in test:
        np.testing.assert_allclose(head.outputs(some), here(some), atol=0.05)
    blind = emergence.fit_linear(learn, [before(some) for some in learn])
    sees = emergence.fit_linear(learn, [before(some) for some in learn], context=1)
    assert np.corrcoef(sees.outputs(test[0])[1:, 0], before(test[0])[1:, 0])[0, 1] > 0.99
    assert abs(np.corrcoef(blind.outputs(test[0])[1:, 0], before(test[0])[1:, 0])[0, 1]) < 0.5


def test_the_penalty_is_chosen_where_the_head_has_not_learned() -> None:
    noise = clips(6, 2)
    head = emergence.fit_linear(noise, [some.vectors[:, :1] * 0 + np.random.default_rng(3).standard_normal((50, 1))
                                        for some in noise])  # fmt: skip
    exact = emergence.fit_linear(noise, [some.vectors[:, :1] for some in noise])
    assert np.abs(head.weights[:-1]).max() < 0.2  # nothing to learn: hardly any weight
    assert exact.weights[0, 0] == pytest.approx(noise[0].vectors.std(), rel=0.15)
    with pytest.raises(ValueError, match="three"):
        emergence.fit_linear(noise[:2], [some.vectors for some in noise[:2]])


def test_attention_at_onsets_is_found_by_its_head_and_by_its_rise() -> None:
    times = np.arange(200) * 0.04
    truth = np.arange(8, 195, 12)
    received = np.random.default_rng(0).uniform(0.9, 1.1, (2, 3, 200)).astype(np.float32)
    received[1, 2, truth] = 3.0
    heard = SoundLayers(0.04, times, np.zeros((3, 200, 4), np.float32), received, received)
    scores = emergence.onset_scores(heard, times[truth])
    assert scores.shape == (2, 6)
    assert scores[1, 2] == scores[1, 5] == 1.0  # head 3: its attention, and the rise of it
    assert scores[0].max() < 0.8


def test_a_candidate_is_chosen_without_the_song_it_is_judged_on() -> None:
    scores = np.array([[1.0, 0.5], [0.0, 0.5], [0.0, 0.5]])
    found, chosen = emergence.chosen_elsewhere(scores)
    assert chosen.tolist() == [1, 0, 0] or chosen.tolist() == [1, 1, 1]
    np.testing.assert_allclose(found[0], 0.5)  # the best on the song itself is not taken
    only = np.array([[0.2, 0.9], [0.3, 0.8], [0.1, 0.9]])
    np.testing.assert_allclose(emergence.chosen_elsewhere(only)[0], [0.9, 0.8, 0.9])


def test_beats_have_places_between_the_first_and_the_last() -> None:
    labels = TimedLabels(beat_s=np.array([0.5, 1.0, 1.5, 2.0]), beat_position=np.array([3, 4, 0, 1]))
    assert emergence.beat_places(labels, np.array([0.2, 0.7, 1.2, 1.7, 2.5])).tolist() == [-1, 3, 4, -1, -1]
    assert (emergence.beat_places(TimedLabels(), np.array([0.2, 0.7])) == -1).all()


def test_areas_of_labels_by_layer_and_distance() -> None:
    labels = np.repeat(np.tile(np.arange(3), 4), 5)
    right, noise = np.eye(3)[labels], np.random.default_rng(0).standard_normal((60, 3))
    areas = emergence.label_aucs(np.stack([right, noise]), labels, (1, 10))
    np.testing.assert_allclose(areas[0], 1.0)
    np.testing.assert_allclose(areas[1], 0.5, atol=0.1)


def test_neighbours_are_joined_to_their_mean() -> None:
    tokens = np.arange(14.0).reshape(7, 2)
    np.testing.assert_allclose(emergence.joined(tokens, 3), [[2, 3], [8, 9]])
    np.testing.assert_allclose(emergence.joined(np.stack([tokens, -tokens]), 3)[1], [[-2, -3], [-8, -9]])


def test_means_over_songs_weigh_frames_and_leave_out_what_has_no_label() -> None:
    sums = np.array([[8.0, 1.0, np.nan], [4.0, 3.0, np.nan]])
    counts = np.array([[10.0, 5.0, 0.0], [10.0, 5.0, 0.0]])
    found = emergence.over_songs("accuracy", sums, counts, "set", ["a", "b", "c"])
    np.testing.assert_allclose(found.values["accuracy"], [9 / 15, 7 / 15])
    assert found.draws["accuracy"].shape == (1000,)
    assert found.draws["accuracy"].std() > 0.01
    less = emergence.difference(found, found, "accuracy")
    np.testing.assert_allclose(less.draws["accuracy"], 0)
    above = emergence.over_songs("accuracy", sums + 0.1 * counts, counts, "set", ["a", "b", "c"])
    np.testing.assert_allclose(emergence.difference(above, found, "accuracy").draws["accuracy"], 0.1)
    assert emergence.difference(above, found, "accuracy").values["accuracy"] == pytest.approx(0.1)
