"""Published sets measured: which are taken, MULE's recipe, the metrics of keys, the whole way from files to a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from published_trees import sounds, table, text

from partimento.cli.mule_suite import measure_published_sets
from partimento.tasks import results
from partimento.tasks.audio.published.figures import FIGURES
from partimento.tasks.audio.published.giantsteps import KEYS
from partimento.tasks.audio.published.measuring import by_recipe, measure_published, run_published, scores
from partimento.tasks.audio.published.sets import SETS, figures, published_sets
from partimento.tasks.measure import System
from partimento.tasks.mlp_probe import PUBLISHED
from partimento.tasks.probe import Probe
from partimento.tasks.score_metrics import tag_metrics
from partimento.tasks.suite import Suite
from partimento.tasks.task import Example, Fold, Kind, Task

FOLD = Fold("published", np.arange(60), np.arange(60, 70), np.arange(70, 100))


def _task(kind: Kind = "classes", classes: Sequence[str] = KEYS, targets: np.ndarray | None = None) -> Task:
    labels = [classes[i % len(classes)] if targets is None else "" for i in range(100)]
    examples = tuple(Example(Path(f"{i}.wav"), label, str(i)) for i, label in enumerate(labels))
    return Task("a task", "a set", "published", kind, tuple(classes), examples, (FOLD,), targets=targets)


def _system(vectors: np.ndarray, *probes: Probe) -> System:
    return System("ours", "0123", lambda examples, seed: vectors, probes)


def test_each_of_the_fifteen_has_its_recipe_and_figures() -> None:
    mule = {name: each for name, each in SETS.items() if each.collection == "MULE"}
    assert len(mule) == 15
    assert {each.recipe for each in mule.values()} == set(PUBLISHED)
    assert all(SETS[name].metric in FIGURES[name]["MULE"] for name in mule)
    assert all(each.recipe in PUBLISHED or not each.recipe for each in SETS.values())
    assert set(FIGURES) <= set(SETS)
    assert figures("emomusic")["MULE"] == {
        "r2": pytest.approx((0.577 + 0.700) / 2),
        "r2_valence": 0.577,
        "r2_arousal": 0.7,
    }
    assert figures("chord-labs") == {}


def test_which_sets_are_taken(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no published set can be read from .*: it has none of the folders"):
        published_sets(tmp_path)
    with pytest.raises(ValueError, match="--tasks polka: there are mtt, gtzan"):
        published_sets(tmp_path, ["mtt+polka"])
    with pytest.raises(FileNotFoundError, match=r"annotations_final.csv is not there"):
        published_sets(tmp_path, ["mtt"])
    for side in ("train", "valid", "test"):
        text(tmp_path / "gtzan" / f"{side}_filtered.txt", f"pop/pop.{side}.wav\n")
        sounds(tmp_path / "gtzan" / "genres", f"pop/pop.{side}.wav")
    found = published_sets(tmp_path)
    assert [name for name, _ in found.whole] == ["gtzan"]
    assert found.missing == found.over_time == ()
    assert [name for name, _ in published_sets(tmp_path, ["mtt+gtzan"]).missing] == ["mtt"]
    text(tmp_path / "gtzan_tempo_beat" / "LICENSE", "")
    assert [name for name, _ in published_sets(tmp_path).missing] == ["gtzan-beats"]


def test_weighted_keys_in_both_ways() -> None:
    task = _task()
    true = np.array([i % 24 for i in FOLD.test])
    tonic, mode = true % 12, true // 12 * 12
    weights = np.ones((1, 30))
    below = scores(task, (tonic + 5) % 12 + mode, weights)
    assert below["weighted_key"] == [0.0]
    assert below["weighted_key_both_fifths"] == [0.5]
    assert scores(task, (tonic + 7) % 12 + mode, weights)["weighted_key"] == [0.5]
    assert scores(task, tonic + (12 - mode), weights)["weighted_key"] == [pytest.approx(0.2)]
    assert scores(task, true, weights)["weighted_key"] == [1.0]
    assert "weighted_key" not in scores(_task(classes=("a", "b")), np.zeros(30, dtype=int), weights)


def test_the_recipe_learns_and_does_not_see_the_other_sides() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(100, 2)).astype(np.float32) * 3 + 5
    vectors = np.concatenate([values, rng.normal(size=(100, 3))], axis=1).astype(np.float32)
    task = _task("values", ("valence", "arousal"), values)
    guess = by_recipe("emomusic", task, vectors, 0, most_steps=200)
    found = scores(task, guess, np.ones((1, 30)))
    assert found["r2"][0] > 0.8
    hidden = values.copy()
    hidden[60:] = -100
    alone = by_recipe("emomusic", replace(task, targets=hidden), vectors, 0, most_steps=20)
    np.testing.assert_array_equal(alone, by_recipe("emomusic", task, vectors, 0, most_steps=20))
    tags = (values > 5).astype(np.float32)
    guess = by_recipe("mtt", _task("tags", ("a", "b"), tags), vectors, 0, most_steps=300)
    assert tag_metrics(tags[FOLD.test], guess, np.ones((1, 30)))["roc_auc"][0] > 0.8


def test_results_say_recipe_set_and_figures(tmp_path: Path) -> None:
    vectors = np.eye(24, dtype=np.float32)[[i % 24 for i in range(100)]]
    task = replace(_task(), paper={"MULE": "66.7"})
    suite = Suite("mule", tmp_path, 2)
    found = run_published(suite, [("giantsteps-key", task)], [_system(vectors, "mlp", "knn")], most_steps=5)
    assert results.read(tmp_path) == found
    by_probe = {result.probe: result for result in found}
    assert set(by_probe) == {"MULE's probe of GS key", "knn"}
    ours = by_probe["MULE's probe of GS key"]
    assert (ours.main, ours.about["set"], ours.paper) == ("weighted_key", "giantsteps-key", {"MULE": "66.7"})
    assert "5 of the recipe's 10,000 steps" in ours.note
    assert "steps" not in by_probe["knn"].note
    assert by_probe["knn"].metrics["weighted_key"] == 1.0
    assert "66.7" in results.suite_tables(found)
    assert [result.seed for result in found] == [0, 1, 0, 1]


def test_large_sets_have_fewer_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    from partimento.tasks.audio.published import measuring

    monkeypatch.setattr(measuring, "MOST_WEIGHTS", 30 * 250)
    vectors = np.eye(24, dtype=np.float32)[[i % 24 for i in range(100)]]
    found = measure_published("giantsteps-key", _task(), _system(vectors, "knn"), 1)["knn"]
    assert found.draws["accuracy"].shape == (250,)


def test_from_files_to_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    place = tmp_path / "emomusic"
    songs, labels = [("song_id", "Artist", "Mediaeval 2013 set")], [("song_id", "mean_valence", "mean_arousal")]
    (place / "clips_45seconds").mkdir(parents=True)
    for i in range(1, 25):
        level = 0.01 * i
        soundfile.write(place / "clips_45seconds" / f"{i}.wav", rng.normal(0, level, 8000), 16_000)
        songs.append((str(i), f"artist {chr(96 + i)}", "evaluation" if i % 3 == 0 else "development"))
        labels.append((str(i), f"{level:.3f}", f"{1 - level:.3f}"))
    table(place / "annotations" / "songs_info.csv", songs, ",")
    table(place / "annotations" / "static_annotations.csv", labels, ",")
    suite = Suite("mule", tmp_path / "results", 1)
    status = measure_published_sets(
        suite, "none", tmp_path, ["emomusic+gtzan"], ("mlp",), True, tmp_path / "cache", "cpu", most_steps=50
    )
    said = capsys.readouterr()
    assert status == 1
    assert "train_filtered.txt is not there" in said.err
    assert "MULE's probe of Emo" in said.out
    assert "log-mel statistics" in said.out
    found = {(result.system, result.main): result.metrics for result in results.read(tmp_path / "results")}
    assert found["log-mel statistics", "r2"]["r2_valence"] > found["majority class", "r2"]["r2_valence"]
