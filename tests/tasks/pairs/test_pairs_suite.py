"""Both pair tasks put to baselines and to a tiny learner: their lines, their groups on disk, and a second run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from tiny_words import encoder_config
from toy_songs import toy_song

from partimento.checkpoint import read_config
from partimento.overrides import override
from partimento.systems.musicbert import labels_small
from partimento.tasks import results
from partimento.tasks.pairs.groups import Kind, groups_to_rank, pairs_to_learn
from partimento.tasks.pairs.ranking import figures, scores_of
from partimento.tasks.pairs.scoring import score_pairs
from partimento.tasks.pairs.suite import VALID_PAIRS, learn_pairs, pair_tasks, run
from partimento.tasks.results import suite_tables
from partimento.tasks.words.learn import Learner
from partimento.tasks.words.suite import Plan

SETTINGS = (
    *("rows=4", "micro_rows=4", "length=256", "warmup=1", "optimizer.lr=3e-3", "matrix_lr=3e-3"),
    *("epochs=1", "validations=1", "hidden=0"),
)
LEARNER = Learner("tiny one", encoder_config(), override(labels_small(), SETTINGS), checkpoint="abc")
SONGS = [toy_song(n, "train" if n < 6 else "valid" if n < 9 else "test") for n in range(25)]
METRICS = ("MAP", "HITS@1", "HITS@5", "HITS@10", "HITS@25")
THEORY = ("chance", "music theory", "trees on music theory", "piano-roll CNN", "tonnetz CNN")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_baselines_of_both_tasks(tmp_path: Path) -> None:
    plan = Plan(tmp_path / "runs", tmp_path / "results", seeds=3)
    lines = run(plan, SONGS, "toys", ["next", "acc"], [], pairs=40, groups=5)
    assert [line.system for line in lines] == [*THEORY, "melody2vec", *THEORY]
    for line in lines:
        assert line.task == ("melody completion" if line in lines[:6] else "accompaniment suggestion")
        assert (line.probe, line.suite, line.main, line.data) == ("no network", "understanding", "MAP", "toys")
        assert (line.split, line.about, line.seed) == ("groups of 50, 5 queries", {"seeds": 1}, 0)
        for name in METRICS:
            low, value, high = (line.metrics[f"{name}{end}"] for end in ("_low", "", "_high"))
            assert 0 <= low <= value + 1e-9 <= high + 2e-9 <= 1 + 3e-9
    assert results.read(tmp_path / "results") == lines
    for kind, name in (("next", "melody_completion-toys"), ("acc", "accompaniment_suggestion-toys")):
        kept = json.loads((tmp_path / "runs" / name / "groups.json").read_text())
        assert (kept["data"], kept["kind"], len(kept["groups"])) == ("toys", kind, 5)
        for group in kept["groups"]:
            assert len(group["right"]) + len(group["wrong"]) == 50
            assert {row[0] for row in group["right"]} == {group["query"][0]}
            assert group["query"][0] not in {row[0] for row in group["wrong"]}
            assert int(group["query"][0]) >= 9  # songs of the test side
    table = suite_tables(lines)
    assert "| melody completion | toys | groups of 50, 5 queries | MAP |" in table
    assert "98.5 (Lakh)" in table


@pytest.mark.parametrize("kind", ["next", "acc"])
def test_a_learner_has_the_mean_of_its_seeds_and_is_learned_once(kind: Kind, tmp_path: Path) -> None:
    plan = Plan(tmp_path / "runs", tmp_path / "results", seeds=2)
    common = (plan, SONGS, "toys", [kind])
    (line,) = run(*common, [LEARNER], controls=False, pairs=24, groups=4)
    assert (line.system, line.checkpoint, line.probe, line.about) == ("tiny one", "abc", "fine-tuned", {"seeds": 2})
    (place,) = (path for path in (tmp_path / "runs").glob("*/tiny-one"))
    judged = []
    asked = groups_to_rank(SONGS, kind, most=4)
    sides = (pairs_to_learn(SONGS, kind, "train", most=24), pairs_to_learn(SONGS, kind, "valid", most=VALID_PAIRS))
    for seed in range(2):
        judge = learn_pairs(*sides, LEARNER, seed, place, "toys")  # read back
        judged.append(scores_of(asked, partial(score_pairs, judge)))
        facts = read_config(place / f"seed-{seed}" / "checkpoints" / "best")
        name = {"next": "continuation", "acc": "accompaniment"}[kind]
        assert facts["heads"] == [{"name": name, "classes": ["wrong", "right"]}]
        assert facts["data"] == "toys"
    expected = figures(asked, judged, "toys")
    assert line.metrics == {
        f"{name}{end}": getattr(figure, at)
        for name, figure in expected.items()
        for end, at in (("", "value"), ("_low", "low"), ("_high", "high"))
    }

    files = {path: path.stat().st_mtime_ns for path in place.rglob("*.safetensors")}
    (again,) = run(*common, [LEARNER], controls=False, pairs=24, groups=4)
    assert again.metrics == line.metrics
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*.safetensors")} == files
    other = replace(LEARNER, config=replace(LEARNER.config, smoothing=0.2))
    with pytest.raises(ValueError, match="seed-0"):
        run(*common, [other], controls=False, pairs=24, groups=4)


def test_names_of_pair_tasks() -> None:
    both = [("POP909", "next"), ("multitrack", "next")]
    assert pair_tasks(["melody-completion", "melody", "emotion:MIDI-BERT"]) == both
    assert pair_tasks(["accompaniment-suggestion:multitrack"]) == [("multitrack", "acc")]
    assert pair_tasks(["melody-completion:multitrack,POP909"]) == both[::-1]
    assert pair_tasks() == [*both, ("POP909", "acc"), ("multitrack", "acc")]
    assert pair_tasks(["melody"]) == []
    with pytest.raises(ValueError, match="'melody-completion:Lakh': there is no data 'Lakh'; there are POP909, multi"):
        pair_tasks(["melody-completion:Lakh"])
