"""Aria from a corpus of notes to checkpoints that open, on the example pieces."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from partimento.checkpoint import read_config, read_state
from partimento.corpus.store import Corpus, Piece, write_corpus
from partimento.midi import read_midi
from partimento.networks.decoder import Decoder
from partimento.overrides import override
from partimento.systems.aria import AriaConfig, small
from partimento.tokens.performance import PerformanceTokenizer
from partimento.tokens.vocabulary import vocabulary_of_size
from partimento.training.distributed import World
from partimento.training.pretrain import encode_piece, pretrain
from partimento.training.saving import model_card
from partimento.training.sides import sides

ALONE = World(0, 1, torch.device("cpu"))
ABOUT = {"name": "tiny", "preset": "small", "data": "the example pieces", "licence": "CC0-1.0"}
SETTINGS = [
    *("network.transformer.width=32", "heads=2", "layers=2", "feedforward=64"),
    *("schedule.steps=30", "warmup=3", "rows=4", "micro_rows=2", "length=128", "optimizer.lr=1e-2", "matrix_lr=2e-2"),
    *("log_every=5", "validate_every=15", "save_every=30", "sample_every=30"),
]


def make_corpus(folder: Path, labels: Callable[[int], dict[str, str]], count: int | None = None) -> Corpus:
    paths = sorted(Path(str(files("partimento") / "examples")).glob("*.mid"))[:count]
    return write_corpus(
        folder,
        [Piece(p.name, f"{i:064x}", 60.0, labels(i), read_midi(p)) for i, p in enumerate(paths)],
    )


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return make_corpus(
        tmp_path_factory.mktemp("corpus"), lambda i: {"split": ("train", "train", "valid", "test")[i % 4]}
    )


def tiny() -> AriaConfig:
    return override(small(), SETTINGS)


def test_thirty_steps_lower_the_loss_and_the_checkpoint_opens(corpus: Corpus, tmp_path: Path) -> None:
    samples: list[Path] = []

    def sample(network: nn.Module, path: Path) -> None:
        samples.append(path)

    state = pretrain(tiny(), corpus, tmp_path / "run", ALONE, ABOUT, sample)
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line]
    assert state.step == 30
    assert losses[0] == pytest.approx(np.log(2675), abs=0.6)
    assert losses[-1] < losses[0] - 1
    assert samples == [tmp_path / "run" / "samples" / "step-000030"]
    folder = tmp_path / "run" / "checkpoints" / "best"
    config = read_config(folder)
    assert (
        config["trained"]["valid_loss"]
        == state.best
        == min(line["valid_loss"] for line in lines if "valid_loss" in line)
    )
    assert config["data"] == "the example pieces"
    network = Decoder(tiny().network)
    network.load_state_dict(read_state(folder))  # plain weights, shared parts added up
    card = (folder / "README.md").read_text()
    assert f"{state.best:.4f} nats" in card
    assert "A language model of piano performance" in card
    assert "`partimento pretrain`." in card
    run_config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert run_config["pieces"]["train"]["count"] == len(sides(corpus)[0]) == 6


def test_other_pieces_are_another_run(corpus: Corpus, tmp_path: Path) -> None:
    one = override(tiny(), ["schedule.steps=1"])
    pretrain(one, corpus, tmp_path / "run", ALONE, ABOUT)
    with pytest.raises(ValueError, match=r"pieces.train.count was 6 and is 5; pieces.train.sha256 was"):
        pretrain(one, corpus.select(range(1, len(corpus))), tmp_path / "run", ALONE, ABOUT)


def test_augmentation_is_drawn_for_a_share_of_the_pieces(corpus: Corpus) -> None:
    vocabulary = vocabulary_of_size(2675)
    tokenizer = PerformanceTokenizer(vocabulary)
    plain = encode_piece(corpus, tokenizer, 1.0, 0, None)
    assert plain[-1] == vocabulary.end
    assert (plain == vocabulary.start).sum() == 1

    def changed(share: float) -> float:
        drawn = [encode_piece(corpus, tokenizer, share, 0, np.random.default_rng((1, seed))) for seed in range(40)]
        assert all(ids[-1] == vocabulary.end and not (ids == vocabulary.unknown).any() for ids in drawn)
        return float(np.mean([not np.array_equal(ids, plain) for ids in drawn]))

    assert changed(0.0) == 0
    assert 0.25 < changed(0.5) < 0.75
    assert changed(1.0) > 0.95
    one, other = (encode_piece(corpus, tokenizer, 1.0, 0, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_sides(corpus: Corpus, tmp_path: Path) -> None:
    train, valid = sides(corpus)
    split = corpus.label("split")
    assert [split[i] for i in train] == ["train"] * len(train)
    assert [split[i] for i in valid] == ["valid"] * len(valid)
    songs = make_corpus(tmp_path / "songs", lambda i: {"song": "ab"[i % 2]} if i < 4 else {})
    train, valid = sides(songs)
    assert sorted(train + valid) == list(range(len(songs)))
    assert not {songs.label("song")[i] for i in train} & {songs.label("song")[i] for i in valid} - {None}
    with pytest.raises(ValueError, match="has no piece to train on; pieces of 2 songs at least"):
        sides(make_corpus(tmp_path / "one", lambda i: {}, count=1))
    with pytest.raises(ValueError, match="no piece to validate on; label pieces split=train and split=valid"):
        sides(make_corpus(tmp_path / "unsplit", lambda i: {"split": "train"}))
    for least in (3, 9):
        train, valid = sides(make_corpus(tmp_path / f"least {least}", lambda i: {}), least)
        assert (len(train), len(valid)) == (10 - least, least)


def test_the_model_card_says_when_nothing_was_validated() -> None:
    config = {
        "system": "aria",
        "network": {
            "transformer": {"layers": 2, "width": 32},
            "vocabulary": 2675,
            "context": 128,
            "head": "next_token",
        },
        "trained": {"step": 3, "tokens": 12, "valid_loss": None},
    }
    assert "best validation loss: not validated" in model_card(config)


def test_the_presets() -> None:
    from partimento.systems.aria import PRESETS

    sizes = {}
    for name, preset in PRESETS.items():
        with torch.device("meta"):
            sizes[name] = sum(p.numel() for p in Decoder(preset().network).parameters())
        assert preset().recipe.batch.length == preset().network.context
    assert sizes["paper"] == 658_538_496
    assert sizes["small"] * 4 < 25e6
    paper = PRESETS["paper"]().recipe
    assert (paper.bf16, paper.compile, paper.optimizer.kind) == (True, True, "adamw")
    assert replace(paper, compile=False) != paper
