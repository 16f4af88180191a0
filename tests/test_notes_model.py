"""Models of notes: windows of a piece, its vector, a label for each note."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_notes_models import band, free, notes_of_rows, tiny_encoder, tiny_labeller, tiny_roberta
from tiny_words import song

from partimento.analysis.parts import PARTS
from partimento.checkpoint import CONFIG, CheckpointError, folder_bytes, read_config
from partimento.hub import BUNDLED
from partimento.midi import MidiError, write_midi
from partimento.networks.labeller import Labeller
from partimento.networks.labelling import predict
from partimento.networks.roberta import Roberta
from partimento.notes import Notes
from partimento.notes_model import WINDOW, NotesModel, load_notes, overlapping
from partimento.tokens import octuple
from partimento.tokens.clock import is_metrical, on_clock
from partimento.tokens.fields import END, START
from partimento.tokens.octuple import BAR, DRUMS, INSTRUMENT, OCTUPLE, PITCH
from partimento.tokens.word_augment import fit_bars

NOTHING = band().select(np.zeros(len(band()), bool))
ONE = notes_of_rows([(480, 240, 60, 64, 40, 0, 0)])


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, NotesModel]:
    """One of each kind, by name."""
    root = tmp_path_factory.mktemp("models")
    tiny_encoder(root / "encoder")
    tiny_roberta(root / "roberta")
    tiny_labeller(root / "labeller")
    return {path.name: load_notes(path, "cpu") for path in root.iterdir()}


@pytest.fixture(scope="module")
def labeller(models: dict[str, NotesModel]) -> NotesModel:
    """It tells three classes of notes."""
    return models["labeller"]


def test_what_is_loaded(models: dict[str, NotesModel]) -> None:
    assert [models[name].embed_dim for name in ("encoder", "roberta", "labeller")] == [32, 16, 32]
    assert models["labeller"].labels == (PARTS,)
    assert models["encoder"].labels == models["roberta"].labels == ()
    assert isinstance(models["roberta"].network, Roberta)
    for model in models.values():
        assert not model.network.training
        assert all(p.dtype == torch.float32 for p in model.network.parameters())
    half = load_notes(models["encoder"].weights, "cpu", torch.bfloat16)
    assert half.encoder.embedding.weight.dtype == torch.bfloat16
    a, b = half.embed(band()), models["encoder"].embed(band())
    assert float(a @ b) > 0.98


def vector(model: NotesModel, words: np.ndarray) -> np.ndarray:
    """The slow reference: the mean of the hidden states of one window, alone and unpadded."""
    ids = fit_bars(words, OCTUPLE)
    if isinstance(model.encoder, Roberta):
        ids = np.concatenate([OCTUPLE.special(START)[None], ids, OCTUPLE.special(END)[None]])
    with torch.no_grad():
        tensor = torch.from_numpy(ids.astype(np.int64))[None]
        hidden = model.encoder.hidden(tensor, torch.zeros(tensor.shape[:2], dtype=torch.int64))[0]
    inner = hidden[1:-1] if isinstance(model.encoder, Roberta) else hidden
    assert len(inner) == len(words)
    return inner.double().mean(0).numpy()


@pytest.mark.parametrize("name", ["encoder", "roberta"])
@pytest.mark.parametrize("count", [1, 300, WINDOW, WINDOW + 1, 1100])
def test_a_vector_is_that_of_its_windows_by_their_notes(models: dict[str, NotesModel], name: str, count: int) -> None:
    model, notes = models[name], free(count, seed=count)
    words, _ = model.words(notes)
    parts = [words[start : start + WINDOW] for start in range(0, count, WINDOW)]
    expected = sum(vector(model, part) * len(part) for part in parts)
    found = model.embed(notes)
    assert (found.shape, found.dtype) == ((model.embed_dim,), np.float32)
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected), atol=1e-5)


@pytest.mark.parametrize("name", ["encoder", "roberta", "labeller"])
def test_a_piece_has_the_same_vector_alone_and_among_others(models: dict[str, NotesModel], name: str) -> None:
    model = models[name]
    pieces = [band(), ONE, free(700, seed=1), song(1), band().select(band().is_drum), free(3, seed=2)]
    alone = np.stack([model.embed(notes) for notes in pieces])
    np.testing.assert_allclose(model.embed(pieces), alone, atol=2e-5)
    np.testing.assert_allclose(model.embed_notes(pieces[::-1])[::-1], alone, atol=2e-5)
    np.testing.assert_allclose(np.linalg.norm(alone, axis=1), 1, atol=1e-5)
    apart = np.abs(alone[:, None] - alone).max(-1) + np.eye(len(pieces))
    assert apart.min() > 1e-3


def test_a_long_piece_is_read_in_windows(models: dict[str, NotesModel]) -> None:
    notes = free(1300)
    windows = models["encoder"].windows(notes)
    assert [(len(words), weight) for words, weight in windows] == [(512, 512), (512, 512), (276, 276)]
    np.testing.assert_array_equal(np.concatenate([words for words, _ in windows]), models["encoder"].words(notes)[0])


def test_more_bars_than_there_are_ids(models: dict[str, NotesModel]) -> None:
    sparse = notes_of_rows([(1920 * bar, 480, 60 + bar % 7, 64, 0, 0, 0) for bar in range(400)])
    words, _ = models["encoder"].words(sparse)
    assert words[:, BAR].max() == 399
    for name in ("encoder", "roberta"):
        assert np.isfinite(models[name].embed(sparse)).all()
    assert np.isfinite(models["labeller"].label_notes(sparse)).all()


def test_every_instrument_and_every_pitch_is_a_word(models: dict[str, NotesModel]) -> None:
    notes = band()
    words, which = models["encoder"].words(notes)
    assert sorted(which.tolist()) == list(range(len(notes)))
    assert set(words[:, INSTRUMENT].tolist()) == {0, 48, DRUMS}
    np.testing.assert_array_equal(words[:, INSTRUMENT] == DRUMS, notes.is_drum[which])
    np.testing.assert_array_equal(words[:, PITCH] % 128, notes.pitch[which])
    assert {0, 127} <= set(words[:, PITCH].tolist())


def test_without_notes_there_is_nothing_to_read(models: dict[str, NotesModel], tmp_path: Path) -> None:
    for model in models.values():
        with pytest.raises(MidiError, match=r"^it has no notes$"):
            model.embed(NOTHING)
    with pytest.raises(MidiError, match=r"^it has no notes$"):
        models["labeller"].label_notes(NOTHING)
    write_midi(NOTHING, tmp_path / "rest.mid")
    with pytest.raises(MidiError, match=r"rest\.mid: .*no notes"):
        models["encoder"].embed([tmp_path / "rest.mid"])


def test_music_without_a_metre_goes_on_the_clock(models: dict[str, NotesModel]) -> None:
    model, notes = models["encoder"], free(200)
    assert not is_metrical(notes)
    np.testing.assert_array_equal(model.words(notes)[0], octuple.encode(on_clock(notes))[0])
    # the same seconds in other ticks are the same music; of a metrical piece other ticks are other bars
    finer = replace(notes, onset=3 * notes.onset, duration=3 * notes.duration, ticks_per_quarter=3 * 480)
    faster = replace(notes, onset=2 * notes.onset, duration=2 * notes.duration, tempo_us=notes.tempo_us // 2)
    for same in (finer, faster):
        np.testing.assert_allclose(model.embed(same), model.embed(notes), atol=1e-5)
    metrical = song(0)
    assert is_metrical(metrical)
    np.testing.assert_array_equal(model.words(metrical)[0], octuple.encode(metrical)[0])
    assert model.words(metrical)[0][:, BAR].max() == 7
    slower = metrical.stretch(2.0)  # 16 bars of two seconds, but still 8 of its own
    assert model.words(slower)[0][:, BAR].max() == 7


def distinct(notes: Notes) -> Notes:
    """The same piece without notes that are one word twice."""
    words, which = octuple.encode(notes)
    return notes.select(np.sort(which[np.unique(words, axis=0, return_index=True)[1]]))


def test_each_note_has_its_own_row(labeller: NotesModel) -> None:
    notes = distinct(band())
    found = labeller.label_notes(notes)
    assert (found.shape, found.dtype) == ((len(notes), 3), np.float32)
    np.testing.assert_allclose(np.exp(found).sum(1), 1, atol=1e-4)
    assert found.std(0).min() > 0.1
    shuffled = np.random.default_rng(0).permutation(len(notes))
    np.testing.assert_allclose(labeller.label_notes(notes.select(shuffled)), found[shuffled], atol=1e-6)
    assert labeller.label_notes(ONE).shape == (1, 3)


def test_overlapping_windows_are_averaged(labeller: NotesModel) -> None:
    notes = free(700)
    words, which = labeller.words(notes)
    assert isinstance(labeller.network, Labeller)
    parts = [slice(0, 512), slice(188, 700)]
    first, second = (predict(labeller.network, [words[part]])[0][0] for part in parts)
    by_word = np.concatenate([first[:188], (first[188:] + second[:324]) / 2, second[324:]])
    expected = np.empty_like(by_word)
    expected[which] = by_word
    found = labeller.label_notes(notes)
    np.testing.assert_allclose(found, expected, atol=0.05)  # computed in bfloat16
    inside = np.zeros(700, bool)
    inside[which[188:512]] = True
    one_window = np.empty_like(by_word)
    one_window[which] = np.concatenate([first, second[324:]])
    apart = np.abs(found - one_window).max(1)
    assert np.median(apart[inside]) > 5 * np.median(apart[~inside])


@pytest.mark.parametrize("count", [1, 2, 255, 256, 257, 511, 512, 513, 768, 769, 1000, 1024, 1025, 5000])
def test_windows_overlap_by_half(count: int) -> None:
    parts = list(overlapping(count))
    covered = np.zeros(count, int)
    for part in parts:
        covered[part] += 1
        assert part.stop - part.start == min(count, WINDOW)
    assert covered.min() == 1
    assert parts[0].start == 0
    assert parts[-1].stop == count
    steps = np.diff([part.start for part in parts])
    assert (steps[:-1] == WINDOW // 2).all()
    assert (steps > 0).all()
    assert (steps <= WINDOW // 2).all()
    assert len(parts) == max(1, -(-(count - WINDOW // 2) // (WINDOW // 2)))


def test_who_labels_no_notes(models: dict[str, NotesModel], tmp_path: Path) -> None:
    of_sequences = load_notes(tiny_labeller(tmp_path / "judge", "sequence", "accompaniment", ("wrong", "right")), "cpu")
    for model in (models["encoder"], models["roberta"], of_sequences):
        with pytest.raises(ValueError, match=f"{model.name} does not label notes"):
            model.label_notes(band())


def test_checkpoints_that_do_not_fit(models: dict[str, NotesModel], tmp_path: Path) -> None:
    folder = tiny_labeller(tmp_path / "labeller")
    config = read_config(folder)

    def write(network: object) -> None:
        (folder / CONFIG).write_text(json.dumps({**config, "network": network}))

    write({**config["network"], "swing": 1})
    with pytest.raises(CheckpointError, match=r"config\.json: unknown network\.swing"):
        load_notes(folder)
    write({**config["network"], "classes": [4]})
    with pytest.raises(CheckpointError, match=r"wrong shape: heads\.0\.4\.weight \[3, 256\] instead of \[4, 256\]"):
        load_notes(folder)
    write(config["network"]["encoder"])
    with pytest.raises(CheckpointError, match="unexpected: encoder"):
        load_notes(folder)
    write("large")
    with pytest.raises(CheckpointError, match="network is 'large'"):
        load_notes(folder)


@pytest.mark.parametrize("name", ["understanding-small", "understanding-small-melody"])
def test_the_bundled_models_fit_their_purpose(name: str) -> None:
    if not (BUNDLED / name).is_dir():
        pytest.skip(f"{name} is not bundled here")
    assert folder_bytes(BUNDLED / name) <= 20 * 2**20
    model = load_notes(name, "cpu")
    assert model.title == name
    pieces = [song(0), song(0).transpose(1), free(60, seed=3), band().select(band().is_drum)]
    vectors = model.embed(pieces)
    near = vectors @ vectors.T
    assert near[0, 1] > max(near[0, 2], near[0, 3])
