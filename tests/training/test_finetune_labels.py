"""An encoder that learns to label notes and sequences, and what it then says."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from interrupted import assert_same_end, stopping
from tiny_words import encoder_config, loud, random_words, rows_of

from partimento.checkpoint import read_config, read_state
from partimento.configuration import from_plain
from partimento.networks.labeller import Labeller, LabellerConfig, Unit
from partimento.networks.labelling import predict
from partimento.networks.packed import FILLER
from partimento.objectives.labelled import NO_LABEL
from partimento.overrides import override
from partimento.systems.musicbert import LABELS, LabelsConfig, labels_paper, labels_small
from partimento.tokens.compound import COMPOUND
from partimento.tokens.octuple import BAR, INSTRUMENT, OCTUPLE, PITCH, VELOCITY
from partimento.training import labels as labels_module
from partimento.training.distributed import World
from partimento.training.labels import LabelledBatches, LabelledSequences, finetune_labels, in_steps

ALONE = World(0, 1, torch.device("cpu"))
SETTINGS = (
    *("rows=4", "micro_rows=2", "length=60", "warmup=3", "optimizer.lr=1e-2", "matrix_lr=1e-2", "bf16=false"),
    *("epochs=6", "validations=3", "hidden=0.1"),
)
DRUMS = 128


def config(*settings: str) -> LabelsConfig:
    return override(override(labels_small(), SETTINGS), settings)


def words_of(number: int) -> np.ndarray:
    """10 to 19 octuples, some of them drums where the number is odd."""
    words = random_words(number, 10 + number % 10)
    if number % 2:
        words[number % 3 :: 3, INSTRUMENT] = DRUMS
    words[:, PITCH] %= 128
    return words


def sequences(unit: Unit, count: int = 60) -> LabelledSequences:
    """Is a note loud, is it low; are there drums in a sequence."""
    words = [words_of(number) for number in range(count)]
    if unit == "note":
        labels = [np.stack([w[:, VELOCITY] >= 16, w[:, INSTRUMENT] == 0], axis=-1).astype(np.int64) for w in words]
    else:
        labels = [np.array([number % 2]) for number in range(count)]
    return LabelledSequences(words, labels, list(range(0, count - 10)), list(range(count - 10, count)))


def network(unit: Unit, dropout: float = 0.0) -> Labeller:
    torch.manual_seed(0)
    classes = (2, 2) if unit == "note" else (2,)
    labeller = Labeller(LabellerConfig(encoder_config(dropout=dropout), unit, classes, hidden=16, weighing=8))
    labeller.initialise()
    return labeller


@pytest.mark.parametrize("unit", ["note", "sequence"])
def test_a_task_is_learned(unit: Unit, tmp_path: Path) -> None:
    data = sequences(unit, 100)
    many = config("epochs=12", "validations=4", "optimizer.lr=2e-2", "matrix_lr=2e-2", "hidden=0.05")
    state = finetune_labels(network(unit), many, data, tmp_path / "run", ALONE, {"name": "tiny"})
    best = tmp_path / "run" / "checkpoints" / "best"
    facts = read_config(best)
    trained = Labeller(from_plain(LabellerConfig, facts["network"]))
    trained.load_state_dict(read_state(best))
    unheard = range(100, 140)
    right = []
    for number, found in zip(unheard, predict(trained, [words_of(n) for n in unheard]), strict=True):
        words = words_of(number)
        if unit == "note":
            right += (found[0].argmax(-1) == (words[:, VELOCITY] >= 16)).tolist()
            right += (found[1].argmax(-1) == (words[:, INSTRUMENT] == 0)).tolist()
        else:
            right.append(found[0].argmax() == number % 2)
    assert np.mean(right) > 0.95
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    valid = {line["step"]: line["valid_loss"] for line in lines if "valid_loss" in line}
    assert facts["trained"]["step"] == min(valid, key=valid.__getitem__)
    assert state.best == min(valid.values())
    assert facts["objective"]["kind"] == "labels"
    assert facts["objective"]["hidden"] == 0.05
    card = (best / "README.md").read_text()
    assert f"A labeller of {unit}s (system `musicbert`" in card
    assert "trained on labels." in card


@pytest.mark.parametrize("unit", ["note", "sequence"])
def test_a_run_that_was_stopped_goes_on_as_if_nothing_had_happened(
    unit: Unit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, few = sequences(unit, 30), config("epochs=2", "validations=2", "dropout=0.2", "hidden=0.3")
    steps = finetune_labels(network(unit, 0.3), few, data, tmp_path / "whole", ALONE, {}).step
    assert steps > 2
    monkeypatch.setattr(labels_module, "labelled", stopping(labels_module.labelled, call=3))
    assert finetune_labels(network(unit, 0.3), few, data, tmp_path / "parts", ALONE, {}).step == 2
    monkeypatch.undo()
    assert finetune_labels(network(unit, 0.3), few, data, tmp_path / "parts", ALONE, {}).step == steps
    assert_same_end(tmp_path / "whole", tmp_path / "parts")
    other = replace(data, labels=[1 - label for label in data.labels])
    with pytest.raises(ValueError, match=r"sequences.train.sha256 was"):
        finetune_labels(network(unit, 0.3), few, other, tmp_path / "parts", ALONE, {})
    with pytest.raises(ValueError, match=r"objective.hidden was 0.3 and is 0.0"):
        finetune_labels(network(unit, 0.3), override(few, ["hidden=0"]), data, tmp_path / "parts", ALONE, {})


@torch.no_grad()
@pytest.mark.parametrize("unit", ["note", "sequence"])
def test_predictions_are_those_of_the_network_on_one_sequence(unit: Unit) -> None:
    labeller = network(unit)
    loud(labeller)
    words = [words_of(number) for number in (3, 9, 0, 5, 9, 1)]
    for word in words:
        word[:, BAR] -= word[:, BAR].min()  # as they are read
    found = predict(labeller.train(), words, batch_words=40, bf16=False)
    assert not labeller.training
    for sequence, heads in zip(words, found, strict=True):
        alone = rows_of([sequence], length=len(sequence))
        for logits, log_p in zip(labeller(alone.words, alone.documents), heads, strict=True):
            expected = logits.log_softmax(-1).numpy()
            assert log_p.shape == ((len(sequence), 2) if unit == "note" else (2,))
            np.testing.assert_allclose(log_p, expected if unit == "note" else expected[0], atol=2e-4)
    assert abs(found[0][0] - found[1][0][: len(found[0][0])]).max() > 1e-3
    later = [word + np.eye(len(OCTUPLE), dtype=np.int32)[BAR] * 900 for word in words]
    for heads, moved in zip(found, predict(labeller, later, bf16=False), strict=True):
        np.testing.assert_allclose(heads[0], moved[0], atol=2e-4)  # bars are counted from the first
    assert predict(labeller, []) == []


def test_every_epoch_has_all_sequences_once_in_another_order_transposed_anew() -> None:
    data = sequences("note", 30)
    batches, drawn, bars = LabelledBatches(data, OCTUPLE, config()), [], set()
    known = {words[:, VELOCITY].tobytes(): number for number, words in enumerate(data.words)}
    moves: dict[int, set[int]] = {}
    while batches.drawn < 40:
        rows = batches.rows(1)
        assert rows.words.shape == (1, 60, 8)
        for document in range(int(rows.documents.max()) + 1):
            here = rows.documents[0] == document
            words = rows.words[0, here].numpy()
            number = known[words[:, VELOCITY].astype(np.int32).tobytes()]
            drawn.append(number)
            np.testing.assert_array_equal(rows.labels[0, here], data.labels[number])
            bars.add(int(words[0, BAR]))
            moves.setdefault(number, set()).add(int(words[0, PITCH]) - int(data.words[number][0, PITCH]))
        filled = rows.documents == FILLER
        assert (rows.labels[filled] == NO_LABEL).all()
        assert filled.sum() < 19  # a row is as full as it gets
    assert Counter(drawn[:20]) == Counter(data.train)
    assert len(set(drawn[20:40])) == 20
    assert drawn[:20] != drawn[20:40]
    assert len(bars) > 10
    assert any(len(found) == 2 for found in moves.values())
    again = LabelledBatches(data, OCTUPLE, config())
    again.restore(batches.state())
    assert torch.equal(again.rows(3).words, batches.rows(3).words)


def test_validation_rows_are_the_sequences_as_they_are() -> None:
    data = sequences("sequence", 30)
    rows = LabelledBatches(data, OCTUPLE, config("semitones=12")).fixed_rows(data.valid)
    found = [
        rows.words[row, rows.documents[row] == number].numpy()
        for row in range(len(rows))
        for number in range(int(rows.documents[row].max()) + 1)
    ]
    assert len(found) == 10
    for number, words in zip(data.valid, found, strict=True):
        np.testing.assert_array_equal(words[:, 1:], data.words[number][:, 1:])
    assert len(rows) < 5


def test_compound_words_are_transposed_among_their_ids() -> None:
    words = [random_words(number, 12, COMPOUND) for number in range(6)]
    data = LabelledSequences(words, [np.array([0])] * 6, [0, 1, 2, 3, 4], [5])
    rows = LabelledBatches(data, COMPOUND, config("semitones=30")).rows(20)
    real = rows.words[rows.documents != FILLER]
    assert (real < torch.tensor(COMPOUND.sizes)).all()


def test_steps_follow_from_the_epochs() -> None:
    recipe = in_steps(config("epochs=6", "validations=3"), rows=10)
    assert recipe.schedule.steps == 15
    assert recipe.schedule.warmup == 1  # a tenth at most
    assert (recipe.watch.validate_every, recipe.watch.save_every, recipe.watch.sample_every) == (5, 5, 0)
    assert in_steps(config("epochs=0.01"), rows=10).schedule.steps == 1
    assert in_steps(labels_paper(), rows=2400).schedule.steps == 2000


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    data = sequences("note", 20)
    for side in ("train", "valid"):
        with pytest.raises(ValueError, match=f"no sequence to {side} on"):
            replace(data, **{side: []})
    with pytest.raises(ValueError, match=r"have 16 words, and a row holds 15; cut them, or raise batch.length"):
        finetune_labels(network("note"), config("length=15"), data, tmp_path / "run", ALONE, {})
    assert not (tmp_path / "run").exists()
    for setting, words in (("hidden=1.0", "hidden is 1.0"), ("epochs=0", "epochs 0.0"), ("validations=0", "must be")):
        with pytest.raises(ValueError, match=words):
            config(setting)


def test_the_presets() -> None:
    assert set(LABELS) == {"small", "paper"}
    paper = LABELS["paper"]()
    assert paper.hidden == 0.12
    assert (paper.recipe.optimizer.lr, paper.recipe.optimizer.clip_norm, paper.recipe.batch.rows) == (2e-5, 3.0, 12)
