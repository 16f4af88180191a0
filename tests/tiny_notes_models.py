"""Checkpoints of tiny networks over notes, as training writes them, and a piece for a band."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tiny_words import TICKS, encoder_config, loud
from torch import nn

from partimento.analysis.parts import PARTS
from partimento.checkpoint import write_checkpoint
from partimento.configuration import to_plain
from partimento.networks.encoder import Encoder, EncoderConfig
from partimento.networks.labeller import Labeller, LabellerConfig, Unit
from partimento.networks.roberta import Roberta, RobertaConfig
from partimento.networks.rows import pack
from partimento.notes import Notes
from partimento.systems.musicbert import labels_small
from partimento.systems.musicbert_fairseq import ARCHITECTURE
from partimento.tokens import octuple
from partimento.tokens.octuple import OCTUPLE
from partimento.tokens.word_augment import fit_bars
from partimento.training.saving import save_network

ABOUT = {"data": "made up", "licence": "CC0-1.0"}
FACTS = {"step": 3, "tokens": 1000, "seconds": 1.0, "valid_loss": 0.5}
ROBERTA = RobertaConfig(width=16, heads=2, layers=2, feedforward=32, fields=OCTUPLE, context=600, dropout=0.0)
Row = tuple[int, int, int, int, int, int, int]  # onset, duration, pitch, velocity, program, drum, track


def tiny_encoder(folder: Path) -> Path:
    """The folder of an encoder in which all that is heard can be seen."""
    network = Encoder(encoder_config())
    loud(network)
    return _saved(folder, network, encoder_config())


def tiny_labeller(
    folder: Path, unit: Unit = "note", name: str = "melody", classes: Sequence[str] = PARTS, headed: bool = True
) -> Path:
    """The folder of a labeller; `headed` says what it labels, as a checkpoint to give away does."""
    config = LabellerConfig(encoder_config(), unit, (len(classes),))
    network = Labeller(config).eval()
    loud(network)
    _undecide(network)
    heads = {"heads": [{"name": name, "classes": list(classes)}]} if headed else {}
    return _saved(folder, network, config, **heads)


def tiny_roberta(folder: Path) -> Path:
    """The folder of an imported network of the original MusicBERT's kind."""
    torch.manual_seed(0)
    network = Roberta(ROBERTA)
    network.initialise()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
    facts = {"system": "musicbert", "architecture": ARCHITECTURE, "network": to_plain(ROBERTA), **ABOUT}
    write_checkpoint(folder, network.state_dict(), facts, "# tiny\n")
    return folder


def _undecide(network: Labeller) -> None:
    """Move the last layer so that every class is likely for something in a piece for a band."""
    words = fit_bars(octuple.encode(band())[0], OCTUPLE)
    parts = [words[start : start + 24] for start in range(0, len(words) - 24, 8)]
    rows = pack([[part] for part in parts], OCTUPLE, 24)
    head = network.heads[0]
    assert isinstance(head, nn.Sequential)
    last = head[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        (logits,) = network(rows.words, rows.documents)
        spread = logits.std(0)
        last.weight /= spread[:, None]
        last.bias.copy_((last.bias - logits.mean(0)) / spread)


def _saved(folder: Path, network: nn.Module, config: EncoderConfig | LabellerConfig, **about: object) -> Path:
    about = {"name": folder.name, **ABOUT, **about}
    save_network(config, labels_small().recipe, about, network, folder, FACTS, "musicbert")
    return folder


def notes_of_rows(rows: Sequence[Row], names: Sequence[str] = ("",), **maps: object) -> Notes:
    """A piece of such notes, in their order in a file."""
    columns = np.array(sorted(rows, key=lambda row: (row[0], row[0] + row[1])), dtype=np.int32).reshape(-1, 7).T
    onset, duration, pitch, velocity, program, drum, track = (column.copy() for column in columns)
    return Notes(onset, duration, pitch, velocity, program, drum.astype(bool), track, tuple(names), TICKS, **maps)  # type: ignore[arg-type]


def band(bars: int = 8, seed: int = 0) -> Notes:
    """A piano of two hands with its pedal, strings and drums, at two tempi; pitches from 0 to 127.

    The left hand holds what the right one strikes again: one track could not keep both.
    """
    generator = np.random.default_rng(seed)
    quarter, rows = TICKS, list[Row]()
    for bar in range(bars):
        start, root = 4 * quarter * bar, 48 + int(generator.integers(0, 12))
        for eighth in range(8):
            pitch = root + (0, 12, 16, 19)[int(generator.integers(0, 4))]
            onset = start + eighth * quarter // 2
            rows.append((onset, quarter // 2 - 10, pitch, int(generator.integers(60, 110)), 0, 0, 0))
        rows += [(start, 4 * quarter - 20, root + step, 50, 0, 0, 1) for step in (0, 7, 12)]
        rows += [(start + 5, 4 * quarter - 30, root + 24 + step, 40, 48, 0, 2) for step in (0, 4)]
        rows += [(start + beat * quarter, 60, 36 + 2 * (beat % 2), 100, 0, 1, 3) for beat in range(4)]
    rows += [(0, 30, 0, 1, 0, 0, 0), (4 * quarter * bars, quarter, 127, 127, 48, 0, 2)]
    pedal = np.array([(tick + shift, value, track) for track, shift in ((0, 0), (1, 7)) for tick, value in PEDAL])
    return notes_of_rows(
        rows,
        ("right hand", "left hand", "strings", "kit"),
        tempo_tick=np.array([0, 4 * 4 * quarter], dtype=np.int32),
        tempo_us=np.array([500_000, 450_000], dtype=np.int32),
        pedal_tick=pedal[:, 0].astype(np.int32),
        pedal_value=pedal[:, 1].astype(np.int32),
        pedal_track=pedal[:, 2].astype(np.int32),
    )


PEDAL = ((100, 127), (1800, 0), (2000, 127), (3700, 0))


def free(count: int, seed: int = 0, program: int = 0) -> Notes:
    """Notes that follow no beat."""
    generator = np.random.default_rng(seed)
    onset = np.cumsum(generator.integers(1, 400, count))
    return notes_of_rows(
        [
            (int(at), int(generator.integers(50, 900)), int(generator.integers(30, 90)), 64, program, 0, 0)
            for at in onset
        ]
    )


def played(notes: Notes) -> list[tuple[int, ...]]:
    """What is heard, as a multiset: onset, duration, pitch, velocity, program, whether it is a drum."""
    columns = (notes.onset, notes.duration, notes.pitch, notes.velocity, notes.program, notes.is_drum)
    return sorted(zip(*(column.tolist() for column in columns), strict=True))
