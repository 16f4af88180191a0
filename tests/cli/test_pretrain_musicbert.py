"""`partimento pretrain musicbert`, run as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny_words import corpus_of, song, thirds

from partimento.checkpoint import read_config
from partimento.cli import main
from partimento.overrides import override
from partimento.systems.musicbert import PRESETS, small

SETTINGS = (
    *("width=32", "heads=2", "layers=2", "feedforward=48", "field_width=16", "steps=6", "warmup=2", "batch.rows=4"),
    *("micro_rows=2", "length=64", "validate_every=3", "validate_rows=4", "log_every=1", "masking.units=bar,random"),
    *("masking.share=0.4", 'unknown=[["velocity",0.5]]', "bf16=false"),
)

Partimento = Callable[..., tuple[str, str]]


@pytest.fixture
def partimento(capsys: pytest.CaptureFixture[str]) -> Partimento:
    """Runs a verb in this process, which is quicker; its exit status must be the one that is expected."""

    def run(*args: str | Path, status: int = 0) -> tuple[str, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(arg) for arg in args])
        out, err = capsys.readouterr()
        assert ended.value.code == status, (out, err)
        return out, err

    return run


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corpus_of(tmp_path_factory.mktemp("made") / "songs", [song(n) for n in range(6)], thirds).folder


def test_a_run_from_a_corpus_to_a_checkpoint(corpus: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "partimento", "pretrain", "musicbert", str(corpus), "-o", "run"]
    about = ["--threads", "1", "--name", "little", "--licence", "CC0-1.0", "--device", "cpu"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, *about, "--set", *SETTINGS], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{Path('run') / 'checkpoints' / 'best'}\n"
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == [1, 2, 3, 4, 5, 6]
    config = read_config(tmp_path / "run" / "checkpoints" / "best")
    assert (config["system"], config["name"], config["data"], config["licence"]) == (
        *("musicbert", "little", "songs", "CC0-1.0"),
    )
    assert config["objective"]["units"] == ["bar", "random"]
    assert config["objective"]["unknown"] == [["velocity", 0.5]]
    assert (tmp_path / "run" / "checkpoints" / "last" / "README.md").read_text().count("# little") == 1
    with pytest.raises(SystemExit) as ended:  # the same command has nothing left to do
        main(["pretrain", "musicbert", str(corpus), "-o", str(tmp_path / "run"), *about, "--set", *SETTINGS])
    assert ended.value.code == 0
    assert len((tmp_path / "run" / "log.jsonl").read_text().splitlines()) == len(lines)


def test_an_unknown_preset_is_wrong_usage(corpus: Path, tmp_path: Path, partimento: Partimento) -> None:
    pretrain = ("pretrain", "musicbert", corpus, "-o", tmp_path / "run")
    _, error = partimento(*pretrain, "--preset", "huge", status=2)
    assert f"musicbert has no preset 'huge'; it has {', '.join(PRESETS)}" in error
    _, error = partimento("pretrain", "aria", *pretrain[2:], "--preset", "paper-tiny", status=2)
    assert "aria has no preset 'paper-tiny'; it has" in error
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("length=2048", "batch.length 2048 is over the context 1024"),
        ("masking.units=bars", "masking.units[0] is 'bars'; it must be one of 'random', 'octuple', 'bar'"),
        ("unknown=velocity", "masking.unknown is '[velocity]'; it must be a list"),
        ("masking.shar=1", "did you mean 'masking.share'?"),
        ("batch.rows=5", "batch.rows 5 must be a multiple of batch.micro_rows 2"),
    ],
)
def test_settings_that_do_not_fit(
    setting: str, message: str, corpus: Path, tmp_path: Path, partimento: Partimento
) -> None:
    rest = [given for given in SETTINGS if given.partition("=")[0] != setting.partition("=")[0]]
    _, error = partimento("pretrain", "musicbert", corpus, "-o", tmp_path / "run", "--set", *rest, setting, status=1)
    assert message in " ".join(error.split())
    assert not (tmp_path / "run").exists()


def test_a_corpus_with_an_empty_side(tmp_path: Path, partimento: Partimento) -> None:
    threads = torch.get_num_threads()
    corpus = corpus_of(tmp_path / "corpus", [song(0)], lambda _: {"split": "train"}).folder
    pretrain = ("pretrain", "musicbert", corpus, "-o", tmp_path / "run", "--device", "cpu")
    _, error = partimento(*pretrain, "--set", *SETTINGS, status=1)
    assert "has no piece to validate on; label pieces split=train and split=valid" in " ".join(error.split())
    assert torch.get_num_threads() == threads


def test_tuples_of_words_and_of_pairs_are_read() -> None:
    assert override(small(), ["units=octuple"]).masking.units == ("octuple",)
    for text in ("bar, random", '["bar", "random"]', "(bar,random)"):
        assert override(small(), [f"units={text}"]).masking.units == ("bar", "random")
    assert override(small(), ["unknown=[]"]).masking.unknown == ()
    pairs = override(small(), ['unknown=[["velocity", 0.5], ["tempo", 1]]']).masking.unknown
    assert pairs == (("velocity", 0.5), ("tempo", 1.0))
    with pytest.raises(ValueError, match="units is empty"):
        override(small(), ["units=[]"])
    with pytest.raises(ValueError, match=r"masking.units: random or octuple or bar or bar_instrument,\.\.\.\n"):
        override(small(), ["no such setting=1"])
