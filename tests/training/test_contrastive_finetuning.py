"""A language model of random weights becomes an embedding of made-up pieces."""

from __future__ import annotations

import json
import logging
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import log_of, saved
from torch import Tensor, distributed
from toy_pieces import toy_corpus, toy_piece

from partimento.checkpoint import read_config, read_state, write_checkpoint
from partimento.configuration import to_plain
from partimento.corpus.store import Corpus, Piece, write_corpus
from partimento.networks.decoder import Decoder, DecoderConfig, Pool
from partimento.networks.transformer import TransformerConfig
from partimento.objectives.contrastive import SlicePairs, contrastive
from partimento.overrides import override
from partimento.piano_model import PianoModel, load_piano
from partimento.systems.aria import CONTRASTIVE, ContrastiveConfig, contrastive_small
from partimento.training import contrastive as training_module
from partimento.training.contrastive import embedding_of, finetune_contrastive, validation_pairs
from partimento.training.distributed import World
from partimento.training.pretrain import AUGMENTATION
from partimento.training.sides import sides
from partimento.training.slices import Slicing
from partimento.training.state import State

ALONE = World(0, 1, torch.device("cpu"))
ABOUT = {"name": "tiny", "preset": "small", "data": "made-up pieces", "licence": "CC0-1.0"}
TRAIN, VALID, CONTEXT = 64, 20, 96
SETTINGS = [
    *("rows=16", f"length={CONTEXT}", "notes=10,24", "outputs=16", "bf16=false", "pool=mean", "one_key=0.5"),
    *("kind=adamw", "optimizer.lr=3e-3", "warmup=4", "log_every=4", "validate_every=10", "save_every=40"),
]


def config(*more: str) -> ContrastiveConfig:
    """The tests' settings; one that is given again is changed."""
    settings = {setting.partition("=")[0]: setting for setting in [*SETTINGS, *more]}
    return override(contrastive_small(), list(settings.values()))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> PianoModel:
    """A conditioned language model, so that there is an adapter to leave out."""
    torch.manual_seed(0)
    sizes = TransformerConfig(width=32, heads=2, layers=2, feedforward=64)
    network = Decoder(DecoderConfig(sizes, 2675, CONTEXT, condition=7))
    network.initialise()
    folder = tmp_path_factory.mktemp("models") / "base"
    about = {"system": "aria", "network": to_plain(network.config), "licence": "CC0-1.0"}
    write_checkpoint(folder, network.state_dict(), about, "# base\n")
    return load_piano(folder, "cpu")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    def side(number: int) -> dict[str, str]:
        return {"split": "train" if number < TRAIN else "valid" if number < TRAIN + VALID else "test"}

    return toy_corpus(tmp_path_factory.mktemp("corpora") / "toys", TRAIN + VALID + 1, side)


def go(base: PianoModel, corpus: Corpus, folder: Path, *more: str, world: World = ALONE) -> State:
    return finetune_contrastive(base, config(*more), corpus, folder, world, ABOUT)


@pytest.fixture(scope="module")
def trained(base: PianoModel, corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Pool], Path]:
    """The folder of a run of forty steps with this pooling."""
    folders: dict[str, Path] = {}

    def run(pool: Pool) -> Path:
        if pool not in folders:
            folder = tmp_path_factory.mktemp("runs") / pool
            assert go(base, corpus, folder, "steps=40", f"pool={pool}", "batch.augment=0").step == 40
            folders[pool] = folder
        return folders[pool]

    return run


def slicing(base: PianoModel, config: ContrastiveConfig) -> Slicing:
    return Slicing(base.tokenizer, config.notes, CONTEXT, AUGMENTATION, config.one_key)


def held_out(base: PianoModel, corpus: Corpus, most: int = 128) -> SlicePairs:
    return validation_pairs(corpus, sides(corpus)[1], list(range(len(corpus))), slicing(base, config()), most)


