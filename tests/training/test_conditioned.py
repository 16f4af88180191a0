"""Generative fine-tuning end to end: a tiny network learns endings, and to follow a reference when it is given one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from two_kinds import HIGH, LOW, piece_of, two_kinds

import partimento
from partimento.checkpoint import read_config, write_checkpoint
from partimento.configuration import to_plain
from partimento.corpus.store import Corpus, Piece, write_corpus
from partimento.generate.continuation import continue_notes
from partimento.generate.guidance import mixed
from partimento.generate.options import ContinueOptions
from partimento.midi import read_midi, write_midi
from partimento.networks.decoder import Decoder, DecoderConfig
from partimento.networks.transformer import TransformerConfig
from partimento.notes import Notes, from_ms
from partimento.objectives.next_token import next_token
from partimento.objectives.piece_rows import next_token_of_piece
from partimento.piano_model import PianoModel
from partimento.recipe import BatchConfig, OptimizerConfig, Recipe, ScheduleConfig, WatchConfig
from partimento.training.conditioned import finetune_generative, losses_by_condition, piece_conditions, start_from
from partimento.training.distributed import World
from partimento.training.piece_batches import encode_with_ending, validation_pieces, windows_of

ALONE = World(0, 1, torch.device("cpu"))
ABOUT = {"name": "tiny", "preset": "small", "data": "two kinds", "licence": "CC0-1.0"}
RECIPE = Recipe(
    schedule=ScheduleConfig(steps=100, warmup=5, decay_from=0.5, final=0.0),
    batch=BatchConfig(rows=8, length=64, micro_rows=4, augment=0.0),
    optimizer=OptimizerConfig(kind="muon", lr=1e-2, matrix_lr=2e-2),
    watch=WatchConfig(log_every=10, validate_every=50, validate_rows=8, sample_every=0, save_every=50),
    bf16=False,
    share_parts=True,
)
SHORT = replace(RECIPE, schedule=ScheduleConfig(steps=6, warmup=2), watch=replace(RECIPE.watch, save_every=2))


def random_model(folder: Path, config: DecoderConfig) -> PianoModel:
    torch.manual_seed(1)
    network = Decoder(config)
    network.initialise()
    facts = {"system": "aria", "name": folder.name, "licence": "CC0-1.0", "network": to_plain(config)}
    write_checkpoint(folder, network.state_dict(), facts, "# tiny\n")
    return partimento.load(folder, "cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("conditioned")


@pytest.fixture(scope="module")
def corpus(folder: Path) -> Corpus:
    return two_kinds(folder / "corpus")


@pytest.fixture(scope="module")
def base(folder: Path) -> PianoModel:
    return random_model(folder / "base", DecoderConfig(TransformerConfig(32, 2, 2, 64), 2675, 128))


@pytest.fixture(scope="module")
def embedder(folder: Path) -> PianoModel:
    """Random, but the mean over a piece's tokens tells low from high."""
    sizes = TransformerConfig(32, 2, 1, 64)
    return random_model(folder / "embedder", DecoderConfig(sizes, 2675, 256, head="embedding", outputs=24, pool="mean"))


@pytest.fixture(scope="module")
def trained(folder: Path, corpus: Corpus, base: PianoModel, embedder: PianoModel) -> PianoModel:
    about = {**ABOUT, "condition_model": str(folder / "embedder")}
    state = finetune_generative(base, RECIPE, corpus, folder / "run", ALONE, about, embedder)
    assert state.step == 100
    return partimento.load(folder / "run" / "checkpoints" / "best", "cpu")


def test_it_learns_to_use_the_condition(
    trained: PianoModel, corpus: Corpus, embedder: PianoModel, tmp_path: Path
) -> None:
    pieces = [8, 9, 10, 11]
    conditions = piece_conditions(embedder, corpus, pieces, tmp_path / "state" / "conditions.npy", ALONE)
    windows = windows_of(corpus, pieces, 64, from_start=True)

    def encode(index: int, generator: np.random.Generator | None) -> np.ndarray:
        ids = encode_with_ending(corpus, trained.tokenizer, 0.0, index, generator)
        return ids[: 2 + 3 * 2 + 1]  # up to the third note, where low and high part

    rows = validation_pieces(pieces, windows, encode, 64, 4, conditions)
    swapped = replace(rows, condition=rows.condition[[1, 0, 3, 2]] if rows.condition is not None else None)
    own, other = losses_by_condition(trained.network, rows, 2), losses_by_condition(trained.network, swapped, 2)
    assert own["own"] < own["none"] < other["own"]
    assert other["own"] - own["own"] > 0.2


