"""References for conditioned models: ours and official ones, and what does not go together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import partimento
from partimento.checkpoint import CheckpointError, write_checkpoint
from partimento.configuration import to_plain
from partimento.generate.continuation import continue_notes
from partimento.generate.like import announces_endings, condition_of, embedding_model_of
from partimento.generate.options import ContinueOptions
from partimento.networks.decoder import Decoder, DecoderConfig
from partimento.networks.transformer import TransformerConfig
from partimento.notes import Notes
from partimento.piano_model import PianoModel

OPTIONS = ContinueOptions(prompt_seconds=6.0, seconds=3.0, seed=2, guidance=2.0, min_p=0.0, time_step_penalty=-3.0)


def written(folder: Path, config: DecoderConfig, **more: object) -> PianoModel:
    """A checkpoint of random weights, opened."""
    torch.manual_seed(4)
    network = Decoder(config)
    network.initialise()
    facts = {"system": "aria", "licence": "CC0-1.0", "network": to_plain(config), **more}
    write_checkpoint(folder, network.state_dict(), facts, "# tiny\n")
    return partimento.load(folder, "cpu")


def embedder(folder: Path, outputs: int = 12) -> PianoModel:
    sizes = TransformerConfig(16, 2, 1, 32)
    return written(folder, DecoderConfig(sizes, 2675, 256, head="embedding", outputs=outputs))


def player(folder: Path, condition: int | None = 12, **more: object) -> PianoModel:
    return written(folder, DecoderConfig(TransformerConfig(32, 2, 2, 64), 2675, 256, condition=condition), **more)


def test_the_embedding_is_that_of_the_model_that_the_checkpoint_names(piece: Notes, tmp_path: Path) -> None:
    model = embedder(tmp_path / "embedding")
    named = player(tmp_path / "player", condition_model=str(tmp_path / "embedding"))
    condition = condition_of(piece, named, device="cpu")
    assert condition.dtype == np.float32
    np.testing.assert_array_equal(condition, model.embed(piece))
    other = embedder(tmp_path / "other")
    np.testing.assert_array_equal(condition_of(piece, named, str(tmp_path / "other"), "cpu"), other.embed(piece))
    made = continue_notes(named.network, named.tokenizer, piece, OPTIONS, condition)[0]
    assert len(made.new_notes) > 3


def test_what_does_not_go_together_is_refused(piece: Notes, tmp_path: Path) -> None:
    embedder(tmp_path / "embedding")
    with pytest.raises(ValueError, match="plain has no adapter for a reference"):
        condition_of(piece, player(tmp_path / "plain", condition=None), str(tmp_path / "embedding"), "cpu")
    wide = player(tmp_path / "wide", condition=20)
    with pytest.raises(ValueError, match=r"embedding of embedding does not fit wide: .*\(12,\) .* takes \(20,\)"):
        condition_of(piece, wide, str(tmp_path / "embedding"), "cpu")
    lost = player(tmp_path / "lost", condition_model="no-such-model")
    with pytest.raises(CheckpointError, match=r"no model 'no-such-model'.*name another embedding model"):
        condition_of(piece, lost, device="cpu")


def test_an_official_conditioned_checkpoint_is_guided(piece: Notes, shared: Path) -> None:
    official = partimento.load(shared / "conformance" / "aria" / "conditioned", "cpu")
    path = shared / "conformance" / "aria" / "embedding"
    condition = condition_of(piece, official, str(path), "cpu")
    np.testing.assert_array_equal(condition, partimento.load(path, "cpu").embed(piece, compatible=True))
    takes = [
        continue_notes(official.network, official.tokenizer, piece, options, given)[0].ids.tolist()
        for options, given in ((OPTIONS, condition), (replace(OPTIONS, guidance=1.0), None))
    ]
    assert takes[0] != takes[1]


def test_what_a_checkpoint_says_of_its_training() -> None:
    ours: dict[str, object] = {"system": "aria", "network": {}}
    official: dict[str, object] = {"d_model": 32}
    assert embedding_model_of(ours) == "piano-small-embedding"
    assert embedding_model_of(official) == embedding_model_of({**ours, "source": {}}) == "loubb/aria-medium-embedding"
    assert embedding_model_of({**ours, "condition_model": "mine"}) == "mine"
    said = [
        announces_endings(config) for config in (ours, {**ours, "diminish": True}, official, {**ours, "source": {}})
    ]
    assert said == [False, True, True, True]


def test_the_whole_piece_is_the_reference(piece: Notes, tmp_path: Path, tiny: Callable[..., Decoder]) -> None:
    embedder(tmp_path / "embedding")
    model = player(tmp_path / "player", condition_model=str(tmp_path / "embedding"))
    half = piece.select(np.arange(20))
    assert not np.allclose(condition_of(piece, model, device="cpu"), condition_of(half, model, device="cpu"), atol=1e-4)
