"""Words and networks over notes so small that a test makes many of them, and pieces with a metre."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from partimento.corpus.store import Corpus, Piece, write_corpus
from partimento.networks.encoder import Encoder, EncoderConfig, Table
from partimento.networks.packed import FILLER
from partimento.networks.rows import PackedWords
from partimento.networks.transformer import TransformerConfig
from partimento.notes import Notes
from partimento.tokens.fields import PAD, Fields
from partimento.tokens.octuple import OCTUPLE

TICKS = 480
CHORDS = ((0, 4, 7), (5, 9, 12), (7, 11, 14), (9, 12, 16))


def encoder_config(
    fields: Fields = OCTUPLE, table: Table = "fields", dropout: float = 0.0, layers: int = 2
) -> EncoderConfig:
    transformer = TransformerConfig(
        width=32, heads=2, layers=layers, feedforward=48, rope_base=10_000.0, dropout=dropout
    )
    return EncoderConfig(transformer, fields, field_width=8, context=128, table=table)


def loud(network: torch.nn.Module) -> None:
    """Weights so large that everything that is heard can be seen in the result."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator) + (parameter.ndim == 1))


def encoder(fields: Fields = OCTUPLE, table: Table = "fields") -> Encoder:
    """In evaluation mode and double precision."""
    network = Encoder(encoder_config(fields, table)).double().eval()
    loud(network)
    return network


def random_words(seed: int, count: int, fields: Fields = OCTUPLE, bars: int = 4, instruments: int = 2) -> np.ndarray:
    """(T, F) int32 ids of all fields, sorted; bars and instruments are few, so that they have several notes."""
    generator = np.random.default_rng(seed)
    words = generator.integers(0, fields.sizes, (count, len(fields))).astype(np.int32)
    for name, most in (("bar", bars), ("instrument", instruments)):
        if name in fields.names and fields.sizes[fields.index(name)] > most:
            words[:, fields.index(name)] %= most
    return words[np.lexsort(words.T[::-1])]


def rows_of(*rows: Sequence[np.ndarray], length: int, fields: Fields = OCTUPLE) -> PackedWords:
    """Rows of parts, filled up."""
    words = torch.from_numpy(np.tile(fields.special(PAD), (len(rows), length, 1)).astype(np.int64))
    documents = torch.full((len(rows), length), FILLER)
    for row, parts in enumerate(rows):
        stops = np.cumsum([len(part) for part in parts])
        for number, (part, stop) in enumerate(zip(parts, stops, strict=True)):
            words[row, stop - len(part) : stop] = torch.from_numpy(part.astype(np.int64))
            documents[row, stop - len(part) : stop] = number
    return PackedWords(words, documents)


def song(number: int, bars: int = 8) -> Notes:
    """A piece in 4/4: a chord a bar, of another program, under a melody of eighths that are notes of the chord."""
    generator = np.random.default_rng(number)
    tonic = int(generator.integers(48, 60))
    rows = []
    for bar in range(bars):
        chord = CHORDS[(number + bar) % 4]
        rows += [(4 * TICKS * bar, 4 * TICKS, tonic + step, 60, 48, 1) for step in chord]
        heard = generator.integers(0, 3, 8)
        eighths = enumerate(heard)
        rows += [(TICKS // 2 * (8 * bar + i), TICKS // 2, 12 + tonic + chord[j], 90, 0, 0) for i, j in eighths]
    onset, duration, pitch, velocity, program, track = np.array(sorted(rows), dtype=np.int32).T.copy()
    columns = (onset, duration, pitch, velocity, program, np.zeros(len(rows), bool), track)
    return Notes(*columns, track_names=("melody", "chords"), ticks_per_quarter=TICKS)


def corpus_of(folder: Path, pieces: Sequence[Notes], labels: Callable[[int], dict[str, str]]) -> Corpus:
    return write_corpus(
        folder,
        [Piece(f"{i:02d}.mid", f"{i:064x}", notes.seconds, labels(i), notes) for i, notes in enumerate(pieces)],
    )


def thirds(number: int) -> dict[str, str]:
    """Every third piece is to validate on."""
    return {"split": "valid" if number % 3 == 2 else "train"}


def close(a: Tensor, b: Tensor) -> None:
    torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)