def opening() -> Notes:
    return from_ms(np.array([0, 200]), np.array([150, 150]), np.array([60, 60]), np.array([80, 80]))


@pytest.mark.parametrize("kind", [LOW, HIGH], ids=["low", "high"])
def test_guided_music_follows_its_reference(trained: PianoModel, embedder: PianoModel, kind: tuple[int, ...]) -> None:
    condition = embedder.embed(piece_of(kind, 99))
    options = ContinueOptions(prompt_seconds=None, seconds=3.0, variations=6, seed=0, guidance=3.0, min_p=0.1)
    takes = continue_notes(trained.network, trained.tokenizer, opening(), options, condition)
    pitches = np.concatenate([take.new_notes.pitch for take in takes])
    assert len(pitches) > 30
    assert np.isin(pitches, kind).mean() > 0.75


@torch.no_grad()
@pytest.mark.parametrize("kind", [LOW, HIGH], ids=["low", "high"])
def test_the_stronger_the_guidance_the_likelier_its_kind(
    trained: PianoModel, embedder: PianoModel, kind: tuple[int, ...]
) -> None:
    ids = torch.tensor([[6, *trained.tokenizer.encode(opening())[:-1]]])
    condition = torch.from_numpy(embedder.embed(piece_of(kind, 99)))[None]
    both = torch.cat([trained.network.hidden(ids, condition=condition), trained.network.hidden(ids)])[:, -1]
    tokens = [7 + pitch * 13 + velocity for pitch in kind for velocity in range(1, 13)]
    chance = [
        float(trained.network.head(mixed(both, strength)).softmax(-1)[0, tokens].sum()) for strength in (0, 0.5, 1, 2)
    ]
    assert chance == sorted(chance)
    assert chance[0] < chance[-1] - 0.05


