"""`partimento evaluate --suite audio` on a set of a few tones and a tiny network."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from tiny_sound import RATE_HZ, tiny_systems

from partimento.audio_model import AudioModel, load_audio, random_like
from partimento.cli import main
from partimento.tasks import results
from partimento.tasks.audio import sound_systems
from partimento.tasks.audio.sound_vectors import FrameStore
from partimento.tasks.task import Example
from partimento.tasks.vectors import VectorStore
from partimento.training.saving import save_network
from partimento.training.sound import parts_of, reading_of

PITCHES = ("C4", "E4", "G4", "B4", "D5", "F5", "A5", "C6")
FACTS = {"step": 0, "tokens": 0, "seconds": 0.0, "valid_loss": None}


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Philharmonia of twelve instruments, each with overtones and noise of its own, eight pitches, two notes each."""
    root = tmp_path_factory.mktemp("sets")
    (root / "philharmonia" / "notes").mkdir(parents=True)
    generator = np.random.default_rng(0)
    time_s = np.arange(RATE_HZ // 4) / RATE_HZ
    with (root / "philharmonia" / "labels.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "instrument", "pitch", "length", "dynamic", "articulation", "seconds"])
        for number in range(12):
            overtones = generator.exponential(size=6)
            for step, pitch in enumerate(PITCHES):
                for length in ("1", "15"):
                    turns = 262 * 2 ** (step / 3.5) * time_s[:, None] * np.arange(1, 7)
                    sound = 0.05 * np.sin(2 * np.pi * turns) @ overtones
                    sound += 1e-4 * 1.9**number * generator.standard_normal(len(time_s))
                    name = f"notes/instrument {number}_{pitch}_{length}.wav"
                    soundfile.write(root / "philharmonia" / name, sound.astype(np.float32), RATE_HZ)
                    rows.writerow([name, f"instrument {number}", pitch, length, "forte", "normal", "0.25"])
    return root


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> AudioModel:
    config: Any = tiny_systems()["vit1d"]
    torch.manual_seed(0)
    _, trunk = parts_of(config)
    folder = tmp_path_factory.mktemp("models") / "tiny"
    about = {"name": "tiny", "licence": "CC0-1.0", "objective": {"kind": "contrastive"}, **reading_of(config)}
    save_network(config.network, config.recipe, about, trunk, folder, FACTS, "vit1d")
    return load_audio(folder, "cpu")


def test_a_whole_suite(
    tmp_path: Path, sets: Path, model: AudioModel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PARTIMENTO_DATA", str(sets))
    options = ("--suite", "audio", "--seeds", "2", "--threads", "1", "--cache", tmp_path / "cache")
    line = ["evaluate", model.weights.parent, *options, "--tasks", "instrument+esc10", "--results", tmp_path / "found"]
    with pytest.raises(SystemExit, match="1"):  # ESC-10 is not there
        main([*map(str, line), "--probe", "knn"])
    said = capsys.readouterr()
    assert "esc10" in said.err
    assert "| instrument | Philharmonia | 5 folds by pitch | accuracy |" in said.out
    lines = results.read(tmp_path / "found")
    assert (tmp_path / "found" / "audio.jsonl").is_file()
    names = ["majority class", "log-mel statistics", "MFCC statistics", "tiny, random weights", "tiny"]
    assert list(dict.fromkeys(r.system for r in lines if " − " not in r.system)) == names
    score = {r.system: r.metrics["accuracy"] for r in lines if r.split == "5 folds by pitch"}
    assert score["MFCC statistics"] > 0.25 > score["majority class"]
    assert {r.seed for r in lines} == {0, 1}
    assert not any(r.task == results.MEAN for r in lines)  # the split by chance is in no mean


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--tasks", "tempo"], "there are pitch, instrument"),
        (["--no-controls", "--tasks", "pitch"], "nothing to measure"),
    ],
)
def test_what_does_not_go(
    sets: Path,
    tmp_path: Path,
    options: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PARTIMENTO_DATA", str(sets))
    with pytest.raises(SystemExit, match=r"1|2"):
        main(["evaluate", "none", "--suite", "audio", *options, "--cache", str(tmp_path)])
    assert message in capsys.readouterr().err


def test_rows_of_a_model_are_not_mixed_up(sets: Path, model: AudioModel, tmp_path: Path) -> None:
    """Weights, seeds and poolings have vectors of their own in the store; what is read is what was computed."""
    path = next((sets / "philharmonia" / "notes").iterdir())
    examples = [Example(path, "", "")]
    other = load_audio(model.weights.parent, "cpu", pool="sequence")
    with VectorStore(tmp_path) as store:
        for _ in range(2):
            random = sound_systems.at_random_weights(model, store, ("knn",))
            for seed in (0, 1):
                assert random.vectors(examples, seed) == pytest.approx(random_like(model, seed).embed([path]), abs=1e-6)
            for some in (model, other):
                found = sound_systems.of_model(some, store, ("knn",)).vectors(examples, 0)
                assert found == pytest.approx(some.embed([path]), abs=1e-6)
        assert np.abs(model.embed([path]) - other.embed([path])).max() > 1e-3
    frames = FrameStore(tmp_path / "frames")
    for row, expected in (
        (sound_systems.frames_of_model(model, frames), model),
        (sound_systems.frames_at_random_weights(model, frames), random_like(model, 0)),
    ):
        for _ in range(2):
            assert row.frames(path, 0).vectors == pytest.approx(expected.frames(path).vectors, abs=1e-6)
