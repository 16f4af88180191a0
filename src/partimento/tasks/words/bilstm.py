"""A recurrent encoder to compare with: the BiLSTM that MIDI-BERT's tables have beside the transformer.

Chou et al. 2021, section 5: three layers of 256 in each direction, dropout 0.5, for labels of notes. It takes and gives
what `networks.encoder.Encoder` does, so that the same fine-tuning trains it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from partimento.tokens.fields import SPECIALS, Fields


@dataclass(frozen=True)
class BiLstmConfig:
    """Sizes of the encoder.

    Args:
        fields: of the words.
        field_width: of the embedding of each field.
        width: of each direction of a layer.
        layers: how many.
        dropout: between the layers.

    Raises:
        ValueError: if a size is below 1 or the dropout outside [0, 1).
    """

    fields: Fields
    field_width: int = 64
    width: int = 256
    layers: int = 3
    dropout: float = 0.5

    def __post_init__(self) -> None:
        if min(self.field_width, self.width, self.layers) < 1:
            raise ValueError(f"field_width, width and layers must be at least 1: {self}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}; it must be at least 0 and below 1")


class BiLstm(nn.Module):
    """Words to vectors, each document by itself.

    Shape:
        words (B, T, F) int64, documents (B, T) int64 -> (B, T, 2 · width).
    """

    def __init__(self, config: BiLstmConfig) -> None:
        super().__init__()
        self.config = config
        self.width = 2 * config.width
        self.tables = nn.ModuleList(nn.Embedding(size + SPECIALS, config.field_width) for size in config.fields.sizes)
        self.project = nn.Linear(len(config.fields) * config.field_width, config.width)
        self.lstm = nn.LSTM(
            *(config.width, config.width, config.layers),
            batch_first=True,
            dropout=config.dropout if config.layers > 1 else 0.0,
            bidirectional=True,
        )

    def hidden(self, words: Tensor, documents: Tensor) -> Tensor:
        """(B, T, D) vectors of the words; zeros where a row is only filled up.

        Args:
            words: (B, T, F) ids.
            documents: (B, T) number of the piece that a word is of, below 0 where there is none; words of one piece
                stand together.
        """
        embedded = torch.cat([table(words[..., i]) for i, table in enumerate(self.tables)], dim=-1)
        embedded = self.project(embedded).flatten(0, 1)  # (B T, width)
        rows = torch.arange(len(documents), device=documents.device)[:, None].expand_as(documents)
        key = torch.stack([rows, documents], dim=-1).flatten(0, 1)  # (B T, 2)
        inside = (key[:, 1] >= 0).nonzero()[:, 0]
        out = embedded.new_zeros(len(embedded), self.width)
        if len(inside):
            _, lengths = torch.unique_consecutive(key[inside], dim=0, return_counts=True)
            parts = embedded[inside].split(lengths.tolist())
            padded = nn.utils.rnn.pad_sequence(parts, batch_first=True)
            packed = pack_padded_sequence(padded, lengths.cpu(), batch_first=True, enforce_sorted=False)
            found, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
            steps = torch.arange(found.shape[1], device=found.device)
            out = out.index_put((inside,), found[steps < lengths[:, None]].to(out.dtype))
        return out.view(*documents.shape, self.width)