# pool, hits in training (1 of 31 by chance), hits on pieces that were not heard (1 of 39), similarity over strangers'
@pytest.mark.parametrize(("pool", "hits", "valid_hits", "margin"), [("mean", 0.7, 0.4, 0.6), ("end", 0.5, 0.15, 0.4)])
def test_partners_are_found_among_pieces_that_were_not_heard(
    trained: Callable[[Pool], Path], base: PianoModel, pool: Pool, hits: float, valid_hits: float, margin: float
) -> None:
    log = log_of(trained(pool))
    training = [line for line in log if "loss" in line]
    validation = [line for line in log if "valid_loss" in line]
    assert [line["step"] for line in validation] == [10, 20, 30, 40]
    assert training[0]["hits"] < 0.35
    assert training[-1]["hits"] > hits
    assert training[-1]["loss"] < training[0]["loss"] / 2
    assert validation[-1]["valid_hits"] > valid_hits
    assert validation[-1]["valid_loss"] < validation[0]["valid_loss"]

    model = load_piano(trained(pool) / "checkpoints" / "best", "cpu")
    pieces = [toy_piece(number) for number in range(TRAIN, TRAIN + VALID)]
    halves = [notes.select(np.arange(60)[half]) for notes in pieces for half in (slice(0, 30), slice(30, 60))]

    def above_strangers(embedder: PianoModel) -> float:
        vectors = embedder.embed(halves)
        similarity, piece = vectors @ vectors.T, np.arange(len(halves)) // 2
        own = np.diagonal(similarity, 1)[::2].mean()
        return float(own - similarity[piece[:, None] != piece].mean())

    assert above_strangers(model) > margin
    assert above_strangers(model) > above_strangers(base) + 0.2


def test_the_checkpoint_is_an_embedding_that_says_how_it_came_about(
    trained: Callable[[Pool], Path], base: PianoModel, corpus: Corpus
) -> None:
    run = trained("mean")
    folder = run / "checkpoints" / "best"
    model, about = load_piano(folder, "cpu"), read_config(folder)
    assert model.is_embedding
    assert (model.embed_dim, model.context) == (16, CONTEXT)
    vectors = model.embed([toy_piece(1), toy_piece(2)])
    assert vectors.shape == (2, 16)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert about["base"] == {"name": "base", "hash": base.hash}
    assert about["objective"] == {
        **{"kind": "contrastive", "notes": [10, 24], "outputs": 16, "temperature": 0.1, "loss": "nt_xent"},
        **{"pool": "mean", "one_key": 0.5},
    }
    assert (about["network"]["head"], about["network"]["condition"]) == ("embedding", None)
    losses = [line["valid_loss"] for line in log_of(run) if "valid_loss" in line]
    assert about["trained"]["valid_loss"] == min(losses)
    card = (folder / "README.md").read_text()
    assert "An embedding of piano performance" in card
    assert "`partimento finetune` from `base`" in card
    assert f"{min(losses):.4f} nats" in card
    pieces = json.loads((run / "config.json").read_text())["pieces"]
    assert (pieces["train"]["count"], pieces["valid"]["count"]) == (TRAIN, VALID)
    with pytest.raises(ValueError, match="best is no language model: its head is for 'embedding'"):
        go(model, corpus, run.parent / "again")


def test_what_is_validated_is_the_checkpoint_that_is_kept(
    trained: Callable[[Pool], Path], base: PianoModel, corpus: Corpus
) -> None:
    folder = trained("mean") / "checkpoints" / "best"
    _, logs = contrastive(load_piano(folder, "cpu").network, held_out(base, corpus))
    assert float(logs["loss"] / logs["count"]) == pytest.approx(read_config(folder)["trained"]["valid_loss"], rel=1e-4)


def test_the_body_is_the_language_models_and_the_head_is_new(base: PianoModel) -> None:
    torch.manual_seed(1)
    network = embedding_of(base.network, config())
    old, new = base.network.state_dict(), network.state_dict()
    assert set(old) - set(new) == {"adapter.weight"}
    assert all(torch.equal(old[name], value) for name, value in new.items() if name != "head.weight")
    assert new["head.weight"].shape == (16, 32)
    assert new["head.weight"].std() > 0
    new["embedding.weight"].zero_()
    assert old["embedding.weight"].any()  # a copy


