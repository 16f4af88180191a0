"""Loading our own checkpoints, and the embedding of pieces."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import partimento
from partimento import midi_model as shared_module
from partimento import piano_model as model_module
from partimento.checkpoint import CheckpointError, read_config, write_checkpoint
from partimento.configuration import to_plain
from partimento.midi import MidiError, write_midi
from partimento.model import load, pick_device
from partimento.networks.decoder import Decoder, DecoderConfig, Pool
from partimento.networks.transformer import TransformerConfig, initialise
from partimento.notes import Notes, from_ms
from partimento.piano_model import PianoModel, load_piano
from partimento.systems.aria import small

CONTEXT = 64


def save(folder: Path, config: DecoderConfig, seed: int = 0, std: float = 0.02) -> Path:
    torch.manual_seed(seed)
    network = Decoder(config)
    initialise(network, config.transformer.layers, std)
    facts = {"system": "aria", "network": to_plain(config), "licence": "CC0-1.0", "versions": {"partimento": "0.1.0"}}
    write_checkpoint(folder, network.state_dict(), facts, "# Test\n")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> PianoModel:
    config = DecoderConfig(TransformerConfig(width=32, heads=2, layers=2, feedforward=64), 2675, CONTEXT)
    return load_piano(save(tmp_path_factory.mktemp("models") / "tiny", config), device="cpu")


def piece(count: int, seed: int, program: int = 0) -> Notes:
    """Random notes, 120 ms apart on average."""
    random = np.random.default_rng(seed)
    onset = np.sort(random.integers(0, 120 * count, count))
    columns = (random.integers(50, 900, count), random.integers(30, 90, count), random.integers(20, 110, count))
    return from_ms(onset, *columns, program=program)


def test_importing_the_package_loads_no_torch() -> None:
    code = "import sys, partimento, partimento.hub; partimento.Notes; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert partimento.load is load
    assert {"load", "Notes", "read_midi", "write_midi", "__version__"} <= set(dir(partimento))
    with pytest.raises(AttributeError, match="has no attribute 'lead'"):
        partimento.lead  # noqa: B018


def test_a_loaded_model_says_what_it_is(model: PianoModel) -> None:
    assert not model.network.training
    assert (model.name, model.context, model.embed_dim, model.time_unit) == ("tiny", CONTEXT, 32, 0.01)
    assert model.config["licence"] == "CC0-1.0"
    assert len(model.hash) == 12
    assert model.hash == load_piano(model.weights.parent, device="cpu").hash
    assert all(p.dtype == torch.float32 for p in model.network.parameters())
    assert load_piano(model.weights, device="cpu", dtype=torch.bfloat16).network.head.weight.dtype == torch.bfloat16


def test_another_model_has_another_hash(model: PianoModel, tmp_path: Path) -> None:
    assert load_piano(save(tmp_path / "other", model.network.config, seed=1), device="cpu").hash != model.hash


def test_the_small_model_loads_in_less_than_a_second(tmp_path: Path) -> None:
    folder = save(tmp_path / "small", small().network)
    load_piano(folder, device="cpu")
    start_s = time.process_time()
    load_piano(folder, device="cpu")
    assert time.process_time() - start_s < 1


def test_a_vector_is_the_normalised_mean_of_the_hidden_states(model: PianoModel) -> None:
    notes = piece(50, seed=1)
    ids = torch.from_numpy(model.tokenizer.encode(notes))
    assert len(ids) > 2 * CONTEXT
    with torch.no_grad():
        hidden = torch.cat([model.network.hidden(window[None])[0] for window in ids.split(CONTEXT)])
    mean = hidden.mean(0)
    vector = model.embed(notes)
    assert vector.shape == (32,)
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, (mean / mean.norm()).numpy(), atol=1e-6)


def test_the_same_piece_gives_the_same_vector_alone_and_in_a_batch(
    model: PianoModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_module, "GROUP", 7)
    monkeypatch.setattr(shared_module, "BATCH_TOKENS", 300)
    pieces = [piece(count, seed) for seed, count in enumerate([1, 90, 5, 40, 200, 21, 22, 3, 64, 7])]
    alone = np.stack([model.embed(notes) for notes in pieces])
    np.testing.assert_allclose(model.embed(pieces), alone, atol=1e-5)
    np.testing.assert_allclose(model.embed_notes(pieces[::-1])[::-1], alone, atol=1e-5)
    assert np.abs(alone[0] - alone[1]).max() > 1e-2
    np.testing.assert_allclose(np.linalg.norm(alone, axis=1), 1, atol=1e-5)
    write_midi(pieces[3], tmp_path / "a.mid")
    from_file = model.embed([tmp_path / "a.mid", str(tmp_path / "a.mid")])
    as_read = model.embed(partimento.read_midi(tmp_path / "a.mid"))
    np.testing.assert_allclose(from_file, np.stack([as_read] * 2), atol=1e-5)
    assert model.embed([]).shape == (0, 32)


@pytest.fixture(scope="module", params=["end", "mean"])
def embedder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> PianoModel:
    pool: Pool = request.param
    config = DecoderConfig(
        TransformerConfig(16, 2, 2, 32), 2675, context=1024, head="embedding", outputs=24, condition=8, pool=pool
    )
    folder = save(tmp_path_factory.mktemp("models") / f"tiny-{pool}", config, std=0.3)  # vectors that differ
    return load_piano(folder, device="cpu")


def window_vectors(model: PianoModel, notes: Notes) -> list[tuple[np.ndarray, int]]:
    """The slow reference: the vector of each 300 notes, one at a time, and how many notes they are."""
    found = []
    for start in range(0, len(notes), 300):
        part = notes.select(np.arange(start, min(start + 300, len(notes))))
        with torch.no_grad():
            outputs = model.network(torch.from_numpy(model.tokenizer.encode(part))[None])[0]  # (T, 24)
        pooled = outputs[-1] if model.network.config.pool == "end" else outputs.mean(0)  # the head is linear
        found.append((pooled.numpy(), len(part)))
    return found


@pytest.mark.parametrize("count", [1, 299, 300, 301, 770])
def test_an_embedding_is_the_normalised_mean_of_windows_by_their_notes(embedder: PianoModel, count: int) -> None:
    notes = piece(count, seed=count)
    windows = window_vectors(embedder, notes)
    assert len(windows) == -(-count // 300)
    weighted = sum(vector * weight for vector, weight in windows) / count
    vector = embedder.embed(notes)
    assert (embedder.is_embedding, embedder.embed_dim) == (True, 24)
    assert (vector.shape, vector.dtype) == ((24,), np.float32)
    np.testing.assert_allclose(vector, weighted / np.linalg.norm(weighted), atol=1e-5)
    as_original = embedder.embed(notes, compatible=True)
    np.testing.assert_allclose(as_original, np.mean([vector for vector, _ in windows], 0), atol=1e-5, rtol=1e-4)
    assert abs(np.linalg.norm(as_original) - 1) > 1e-3
    cosine = float(vector @ as_original / np.linalg.norm(as_original))
    assert (cosine < 1 - 1e-5) == (count in (301, 770))  # where the last window is shorter


def test_embeddings_of_many_are_those_of_each(embedder: PianoModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_module, "GROUP", 3)
    pieces = [piece(count, seed) for seed, count in enumerate([320, 1, 60, 650, 5, 300, 33, 90])]
    for compatible in (False, True):
        alone = np.stack([embedder.embed(notes, compatible) for notes in pieces])
        assert np.abs(np.diff(alone, axis=0)).max(1).min() > 1e-2
        np.testing.assert_allclose(embedder.embed(pieces, compatible), alone, atol=1e-5, rtol=1e-4)
        np.testing.assert_allclose(embedder.embed(pieces[::-1], compatible)[::-1], alone, atol=1e-5, rtol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(embedder.embed(pieces), axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(embedder.embed_notes(pieces), embedder.embed(pieces))


def test_an_embedding_leaves_other_instruments_out_before_it_counts_notes(
    embedder: PianoModel, caplog: pytest.LogCaptureFixture
) -> None:
    piano, strings = piece(310, seed=4), piece(200, seed=5, program=48)
    onset, duration, pitch, velocity = (
        np.concatenate([getattr(piano, c), getattr(strings, c)]) for c in ("onset", "duration", "pitch", "velocity")
    )
    both = from_ms(onset, duration, pitch, velocity, program=np.repeat([0, 48], [310, 200]))
    model_module._say_once.cache_clear()
    with caplog.at_level(logging.WARNING, "partimento"):
        np.testing.assert_allclose(embedder.embed(both), embedder.embed(piano), atol=1e-5)
    assert [record.message for record in caplog.records] == ["notes of other instruments than piano are left out"]
    with pytest.raises(MidiError, match=r"none of its 200 notes is piano; tiny-.* reads"):
        embedder.embed(strings)


def test_a_language_model_has_compatible_vectors_too(model: PianoModel) -> None:
    """All windows of its context weigh the same, and the vector keeps its length."""
    notes = piece(50, seed=1)
    ids = torch.from_numpy(model.tokenizer.encode(notes))
    with torch.no_grad():
        means = [model.network.hidden(window[None])[0].mean(0) for window in ids.split(CONTEXT)]
    assert len(means) > 2
    np.testing.assert_allclose(model.embed(notes, compatible=True), torch.stack(means).mean(0).numpy(), atol=1e-5)


def test_no_batch_is_larger_than_allowed(model: PianoModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_module, "BATCH_TOKENS", 4 * CONTEXT)
    seen: list[torch.Size] = []
    handle = model.network.embedding.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape))
    try:
        model.embed([piece(2000, seed=3), *(piece(n, seed=n) for n in range(1, 30))])
    finally:
        handle.remove()
    assert max(rows * columns for rows, columns in seen) <= 4 * CONTEXT
    assert max(columns for _, columns in seen) == CONTEXT


def test_other_instruments_are_left_out_with_one_notice(model: PianoModel, caplog: pytest.LogCaptureFixture) -> None:
    piano, strings = piece(30, seed=4), piece(30, seed=5, program=48)
    onset, duration, pitch, velocity = (
        np.concatenate([getattr(piano, c), getattr(strings, c)]) for c in ("onset", "duration", "pitch", "velocity")
    )
    both = from_ms(onset, duration, pitch, velocity, program=np.repeat([0, 48], 30))
    model_module._say_once.cache_clear()
    with caplog.at_level(logging.WARNING, "partimento"):
        np.testing.assert_allclose(model.embed([both, both]), np.stack([model.embed(piano)] * 2), atol=1e-5)
    assert [record.message for record in caplog.records] == ["notes of other instruments than piano are left out"]


def test_a_file_without_piano_is_named(model: PianoModel, tmp_path: Path) -> None:
    write_midi(piece(12, seed=6, program=40), tmp_path / "violin.mid")
    with pytest.raises(MidiError, match=r"violin\.mid: none of its 12 notes is piano; tiny reads"):
        model.embed([tmp_path / "violin.mid"])
    (tmp_path / "empty.mid").write_bytes(b"")
    with pytest.raises(MidiError, match=r"empty\.mid: empty file"):
        model.embed(tmp_path / "empty.mid")


def test_configurations_that_this_version_cannot_open(model: PianoModel, tmp_path: Path) -> None:
    folder = save(tmp_path / "m", model.network.config)
    config = read_config(folder)

    def write(changed: dict[str, object]) -> None:
        (folder / "config.json").write_text(json.dumps(changed))

    write({**config, "system": "etude"})
    with pytest.raises(CheckpointError, match="is of the system 'etude'"):
        load_piano(folder)
    write({**config, "network": {**config["network"], "swing": 1}})
    with pytest.raises(CheckpointError, match=r"unknown network\.swing"):
        load_piano(folder)
    write({**config, "network": {**config["network"], "vocabulary": 17727}})
    with pytest.raises(CheckpointError, match=r"wrong shape: embedding\.weight \[2675, 32\] instead of \[17727, 32\]"):
        load_piano(folder)


def test_devices(model: PianoModel) -> None:
    assert model.device == torch.device("cpu")
    assert pick_device("cpu").type == "cpu"
    assert pick_device().type in ("cpu", "cuda", "mps")
    with pytest.raises(ValueError, match="device 'gramophone'"):
        pick_device("gramophone")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="this machine or this build of torch has none"):
            pick_device("cuda")
