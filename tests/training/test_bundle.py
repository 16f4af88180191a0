"""A finished run as a checkpoint to give away: its weights, its card, and the words for each kind of model."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_notes_models import ABOUT, band, tiny_labeller
from tiny_words import corpus_of, encoder_config, random_words, song, thirds

from partimento.checkpoint import read_config, read_state
from partimento.configuration import to_plain
from partimento.hub import BUNDLED, bundled
from partimento.model import load
from partimento.networks.decoder import DecoderConfig, Head
from partimento.networks.labeller import LabellerConfig
from partimento.networks.transformer import TransformerConfig
from partimento.overrides import override
from partimento.systems.drummer import small as drummer_small
from partimento.systems.musicbert import labels_small, small
from partimento.systems.vit1d import scored
from partimento.tasks.words.learn import Learner, trained
from partimento.training import bundle as bundle_module
from partimento.training.bundle import bundle, full_card, read_log
from partimento.training.card_texts import TEXTS, text_of
from partimento.training.distributed import World
from partimento.training.labels import LabelledSequences
from partimento.training.masked import pretrain_masked
from partimento.training.sound import reading_of

SETTINGS = ("rows=2", "micro_rows=2", "length=60", "warmup=1", "optimizer.lr=1e-2", "matrix_lr=1e-2", "bf16=false")
RESULTS = "| test songs | accuracy |\n|---|---:|\n| 86 | 97.0 % |\n"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A pretraining and the fine-tuning of what came of it, as they lie on disk."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("runs")
    corpus = corpus_of(root / "corpus", [song(number, bars=4) for number in range(6)], thirds)
    config = override(small(), (*SETTINGS, "steps=4", "validate_every=1", "save_every=4"))
    config = override(config, [f"network.transformer.{key}={value}" for key, value in SIZES.items()])
    config = override(config, ["network.field_width=8", "network.context=128"])
    about = {"name": "tiny-understanding", **ABOUT}
    pretrain_masked("musicbert", config, corpus, root / "masked", World(0, 1, torch.device("cpu")), about)
    words = [random_words(number, 9) for number in range(8)]
    labels = [(each[:, 3] * 3 // 256)[:, None].astype(np.int64) for each in words]
    data = LabelledSequences(words, labels, range(6), range(6, 8))
    learned = override(labels_small(), (*SETTINGS, "epochs=2", "validations=2"))
    learner = Learner("tiny-understanding", config.network, learned, root / "masked" / "checkpoints" / "best", "abc")
    head = {"name": "melody", "classes": ["melody", "bridge", "accompaniment"]}
    about_run = ("made up songs", "CC0-1.0")
    trained(learner, data, "note", (3,), 0, root / "melody", *about_run, heads=[head], name="tiny-melody")
    torch.set_num_threads(threads)
    return root / "masked", root / "melody"


SIZES = {"width": 32, "heads": 2, "layers": 2, "feedforward": 48}


def test_a_run_is_given_away(runs: tuple[Path, Path], tmp_path: Path) -> None:
    masked, melody = runs
    bundle([masked, melody], tmp_path / "given", RESULTS)
    best = melody / "checkpoints" / "best"
    assert sorted(path.name for path in (tmp_path / "given").iterdir()) == [
        *("README.md", "config.json", "model.safetensors")
    ]
    assert read_config(tmp_path / "given") == read_config(best)
    kept, whole = read_state(tmp_path / "given"), read_state(best)
    assert kept.keys() == whole.keys()
    for name, value in whole.items():
        assert torch.equal(kept[name], value.bfloat16().float()), name
    size = (tmp_path / "given" / "model.safetensors").stat().st_size
    assert size < 0.6 * (best / "model.safetensors").stat().st_size
    a, b = (load(folder, "cpu") for folder in (best, tmp_path / "given"))
    assert b.title == "tiny-melody"
    assert float(a.embed(band()) @ b.embed(band())) > 0.99
    bundle([masked], tmp_path / "given", "")  # what was there is replaced
    assert load(tmp_path / "given", "cpu").title == "tiny-understanding"
    assert "Not measured." in (tmp_path / "given" / "README.md").read_text()


def test_the_card_says_how_it_came_about(runs: tuple[Path, Path]) -> None:
    stages = [(read_config(run / "checkpoints" / "best"), read_log(run)) for run in runs]
    card = full_card(stages, RESULTS)
    assert card.startswith("---\nlicense: cc0-1.0\nlibrary_name: partimento\ntags: [music, midi, ")
    for heading in ("# tiny-melody", "## Data", "## Licence of the weights", "## Training", "## Held-out figures"):
        assert f"\n{heading}\n" in card
    assert RESULTS.strip() in card
    assert "2 layers of width\n32, 2 heads, feed-forward 48" in card
    assert f"{sum(encoder_config().fields.sizes):,} ids" in card
    assert card.index("Masked: 4 steps of 2 rows") < card.index("Labels: ")
    assert "(nats a hidden field, held-out songs)" in card
    assert "(nats a note, held-out songs)" in card
    for _, log in stages:
        last = [line for line in log if "valid_loss" in line][-1]
        assert f"| {last['step']:,} | {last['tokens'] / 1e6:.1f} | {last['valid_loss']:.3f} |" in card
    assert "partimento melody SONG.mid" in card
    assert "693 of 865" in card


def test_a_long_curve_is_thinned(runs: tuple[Path, Path]) -> None:
    config = read_config(runs[0] / "checkpoints" / "best")
    log: list[dict[str, Any]] = [{"step": n, "tokens": n, "valid_loss": 1.0 + n, "loss": 1.0} for n in range(1000)]
    card = full_card([(config, [{"step": 0, "loss": 2.0}, *log])], "")
    rows = [line for line in card.splitlines() if line.startswith("| ") and line[2].isdigit()]
    assert 10 <= len(rows) <= 12
    assert rows[-1].startswith("| 999 |")


def test_from_the_command_line(
    runs: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "held-out.md").write_text(RESULTS)
    given = tmp_path / "given"
    options = ["-o", str(given), "--results", str(tmp_path / "held-out.md")]
    monkeypatch.setattr(sys, "argv", ["bundle", *map(str, runs), *options])
    bundle_module.main()
    assert capsys.readouterr().out == f"{given}\n"
    assert "97.0 %" in (given / "README.md").read_text()


def decoder(head: Head, condition: int | None = None) -> dict[str, Any]:
    sizes = TransformerConfig(width=32, heads=2, layers=1, feedforward=32)
    outputs = None if head == "next_token" else 8
    return {"network": to_plain(DecoderConfig(sizes, 2675, 64, head=head, outputs=outputs, condition=condition))}


def labeller(name: str | None) -> dict[str, Any]:
    network = to_plain(LabellerConfig(encoder_config(), "note", (3,)))
    return {"network": network} | ({"heads": [{"name": name, "classes": ["a", "b", "c"]}]} if name else {})


@pytest.mark.parametrize(
    ("config", "kind", "unit"),
    [
        (decoder("next_token"), "next_token", "token"),
        (decoder("next_token", condition=8), "conditioned", "token"),
        (decoder("embedding"), "embedding", "slice"),
        ({"network": to_plain(encoder_config())}, "masked", "hidden field"),
        (labeller("melody"), "melody", "note"),
        (labeller("accompaniment"), "accompaniment", "pair"),
    ],
)
def test_every_kind_has_words_of_its_own(config: Mapping[str, Any], kind: str, unit: str) -> None:
    assert text_of(config) is TEXTS[kind]
    assert TEXTS[kind].unit == unit
    assert "partimento " in TEXTS[kind].purpose
    assert Path(__file__).parents[2].joinpath(TEXTS[kind].script).is_file()


@pytest.mark.parametrize(
    ("config", "kind"),
    [(decoder("classes"), "classes"), (labeller("beat"), "beat"), (labeller(None), "labels")],
)
def test_other_kinds_have_none(config: Mapping[str, Any], kind: str) -> None:
    with pytest.raises(ValueError, match=f"there is no card for a model of '{kind}'; there are some for next_token"):
        text_of(config)


def test_bundled_models_have_full_cards() -> None:
    names = [name for name in bundled() if name.startswith("understanding-small")]
    if not names:
        pytest.skip("no understanding-small is bundled here")
    for name in names:
        card = (BUNDLED / name / "README.md").read_text(encoding="utf-8")
        config = json.loads((BUNDLED / name / "config.json").read_text(encoding="utf-8"))
        assert config["name"] == name
        assert card.startswith(f"---\nlicense: {config['licence'].lower()}\n")
        for heading in (f"# {name}", "## Data", "## Training", "## Held-out figures", "## Limits"):
            assert f"\n{heading}\n" in card
        assert text_of(config).script in card


def test_a_labeller_of_the_tests_is_of_a_known_kind(tmp_path: Path) -> None:
    assert text_of(read_config(tiny_labeller(tmp_path / "tiny"))) is TEXTS["melody"]


LOG = [{"step": 5, "tokens": 7_200_000, "loss": 3.0}, {"step": 5, "tokens": 7_200_000, "valid_loss": 2.5}]
TRAINED = {"step": 5, "tokens": 7_200_000, "seconds": 1.0, "valid_loss": 2.5}
TOLD = {"licence": "GPL-2.0", "data": "Made-up tones", "preset": "small", "trained": TRAINED}


def test_a_card_of_sound_counts_hours() -> None:
    system = scored()
    config = {
        **TOLD,
        **reading_of(system),
        "name": "tiny-audio",
        "system": "vit1d",
        "network": to_plain(system.network),
        "recipe": to_plain(system.recipe),
        "objective": {"kind": "scored"},
    }
    card = full_card([(config, LOG)], "")
    assert "128 mel bands\nat 16,000 Hz, a token every 40 ms" in card
    assert "| step | hours | loss |" in card
    assert "| 5 | 0.1 | 2.500 |" in card  # 7.2 million samples are 450 s
    assert "license: gpl-2.0" in card


def test_a_card_of_a_drummer_counts_bars() -> None:
    config = {**TOLD, "name": "tiny-drums", "system": "drummer", **to_plain(drummer_small())}
    card = full_card([(config, LOG)], "")
    assert "bars of 32 steps" in card
    assert "| step | thousand bars | loss |" in card
    assert "runs/drums-small.sh" in card
