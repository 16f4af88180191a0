"""Learning from sound with its score: losses by hand, the targets of a crop, a training that goes on where it was."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from tiny import log_of
from tiny_sound import PROJECTOR, RATE_HZ, SETTINGS
from torch.nn import functional as F

from partimento.audio_model import load_audio
from partimento.checkpoint import read_state
from partimento.corpus.datasets.rendered import TimedLabels
from partimento.networks.slicing import Slicing
from partimento.networks.sound import Front
from partimento.networks.transformer import TransformerConfig
from partimento.networks.vit1d import ViT1D
from partimento.objectives.scored import CHORDS, KEYS, PITCHES, ScoredLearner, ScoreWeights, scored_crops
from partimento.overrides import override
from partimento.systems.vit1d import ScoredSystem, scored
from partimento.training.distributed import World
from partimento.training.scored import ScoredBatches, note_sources, pretrain_scored, scores, scoring_of, song_sources

ALONE = World(0, 1, torch.device("cpu"))
ABOUT = {"name": "tiny", "preset": "scored", "data": "made-up tones", "licence": "CC0-1.0"}


def tiny() -> ScoredSystem:
    base = scored()
    sizes = TransformerConfig(16, 2, 2, 32, rope_base=10_000.0)
    small = replace(
        base, network=replace(base.network, transformer=sizes), windows=Slicing(50, 25, 25), projector=PROJECTOR
    )
    return override(small, [*SETTINGS, "notes=0.34"])


def tones(pitches: list[int], seconds: float) -> tuple[np.ndarray, TimedLabels]:
    """One note after another, half a second each, with beats on them."""
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    onset_s = np.arange(0, seconds, 0.5)
    played = np.array([pitches[i % len(pitches)] for i in range(len(onset_s))])
    sound = np.zeros(len(time_s))
    for start_s, pitch in zip(onset_s, played, strict=True):
        inside = (time_s >= start_s) & (time_s < start_s + 0.4)
        sound[inside] += 0.2 * np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * time_s[inside])
    zero = np.zeros(1, dtype=np.int64)
    labels = TimedLabels(
        note_onset_s=onset_s,
        note_offset_s=onset_s + 0.4,
        note_pitch=played,
        note_velocity=np.full(len(played), 80),
        note_program=np.full(len(played), pitches[0] % 8),
        note_role=np.zeros(len(played), dtype=np.int64),
        beat_s=onset_s,
        beat_position=np.arange(len(onset_s)) % 4 + 1,
        chord_start_s=np.zeros(1),
        chord_end_s=np.array([seconds]),
        chord_root=zero + pitches[0] % 12,
        chord_quality=np.array(["maj"]),
        key_start_s=np.zeros(1),
        key_end_s=np.array([seconds]),
        key=zero + pitches[0] % 12,
    )
    return sound.astype(np.float32), labels


def write_folder(folder: Path, clips: dict[str, tuple[str, list[int]]], seconds: float) -> Path:
    """A rendered folder: clips by name, each on a side and with its pitches."""
    for part in ("audio", "frames"):
        (folder / part).mkdir(parents=True)
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "song", "side", "soundfont", "seconds", "key", "bpm"])
        for name, (side, pitches) in clips.items():
            sound, labels = tones(pitches, seconds)
            soundfile.write(folder / "audio" / f"{name}.flac", sound, RATE_HZ)
            labels.save(folder / "frames" / f"{name}.npz")
            table.writerow([f"audio/{name}.flac", name, side, "none", seconds, "", 120])
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("rendered")
    songs = {f"s{i}": ("valid" if i < 3 else "train", [48 + 3 * i, 60 + i, 55 + 2 * i]) for i in range(9)}
    notes = {"n0": ("train", [60, 64]), "n1": ("valid", [62, 65])}
    return write_folder(root / "songs", songs, 4.0), write_folder(root / "notes", notes, 8.0)


def test_a_crop_gets_what_is_played_in_it() -> None:
    _, labels = tones([60, 67], 4.0)
    roll, events, chord, key, programs = scores(labels.cut(1.0, 2.0), np.arange(0.01, 2.0, 0.02))
    assert roll.shape == (100, PITCHES)
    first, second = roll[:20].any(0).nonzero()[0], roll[26:44].any(0).nonzero()[0]
    assert (first.tolist(), second.tolist()) == ([60 - 21], [67 - 21])
    assert not roll[21:24].any()  # the pause between two notes
    assert events[:, 0].argmax() == 0
    assert set(np.flatnonzero(events[:, 1] == 1)) == {0, 25, 50, 75}
    assert set(np.flatnonzero(events[:, 2] == 1)) == {50}  # the fifth half second begins a bar
    assert (chord == 0).all()
    assert int(key) == 0
    assert np.flatnonzero(programs).tolist() == [4]


def test_what_is_not_known_costs_nothing() -> None:
    _, labels = tones([60], 1.0)
    nothing = np.zeros(0)
    without = replace(
        labels,
        beat_s=nothing,
        beat_position=nothing.astype(int),
        chord_start_s=nothing,
        chord_end_s=nothing,
        chord_root=nothing.astype(int),
        chord_quality=nothing.astype("U4"),
        key_start_s=nothing,
        key_end_s=nothing,
        key=nothing.astype(int),
    )
    _, events, chord, key, _ = scores(without, np.arange(0.01, 1.0, 0.02))
    assert (events[:, 1:] == -1).all()
    assert (events[:, 0] >= 0).all()
    assert (chord == -1).all()
    assert int(key) == -1


def test_losses_are_those_of_the_formulas(folders: tuple[Path, Path]) -> None:
    config = tiny()
    torch.manual_seed(0)
    network = ScoredLearner(Front(config.front), ViT1D(config.network), config.projector).eval()
    rows = ScoredBatches(
        song_sources(folders[0], "train"), [], 0.0, scoring_of(config, network.front, augment=False), 0
    ).rows(4)
    weights = ScoreWeights(contrast=0.0, roll=1.0, events=0.0, chord=10.0, key=0.0, programs=0.0)
    loss, logs = scored_crops(network, rows, torch.Generator(), temperature=0.1, weights=weights)
    hidden = network.trunk.hidden(network.front(rows.sound.flatten(0, 1)))[:, 1:]
    outputs = network.timed(hidden)
    roll = F.binary_cross_entropy_with_logits(outputs[..., :PITCHES], rows.roll.flatten(0, 1), reduction="none")
    chord = F.cross_entropy(outputs[..., -CHORDS:].flatten(0, 1), rows.chord.flatten())
    torch.testing.assert_close(loss, roll.sum(-1).mean() + 10 * chord)
    assert int(logs["count"]) == 8
    assert float(logs["key"]) / 8 == pytest.approx(np.log(KEYS), rel=0.3)


def test_a_training_learns_and_goes_on(folders: tuple[Path, Path], tmp_path: Path) -> None:
    config = tiny()
    flat = replace(config.recipe.schedule, decay_from=1.0)
    for run, stops in (("whole", (6,)), ("parts", (3, 6))):
        for steps in stops:
            part = replace(config, recipe=replace(config.recipe, schedule=replace(flat, steps=steps)))
            pretrain_scored(part, *folders, tmp_path / run, ALONE, ABOUT)
    whole, parts = (read_state(tmp_path / run / "checkpoints" / "last") for run in ("whole", "parts"))
    assert all(torch.equal(parts[name], whole[name]) for name in whole)
    losses = [line["roll"] for line in log_of(tmp_path / "whole") if "roll" in line]
    assert losses[-1] < losses[0]
    model = load_audio(tmp_path / "whole" / "checkpoints" / "last", "cpu")
    assert model.embed_dim == 32  # class token and mean of the sequence
    assert model.frames(folders[0] / "audio" / "s1.flac").vectors.shape == (101, 16)


def test_notes_come_in_their_share_and_their_slots(folders: tuple[Path, Path]) -> None:
    config = tiny()
    notes = note_sources(folders[1], "train", 4.0)
    assert {source.start_s for source in notes} == {0.0, 4.0}
    scoring = scoring_of(config, Front(config.front), augment=True)
    batches = ScoredBatches(song_sources(folders[0], "train"), notes, 0.34, scoring, 0)
    rows = batches.rows(6)
    assert int((rows.songs < 0).sum()) == 2
    assert batches.state() == {"songs": 4, "notes": 2}


def test_an_empty_side_is_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    empty = write_folder(tmp_path / "empty", {"a": ("valid", [60])}, 4.0)
    with pytest.raises(ValueError, match=r"runs/render\.sh"):
        pretrain_scored(tiny(), empty, None, tmp_path / "run", ALONE, ABOUT)
    with pytest.raises(FileNotFoundError, match=r"labels\.csv is missing"):
        pretrain_scored(tiny(), tmp_path / "nowhere", None, tmp_path / "run", ALONE, ABOUT)