def test_an_interrupted_run_equals_one_that_was_not_and_may_be_lengthened(
    base: PianoModel, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ("steps=9", "validate_every=4", "decay_from=0.5")
    go(base, corpus, tmp_path / "whole", *settings)
    calls = 0

    def interrupting(network: Decoder, *arguments: Any, **constants: Any) -> tuple[Tensor, dict[str, Tensor]]:
        nonlocal calls
        calls += network.training
        if calls == 6:
            signal.raise_signal(signal.SIGTERM)
        return contrastive(network, *arguments, **constants)

    with monkeypatch.context() as patch:
        patch.setattr(training_module, "contrastive", interrupting)
        assert go(base, corpus, tmp_path / "run", *settings).step == 6
    assert go(base, corpus, tmp_path / "run", *settings).step == 9
    assert log_of(tmp_path / "run") == log_of(tmp_path / "whole")
    one, other = saved(tmp_path / "run"), saved(tmp_path / "whole")
    assert one["batches"] == other["batches"] == {"drawn": 9 * 16}
    assert all(torch.equal(value, other["network"][name]) for name, value in one["network"].items())
    for kind in ("best", "last"):
        states = [read_state(tmp_path / name / "checkpoints" / kind) for name in ("run", "whole")]
        assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert go(base, corpus, tmp_path / "run", "steps=11", *settings[1:]).step == 11
    with pytest.raises(ValueError, match=r"objective\.temperature was 0\.1 and is 0\.2"):
        go(base, corpus, tmp_path / "run", "temperature=0.2", *settings)


def test_validation_pairs_are_one_a_song_and_the_same_for_every_run(base: PianoModel, corpus: Corpus) -> None:
    one, pieces = config(), list(range(3, 13))
    songs = [number // 3 for number in range(len(corpus))]  # 1 1 1 2 2 2 3 3 3 4
    pairs = validation_pairs(corpus, pieces, songs, slicing(base, one), 64)
    assert sorted(pairs.songs.tolist()) == [1, 2, 3, 4]
    again = validation_pairs(corpus, pieces, songs, slicing(base, config("seed=5", "one_key=1")), 64)
    assert torch.equal(again.ids, pairs.ids)
    assert torch.equal(again.lengths, pairs.lengths)
    few = validation_pairs(corpus, pieces, songs, slicing(base, one), 2)
    assert len(few) == 2
    assert set(few.songs.tolist()) == {1, 4}
    for song, pair, lengths in zip(pairs.songs.tolist(), pairs.ids, pairs.lengths, strict=True):
        whole = base.tokenizer.encode(toy_piece(3 * song))  # the first piece of the song, as it is
        for ids, length in zip(pair, lengths.tolist(), strict=True):
            notes = ids[1 : length - 1][ids[1 : length - 1] < 1671]
            assert set(notes.tolist()) <= set(whole.tolist())


def test_validation_does_not_hang_on_the_size_of_a_batch(base: PianoModel, corpus: Corpus, tmp_path: Path) -> None:
    still = ("steps=1", "optimizer.lr=0", "validate_every=1")
    losses = []
    for rows in (2, 8):
        go(base, corpus, tmp_path / str(rows), *still, f"rows={rows}")
        losses += [line["valid_loss"] for line in log_of(tmp_path / str(rows)) if "valid_loss" in line]
    torch.manual_seed(0)
    _, logs = contrastive(embedding_of(base.network, config()).eval(), held_out(base, corpus))
    assert losses == [pytest.approx(float(logs["loss"]) / (2 * VALID), rel=1e-5)] * 2


def labelled(folder: Path, sides: str, songs: str, silent: str = "") -> Corpus:
    """Pieces whose sides (t or v), songs and lack of piano are the letters."""
    names = {"t": "train", "v": "valid"}
    pieces = []
    for number, (side, song) in enumerate(zip(sides, songs, strict=True)):
        notes = toy_piece(number, program=40 if str(number) in silent else 0)
        pieces.append(Piece(f"{number}.mid", f"{number:064x}", 9.0, {"split": names[side], "song": song}, notes))
    return write_corpus(folder, pieces)


def test_what_cannot_be_learned_from_is_refused(base: PianoModel, corpus: Corpus, tmp_path: Path) -> None:
    for settings, words in (
        (("length=97",), "batch.length 97 is over the 96 positions of base"),
        (("rows=1",), r"batch.rows 1 must be a multiple of 1 process\(es\), two at least for each"),
    ):
        with pytest.raises(ValueError, match=words):
            go(base, corpus, tmp_path / "run", *settings)
    with pytest.raises(ValueError, match=r"batch.rows 15 must be a multiple of 2 process"):
        go(base, corpus, tmp_path / "run", "rows=15", world=World(0, 2, torch.device("cpu")))
    with pytest.raises(ValueError, match=r"has 2 piece\(s\) of one song to validate on; two songs at least"):
        go(base, labelled(tmp_path / "a", "ttvv", "abcc"), tmp_path / "run")
    with pytest.raises(ValueError, match="2 pieces of 1 songs to train on"):
        go(base, labelled(tmp_path / "b", "ttvv", "aacd"), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    for wrong in ("batch.augment=0.5", "one_key=1.5", "temperature=0", "notes=9,8", "notes=0,8"):
        with pytest.raises(ValueError, match=wrong.partition("=")[0]):
            config(wrong)


def test_pieces_without_piano_are_left_out_with_a_notice(
    base: PianoModel, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mixed = labelled(tmp_path / "mixed", "tttvvv", "abcdef", silent="15")
    with caplog.at_level(logging.WARNING, "partimento"):
        go(base, mixed, tmp_path / "run", "steps=2", "rows=2")
    assert [record.message for record in caplog.records] == ["2 of 6 pieces are left out: no piano notes"]
    pieces = json.loads((tmp_path / "run" / "config.json").read_text())["pieces"]
    assert (pieces["train"]["count"], pieces["valid"]["count"]) == (2, 2)


def test_without_labels_two_songs_are_held_out(base: PianoModel, tmp_path: Path) -> None:
    go(base, toy_corpus(tmp_path / "corpus", 5), tmp_path / "run", "steps=1", "rows=2")
    pieces = json.loads((tmp_path / "run" / "config.json").read_text())["pieces"]
    assert pieces["valid"]["count"] >= 2
    assert pieces["train"]["count"] + pieces["valid"]["count"] == 5


def one_of_two(rank: int, base: Path, corpus: Path, folder: Path) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    world = World(rank, 2, torch.device("cpu"))
    go(load_piano(base, "cpu"), Corpus.open(corpus), folder / "two", "steps=4", "log_every=1", world=world)
    distributed.destroy_process_group()


def test_two_processes_train_what_one_does(base: PianoModel, corpus: Corpus, tmp_path: Path) -> None:
    go(base, corpus, tmp_path / "one", "steps=4", "log_every=1")
    torch.multiprocessing.spawn(one_of_two, (base.weights.parent, corpus.folder, tmp_path), nprocs=2)
    for one, two in zip(log_of(tmp_path / "one"), log_of(tmp_path / "two"), strict=True):
        assert one == pytest.approx(two, rel=1e-3)
    weights = [saved(tmp_path / name)["network"] for name in ("one", "two")]
    before = embedding_of(base.network, config()).state_dict()
    for name, value in weights[0].items():
        moved = (value - before[name]).norm() if name != "head.weight" else value.norm()
        assert (weights[1][name] - value).norm() < 0.01 * moved, name


def test_the_presets() -> None:
    paper, small = (CONTRASTIVE[name]() for name in ("paper", "small"))
    assert (paper.notes, paper.recipe.batch.length, paper.temperature) == ((100, 650), 2048, 0.1)
    assert (paper.pool, paper.loss, paper.outputs) == ("end", "nt_xent", 512)
    assert (paper.recipe.optimizer.lr, paper.recipe.schedule.warmup, paper.recipe.schedule.final) == (1e-5, 1000, 0.1)
    assert small.recipe.batch.augment == paper.recipe.batch.augment == 1
    for rows in (2, 6, 48):  # whatever the preset's parts are
        assert override(small, [f"batch.rows={rows}"]).recipe.batch.rows == rows
