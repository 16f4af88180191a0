"""What all models share: which kind a name opens, vectors of pieces from those of windows, weights in 8 bits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from labelled_music import piece, tiny_model
from tiny_notes_models import band, tiny_encoder, tiny_labeller, tiny_roberta

from partimento.checkpoint import CONFIG, CheckpointError
from partimento.hub import BUNDLED
from partimento.midi import MidiError, write_midi
from partimento.midi_model import GROUP, MidiModel, Window, batches_of_like
from partimento.model import load
from partimento.networks.int8 import Int8Matrix
from partimento.notes import Notes
from partimento.notes_model import NotesModel, load_notes
from partimento.piano_model import PianoModel, load_piano

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A checkpoint of each kind."""
    root = tmp_path_factory.mktemp("models")
    tiny_model(root / "piano")
    tiny_model(root / "embedding", head="embedding", outputs=24)
    tiny_encoder(root / "encoder")
    tiny_labeller(root / "labeller")
    tiny_roberta(root / "roberta")
    return {path.name: path for path in root.iterdir()}


def test_the_config_says_what_a_name_opens(folders: dict[str, Path]) -> None:
    kinds = {name: type(load(folder, "cpu")) for name, folder in folders.items()}
    assert kinds == {
        "piano": PianoModel,
        "embedding": PianoModel,
        "encoder": NotesModel,
        "labeller": NotesModel,
        "roberta": NotesModel,
    }
    for name, folder in folders.items():
        model = load(folder / "model.safetensors", "cpu")
        assert (model.name, model.device, model.weights.parent) == (name, CPU, folder)
        assert model.title == model.config.get("name", name)
        assert model.hash == load(str(folder), "cpu").hash
        assert model.embed(piece(0)).shape == (model.embed_dim,)
    hashes = {load(folder, "cpu").hash for folder in folders.values()}
    assert len(hashes) == len(folders)


def test_one_kind_is_not_taken_for_another(folders: dict[str, Path]) -> None:
    with pytest.raises(CheckpointError, match=r"config\.json is of the system 'musicbert'; .* such as piano-small, is"):
        load_piano(folders["encoder"], "cpu")
    with pytest.raises(CheckpointError, match=r"is of the system 'aria'; .* such as understanding-small, is needed"):
        load_notes(folders["piano"], "cpu")