def test_the_checkpoint_says_what_it_is(trained: PianoModel, base: PianoModel, folder: Path) -> None:
    config = read_config(folder / "run" / "checkpoints" / "last")
    assert config["condition_model"] == str(folder / "embedder")
    assert config["base"] == {"name": "base", "hash": base.hash}
    assert config["diminish"] is True
    assert config["network"]["condition"] == 24
    assert config["objective"] == {"kind": "generative", "from_start": False, "dropout": 0.5}
    lines = [json.loads(line) for line in (folder / "run" / "log.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line]
    assert losses[-1] < losses[0] - 4


@torch.no_grad()
def test_without_a_condition_it_is_a_language_model_and_begins_as_its_base(
    base: PianoModel, embedder: PianoModel, corpus: Corpus
) -> None:
    network = start_from(base.network, 24).eval()
    pieces = [8, 9]
    windows = windows_of(corpus, pieces, 64, from_start=False)
    conditions = embedder.embed([corpus[i].notes for i in pieces])

    def encode(index: int, generator: np.random.Generator | None) -> np.ndarray:
        return encode_with_ending(corpus, base.tokenizer, 0.0, index, generator)

    rows = validation_pieces(pieces, windows, encode, 64, 6, conditions)
    dropped = replace(rows, seen=torch.zeros(len(rows), dtype=torch.bool))
    plain = next_token(base.network, rows.rows)[0]
    torch.testing.assert_close(next_token_of_piece(network, dropped)[0], plain)
    seen = replace(rows, seen=torch.ones(len(rows), dtype=torch.bool))
    torch.testing.assert_close(next_token_of_piece(network, seen)[0], plain, rtol=0.01, atol=0)


def test_a_base_with_an_adapter_keeps_it_or_gets_another(base: PianoModel) -> None:
    conditioned = start_from(base.network, 24)
    assert conditioned.adapter is not None
    same, kept, other = (start_from(conditioned, features) for features in (24, None, 10))
    for network, trained in ((same, True), (kept, False)):
        assert network.adapter is not None
        assert torch.equal(network.adapter.weight, conditioned.adapter.weight)
        assert network.adapter.weight.requires_grad is trained
    assert other.adapter is not None
    assert other.adapter.weight.shape == (32, 10)


@pytest.mark.parametrize("conditioned", [True, False])
def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(
    base: PianoModel, embedder: PianoModel, corpus: Corpus, tmp_path: Path, conditioned: bool
) -> None:
    model = embedder if conditioned else None
    recipe = replace(SHORT, watch=replace(SHORT.watch, sample_every=3))

    def stop(network: nn.Module, path: Path) -> None:
        if path.name == "step-000003":
            signal.raise_signal(signal.SIGTERM)

    finetune_generative(base, recipe, corpus, tmp_path / "whole", ALONE, ABOUT, model)
    state = finetune_generative(base, recipe, corpus, tmp_path / "run", ALONE, ABOUT, model, sample=stop)
    assert state.step == 4
    assert finetune_generative(base, recipe, corpus, tmp_path / "run", ALONE, ABOUT, model).step == 6
    one, other = (torch.load(tmp_path / name / "state" / "run.pt", weights_only=True) for name in ("whole", "run"))
    assert one["batches"] == other["batches"] == {"drawn": 48}
    assert all(torch.equal(value, other["network"][name]) for name, value in one["network"].items())
    assert (tmp_path / "run" / "state" / "conditions.npy").exists() is conditioned
    with pytest.raises(ValueError, match=r"holds another run: .*objective"):
        finetune_generative(base, recipe, corpus, tmp_path / "run", ALONE, ABOUT, None if conditioned else embedder)


def test_endings_are_learned_without_a_condition(base: PianoModel, corpus: Corpus, tmp_path: Path) -> None:
    recipe = replace(
        RECIPE, batch=replace(RECIPE.batch, length=128, rows=4), schedule=replace(RECIPE.schedule, steps=60)
    )
    short = write_corpus(
        tmp_path / "short",
        [replace(piece, notes=piece.notes.select(np.arange(20))) for piece in corpus],
    )
    finetune_generative(base, recipe, short, tmp_path / "run", ALONE, ABOUT)
    model = partimento.load(tmp_path / "run" / "checkpoints" / "best", "cpu")
    config = read_config(tmp_path / "run" / "checkpoints" / "best")
    assert (config["diminish"], config["condition_model"], config["network"]["condition"]) == (True, None, None)
    ids = torch.from_numpy(model.tokenizer.encode(short[9].notes))[None]
    with torch.no_grad():
        chance = model.network(torch.cat([torch.tensor([[6]]), ids], 1)).softmax(-1)[0, :, 1]
    assert chance[-2] > 20 * chance[4:-10].mean()  # <E> after the last note, not before


def test_what_cannot_be_trained_is_refused(
    base: PianoModel, embedder: PianoModel, corpus: Corpus, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    with pytest.raises(ValueError, match="embedder is no language model"):
        finetune_generative(embedder, SHORT, corpus, run, ALONE, ABOUT)
    long = replace(SHORT, batch=replace(SHORT.batch, length=129))
    with pytest.raises(ValueError, match=r"batch\.length 129 is over the 128 positions of base"):
        finetune_generative(base, long, corpus, run, ALONE, ABOUT)
    with pytest.raises(ValueError, match="dropout is 1"):
        finetune_generative(base, SHORT, corpus, run, ALONE, ABOUT, embedder, dropout=1.0)
    drums = corpus[0].notes
    silent = write_corpus(
        tmp_path / "drums",
        [*corpus, Piece("drums.mid", "f" * 64, 1.0, {"split": "train"}, replace(drums, is_drum=drums.is_drum | True))],
    )
    with pytest.raises(ValueError, match=r"drums.mid has no piano notes"):
        finetune_generative(base, SHORT, silent, run, ALONE, ABOUT, embedder)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("dear")
    with pytest.raises(ValueError, match=r"letter\.txt"):
        finetune_generative(base, SHORT, corpus, mine, ALONE, ABOUT, embedder)
    assert [path.name for path in mine.iterdir()] == ["letter.txt"]


def partimento_continue(*args: str | Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "partimento", "continue", *map(str, args)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert run.returncode == status, run.stderr
    return run


def test_as_a_user(trained: PianoModel, folder: Path, tmp_path: Path) -> None:
    write_midi(opening(), tmp_path / "prompt.mid")
    write_midi(piece_of(LOW, 99), tmp_path / "low.mid")
    model = ("--model", folder / "run" / "checkpoints" / "best")
    like = ("--like", tmp_path / "low.mid", "--guidance", "3", "--seconds", "4", "--seed", "1", "--min-p", "0.1")
    out = tmp_path / "out.mid"
    run = partimento_continue(tmp_path / "prompt.mid", *like, *model, "-o", out, "--only-new", "--end")
    assert run.stdout.strip() == str(out)
    assert np.isin(read_midi(out).pitch, LOW).mean() > 0.7
    plain = ("--model", folder / "base", "--like-model", folder / "embedder")
    error = partimento_continue(tmp_path / "prompt.mid", *like, *plain, "-o", tmp_path / "x.mid", status=1).stderr
    assert "base has no adapter for a reference" in error
    error = partimento_continue(tmp_path / "prompt.mid", *model, "--guidance", "2", status=2).stderr
    assert "--guidance needs --like REFERENCE.mid" in error
