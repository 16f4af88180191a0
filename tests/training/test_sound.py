"""The four systems trained for some steps on made-up recordings: on disk, resumed, opened again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import log_of
from tiny_sound import SETTINGS, tiny_systems, tone, write_recordings

from partimento.audio_model import AudioModel, load_audio
from partimento.checkpoint import read_state
from partimento.corpus.ingest import ingest
from partimento.corpus.recordings import Recordings
from partimento.overrides import override
from partimento.systems.sound import CropsConfig
from partimento.training.crops import Cropping, PairBatches
from partimento.training.distributed import World
from partimento.training.sound import cropping_of, parts_of, pretrain_sound, tags_of

ALONE = World(0, 1, torch.device("cpu"))
ABOUT = {"name": "tiny", "preset": "small", "data": "made-up tones", "licence": "CC0-1.0"}


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Recordings:
    folder = tmp_path_factory.mktemp("sound")
    paths = write_recordings(folder / "tones", 10)
    rows = [
        f"{path.name},{'valid' if number < 4 else 'train'},{'low high' if number % 2 else 'low'},{number // 2}"
        for number, path in enumerate(paths)
    ]
    table = folder / "labels.csv"
    table.write_text("\n".join(["path,split,tags,song", *rows]) + "\n", encoding="utf-8")
    ingest(folder / "tones", folder / "corpus", labels_csv=table, jobs=1, progress=False, kind="audio")
    return Recordings.open(folder / "corpus")


@pytest.mark.parametrize("name", ["mule", "vit1d", "cola", "clmr"])
def test_a_system_is_trained_and_opened(name: str, recordings: Recordings, tmp_path: Path) -> None:
    config = tiny_systems()[name]
    state = pretrain_sound(name, config, recordings, tmp_path / "run", ALONE, ABOUT)
    assert state.step == 6
    losses = [line["valid_loss"] for line in log_of(tmp_path / "run") if "valid_loss" in line]
    assert len(losses) == 2
    assert np.isfinite(losses).all()
    model = load_audio(tmp_path / "run" / "checkpoints" / "last", "cpu")
    assert isinstance(model, AudioModel)
    vectors = model.embed([tone(220, 5.0), tone(880, 0.4)])
    assert vectors.shape == (2, model.embed_dim)
    assert np.isfinite(vectors).all()
    assert model.config["objective"]["kind"] == "contrastive"


def test_a_resumed_run_equals_an_uninterrupted_one(recordings: Recordings, tmp_path: Path) -> None:
    config = tiny_systems()["vit1d"]
    pretrain_sound("vit1d", config, recordings, tmp_path / "whole", ALONE, ABOUT)
    half = override(config, ["schedule.steps=3"])
    schedule = replace(half.recipe.schedule, decay_from=1.0)
    for steps in (3, 6):
        part = replace(config, recipe=replace(config.recipe, schedule=replace(schedule, steps=steps)))
        pretrain_sound("vit1d", part, recordings, tmp_path / "parts", ALONE, ABOUT)
    flat = replace(config, recipe=replace(config.recipe, schedule=replace(schedule, steps=6)))
    pretrain_sound("vit1d", flat, recordings, tmp_path / "flat", ALONE, ABOUT)
    parts, whole = (read_state(tmp_path / run / "checkpoints" / "last") for run in ("parts", "flat"))
    assert all(torch.equal(parts[key], whole[key]) for key in whole)


def test_tags_are_learned(recordings: Recordings, tmp_path: Path) -> None:
    config = override(tiny_systems()["vit1d"], ["schedule.steps=40", "validate_every=40", "optimizer.lr=1e-2"])
    pretrain_sound("vit1d", config, recordings, tmp_path / "run", ALONE, ABOUT, tags="tags")
    lines = [line for line in log_of(tmp_path / "run") if "loss" in line]
    assert lines[-1]["loss"] < 0.7 * lines[0]["loss"]
    model = load_audio(tmp_path / "run" / "checkpoints" / "last", "cpu")
    assert model.config["tags"] == ["high", "low"]


def test_tags_of_recordings(recordings: Recordings) -> None:
    names, marks = tags_of(recordings, "tags", [4, 6])
    assert names == ("low",)
    assert marks.all()
    with pytest.raises(KeyError, match="no label 'genre'"):
        tags_of(recordings, "genre", [4])


def test_crops_lie_where_the_settings_say(recordings: Recordings) -> None:
    config = tiny_systems()["vit1d"]
    front, _ = parts_of(config)
    near = Cropping(recordings, CropsConfig(apart_s=0.5), front.samples(config.windows), 16_000)
    rng = np.random.default_rng(0)
    starts = np.array([near.starts(0, rng) for _ in range(200)])
    assert starts.min() >= 0
    assert starts.max() <= 4.0 - near.samples / 16_000
    assert np.abs(starts[:, 0] - starts[:, 1]).max() <= 0.5
    inside = Cropping(recordings, CropsConfig(apart_s=None, within_s=1.5), near.samples, 16_000)
    starts = np.array([inside.starts(0, rng) for _ in range(200)])
    assert np.abs(starts[:, 0] - starts[:, 1]).max() <= 1.5 - near.samples / 16_000
    assert starts.max() > 2.0


def test_every_epoch_has_every_recording_once(recordings: Recordings) -> None:
    config = tiny_systems()["vit1d"]
    cropping = cropping_of(config, parts_of(config)[0], recordings)
    batches = PairBatches(list(range(10)), list(range(10)), cropping, seed=1)
    epochs = [batches.rows(10) for _ in range(2)]
    assert sorted(epochs[0].songs.tolist()) == list(range(10)) == sorted(epochs[1].songs.tolist())
    assert epochs[0].songs.tolist() != epochs[1].songs.tolist()
    again = PairBatches(list(range(10)), list(range(10)), cropping, seed=1)
    again.restore({"drawn": 10})
    assert torch.equal(again.rows(10).sound, epochs[1].sound)


def test_too_few_songs_are_refused(recordings: Recordings, tmp_path: Path) -> None:
    alike = recordings.select([0, 1])
    with pytest.raises(ValueError, match=r"has no piece to train on|two are needed"):
        pretrain_sound("vit1d", tiny_systems()["vit1d"], alike, tmp_path / "run", ALONE, ABOUT)


def test_settings_from_the_command_line_reach_every_system() -> None:
    for config in tiny_systems().values():
        changed: Any = override(config, [*SETTINGS[1:], "batch.rows=4", "crops.apart_s=none", "pairs.temperature=0.3"])
        assert changed.recipe.batch.rows == 4
        assert changed.crops.apart_s is None
        assert changed.pairs.temperature == 0.3
