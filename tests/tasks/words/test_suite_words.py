"""A suite of toy tasks of labelled words: the lines of every seed, votes, baselines, and what a second run does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_notes_models import tiny_encoder, tiny_labeller, tiny_roberta
from tiny_words import encoder_config, random_words

from partimento.cli.understanding_suite import measure_understanding
from partimento.networks.labeller import Unit
from partimento.notes_model import load_notes
from partimento.overrides import override
from partimento.systems.musicbert import labels_small
from partimento.tasks import results
from partimento.tasks.results import suite_tables
from partimento.tasks.task import Fold
from partimento.tasks.words import builders
from partimento.tasks.words import learn as learn_module
from partimento.tasks.words.learn import Learner, learn_all
from partimento.tasks.words.learners import NAMES, learners
from partimento.tasks.words.note_metrics import votes
from partimento.tasks.words.suite import Plan, baselines, place_of, run
from partimento.tasks.words.task import WordsTask
from partimento.tokens.octuple import OCTUPLE, PITCH, VELOCITY

SETTINGS = (
    *("rows=2", "micro_rows=2", "length=60", "warmup=1", "optimizer.lr=1e-2", "matrix_lr=1e-2", "bf16=false"),
    *("epochs=2", "validations=1", "hidden=0.1"),
)
LEARNER = Learner("tiny one", encoder_config(), override(labels_small(), SETTINGS), checkpoint="abc")
CLASSES = {"melody": ("vocal", "bridge", "accompaniment"), "velocity": tuple(f"{n}" for n in range(4))}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def task(name: str = "melody", unit: Unit = "note", folds: int = 1) -> WordsTask:
    """20 sequences of 10 pieces; the label is in the pitch, or in the velocity, of a note or of the first one."""
    column = VELOCITY if name == "velocity" else PITCH
    classes = CLASSES.get(name, ("low", "high"))
    words = tuple(random_words(number, 6 + number % 5) for number in range(20))
    labels = tuple((w[:, column] * len(classes) // OCTUPLE.sizes[column]).astype(np.int64) for w in words)
    if unit == "sequence":
        labels = tuple(label[0] for label in labels)
    pieces = tuple(f"{number // 2:02d}" for number in range(20))
    sides = (np.arange(12), np.arange(12, 14), np.arange(14, 20))
    each = tuple(Fold(str(k), *((side + 6 * k) % 20 for side in sides)) for k in range(folds))
    return WordsTask(
        *(name, "toys", "by hand", "sorted", unit, classes, OCTUPLE, words, labels, pieces, pieces, each, "open"),
        note="made up",
        paper={"others": "50.0"},
    )


def accuracy(task: WordsTask, predicted: list[np.ndarray], test: np.ndarray) -> float:
    right = [np.atleast_1d(guess == task.labels[i]) for i, guess in zip(test, predicted, strict=True)]
    return float(np.concatenate(right).mean())


def test_a_group_is_learned_by_one_network_and_every_seed_has_a_line(tmp_path: Path) -> None:
    group, plan = [task("melody"), task("velocity")], Plan(tmp_path / "runs", tmp_path / "results", seeds=2)
    lines = run(plan, [group], [LEARNER])
    assert [(line.task, line.seed) for line in lines] == [(t, s) for t in ("melody", "velocity") for s in range(2)]
    place = tmp_path / "runs" / "melody+velocity-toys-by_hand-sorted"
    folder = place / "tiny-one"
    assert {path.name for path in folder.iterdir() if path.is_dir()} == {"fold-0-seed-0", "fold-0-seed-1"}
    predicted = learn_all(group, LEARNER, 2, folder)
    for head, one in enumerate(group):
        for seed, line in enumerate(lines[2 * head : 2 * head + 2]):
            guess = [each.argmax(-1) for each in predicted[seed][0].tests[head]]
            assert line.metrics["accuracy"] == pytest.approx(accuracy(one, guess, one.folds[0].test))
    first = lines[0]
    assert (first.system, first.checkpoint, first.probe, first.main) == ("tiny one", "abc", "fine-tuned", "accuracy")
    assert (first.suite, first.data, first.split) == ("understanding", "toys", "by hand, sorted")
    assert (first.note, first.paper, first.about) == ("made up", {"others": "50.0"}, {"seeds": 2})
    assert {"macro_f1", "two_class", "two_class_bridge_as_accompaniment"} <= set(first.metrics)
    assert {"within_one", "kendall_tau_in_song"} <= set(lines[2].metrics)
    for line in lines:
        of_task = [other for other in lines if other.task == line.task]
        for name in (name for name in line.metrics if not name.endswith(("_low", "_high"))):
            low, high = (line.metrics[f"{name}_{end}"] for end in ("low", "high"))
            assert low <= np.mean([other.metrics[name] for other in of_task]) <= high
    assert first.metrics["accuracy_low"] < first.metrics["accuracy_high"]
    assert results.read(tmp_path / "results") == lines
    sides = json.loads((place / "folds.json").read_text())
    assert sides["folds"][0]["test"] == ["07", "08", "09"]
    table = suite_tables(lines)
    mean = 100 * np.mean([line.metrics["accuracy"] for line in lines[:2]])
    assert "| melody | toys | by hand, sorted | accuracy |" in table
    assert f"{mean:.1f} [" in table


def test_what_is_done_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(tmp_path, None, seeds=2)
    before = run(plan, [[task()]], [LEARNER])
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    assert len(files) == 2
    shutil.rmtree(tmp_path / place_of([task()]) / "tiny-one" / "fold-0-seed-1")  # the predictions are enough

    def trained(*args: object, **kwargs: object) -> object:
        raise AssertionError("a run was made again")

    monkeypatch.setattr(learn_module, "trained", trained)
    again = run(plan, [[task()]], [LEARNER])
    assert [line.metrics for line in again] == [line.metrics for line in before]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")} == files
    with pytest.raises(AssertionError, match="a run was made again"):
        run(replace(plan, seeds=3), [[task()]], [LEARNER])  # the third seed is new


def test_runs_of_another_learner_are_not_taken_for_its_own(tmp_path: Path) -> None:
    plan = Plan(tmp_path, None, seeds=1)
    run(plan, [[task()]], [LEARNER])
    moved = replace(LEARNER, base=tmp_path / "elsewhere")  # the weights are named by their hash
    assert len(run(plan, [[task()]], [moved])) == 1
    longer = replace(LEARNER, config=replace(LEARNER.config, epochs=3.0))
    for other in (replace(LEARNER, checkpoint="def"), longer, replace(LEARNER, frozen=True)):
        with pytest.raises(ValueError, match=r"tiny-one has the runs of another checkpoint .* with --runs"):
            run(plan, [[task()]], [other])
    assert len(run(plan, [[task()]], [replace(longer, name="tiny, longer")])) == 1


def test_sequences_of_a_piece_vote(tmp_path: Path) -> None:
    one, plan = task("emotion", "sequence", folds=2), Plan(tmp_path, None, seeds=1)
    (line,) = run(plan, [[one]], [LEARNER])
    predicted = learn_all([one], LEARNER, 1, tmp_path / place_of([one]) / "tiny-one")
    tests = np.concatenate([fold.test for fold in one.folds])
    log_p = np.concatenate([np.stack(fold.tests[0]) for fold in predicted[0]])
    truth = np.array([one.labels[i] for i in tests])
    assert line.metrics["accuracy"] == pytest.approx((log_p.argmax(1) == truth).mean())
    pieces = [one.pieces[i] for i in tests]
    first = [pieces.index(name) for name in dict.fromkeys(pieces)]
    right = votes(log_p, pieces)[first] == truth[first]
    assert len(right) == 6
    assert line.metrics["accuracy_by_piece"] == pytest.approx(right.mean())
    assert line.metrics["accuracy_by_piece_low"] <= right.mean() <= line.metrics["accuracy_by_piece_high"]
    assert "macro_f1_by_piece" in line.metrics


def test_baselines_stand_beside_it(tmp_path: Path) -> None:
    plan = Plan(tmp_path / "runs", tmp_path / "results", seeds=5)
    notes = baselines(plan, task(), trees=False)
    assert [line.system for line in notes] == ["majority", "order alone", "skyline"]
    assert [line.system for line in baselines(plan, task("velocity"), trees=False)] == ["majority", "order alone"]
    (alone,) = baselines(plan, task("emotion", "sequence"))
    assert (alone.system, alone.probe, alone.checkpoint, alone.about) == ("majority", "no network", "", {"seeds": 1})
    one = task()
    train = np.concatenate([one.labels[i] for i in one.folds[0].train])
    test = np.concatenate([one.labels[i] for i in one.folds[0].test])
    assert notes[0].metrics["accuracy"] == pytest.approx((test == np.bincount(train).argmax()).mean())
    assert len(results.read(tmp_path / "results")) == 6
    assert not (tmp_path / "runs").exists()


def test_names_of_folders() -> None:
    assert place_of([task(), task("velocity")]) == "melody+velocity-toys-by_hand-sorted"
    assert place_of([replace(task("local key"), split="", form="")]) == "local_key-toys"


def test_learners_are_the_encoder_and_what_is_taken_from_it(tmp_path: Path) -> None:
    model = load_notes(tiny_encoder(tmp_path / "encoder"), "cpu")
    made = dict(zip(NAMES, learners(model, "sequence", NAMES, ["epochs=9"]), strict=True))
    assert len({learner.name for learner in made.values()}) == len(NAMES)
    assert all(learner.config.epochs == 9 for learner in made.values())
    assert {name for name, learner in made.items() if learner.base} == {"pretrained", "no-masks", "frozen"}
    assert {name for name, learner in made.items() if learner.checkpoint == model.hash} == {
        *("pretrained", "no-masks", "frozen")
    }
    assert [name for name, learner in made.items() if learner.frozen] == ["frozen", "random"]
    assert [name for name, learner in made.items() if not learner.config.hidden] == ["no-masks"]
    assert [name for name, learner in made.items() if learner.bilstm] == ["bilstm"]
    assert made["pretrained"].base == model.weights
    of_notes, of_sequences = (learners(model, unit)[0].config for unit in ("note", "sequence"))
    assert (of_notes.epochs, of_sequences.epochs) == (3, 6)
    with pytest.raises(ValueError, match="there is no learner oracle; there are pretrained, no-masks"):
        learners(model, "note", ["oracle"])
    for other in (tiny_labeller(tmp_path / "labeller"), tiny_roberta(tmp_path / "roberta")):
        with pytest.raises(ValueError, match=f"{other.name} is a labeller or an imported network"):
            learners(load_notes(other, "cpu"), "note")


def test_evaluate_as_a_user_runs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builders, "BUILDERS", {"emotion": (lambda root: [task("emotion", "sequence")],)})
    model = str(tiny_encoder(tmp_path / "encoder"))
    plan = Plan(tmp_path / "runs", tmp_path / "results", seeds=2)
    wanted, names = ["emotion:sorted"], ["pretrained", "scratch", "bilstm"]
    table = measure_understanding(plan, model, tmp_path, wanted, names, SETTINGS, controls=True)
    head = next(line for line in table.splitlines() if line.startswith("| task |"))
    systems = ["majority", "encoder", "the same network, not pretrained", "BiLSTM"]
    assert [column.split("<br>")[0] for column in head.split(" | ")[4:8]] == systems
    assert "others<br>published, other data" in head
    row = next(line for line in table.splitlines() if line.startswith("| emotion |"))
    assert row.count("[") == 4  # each with its interval
    assert "50.0 |" in row
    kept = results.read(tmp_path / "results")
    assert [(line.system, line.seed) for line in kept] == [
        *((systems[0], 0), *((name, seed) for name in systems[1:] for seed in range(2)))
    ]
    again = measure_understanding(plan, model, tmp_path, wanted, names[:1], SETTINGS, controls=False)
    assert [line.metrics for line in results.read(tmp_path / "results")[-2:]] == [line.metrics for line in kept[1:3]]
    assert "majority" not in again

    with pytest.raises(ValueError, match="there is no task 'colour'; there are emotion"):
        measure_understanding(plan, model, tmp_path, ["emotion", "colour"], names, SETTINGS, controls=True)
    with pytest.raises(ValueError, match="there is no data 'Lakh'; there are POP909, multitrack"):
        measure_understanding(plan, model, tmp_path, ["melody-completion:Lakh"], names, SETTINGS, controls=True)
    assert len(results.read(tmp_path / "results")) == len(kept) + 2
