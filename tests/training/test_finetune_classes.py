from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from labelled_music import CLASSES, piece, tiny_model

from partimento.networks.lora import OneRowEmbedding
from partimento.objectives.classification import classification
from partimento.overrides import override
from partimento.piano_model import PianoModel, load_piano
from partimento.systems.aria import ClassesConfig, classes_paper, classes_small
from partimento.tasks.classify import class_probabilities
from partimento.training.classification import (
    LabelledPieces,
    SliceBatches,
    classifier_of,
    finetune_classes,
    validation_slices,
)
from partimento.training.distributed import World

ALONE = World(0, 1, torch.device("cpu"))
SETTINGS = (
    *("batch.length=120", "notes=20,30", "steps=24", "validate_every=8", "save_every=0", "bf16=false"),
    "probe_slices=0",
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> PianoModel:
    return tiny_model(tmp_path_factory.mktemp("models") / "tiny")


def pieces(**changes: Any) -> LabelledPieces:
    found = LabelledPieces(
        "register", CLASSES, np.arange(20) % 2, list(range(12)), list(range(12, 20)), piece, [f"{i}" for i in range(20)]
    )
    return replace(found, **changes)


def config(*settings: str) -> ClassesConfig:
    return override(override(classes_small(), SETTINGS), settings)


def run(base: PianoModel, folder: Path, *settings: str) -> PianoModel:
    finetune_classes(base, config(*settings), pieces(), folder, ALONE, {"name": "registers"})
    return load_piano(folder / "checkpoints" / "best", "cpu")


@pytest.mark.parametrize(
    ("settings", "least"),
    [
        (("lr=3e-3",), 0.95),
        (("lr=3e-3", "lora=4", "pool=mean", "steps=40"), 0.95),
        (("lr=1e-6", "lora=1", "pool=mean", "steps=2", "probe_slices=120"), 0.8),  # by the head that is fitted first
    ],
)
def test_it_learns_what_can_be_heard(base: PianoModel, tmp_path: Path, settings: tuple[str, ...], least: float) -> None:
    classifier = run(base, tmp_path / "run", *settings)
    unheard = range(100, 120)
    found = class_probabilities(classifier, map(piece, unheard))
    assert (found.argmax(1) == np.arange(20) % 2).mean() >= least
    assert classifier.config["classes"] == list(CLASSES)
    assert classifier.config["label"] == "register"
    assert classifier.config["base"] == {"name": "tiny", "hash": base.hash}
    every = sum(parameter.numel() for parameter in classifier.network.parameters())
    trained = classifier.config["trained_parameters"]
    assert trained == every if settings == ("lr=3e-3",) else 0 < trained < every / 10
    assert "classifier" in (tmp_path / "run" / "checkpoints" / "best" / "README.md").read_text()


def test_the_checkpoint_is_that_of_the_lowest_validation_loss(base: PianoModel, tmp_path: Path) -> None:
    # a rate at which it learns and then falls apart
    classifier = run(base, tmp_path / "run", "lr=3e-2", "final=1.0", "steps=40", "validate_every=4", "clip_norm=0")
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    losses = {line["step"]: line["valid_loss"] for line in lines if "valid_loss" in line}
    best = min(losses, key=losses.__getitem__)
    assert classifier.config["trained"]["step"] == best
    assert len(losses) == 10
    validation = validation_slices(pieces(), base.tokenizer, config())
    with torch.no_grad():
        assert float(classification(classifier.network, validation)[0]) == pytest.approx(losses[best], rel=1e-4)


def test_a_run_that_was_stopped_goes_on_as_if_nothing_had_happened(base: PianoModel, tmp_path: Path) -> None:
    settings = ("lora=2", "save_every=6", "dropout=0.1", "decay_from=1.0")
    whole = run(base, tmp_path / "whole", *settings, "steps=12")
    run(base, tmp_path / "parts", *settings, "steps=6")
    parts = run(base, tmp_path / "parts", *settings, "steps=12")
    for name, value in whole.network.state_dict().items():
        torch.testing.assert_close(parts.network.state_dict()[name], value, msg=name)
    with pytest.raises(ValueError, match="lora was 2 and is 4"):
        run(base, tmp_path / "parts", *settings[1:], "steps=12", "lora=4")
    other = pieces(labels=1 - np.arange(20) % 2)
    with pytest.raises(ValueError, match="sha256"):
        finetune_classes(base, config(*settings, "steps=12"), other, tmp_path / "parts", ALONE, {"name": "registers"})


def test_the_row_of_the_end_is_new_for_a_language_model_alone(base: PianoModel, tmp_path: Path) -> None:
    end = base.tokenizer.vocabulary.end
    embedding = tiny_model(tmp_path / "embedding", head="embedding", outputs=8)
    for model, is_new in ((base, True), (embedding, False)):
        network = classifier_of(model, classes_paper(), 3)
        old, new = model.network.embedding.weight, network.embedding.weight
        same = (old == new).all(1)
        assert bool(same[end]) != is_new
        assert same.sum() == len(same) - is_new
        assert network.head.weight.shape == (3, 32)
        assert [block.dropout for block in network.transformer.blocks] == [0.0, 0.2]
        assert model.network.config.head != "classes"
    adapted = classifier_of(embedding, override(classes_paper(), ["lora=2"]), 3)
    assert isinstance(adapted.embedding, OneRowEmbedding)
    assert torch.equal(adapted.embedding.row, embedding.network.embedding.weight[end])


def test_every_epoch_has_one_new_slice_of_each_piece(base: PianoModel) -> None:
    batches = SliceBatches(pieces(), base.tokenizer, config("augment=0.5"))
    epochs = [batches.rows(12) for _ in range(2)]
    assert batches.state() == {"drawn": 24}
    for epoch in epochs:
        assert sorted(epoch.labels.tolist()) == [0] * 6 + [1] * 6
        assert epoch.counts.tolist() == [1] * 12
        assert epoch.lengths.max() <= 120
        last = epoch.ids[torch.arange(12), epoch.lengths - 1]
        assert (last == base.tokenizer.vocabulary.end).all()
    assert not torch.equal(epochs[0].lengths, epochs[1].lengths)
    again = SliceBatches(pieces(), base.tokenizer, config("augment=0.5"))
    again.restore({"drawn": 12})
    assert torch.equal(again.rows(12).ids, epochs[1].ids)


def test_validation_reads_windows_spread_over_a_piece(base: PianoModel) -> None:
    long = pieces(notes_of=lambda number: piece(number, 700))
    assert validation_slices(long, base.tokenizer, config("windows=0")).counts.tolist() == [3] * 8
    some = validation_slices(long, base.tokenizer, config("windows=2", "validate_rows=3"))
    assert some.counts.tolist() == [2] * 3
    assert some.labels.tolist() == [0, 1, 1]  # pieces 12, 15 and 19
    every = validation_slices(long, base.tokenizer, config("windows=0", "validate_rows=0"))
    assert torch.equal(some.ids[0], every.ids[0, : some.ids.shape[1]])
    assert int(some.lengths[1]) == int(every.lengths[2])  # the first window of the first piece, then its last


def test_what_cannot_be_is_refused(base: PianoModel, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"batch\.length 1024 is over the 256 positions of"):
        finetune_classes(base, classes_small(), pieces(), tmp_path / "run", ALONE, {})
    with pytest.raises(ValueError, match="1 classes of 'register'"):
        pieces(labels=np.zeros(20, np.int64))
    with pytest.raises(ValueError, match="choose the checkpoint"):
        pieces(valid=[])
    for setting in ("notes=30,20", "dropout=1.0", "lora=-1", "windows=-1", "probe_slices=-1"):
        with pytest.raises(ValueError, match=setting.partition("=")[0]):
            config(setting)
