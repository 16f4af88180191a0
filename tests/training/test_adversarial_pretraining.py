"""The masker and the correction of notes, from a corpus to checkpoints that open."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toy_pieces import toy_corpus

from partimento.checkpoint import read_config, read_state
from partimento.configuration import from_plain
from partimento.corpus.store import Corpus, Piece, write_corpus
from partimento.networks.encoder import Encoder, EncoderConfig
from partimento.notes import from_ms
from partimento.overrides import override
from partimento.systems import adversarial_midibert, m2bert, musicbert
from partimento.systems.musicbert import MaskedConfig
from partimento.tokens.octuple import PITCH, VELOCITY
from partimento.training.distributed import World
from partimento.training.masked import pretrain_masked, words_of
from partimento.training.state import State

ALONE = World(0, 1, torch.device("cpu"))
ABOUT = {"name": "tiny", "preset": "small", "data": "toys", "licence": "CC0-1.0"}
SETTINGS = [
    *("network.transformer.width=32", "heads=2", "layers=1", "feedforward=32", "field_width=8"),
    *("schedule.steps=14", "warmup=2", "schedule.final=1.0", "rows=4", "micro_rows=2", "batch.length=48"),
    *("recipe.bf16=false", "log_every=2", "validate_every=7", "validate_rows=4", "save_every=7"),
]
PIECES, NOTES = 6, 60


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    sides = {0: "valid"}
    return toy_corpus(tmp_path_factory.mktemp("corpus"), PIECES + 1, lambda i: {"split": sides.get(i, "train")})


def go(folder: Path, corpus: Corpus, config: MaskedConfig, system: str = "adversarial_midibert") -> State:
    return pretrain_masked(system, config, corpus, folder, ALONE, ABOUT)


def adversarial(steps: int = 14) -> MaskedConfig:
    config = override(adversarial_midibert.small(), [*SETTINGS, "adversary.freeze_every=2"])
    return replace(config, recipe=replace(config.recipe, schedule=replace(config.recipe.schedule, steps=steps)))


def log_of(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "tokens_per_s"} for line in lines]


def saved(folder: Path) -> dict[str, Any]:
    whole: dict[str, Any] = torch.load(folder / "state" / "run.pt", weights_only=True)
    return whole


def opened(folder: Path) -> Encoder:
    encoder = Encoder(from_plain(EncoderConfig, read_config(folder)["network"]))
    encoder.load_state_dict(read_state(folder))
    return encoder


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, corpus: Corpus) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "whole"
    assert go(folder, corpus, adversarial()).step == 14
    return folder


def test_the_loss_falls_and_the_checkpoint_is_an_encoder(whole: Path) -> None:
    logged = [line for line in log_of(whole) if "loss" in line]
    assert logged[-1]["loss"] < logged[0]["loss"] - 0.3
    assert logged[-1]["hits"] > logged[0]["hits"]
    assert 0 < logged[0]["masker"] < 2
    assert logged[0]["frozen"] == 0 < logged[-1]["frozen"] < 1
    config = read_config(whole / "checkpoints" / "best")
    assert (config["system"], config["objective"]["kind"]) == ("adversarial_midibert", "adversarial")
    assert config["objective"]["adversary"]["freeze_every"] == 2
    state = saved(whole)["network"]
    for name, value in opened(whole / "checkpoints" / "last").state_dict().items():
        assert torch.equal(value, state[f"encoder.{name}"])


def test_every_note_is_visited_once_an_epoch_whatever_its_window(whole: Path) -> None:
    """Rows of 48 words go on with a piece of 60 where the row before stopped, so windows are others in every epoch."""
    visits = saved(whole)["network"]["visits"][:-1]
    assert len(visits) == PIECES * NOTES
    assert int(visits.sum()) == 14 * 4 * 48
    assert int(visits.max() - visits.min()) == 1


def test_a_resumed_run_equals_one_that_was_not_stopped(tmp_path: Path, corpus: Corpus, whole: Path) -> None:
    go(tmp_path / "run", corpus, adversarial(9))
    before = saved(tmp_path / "run")["network"]
    assert not before["allowed"][:-1].all()
    go(tmp_path / "run", corpus, adversarial())
    one, other = saved(tmp_path / "run"), saved(whole)
    assert one["batches"] == other["batches"]
    assert one["network"].keys() == other["network"].keys() >= {"allowed", "visits", "seen", "judged", "weights"}
    assert all(torch.equal(value, other["network"][name]) for name, value in one["network"].items())
    trained = [[line for line in log_of(folder) if line["step"] > 10] for folder in (tmp_path / "run", whole)]
    assert trained[0] == trained[1]
    assert not torch.equal(before["weights"], torch.full((8,), 1 / 8))  # the second pass and later ones
    assert not torch.equal(before["allowed"], one["network"]["allowed"])


def test_a_note_keeps_its_number_however_it_is_drawn(tmp_path: Path) -> None:
    """Chords whose notes begin up to 40 ms apart: at another tempo other ones fall on one step of the grid."""
    generator = np.random.default_rng(0)
    onset = np.repeat(np.arange(20) * 333, 3) + generator.integers(0, 40, NOTES)
    made = from_ms(onset, np.full(NOTES, 200), generator.integers(50, 80, NOTES), generator.integers(1, 127, NOTES))
    chords = write_corpus(tmp_path / "chords", [Piece("chords.mid", "0" * 64, made.seconds, {}, made)])
    config = override(adversarial_midibert.small(), ["augment=1"])
    plain = words_of(chords, 0, config, None, 100)
    np.testing.assert_array_equal(plain[:, :-1], words_of(chords, 0, config))
    number = {int(word[-1]): word for word in plain}
    assert sorted(number) == list(range(100, 160))
    reordered = 0
    for seed in range(6):
        drawn = words_of(chords, 0, config, np.random.default_rng(seed), 100)
        assert len({int(word[PITCH] - number[int(word[-1])][PITCH]) for word in drawn}) == 1
        assert all(word[VELOCITY] == number[int(word[-1])][VELOCITY] for word in drawn)
        reordered += not np.array_equal(drawn[:, -1], plain[:, -1])
    assert reordered


def test_notes_hidden_by_chance_are_the_control(tmp_path: Path, corpus: Corpus, whole: Path) -> None:
    """The same music, first weights and validation; only the choice of the hidden notes differs."""
    settings = [setting for setting in SETTINGS if not setting.startswith("schedule.steps")]
    settings += ["schedule.steps=1", "masking.units=octuple", "masking.share=0.15"]
    control = override(musicbert.small(), settings)
    go(tmp_path / "run", corpus, control, "musicbert")
    assert adversarial(1).network == control.network
    assert adversarial(1).masking == control.masking
    assert adversarial(1).recipe == control.recipe
    assert read_config(tmp_path / "run" / "checkpoints" / "last")["objective"]["kind"] == "masked"
    runs = [json.loads((folder / "config.json").read_text()) for folder in (tmp_path / "run", whole)]
    assert runs[0]["pieces"] == runs[1]["pieces"]


def test_notes_are_corrected(tmp_path: Path, corpus: Corpus) -> None:
    go(tmp_path / "run", corpus, override(m2bert.small(), [*SETTINGS, "noise.pitch=5"]), "m2bert")
    logged = [line for line in log_of(tmp_path / "run") if "loss" in line]
    assert logged[-1]["loss"] < logged[0]["loss"] - 0.3
    assert all(0 < line["roll"] < 34 for line in logged)  # 17 rows of squares that sum to 2 at most
    config = read_config(tmp_path / "run" / "checkpoints" / "best")
    assert (config["system"], config["objective"]["kind"]) == ("m2bert", "correction")
    assert config["objective"]["noise"]["pitch"] == 5
    opened(tmp_path / "run" / "checkpoints" / "best")


def test_the_paper_preset() -> None:
    config = adversarial_midibert.paper()
    with torch.device("meta"):
        encoder = Encoder(config.network)
    blocks = sum(p.numel() for p in encoder.transformer.blocks.parameters())
    assert blocks == pytest.approx(12 * 12 * 768**2, rel=0.01)  # as many as BERT's base
    assert (encoder.project.in_features, encoder.project.out_features) == (8 * 256, 768)
    assert (config.recipe.batch.rows, config.recipe.batch.length) == (16, 1024)
