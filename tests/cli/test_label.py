"""A classifier made of a corpus and used on files, by the verbs a user calls; in this process, which is quicker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from in_process import Run
from labelled_music import CLASSES, piece, tiny_model

from partimento.corpus.store import Piece, write_corpus
from partimento.midi import write_midi


def test_a_classifier_of_a_corpus_labels_files(tmp_path: Path, partimento: Run) -> None:
    rows = []
    for number in range(24):
        side = "train" if number < 16 else "valid" if number < 20 else "test"
        labels, notes = {"register": CLASSES[number % 2], "split": side}, piece(number)
        rows.append(Piece(f"{number:02d}.mid", f"{number:064d}", notes.seconds, labels, notes))
    write_corpus(tmp_path / "corpus", rows)
    tiny_model(tmp_path / "base")
    settings = (
        "batch.length=120",
        "notes=20,30",
        "steps=40",
        "lr=3e-3",
        "validate_every=20",
        "bf16=false",
        "pool=mean",
    )
    finetune = ("finetune", "aria", tmp_path / "corpus", "-o", tmp_path / "run", "--model", tmp_path / "base")
    classes = ("--objective", "classes", "--label", "register", "--lora", "4")
    made = partimento(*finetune, *classes, "--set", *settings)
    best = Path(made.stdout.strip())
    assert best == tmp_path / "run" / "checkpoints" / "best"
    assert "register: 2 classes (high, low); 16 pieces to train on, 4 to choose on, 4 to test on" in made.stderr
    assert "test: accuracy 100.0%, macro F1 1.000" in made.stderr
    assert "parameters were trained" in made.stderr

    unheard = tmp_path / "unheard"
    unheard.mkdir()
    for number in (200, 201):
        write_midi(piece(number), unheard / f"{number}.mid")
    (unheard / "broken.mid").write_bytes(b"MThd not really")
    found = partimento("label", unheard, "-m", best, "--json", status=1)
    lines = [json.loads(line) for line in found.stdout.splitlines()]
    assert [line["class"] for line in lines] == ["high", "low"]
    assert [Path(line["path"]).name for line in lines] == ["200.mid", "201.mid"]
    for line in lines:
        assert line["probability"] == max(line["probabilities"].values()) > 0.5
        assert sum(line["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert "broken.mid" in found.stderr

    plain = partimento("label", unheard / "200.mid", "-m", best).stdout.split()
    assert plain[1:] == ["high", str(unheard / "200.mid")]
    assert float(plain[0]) == pytest.approx(lines[0]["probability"], abs=1e-4)
    error = partimento("label", unheard / "200.mid", "-m", tmp_path / "base", status=1).stderr
    assert error.startswith("partimento: base is a language model, not a classifier")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--objective", "classes"), "--objective classes needs --label"),
        (("--lora", "4"), "--label and --lora are for --objective classes"),
        (("--label", "composer"), "--label and --lora are for --objective classes"),
    ],
)
def test_options_that_do_not_go_together(args: tuple[str, ...], words: str, tmp_path: Path, partimento: Run) -> None:
    assert words in partimento("finetune", "aria", tmp_path, "-o", tmp_path / "run", *args, status=2).stderr
    assert not (tmp_path / "run").exists()


def test_the_model_must_be_named(tmp_path: Path, partimento: Run) -> None:
    assert "--model" in partimento("label", tmp_path, status=2).stderr
