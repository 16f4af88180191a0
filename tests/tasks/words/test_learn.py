"""Tasks of labelled words learned fold by fold, seed by seed, and read back."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_words import encoder_config, random_words

from partimento.checkpoint import read_config, read_state, write_checkpoint
from partimento.configuration import to_plain
from partimento.networks.encoder import Encoder
from partimento.networks.labeller import Labeller, LabellerConfig, Unit
from partimento.networks.labelling import predict
from partimento.overrides import override
from partimento.systems.musicbert import labels_small
from partimento.tasks.task import Fold
from partimento.tasks.words.learn import Job, Learner, learn, learn_all
from partimento.tasks.words.task import WordsTask
from partimento.tokens.octuple import OCTUPLE, VELOCITY
from partimento.training import labels as labels_module

SETTINGS = (
    *("rows=2", "micro_rows=2", "length=60", "warmup=1", "optimizer.lr=1e-2", "matrix_lr=1e-2", "bf16=false"),
    *("epochs=3", "validations=2", "hidden=0.1"),
)
CONFIG = override(labels_small(), SETTINGS)
LEARNER = Learner("tiny", encoder_config(), CONFIG)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def task(unit: Unit = "note", name: str = "loud", classes: int = 2) -> WordsTask:
    """How loud a note is, or the first note of a sequence."""
    words = tuple(random_words(number, 8 + number % 5) for number in range(16))
    labels = tuple((w[:, VELOCITY] * classes // 32).astype(np.int64) for w in words)
    if unit == "sequence":
        labels = tuple(label[0] for label in labels)
    songs = tuple(f"{number:02d}" for number in range(16))
    sides = (np.arange(10), np.arange(10, 13), np.arange(13, 16))
    folds = tuple(Fold(str(k), *((side + 3 * k) % 16 for side in sides)) for k in range(2))
    rest = {"songs": songs, "pieces": songs, "folds": folds, "tier": "open"}
    return WordsTask(name, "made up", "", "", unit, ("a",) * classes, OCTUPLE, words, labels, **rest)  # type: ignore[arg-type]


def test_predictions_are_those_of_the_best_checkpoint_and_are_kept(tmp_path: Path) -> None:
    tasks = [task(), task(name="louder", classes=3)]
    found = learn(tasks, LEARNER, Job(1, 5), tmp_path)
    place = tmp_path / "fold-1-seed-5"
    best = place / "checkpoints" / "best"
    facts = read_config(best)
    assert (facts["name"], facts["data"], facts["licence"]) == ("tiny", "made up", "open")
    assert facts["recipe"]["seed"] == 5
    assert "base" not in facts
    network = Labeller(LabellerConfig(encoder_config(), "note", (2, 3), dropout=CONFIG.dropout))
    network.load_state_dict(read_state(best))
    test = tasks[0].folds[1].test
    expected = predict(network, [tasks[0].words[i] for i in test])
    assert len(found.tests) == 2
    for head, parts in enumerate(found.tests):
        assert [part.shape for part in parts] == [(len(tasks[0].words[i]), 2 + head) for i in test]
        for part, heads in zip(parts, expected, strict=True):
            np.testing.assert_allclose(part, heads[head], rtol=2e-3, atol=1e-3)  # kept as float16
    shutil.rmtree(place)
    again = learn(tasks, LEARNER, Job(1, 5), tmp_path)
    assert not place.exists()  # it was read back
    for one, other in zip(found.tests, again.tests, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_every_seed_of_every_fold(tmp_path: Path) -> None:
    sequence = task("sequence")
    found = learn_all([sequence], LEARNER, 2, tmp_path)
    assert [len(seed) for seed in found] == [2, 2]
    kept = sorted(path.name for path in tmp_path.glob("*.npz"))
    assert kept == [f"fold-{k}-seed-{s}.npz" for k in range(2) for s in range(2)]
    for seed in found:
        for predicted in seed:
            assert [part.shape for part in predicted.tests[0]] == [(2,)] * 3
            np.testing.assert_allclose(np.exp(predicted.tests[0]).sum(-1), 1, atol=2e-3)
    first, second = (found[seed][0].tests[0] for seed in range(2))
    assert not np.array_equal(first, second)
    shutil.rmtree(tmp_path)
    again = learn_all([sequence], LEARNER, 1, tmp_path)
    np.testing.assert_array_equal(again[0][0].tests[0], first)  # the seed decides


def test_a_base_is_begun_from_and_may_be_frozen(tmp_path: Path) -> None:
    torch.manual_seed(3)
    base = Encoder(encoder_config())
    base.initialise()
    about = {"system": "musicbert", "network": to_plain(base.config)}
    write_checkpoint(tmp_path / "base", base.state_dict(), about, "#")
    learner = replace(LEARNER, base=tmp_path / "base", checkpoint="abc", frozen=True)
    learn([task()], learner, Job(0, 0), tmp_path / "frozen")
    best = tmp_path / "frozen" / "fold-0-seed-0" / "checkpoints" / "best"
    assert read_config(best)["base"]["hash"] == "abc"
    assert "trained on labels from" in (best / "README.md").read_text()
    state = read_state(best)
    for name, value in base.state_dict().items():
        assert torch.equal(state[f"encoder.{name}"], value), name
    learn([task()], replace(learner, frozen=False), Job(0, 0), tmp_path / "free")
    state = read_state(tmp_path / "free" / "fold-0-seed-0" / "checkpoints" / "best")
    moved = (state["encoder.embedding.weight"] - base.embedding.weight).abs().max()
    assert 0 < moved < 1  # trained, from there


def test_a_recurrent_network_learns_too(tmp_path: Path) -> None:
    found = learn([task("sequence")], replace(LEARNER, bilstm=True), Job(0, 0), tmp_path)
    assert [part.shape for part in found.tests[0]] == [(2,)] * 3


def test_a_run_that_was_stopped_is_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = learn([task()], LEARNER, Job(0, 0), tmp_path / "whole")
    objective = labels_module.labelled

    def interrupted(network: Labeller, *args: object, **kwargs: object) -> object:
        if network.training:
            signal.raise_signal(signal.SIGTERM)
        return objective(network, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(labels_module, "labelled", interrupted)
    with pytest.raises(InterruptedError, match="was stopped after step 1; the same command goes on"):
        learn([task()], LEARNER, Job(0, 0), tmp_path / "parts")
    monkeypatch.undo()
    assert not list((tmp_path / "parts").glob("*.npz"))
    parts = learn([task()], LEARNER, Job(0, 0), tmp_path / "parts")
    for one, other in zip(whole.tests[0], parts.tests[0], strict=True):
        np.testing.assert_array_equal(one, other)


def test_tasks_of_other_words_are_learned_each_on_its_own(tmp_path: Path) -> None:
    first = task()
    others = [
        replace(first, words=(*first.words[:-1], first.words[-1][::-1])),
        replace(first, folds=first.folds[::-1]),
        task("sequence"),
    ]
    fold = first.folds[0]
    others.append(replace(first, folds=(Fold("0", fold.valid, fold.train, fold.test), first.folds[1])))
    for other in others:
        with pytest.raises(ValueError, match="have not the same words and folds; learn each on its own"):
            learn([first, other], LEARNER, Job(0, 0), tmp_path)
    assert not list(tmp_path.iterdir())
