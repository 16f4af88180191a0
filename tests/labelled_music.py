"""Pieces whose class can be heard, high or low, and models small enough to learn it in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from partimento.checkpoint import write_checkpoint
from partimento.configuration import to_plain
from partimento.networks.decoder import Decoder, DecoderConfig, Head
from partimento.networks.transformer import TransformerConfig
from partimento.notes import Notes, from_ms
from partimento.piano_model import PianoModel, load_piano

CLASSES = ("high", "low")


def piece(number: int, count: int = 60) -> Notes:
    """Piece 0, 2, 4, ... is high and 1, 3, 5, ... low; no two are alike."""
    generator = np.random.default_rng(number)
    onset = np.cumsum(generator.integers(50, 400, count))
    lowest = 40 if number % 2 else 76
    pitch = generator.integers(lowest, lowest + 12, count)
    return from_ms(onset, generator.integers(50, 500, count), pitch, generator.integers(30, 110, count))


def tiny_model(folder: Path, head: Head = "next_token", outputs: int | None = None, **config: object) -> PianoModel:
    """A model of random weights, written as a checkpoint and opened."""
    torch.manual_seed(0)
    transformer = TransformerConfig(width=32, heads=2, layers=2, feedforward=64)
    sizes = DecoderConfig(transformer, vocabulary=2675, context=256, head=head, outputs=outputs)
    network = Decoder(sizes)
    network.initialise()
    about = {"system": "aria", "name": "tiny", "network": to_plain(sizes), **config}
    write_checkpoint(folder, network.state_dict(), about, "# tiny\n")
    return load_piano(folder, "cpu")
