"""Stage 2 of Dahale et al. 2022: is the middle one of 11 bars improvised, by the other instruments alone?

Three models, four networks: self-similarity of the raw bars ("raw", model 1); a transformer over the 352 steps
("sub-beat", model 2); self-similarity of learned bars, by an MLP ("learned", 3a) or with two encoder layers between
("mini-bert", 3b). Not said in the thesis and chosen here: the raw similarity is the cosine; the learned one is the dot
product divided by the root of its features, as in attention (as it stands its values of up to 128 let the gradient run
away); model 2 embeds its steps as stage 1 does, its heads are of 64 features beside a width of 64, and it averages the
steps before its dense layer.

Shapes: B windows, N bars, D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from partimento.networks.dahale.blocks import BARS, MELODY, STEPS, EncoderLayer, Positions, embedding, glorot

Kind = Literal["raw", "sub-beat", "learned", "mini-bert"]
KINDS: tuple[Kind, ...] = ("raw", "sub-beat", "learned", "mini-bert")
IMPROVISED = 1  # of the two classes
HEAD = (256, 128)  # hidden features behind a self-similarity
DENSE = 1024  # behind the sub-beat transformer


@dataclass(frozen=True)
class LocationConfig:
    """Sizes of the second stage; what a kind has no use for is passed over.

    Args:
        kind: one of KINDS.
        embedding, width: features of the two dense layers of the embedding.
        heads, head_width, feedforward, layers: of the blocks.
        dropout: in training.
    """

    kind: Kind = "mini-bert"
    embedding: int = 1024
    width: int = 128
    heads: int = 8
    head_width: int = 16
    feedforward: int = 256
    layers: int = 2
    dropout: float = 0.1


def paper_sizes(kind: Kind) -> LocationConfig:
    """The published sizes of a kind."""
    if kind == "sub-beat":
        return LocationConfig(kind, embedding=1024, width=64, heads=12, head_width=64, feedforward=512)
    return LocationConfig(kind, embedding=512 if kind == "learned" else 1024)


class Locator(nn.Module):
    """Two logits of a window: its middle bar is ordinary, or improvised."""

    def __init__(self, config: LocationConfig) -> None:
        super().__init__()
        self.config = config
        layers = 0 if config.kind in ("raw", "learned") else config.layers
        if layers:
            self.positions = Positions(config.width, config.dropout)
        sizes = (config.width, config.heads, config.feedforward, config.dropout, config.head_width)
        self.layers = nn.ModuleList(EncoderLayer(*sizes) for _ in range(layers))
        if config.kind == "sub-beat":
            self.bars = embedding(MELODY, config.embedding, config.width)
            self.head = nn.Sequential(nn.Linear(config.width, DENSE), nn.ReLU(), nn.Linear(DENSE, 2))
        else:
            if config.kind != "raw":
                self.bars = embedding(STEPS * MELODY, config.embedding, config.width)
                self.compared = nn.Sequential(nn.Linear(config.width, config.width), nn.Tanh())
            self.head = nn.Sequential(
                *(nn.Linear(BARS * BARS, HEAD[0]), nn.ReLU()),
                *(nn.Linear(HEAD[0], HEAD[1]), nn.ReLU()),
                nn.Linear(HEAD[1], 2),
            )
        glorot(self)

    def embed(self, melody: Tensor) -> Tensor:
        """(N, ...) of bars (N, 32, 256), each by itself: what a bar is can be had once for all windows that hold it."""
        if self.config.kind == "raw":
            return F.normalize(melody.flatten(1), dim=1)
        bars: Tensor = self.bars(melody if self.config.kind == "sub-beat" else melody.flatten(1))
        return bars

    def judge(self, bars: Tensor) -> Tensor:
        """(B, 2) logits of windows (B, 11, ...) of embedded bars."""
        x = bars.flatten(1, 2) if self.config.kind == "sub-beat" else bars
        if len(self.layers):
            x = self.positions(x)
        for layer in self.layers:
            x = layer(x)
        if self.config.kind == "sub-beat":
            logits: Tensor = self.head(x.mean(1))
            return logits
        if self.config.kind != "raw":
            x = self.compared(x) * x.shape[2] ** -0.25
        logits = self.head((x @ x.transpose(1, 2)).flatten(1))
        return logits

    def forward(self, melody: Tensor) -> Tensor:
        """(B, 2) logits of windows (B, 11, 32, 256)."""
        return self.judge(self.embed(melody.flatten(0, 1)).unflatten(0, melody.shape[:2]))
