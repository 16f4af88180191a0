"""`partimento evaluate --suite piano` as a user runs it, on a set of a few generated files and tiny models."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from partimento.cli import main
from partimento.configuration import to_plain
from partimento.midi import write_midi
from partimento.notes import from_ms
from partimento.tasks import results


def evaluate(*args: str | Path, data: Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PARTIMENTO_DATA": str(data), "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [sys.executable, "-m", "partimento", "evaluate", *map(str, args)],
        capture_output=True,
        text=True,
        timeout=240,
        env=environment,
    )
    assert run.returncode == status, f"{args}: exit {run.returncode}\n{run.stdout}\n{run.stderr}"
    return run


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an EMOPIA of 48 clips: the quadrant is in the pitch and in the speed."""
    root = tmp_path_factory.mktemp("sets")
    (root / "emopia" / "midis").mkdir(parents=True)
    generator = np.random.default_rng(0)
    sides = ("train", "train", "val", "test")
    with (root / "emopia" / "labels_splits.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "quadrant", "song_id", "split_midibert", "split_emopia_cls"])
        for number in range(48):
            quadrant, side = number % 4, sides[number // 4 % 4]
            onset = np.cumsum(generator.integers(80, 120, 30) * (1 + 3 * (quadrant % 2)))
            pitch = generator.integers(40, 52, 30) + 24 * (quadrant // 2)
            write_midi(
                from_ms(onset, np.full(30, 80), pitch, np.full(30, 70)), root / "emopia" / "midis" / f"{number}.mid"
            )
            midibert = side.replace("val", "valid")
            rows.writerow([f"{number}.mid", f"Q{quadrant + 1}", f"song {number // 4}", midibert, side])
    return root


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model and an embedding at random weights."""
    import torch

    from partimento.checkpoint import write_checkpoint
    from partimento.networks.decoder import Decoder, DecoderConfig
    from partimento.networks.transformer import TransformerConfig

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models")
    sizes = TransformerConfig(32, 2, 2, 64)
    for name, config in (
        ("language", DecoderConfig(sizes, vocabulary=2675, context=1024)),
        ("embedding", DecoderConfig(sizes, vocabulary=2675, context=1024, head="embedding", outputs=24)),
    ):
        network = Decoder(config)
        network.initialise()
        facts = {"system": "aria", "name": name, "network": to_plain(config), "trained": {"tokens": 1000}}
        write_checkpoint(folder / name, network.state_dict(), facts, f"# {name}\n")
    return folder


def test_a_whole_suite(tmp_path: Path, sets: Path, models: Path) -> None:
    common = ("--suite", "piano", "--seeds", "2", "--threads", "1")
    folders = ("--cache", tmp_path / "cache", "--results", tmp_path / "results")
    run = evaluate(
        models / "language",
        *common,
        *folders,
        "--embedding",
        models / "embedding",
        "--tasks",
        "emotion",
        "--layers",
        "1",
        data=sets,
    )
    lines = run.stdout.splitlines()
    heads = next(line for line in lines if line.startswith("| task |")).split(" | ")[4:]
    first = [tuple(head.removesuffix(" |").split("<br>")[:2]) for head in heads]
    assert first == [
        ("majority class, random vectors", "majority"),
        ("hand-crafted statistics", "logistic"),
        ("hand-crafted statistics", "forest"),
        ("hand-crafted statistics, whole file", "logistic"),
        ("hand-crafted statistics, whole file", "forest"),
        ("random weights, mean pool", "logistic"),
        ("language model, mean pool, layer 1 of 2", "logistic"),
        ("language model, last token, layer 1 of 2", "logistic"),
        ("language model, mean pool", "logistic"),
        ("language model, last token", "logistic"),
        ("contrastive embedding", "logistic"),
    ]
    for difference in (
        "contrastive embedding − language model, mean pool",
        "language model, mean pool − random weights, mean pool",
        "contrastive embedding − hand-crafted statistics",
        "contrastive embedding − hand-crafted statistics, whole file",
    ):
        assert any(line.startswith(f"- {difference}, logistic: ") for line in lines)
    kept = results.read(tmp_path / "results")
    by_row = {(r.system, r.probe, r.split): r for r in kept if r.task == "emotion"}
    assert by_row["majority class, random vectors", "majority", "MIDI-BERT"].metrics["accuracy"] == 0.25
    assert by_row["hand-crafted statistics", "forest", "EMOPIA_cls"].metrics["accuracy"] > 0.7
    assert by_row["contrastive embedding", "logistic", "MIDI-BERT"].about == {
        "model": "embedding",
        "parameters": 2675 * 32 + 2 * (4 * 32 * 32 + 3 * 32 * 64 + 4 * 32) + 2 * 32 + 24 * 32,
        "training_tokens": 1000,
        "most_notes": 1200,
        "seeds": 2,
    }
    printed = subprocess.run(
        [sys.executable, "-m", "partimento.tasks.results", tmp_path / "results"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed.strip() == run.stdout.strip()

    again = evaluate(
        *(models / "embedding", *common, *folders, "--base", models / "language"),
        *("--no-controls", "--probe", "knn", "paper", "--tasks", "emotion"),
        data=sets,
    )
    assert "random weights" not in again.stdout
    assert "contrastive embedding<br>paper<br>" in again.stdout


def test_a_missing_set_costs_its_tasks_alone(tmp_path: Path, sets: Path, models: Path) -> None:
    folders = ("--cache", tmp_path / "cache", "--results", tmp_path / "results")
    run = evaluate(
        *(models / "language", sets, "--suite", "piano", "--seeds", "1", "--no-controls", *folders),
        data=tmp_path,
        status=1,
    )
    assert "language model, mean pool" in run.stdout
    assert "pianist: " in run.stderr
    assert "unpack" in run.stderr
    assert "no embedding made of" in run.stderr


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        (("--suite", "notes"), 2, "needs a corpus"),
        (("--suite", "piano", "--tasks", "colour"), 2, "--tasks colour: there are emotion"),
        (("--suite", "piano", "--most-notes", "100"), 2, "a window has 300"),
        (("--suite", "piano", "--seeds", "0"), 2, "--seeds 0"),
        (("--suite", "piano", "--base", "piano-small"), 2, "language is a language model"),
        ((".", "--suite", "piano"), 1, "no task can be made from"),
    ],
)
def test_what_cannot_be_done_is_said(
    args: tuple[str, ...],
    status: int,
    words: str,
    tmp_path: Path,
    sets: Path,
    models: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PARTIMENTO_DATA", str(sets))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", str(models / "language"), *args])
    assert stopped.value.code == status
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