def test_what_is_no_model(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no model 'sonata'"):
        load("sonata")
    with pytest.raises(CheckpointError, match=r"has no config\.json"):
        load(tmp_path)
    (tmp_path / CONFIG).write_text(json.dumps({"system": "etude", "network": {}}))
    with pytest.raises(CheckpointError, match="is of the system 'etude'"):
        load(tmp_path)
    (tmp_path / CONFIG).write_text(json.dumps({"model_type": "stablelm", "hidden_size": 64}))
    for opened in (load, load_piano):
        with pytest.raises(CheckpointError, match=r"is a StableLM of transformers; `partimento import .* opens it"):
            opened(tmp_path, "cpu")


@dataclass(frozen=True, eq=False)
class Pitches(MidiModel):
    """Its vector of a window is how often each pitch class is in it; it reads 10 notes at a time."""

    seen: list[int] = field(default_factory=list)

    @property
    def device(self) -> torch.device:
        return CPU

    @property
    def embed_dim(self) -> int:
        return 12

    def windows(self, notes: Notes) -> list[Window]:
        if not len(notes):
            raise MidiError("silence")
        ids = notes.pitch % 12
        return [(ids[start : start + 10], len(ids[start : start + 10])) for start in range(0, len(ids), 10)]

    def pooled(self, rows: list[np.ndarray]) -> np.ndarray:
        self.seen.append(len(rows))
        return np.stack([np.bincount(row, minlength=12) / len(row) for row in rows]).astype(np.float64)


def test_a_vector_is_the_mean_of_windows_by_their_length(tmp_path: Path) -> None:
    model = Pitches({}, "pitches", tmp_path / "none")
    notes = piece(3, count=34)
    whole = np.bincount(notes.pitch % 12, minlength=12).astype(float)
    np.testing.assert_allclose(model.embed(notes), whole / np.linalg.norm(whole), atol=1e-6)
    windows = [np.bincount(part % 12, minlength=12) / len(part) for part in np.split(notes.pitch, (10, 20, 30))]
    np.testing.assert_allclose(model.embed(notes, compatible=True), np.mean(windows, axis=0), atol=1e-6)
    assert model.embed([]).shape == (0, 12)


def test_pieces_are_read_as_they_are_needed(tmp_path: Path) -> None:
    model = Pitches({}, "pitches", tmp_path / "none")
    taken: list[int] = []

    def pieces() -> Iterator[Notes]:
        for number in range(GROUP + 5):
            assert len(taken) - GROUP * bool(model.seen) < GROUP  # the first group was embedded before the next is read
            taken.append(number)
            yield piece(number, count=1 + number % 25)

    found = model.embed(pieces())
    alone = np.stack([model.embed(piece(number, count=1 + number % 25)) for number in range(GROUP + 5)])
    np.testing.assert_allclose(found, alone, atol=1e-6)


def test_errors_name_the_file(tmp_path: Path) -> None:
    model = Pitches({}, "pitches", tmp_path / "none")
    (tmp_path / "no.mid").write_bytes(b"RIFF, not MIDI at all")
    with pytest.raises(MidiError, match=r"no\.mid: not a MIDI file"):
        model.embed([tmp_path / "no.mid"])
    with pytest.raises(MidiError, match=r"^silence$"):
        model.embed(piece(0).select(np.zeros(60, bool)))
    with pytest.raises(FileNotFoundError, match=r"gone\.mid"):
        model.embed(str(tmp_path / "gone.mid"))


@pytest.mark.parametrize("most", [1, 100, 512, 4096])
def test_batches_hold_every_window_once_and_no_more_than_they_may(most: int) -> None:
    lengths = np.random.default_rng(most).integers(1, 600, 200).tolist()
    batches = list(batches_of_like(lengths, most))
    assert sorted(i for batch in batches for i in batch) == list(range(200))
    for batch in batches:
        longest = max(lengths[i] for i in batch)
        assert len(batch) == 1 or len(batch) * longest <= most
    ordered = [lengths[i] for batch in batches for i in batch]
    assert ordered == sorted(lengths, reverse=True)
    assert list(batches_of_like([], most)) == []


def test_weights_in_8_bits_say_nearly_the_same(folders: dict[str, Path]) -> None:
    pieces = [piece(number) for number in range(4)]
    for name in ("piano", "embedding"):
        exact, whole = load(folders[name], "cpu"), load(folders[name], int8=True)  # "auto" is the CPU then
        assert isinstance(whole, PianoModel)
        assert whole.device == CPU
        matrices = [weight for weight in whole.network.parameters() if weight.ndim == 2]
        assert len(matrices) > 4
        assert all(isinstance(weight, Int8Matrix) for weight in matrices)
        a, b = exact.embed(pieces), whole.embed(pieces)
        assert np.abs(a - b).max() > 0
        assert ((a * b).sum(1) > 0.999).all()
        np.testing.assert_allclose(np.stack([whole.embed(one) for one in pieces]), b, atol=1e-5)
        assert whole.hash == exact.hash


def test_8_bits_are_for_piano_on_the_cpu(folders: dict[str, Path]) -> None:
    with pytest.raises(ValueError, match=r"weights in 8 bits are not torch\.bfloat16"):
        load(folders["piano"], "cpu", dtype=torch.bfloat16, int8=True)
    with pytest.raises(ValueError, match=r"weights in 8 bits are for CPUs|device 'cuda': this machine"):
        load(folders["piano"], "cuda", int8=True)
    for name in ("encoder", "labeller", "roberta"):
        with pytest.raises(ValueError, match=f"{name}: weights in 8 bits are for models of piano"):
            load(folders[name], int8=True)


def test_the_bundled_embedding_in_8_bits() -> None:
    if not (BUNDLED / "piano-small-embedding").is_dir():
        pytest.skip("piano-small-embedding is not bundled here")
    pieces = [piece(number) for number in range(2)]
    a, b = (load("piano-small-embedding", "cpu", int8=int8).embed(pieces) for int8 in (False, True))
    assert ((a * b).sum(1) > 0.99).all()


def test_any_instruments_are_music_to_a_model_of_notes_alone(folders: dict[str, Path], tmp_path: Path) -> None:
    notes = band()
    write_midi(notes.select(notes.program == 48), tmp_path / "strings.mid")
    assert load(folders["encoder"], "cpu").embed(tmp_path / "strings.mid").shape == (32,)
    with pytest.raises(MidiError, match=r"strings\.mid: none of its 17 notes is piano"):
        load(folders["piano"], "cpu").embed(tmp_path / "strings.mid")
