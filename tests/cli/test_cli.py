"""The command line, run as a user runs it: in a process of its own, in an empty folder."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from partimento.cli import main
from partimento.configuration import to_plain
from partimento.examples import example_paths
from partimento.midi import read_midi

VERBS = (
    "demo",
    "ingest",
    "tokens",
    "pretrain",
    "finetune",
    "evaluate",
    "embed",
    "search",
    "label",
    "continue",
    "drum",
    "melody",
    "accompany-search",
    "analyse",
    "listen",
    "models",
    "import",
    "export",
)


def partimento(*args: str | Path, cwd: Path | None = None, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command; its exit status must be the one that is expected."""
    run = subprocess.run(
        [sys.executable, "-m", "partimento", *map(str, args)], cwd=cwd, capture_output=True, text=True, timeout=240
    )
    assert run.returncode == status, f"{args}: exit {run.returncode}\n{run.stdout}\n{run.stderr}"
    return run


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of random weights, so that verbs take no time to compute."""
    import torch

    from partimento.checkpoint import write_checkpoint
    from partimento.networks.decoder import Decoder, DecoderConfig
    from partimento.networks.transformer import TransformerConfig

    torch.manual_seed(0)
    config = DecoderConfig(TransformerConfig(32, 2, 2, 64), vocabulary=2675, context=256)
    network = Decoder(config)
    network.initialise()
    folder = tmp_path_factory.mktemp("models") / "tiny"
    facts = {"system": "aria", "name": "tiny", "preset": "small", "licence": "CC0-1.0", "network": to_plain(config)}
    write_checkpoint(folder, network.state_dict(), facts, "# tiny\n")
    return folder


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str) -> None:
    text = partimento(verb, "--help").stdout
    assert "usage: partimento" in text
    assert len(text) > 300


def test_help_has_one_line_a_verb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = partimento("--help").stdout
    entries = text[text.index("(required)") :].splitlines()[1:-1]
    assert len(entries) == len(VERBS) + 1  # doctor
    assert all("•" in line for line in entries)
    assert "doctor" in partimento(status=2).stderr
    assert partimento("--version").stdout.startswith("partimento 0.")


def test_help_imports_no_torch() -> None:
    program = (
        "import sys, partimento.cli as c; c.verbs(); assert 'torch' not in sys.modules and 'lancedb' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_wrong_usage_is_status_2() -> None:
    assert "unrecognized" in partimento("listen", "x.mid", "--colour", "red", status=2).stderr.lower()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("tokens",), "at least one file or folder"),
        (("ingest", ".", "-o", "corpus", "--only-labelled"), "--labels"),
        (("ingest", ".", "-o", "corpus", "--label-from", "composer"), "composer=1"),
        (("ingest", ".", "-o", "corpus", "--jobs", "0"), "--jobs 0: give at least 1 process, or leave it out"),
        (("embed", ".", "-o", "index", "--jobs", "-2"), "--jobs -2: give at least 1 process"),
    ],
)
def test_options_that_lack_something_are_status_2(args: tuple[str, ...], words: str, tmp_path: Path) -> None:
    assert words in partimento(*args, cwd=tmp_path, status=2).stderr
    assert not list(tmp_path.iterdir())


def test_errors_name_the_file_and_are_one_line(tmp_path: Path) -> None:
    error = partimento("embed", "nowhere.mid", "-o", tmp_path / "index", status=1).stderr
    assert "nowhere.mid" in error
    assert "Traceback" not in error
    empty = tmp_path / "empty.mid"
    empty.touch()
    assert partimento("continue", empty, status=1).stderr == f"partimento: {empty}: empty file\n"
    missing = tmp_path / "missing.mid"
    assert partimento("continue", missing, status=1).stderr == f"partimento: {missing}: No such file or directory\n"
    assert "is a folder" in partimento("listen", empty, "-o", tmp_path, "--overwrite", status=1).stderr


def test_the_reader_of_the_output_may_leave_early() -> None:
    command = [sys.executable, "-m", "partimento", "tokens", *example_paths(), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.read(10)
        run.stdout.close()
        assert run.stderr.read() == b""
        assert run.wait(60) == 0


def test_ingest_reports_what_it_rejects(tmp_path: Path) -> None:
    music = tmp_path / "music" / "Bach"
    music.mkdir(parents=True)
    for path in example_paths()[:3]:
        (music / path.name).write_bytes(path.read_bytes())
    (music / "broken.mid").write_bytes(b"MThd not really")
    run = partimento("ingest", tmp_path / "music", "-o", tmp_path / "corpus", "--label-from", "composer=1", status=1)
    assert "3 pieces" in run.stdout
    [line] = (tmp_path / "corpus" / "rejected.jsonl").read_text().splitlines()
    assert json.loads(line)["path"] == "Bach/broken.mid"
    from partimento.corpus.store import Corpus

    assert set(Corpus.open(tmp_path / "corpus").label("composer")) == {"Bach"}


def test_tokens_as_json_one_line_a_file(tmp_path: Path) -> None:
    paths = example_paths()[:2]
    bad = tmp_path / "bad.mid"
    bad.write_bytes(b"")
    run = partimento("tokens", *paths, bad, "--as", "aria", "--json", status=1)
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    assert [row["path"] for row in rows] == [str(path) for path in paths]
    assert all(row["ids"][0] == 0 and row["ids"][-1] == 1 and row["prefix"] == [6] for row in rows)
    assert "bad.mid" in run.stderr


def test_embed_then_search_finds_the_piece_itself(tmp_path: Path, tiny_model: Path) -> None:
    paths = example_paths()
    run = partimento("embed", *paths, "-o", tmp_path / "index", "--model", tiny_model)
    assert f"{len(paths)} new" in run.stdout
    again = partimento("embed", *paths, "-o", tmp_path / "index", "--model", tiny_model)
    assert f"0 new, {len(paths)} were there" in again.stdout
    found = partimento("search", tmp_path / "index", paths[0], "-k", "3", "--json", "--model", tiny_model)
    hits = [json.loads(line) for line in found.stdout.splitlines()]
    assert len(hits) == 3
    assert hits[0]["path"] == str(paths[0])
    assert hits[0]["score"] > 0.9999
    pairs = partimento("search", tmp_path / "index", "--duplicates", "--threshold", "-1").stdout.splitlines()
    assert len(pairs) == len(paths) * (len(paths) - 1) // 2


def test_continue_is_the_same_for_the_same_seed_and_keeps_what_exists(tmp_path: Path, tiny_model: Path) -> None:
    prompt, out = example_paths()[0], tmp_path / "out.mid"
    args = ("continue", prompt, "-o", out, "--seconds", "4", "--prompt-seconds", "5", "--seed", "3", "-n", "2")
    run = partimento(*args, "--model", tiny_model, "--page", tmp_path / "page.html")
    first = [Path(line) for line in run.stdout.splitlines() if line.endswith(".mid")]
    assert [path.name for path in first] == ["out-1.mid", "out-2.mid"]
    bytes_then = [path.read_bytes() for path in first]
    assert len(read_midi(first[0])) > 0
    assert (tmp_path / "page.html").stat().st_size > 10_000
    assert "--overwrite" in partimento(*args, "--model", tiny_model, status=1).stderr
    partimento(*args, "--model", tiny_model, "--overwrite")
    assert [path.read_bytes() for path in first] == bytes_then


def test_continue_only_new_begins_at_zero(tmp_path: Path, tiny_model: Path) -> None:
    out = tmp_path / "new.mid"
    args = ("--seconds", "5", "--prompt-seconds", "6", "--seed", "1", "--only-new", "--model", tiny_model)
    partimento("continue", example_paths()[1], "-o", out, *args)
    new = read_midi(out)
    assert float(new.seconds_at(new.onset).max()) <= 5.01


def test_listen_writes_one_page(tmp_path: Path) -> None:
    run = partimento("listen", *example_paths()[:2], "-o", tmp_path / "a b.html", "--title", "Two <pieces>")
    assert run.stdout.strip() == str(tmp_path / "a b.html")
    assert "Two &lt;pieces&gt;" in (tmp_path / "a b.html").read_text(encoding="utf-8")


def test_import_and_models(tmp_path: Path, shared: Path) -> None:
    partimento("import", shared / "conformance" / "aria" / "lm", "-o", tmp_path / "lm")
    assert (tmp_path / "lm" / "README.md").exists()
    listed = [json.loads(line) for line in partimento("models", "--json").stdout.splitlines()]
    assert "piano-small" in {row["name"] for row in listed}


def test_doctor_names_versions() -> None:
    assert "torch" in partimento("doctor").stdout


def test_pretrain_goes_on_where_it_stopped(tmp_path: Path) -> None:
    partimento("ingest", *example_paths(), "-o", tmp_path / "corpus")
    settings = [
        "batch.rows=2",
        "batch.micro_rows=2",
        "batch.length=64",
        "watch.validate_rows=2",
        "watch.sample_every=0",
    ]
    sizes = ["network.transformer.width=32", "network.transformer.heads=2", "network.transformer.layers=1"]
    args = (
        "pretrain",
        "aria",
        tmp_path / "corpus",
        "-o",
        tmp_path / "run",
        "--threads",
        "1",
        "--set",
        *settings,
        *sizes,
    )
    partimento(*args, "schedule.steps=3")
    partimento(*args, "schedule.steps=5")
    steps = [json.loads(line)["step"] for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert max(steps) == 5
    assert "tiny" not in partimento("models").stdout
    index = tmp_path / "index"
    partimento("embed", example_paths()[0], "-o", index, "--model", tmp_path / "run" / "checkpoints" / "best")


def here(*args: str | Path) -> object:
    """Exit status of the command in this process, which costs no start of another."""
    with pytest.raises(SystemExit) as end:
        main(list(map(str, args)))
    return end.value.code


def test_finetune_makes_an_embedding_that_other_verbs_take(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert here("ingest", *example_paths(), "-o", tmp_path / "corpus", "--jobs", "1") == 0
    small = ["batch.rows=4", "batch.length=128", "notes=8,30", "outputs=24", "watch.log_every=1", "schedule.steps=4"]
    run, best = tmp_path / "run", tmp_path / "run" / "checkpoints" / "best"
    args = ("finetune", "aria", tmp_path / "corpus", "-o", run, "--model", tiny_model, "--threads", "1")
    about = ("--name", "piano-toy", "--licence", "CC0-1.0", "--data", "ten examples")
    assert partimento(*args, *about, "--set", *small).stdout.strip() == str(best)
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "hits" in line] == [1, 2, 3, 4]
    assert "valid_hits" in lines[-1]
    card = (best / "README.md").read_text()
    assert all(words in card for words in ("# piano-toy", "license: CC0-1.0", "ten examples", "from `tiny`"))
    partimento("embed", *example_paths()[:3], "-o", tmp_path / "index", "--model", best)
    query = example_paths()[1]
    capsys.readouterr()
    assert here("search", tmp_path / "index", query, "--model", best, "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0])["path"] == str(query)
    assert here(*args, "--set", "tempo=2") == 1
    assert "no setting 'tempo'" in capsys.readouterr().err


def test_compatible_vectors_have_an_index_of_their_own(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from partimento.model import load
    from partimento.search.index import Index

    paths, model = example_paths()[:2], load(tiny_model)
    own, original = tmp_path / "own", tmp_path / "original"
    with_model = ("--model", tiny_model, "--jobs", "1")
    assert here("embed", *paths, "-o", own, *with_model) == 0
    assert here("embed", *paths, "-o", original, "--compatible", *with_model) == 0
    (rows,) = (batch.to_pydict() for batch in Index.open(original).batches(["path", "vector"]))
    assert set(rows["path"]) == {str(path) for path in paths}
    for path, vector in zip(rows["path"], rows["vector"], strict=True):
        np.testing.assert_allclose(vector, model.embed(path, compatible=True), atol=1e-5)
        assert abs(np.linalg.norm(vector) - 1) > 0.1
    capsys.readouterr()
    assert here("embed", *paths, "-o", own, "--compatible", *with_model) == 1
    assert f"the model {model.hash}, these are of the model {model.hash}-compatible" in capsys.readouterr().err
    assert here("embed", *paths, "-o", original, *with_model) == 1
    assert f"the model {model.hash}-compatible, these are of the model {model.hash}:" in capsys.readouterr().err
    for index in (own, original):
        assert here("search", index, paths[1], "--json", "--model", tiny_model) == 0
        hit = json.loads(capsys.readouterr().out.splitlines()[0])
        assert hit["path"] == str(paths[1])
        assert hit["score"] > 0.9999


def test_demo_ends_with_the_page(tmp_path: Path) -> None:
    began_s = time.monotonic()
    run = partimento("demo", "--seconds", "8", cwd=tmp_path)
    page = Path(run.stdout.strip().splitlines()[-1])
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>".upper()) or page.stat().st_size > 20_000
    steps = [line for line in run.stderr.splitlines() if line.startswith("[")]
    assert len(steps) == 7
    assert "hits" in steps[-1]
    assert time.monotonic() - began_s < 240
    assert partimento("demo", "--seconds", "4", cwd=tmp_path).stdout.strip()  # a second demo replaces the first


def test_demo_on_a_folder_of_ones_own(tmp_path: Path, tiny_model: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "eines.mid").write_bytes(example_paths()[2].read_bytes())
    run = partimento("demo", mine, "--seconds", "3", "--model", tiny_model, cwd=tmp_path)
    assert Path(run.stdout.strip()).exists()
    assert [line[:5] for line in run.stderr.splitlines() if line.startswith("[")] == [
        "[1/5]",
        "[2/5]",
        "[3/5]",
        "[4/5]",
        "[5/5]",
    ]


def test_demo_removes_only_what_a_demo_made(tmp_path: Path) -> None:
    (tmp_path / "out" / "corpus").mkdir(parents=True)
    assert "no demo's" in partimento("demo", "-o", tmp_path / "out", status=1).stderr
    assert (tmp_path / "out" / "corpus").exists()
