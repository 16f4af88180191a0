"""Stage 1 of Dahale et al. 2022: a transformer from the other instruments to the basic pattern, token after token.

The encoder reads 352 steps of 11 bars; the decoder tells the serial grid of the drums (`tokens.drum_serial`).
Not said in the thesis and chosen here: a feed-forward width of 512, dropout 0.1, and that the decoder begins with SHIFT
(the step before has ended), so that the vocabulary stays at 18.

Shapes: B windows, L tokens, D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partimento.networks.dahale.blocks import MELODY, DecoderLayer, EncoderLayer, Positions, embedding, glorot
from partimento.networks.transformer import KeyValueCache, TransformerConfig

VOCABULARY, BEGIN = 18, 17  # tokens, and SHIFT, of the serial drum grid; see tokens.drum_serial


@dataclass(frozen=True)
class BasicConfig:
    """Sizes of the first stage.

    Args:
        width, heads, feedforward: of the blocks.
        encoder_layers, decoder_layers: blocks of each.
        embedding: hidden features of the embedding of a step.
        dropout: in training.
    """

    width: int = 128
    heads: int = 8
    feedforward: int = 512
    encoder_layers: int = 2
    decoder_layers: int = 2
    embedding: int = 1024
    dropout: float = 0.1

    def cache(self, batch: int, capacity: int, device: torch.device) -> KeyValueCache:
        """Room for the tokens told so far."""
        sizes = TransformerConfig(self.width, self.heads, self.decoder_layers, self.feedforward)
        return KeyValueCache(sizes, batch, capacity, torch.float32, device)


class BasicDrums(nn.Module):
    """The drums' tokens given the other instruments and the tokens before."""

    def __init__(self, config: BasicConfig) -> None:
        super().__init__()
        self.config = config
        sizes = (config.width, config.heads, config.feedforward, config.dropout)
        self.steps = embedding(MELODY, config.embedding, config.width)
        self.encoder_positions = Positions(config.width, config.dropout)
        self.encoder = nn.ModuleList(EncoderLayer(*sizes) for _ in range(config.encoder_layers))
        self.tokens = nn.Embedding(VOCABULARY, config.width)
        self.decoder_positions = Positions(config.width, config.dropout)
        self.decoder = nn.ModuleList(DecoderLayer(*sizes) for _ in range(config.decoder_layers))
        self.head = nn.Linear(config.width, VOCABULARY)
        glorot(self)

    def hear(self, melody: Tensor) -> Tensor:
        """(B, T, D) of the other instruments, (B, T, 256) as `melody_values` gives them."""
        x = self.encoder_positions(self.steps(melody))
        for layer in self.encoder:
            x = layer(x)
        return x

    def forward(self, melody: Tensor, told: Tensor) -> Tensor:
        """(B, L, 18) logits of the tokens, each given those before it.

        Args:
            melody: (B, T, 256).
            told: (B, L) int64, the tokens themselves; the last one has no influence.
        """
        x = self.decoder_positions(self.tokens(F.pad(told, (1, 0), value=BEGIN)[:, :-1]))
        for layer, heard in zip(self._layers(), self.heard(self.hear(melody)), strict=True):
            x = layer(x, layer.attention.keys_values(x), heard)
        logits: Tensor = self.head(x)
        return logits

    def heard(self, memory: Tensor) -> list[tuple[Tensor, Tensor]]:
        """What each layer of the decoder attends to of the encoder, had once a window."""
        return [layer.across.keys_values(memory) for layer in self._layers()]

    def next_logits(self, last: Tensor, heard: list[tuple[Tensor, Tensor]], cache: KeyValueCache) -> Tensor:
        """(B, 18) logits of the next token.

        Args:
            last: (B,) the token before, BEGIN at first.
            heard: of `heard`.
            cache: the tokens before that one; it is told of it.
        """
        x = self.decoder_positions(self.tokens(last[:, None]), cache.length)
        for index, (layer, memory) in enumerate(zip(self._layers(), heard, strict=True)):
            own = cache.extend(index, *layer.attention.keys_values(x))
            x = layer(x, own, memory, causal=False)
        cache.length += 1
        logits: Tensor = self.head(x[:, 0])
        return logits

    def _layers(self) -> list[DecoderLayer]:
        return [cast(DecoderLayer, layer) for layer in self.decoder]
