"""MusicBERT from a corpus of notes to checkpoints that open."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from interrupted import assert_same_end, stopping
from tiny_words import corpus_of, song, thirds

from partimento.checkpoint import read_config, read_state
from partimento.corpus.store import Corpus
from partimento.networks.encoder import Encoder, SharedHead
from partimento.notes import Notes
from partimento.overrides import override
from partimento.systems.musicbert import PRESETS, MaskedConfig, encoder_of, small
from partimento.tokens import octuple
from partimento.tokens.clock import is_metrical, on_clock
from partimento.tokens.fields import MASK
from partimento.tokens.octuple import BAR, OCTUPLE, PITCH, POSITION
from partimento.training import masked as masked_module
from partimento.training.distributed import World
from partimento.training.masked import pretrain_masked, words_of

ALONE = World(0, 1, torch.device("cpu"))
ABOUT = {"name": "tiny", "preset": "small", "data": "songs", "licence": "CC0-1.0"}
SETTINGS = (
    *("network.transformer.width=32", "heads=2", "layers=2", "feedforward=48", "field_width=16"),
    *("schedule.steps=30", "warmup=3", "rows=4", "micro_rows=2", "length=64", "optimizer.lr=1e-2", "matrix_lr=1e-2"),
    *("log_every=5", "validate_every=15", "validate_rows=4", "save_every=0", "bf16=false"),
)


def tiny(*settings: str) -> MaskedConfig:
    return override(override(small(), SETTINGS), settings)


def performance(number: int, count: int = 90) -> Notes:
    """Music without a metre."""
    generator = np.random.default_rng(number)
    onset = np.cumsum(generator.integers(30, 700, count)).astype(np.int32)
    pitch, velocity = (generator.integers(low, high, count).astype(np.int32) for low, high in ((50, 80), (30, 100)))
    nothing = np.zeros(count, np.int32)
    duration = generator.integers(50, 900, count).astype(np.int32)
    return Notes(onset, duration, pitch, velocity, nothing, nothing.astype(bool), nothing, ticks_per_quarter=480)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    pieces = [song(number) if number % 4 else performance(number) for number in range(9)]
    return corpus_of(tmp_path_factory.mktemp("corpus"), pieces, thirds)


def test_the_loss_falls_and_the_checkpoint_opens(corpus: Corpus, tmp_path: Path) -> None:
    state = pretrain_masked("musicbert", tiny(), corpus, tmp_path / "run", ALONE, ABOUT)
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line]
    valid = [line["valid_loss"] for line in lines if "valid_loss" in line]
    assert state.step == 30
    assert state.tokens == 30 * 4 * 64
    assert losses[0] == pytest.approx(np.log(OCTUPLE.sizes).mean(), abs=0.8)
    assert losses[-1] < losses[0] - 1
    assert valid[-1] < losses[0] - 1
    assert state.best == min(valid)
    assert 0 < lines[-1]["valid_hits"] < 1
    folder = tmp_path / "run" / "checkpoints" / "best"
    config = read_config(folder)
    assert config["system"] == "musicbert"
    assert config["objective"] | {"kind": "masked", "coarse": 0.5, "share": 0.3} == config["objective"]
    assert config["objective"]["units"] == ["bar", "octuple", "random"]
    assert config["trained"]["valid_loss"] == state.best
    network = Encoder(encoder_of(config["network"]))
    network.load_state_dict(read_state(folder))
    assert not (tmp_path / "run" / "samples").exists()
    card = (folder / "README.md").read_text()
    assert f"{state.best:.4f} nats" in card
    assert "An encoder of notes, learned by masking" in card
    assert "2 layers of width 32, 256 + 128 + 129 + 256 + 128 + 32 + 254 + 49 ids, 1,024 positions" in card
    run_config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert {side: found["count"] for side, found in run_config["pieces"].items()} == {"train": 6, "valid": 3}


def test_a_run_that_was_stopped_goes_on_as_if_nothing_had_happened(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny("schedule.steps=8", "validate_every=4", "save_every=8", "dropout=0.2", "rows=2", "micro_rows=1")
    pretrain_masked("musicbert", config, corpus, tmp_path / "whole", ALONE, ABOUT)
    monkeypatch.setattr(masked_module, "masked", stopping(masked_module.masked, call=10))  # inside step 5
    assert pretrain_masked("musicbert", config, corpus, tmp_path / "parts", ALONE, ABOUT).step == 5
    monkeypatch.undo()
    assert pretrain_masked("musicbert", config, corpus, tmp_path / "parts", ALONE, ABOUT).step == 8
    assert_same_end(tmp_path / "whole", tmp_path / "parts")
    for changed in ("masking.share=0.2", "coarse=0", "masking.units=bar"):
        other = override(config, [changed])
        with pytest.raises(ValueError, match="holds another run: objective"):
            pretrain_masked("musicbert", other, corpus, tmp_path / "parts", ALONE, ABOUT)
    with pytest.raises(ValueError, match=r"pieces.train.count was 6 and is 5"):
        pretrain_masked("musicbert", config, corpus.select(range(1, 9)), tmp_path / "parts", ALONE, ABOUT)


def test_the_papers_head_is_trained_too(corpus: Corpus, tmp_path: Path) -> None:
    config = override(override(PRESETS["paper-tiny"](), SETTINGS), ["schedule.steps=12", "field_width=32"])
    assert config.network.table == "shared"
    assert config.recipe.checkpointing
    state = pretrain_masked("musicbert", config, corpus, tmp_path / "run", ALONE, ABOUT)
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert next(line["loss"] for line in lines if "loss" in line) < np.log(1237) + 0.3
    assert state.best < np.log(1237) - 1


def test_a_side_without_pieces_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    only = corpus_of(tmp_path / "corpus", [song(0), song(1)], lambda _: {"split": "train"})
    with pytest.raises(ValueError, match="no piece to validate on; label pieces split=train and split=valid"):
        pretrain_masked("musicbert", tiny(), only, tmp_path / "run", ALONE, ABOUT)
    short = corpus_of(tmp_path / "short", [song(0), song(1, bars=1)], lambda i: {"split": ("train", "valid")[i]})
    with pytest.raises(ValueError, match="no pieces to validate on"):
        pretrain_masked("musicbert", tiny(), short, tmp_path / "run", ALONE, ABOUT)
    assert not (tmp_path / "run").exists()


def test_rows_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"batch.length 1025 is over the context 1024"):
        tiny("length=1025")
    with pytest.raises(ValueError, match="it must be one of"):
        override(small(), ["masking.units=bars"])


def test_validation_and_the_last_epochs_see_pieces_as_they_are(corpus: Corpus) -> None:
    for index in range(9):
        notes = corpus[index].notes
        metrical = index % 4 != 0
        assert is_metrical(notes) == metrical
        expected, _ = octuple.encode(notes if metrical else on_clock(notes))
        np.testing.assert_array_equal(words_of(corpus, index, tiny()), expected)


def test_pieces_are_transposed_and_those_without_a_metre_stretched(corpus: Corpus) -> None:
    always = tiny("augment=1.0", "coarse=0")
    for index in (1, 4):
        plain = words_of(corpus, index, always)
        drawn = [words_of(corpus, index, always, np.random.default_rng(seed)) for seed in range(25)]
        moves = {int(words[:, PITCH].min() - plain[:, PITCH].min()) for words in drawn}
        assert min(moves) < -3 < 3 < max(moves)
        assert max(map(abs, moves)) <= 6
        # the pace of what has a metre is its own
        lengths = [int(words[:, BAR].max()) for words in drawn]
        assert (len(set(lengths)) > 1) == (index == 4)
        assert 0.8 < min(lengths) / plain[:, BAR].max() <= max(lengths) / plain[:, BAR].max() < 1.2
        again = words_of(corpus, index, always, np.random.default_rng(3))
        np.testing.assert_array_equal(again, drawn[3])
    never = replace(always, recipe=override(always.recipe, ["augment=0"]))
    for index in (1, 4):
        np.testing.assert_array_equal(
            words_of(corpus, index, never, np.random.default_rng(0)), words_of(corpus, index, never)
        )


def test_what_has_a_metre_may_be_put_on_sixteenths(tmp_path: Path) -> None:
    triplets = replace(song(0), onset=np.sort(song(0).onset // 160 * 160 + song(0).onset % 320))
    corpus = corpus_of(tmp_path / "corpus", [triplets, performance(1)], lambda _: {})
    always = tiny("augment=0", "coarse=1.0")
    plain, coarse = words_of(corpus, 0, always), words_of(corpus, 0, always, np.random.default_rng(0))
    assert is_metrical(triplets)
    assert (plain[:, POSITION] % 4).any()
    assert not (coarse[:, POSITION] % 4).any()
    assert sorted(coarse[:, PITCH]) == sorted(plain[:, PITCH])
    assert (words_of(corpus, 1, always, np.random.default_rng(0))[:, POSITION] % 4).any()  # a clock has none
    half = tiny("augment=0", "coarse=0.5")
    drawn = [bool((words_of(corpus, 0, half, np.random.default_rng(s))[:, POSITION] % 4).any()) for s in range(30)]
    assert 5 < sum(drawn) < 25


@pytest.mark.parametrize(
    ("preset", "million"), [("small", 3.29), ("paper-tiny", 0.82), ("paper-small", 19), ("paper", 100)]
)
def test_the_presets_have_their_sizes(preset: str, million: float) -> None:
    config = PRESETS[preset]()
    with torch.device("meta"):
        network = Encoder(config.network)
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(million, rel=0.15)
    assert isinstance(network.head, SharedHead) == (preset != "small")
    assert config.recipe.batch.length <= config.network.context
    if preset != "small":
        assert config.masking.units == ("bar_instrument",)
        assert (config.masking.share, config.masking.masked, config.masking.replaced) == (0.15, 0.8, 0.1)
        optimizer, schedule = config.recipe.optimizer, config.recipe.schedule
        assert (optimizer.lr, optimizer.betas, optimizer.epsilon) == (5e-4, (0.9, 0.98), 1e-6)
        assert (optimizer.weight_decay, optimizer.clip_norm) == (0.01, 0.0)
        assert (schedule.steps, schedule.warmup, schedule.final) == (125_000, 25_000, 0.0)
        assert config.recipe.batch.rows == 256


def test_an_encoder_serves_words_that_lack_fields(corpus: Corpus) -> None:
    """As the small preset is trained: velocity, tempo, metre and instrument may be MASK in what comes in."""
    names = dict(tiny().masking.unknown)
    assert set(names) == {"velocity", "tempo", "time_signature", "instrument"}
    words = words_of(corpus, 1, tiny()).astype(np.int64)
    for name in names:
        words[:, OCTUPLE.index(name)] = OCTUPLE.special(MASK)[OCTUPLE.index(name)]
    network = Encoder(tiny().network)
    network.initialise()
    hidden = network.hidden(torch.from_numpy(words)[None], torch.zeros((1, len(words)), dtype=torch.long))
    assert hidden.isfinite().all()
