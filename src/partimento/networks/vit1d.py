"""ViT-1D (Kong et al., ISMIR 2025): a transformer over the columns of a log-mel spectrogram, a class token in front.

The paper is silent about sizes, positions and the class token's making; what is here is our reading of it. Its blocks
are those that all transformers here share: pre-norm, rotary or learned positions, a SwiGLU in place of the MLP.

Shapes: B batch, F mel bands, T frames, T' sequence tokens (T / patch_frames, rounded up), D width, L layers, H heads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partimento.networks.packed import blockwise, packed_bidirectional
from partimento.networks.transformer import Attend, Transformer, TransformerConfig, initialise, rotary_table

Positions = Literal["rotary", "learned"]
ClassToken = Literal["learned", "mean"]
Pool = Literal["class", "mean", "sequence", "both"]


@dataclass(frozen=True)
class ViT1DConfig:
    """Sizes of a ViT-1D.

    Args:
        transformer: the stack of blocks.
        mels: F, bands of the spectrogram.
        context: most sequence tokens a window may have; rotary positions bear more, learned ones do not.
        patch_frames: neighbouring columns joined to one patch.
        positions: "rotary" inside the attention, or "learned" vectors added to the patches.
        class_token: "learned", one vector, as in ViT; or "mean", the mean of the patches plus a learned vector, as in
            the pooling of the same group's residual network.
        pool: what `forward` gives: the "class" token, the "mean" of class and sequence tokens, the mean of the
            "sequence" tokens alone, or "both" class token and that mean, one after the other. The paper finds "mean"
            best on tasks of a whole excerpt.

    Raises:
        ValueError: for a size below 1.
    """

    transformer: TransformerConfig
    mels: int = 128
    context: int = 256
    patch_frames: int = 1
    positions: Positions = "rotary"
    class_token: ClassToken = "learned"
    pool: Pool = "mean"

    def __post_init__(self) -> None:
        for name in ("mels", "context", "patch_frames"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")

    @property
    def width(self) -> int:
        """D, features of a token."""
        return self.transformer.width


@dataclass(frozen=True)
class Layers:
    """What every layer of a ViT-1D makes of its input.

    Args:
        class_token: (L + 1, B, D), first what enters the first block; the last one after the final norm.
        tokens: (L + 1, B, T', D), of the sequence alike; 0 beyond the length of a shorter input.
        attention: for each block (B, H, T' + 1, T' + 1) how much each token (third axis, the class token first) takes
            of each other one (fourth); the rows sum to 1.
    """

    class_token: Tensor
    tokens: Tensor
    attention: tuple[Tensor, ...] | None = None


class ViT1D(nn.Module):
    """Log-mel (B, F, T) in, one vector (B, D) out, (B, 2 D) of "both"; `tokens` and `layers` give what is timed."""

    def __init__(self, config: ViT1DConfig) -> None:
        super().__init__()
        self.config = config
        self.stride = config.patch_frames
        self.patch = nn.Linear(config.mels * config.patch_frames, config.width)
        self.class_vector = nn.Parameter(torch.zeros(config.width))
        self.position = nn.Embedding(config.context + 1, config.width) if config.positions == "learned" else None
        self.transformer = Transformer(config.transformer)
        self.checkpointing = False
        self.initialise()

    @property
    def width(self) -> int:
        """Features of what `forward` gives."""
        return self.config.width * (2 if self.config.pool == "both" else 1)

    def initialise(self) -> None:
        """Draw all weights anew."""
        initialise(self, self.config.transformer.layers)
        nn.init.normal_(self.patch.weight, std=self.patch.in_features**-0.5)
        nn.init.normal_(self.class_vector, std=0.02)

    def forward(self, mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(B, D) or (B, 2 D) the vector of each excerpt, pooled as the configuration says.

        Args:
            mel: (B, F, T) log-mel.
            lengths: (B,) frames that are sound; what comes after them changes nothing. All frames by default.
        """
        return pooled(*self._hidden(mel, lengths), self.config.pool)

    def hidden(self, mel: Tensor) -> Tensor:
        """(B, 1 + T', D) the class token and the sequence tokens of the last layer."""
        return self._hidden(mel, None)[0]

    def tokens(self, mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(B, T', D) the sequence tokens of the last layer; 0 beyond the length of a shorter excerpt."""
        hidden, counts = self._hidden(mel, lengths)
        sequence = hidden[:, 1:]
        return sequence if counts is None else sequence * _within(counts, sequence.shape[1]).unsqueeze(-1)

    def layers(self, mel: Tensor, lengths: Tensor | None = None, attention: bool = False) -> Layers:
        """The tokens of every layer and, on request, its attention, for log-mel (B, F, T)."""
        x, counts = self._embed(mel, lengths)
        attend = _attend(counts, x)
        seen: list[Tensor] = []
        if attention:
            attend = _recording(counts, seen)
        states = list(self._blocks(x, attend))
        hidden = torch.stack([*states[:-1], self.transformer.norm(states[-1])])
        kept = 1.0 if counts is None else _within(counts, hidden.shape[2] - 1).unsqueeze(-1)
        return Layers(hidden[:, :, 0], hidden[:, :, 1:] * kept, tuple(seen) if attention else None)

    def token_counts(self, lengths: Tensor) -> Tensor:
        """(B,) sequence tokens of excerpts of so many frames."""
        return (lengths + self.stride - 1) // self.stride

    def _hidden(self, mel: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """(B, 1 + T', D) after the final norm, and the tokens of each row where lengths are given."""
        x, counts = self._embed(mel, lengths)
        for state in self._blocks(x, _attend(counts, x)):
            x = state
        return self.transformer.norm(x), counts

    def _embed(self, mel: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """(B, 1 + T', D) class token and patches, and the tokens of each row where lengths are given."""
        batch, bands, frames = mel.shape
        if bands != self.config.mels:
            raise ValueError(f"the spectrogram has {bands} bands; this network was made for {self.config.mels}")
        if not frames:
            raise ValueError("the spectrogram has no frames; pad the sound to at least one")
        counts = None
        if lengths is not None:
            if len(lengths) != batch or lengths.min() < 1 or lengths.max() > frames:
                raise ValueError(f"lengths {lengths.tolist()} must be {batch} numbers from 1 to {frames}, the frames")
            mel = mel * _within(lengths, frames).unsqueeze(1)  # the rest of a last patch is 0 there as at the end of T
            counts = self.token_counts(lengths)
        columns = F.pad(mel, (0, -frames % self.stride)).transpose(1, 2)
        patches = self.patch(columns.reshape(batch, -1, bands * self.stride))
        first = self.class_vector.expand(batch, 1, -1).to(patches.dtype)
        if self.config.class_token == "mean":
            if counts is None:
                first = first + patches.mean(1, keepdim=True)
            else:
                kept = _within(counts, patches.shape[1]).unsqueeze(-1)
                first = first + (patches * kept).sum(1, keepdim=True) / counts[:, None, None]
        x = torch.cat([first, patches], dim=1)
        if self.position is not None:
            if x.shape[1] > self.position.num_embeddings:
                raise ValueError(
                    f"{x.shape[1] - 1} tokens are more than the {self.config.context} learned positions; cut the sound "
                    "into shorter windows"
                )
            x = x + self.position.weight[: x.shape[1]]
        return x, counts

    def _blocks(self, x: Tensor, attend: Attend) -> Iterator[Tensor]:
        """What enters the first block, then what leaves each, (B, 1 + T', D)."""
        config = self.config.transformer
        positions = torch.arange(x.shape[1], device=x.device)
        if self.position is not None:
            positions = torch.zeros_like(positions)  # no turn: the learned vectors alone tell where a patch stands
        table = rotary_table(positions, config.width // config.heads, config.rope_base)
        yield x
        for layer, block in enumerate(self.transformer.blocks):
            if self.checkpointing and self.training:
                x = torch.utils.checkpoint.checkpoint(block, x, table, attend, None, layer, use_reentrant=False)
            else:
                x = block(x, table, attend, None, layer)
            yield x


def pooled(hidden: Tensor, counts: Tensor | None, pool: Pool) -> Tensor:
    """(B, D) or (B, 2 D) of class and sequence tokens (B, 1 + T', D), `counts` (B,) sequence tokens of each."""
    if pool == "class":
        return hidden[:, 0]
    if pool == "both":
        return torch.cat([hidden[:, 0], pooled(hidden, counts, "sequence")], dim=-1)
    summed = hidden if pool == "mean" else hidden[:, 1:]
    if counts is None:
        return summed.mean(1)
    extra = summed.shape[1] - (hidden.shape[1] - 1)  # 1 with the class token
    kept = _within(counts + extra, summed.shape[1])
    return (summed * kept.unsqueeze(-1)).sum(1) / (counts + extra).unsqueeze(-1)


def _within(counts: Tensor, length: int) -> Tensor:
    """(B, length) bool: which places come before the count of their row."""
    return torch.arange(length, device=counts.device) < counts[:, None]


def _attend(counts: Tensor | None, x: Tensor) -> Attend:
    """Attention of all tokens (B, 1 + T', D) of an excerpt to each other; no mask where all rows are full."""
    if counts is None or bool((counts == x.shape[1] - 1).all()):
        return blockwise
    inside = _within(counts + 1, x.shape[1])
    if x.device.type == "cpu":
        return packed_bidirectional((~inside).long())  # each excerpt on its own: a mask makes bf16 slow on CPUs
    return lambda q, k, v: F.scaled_dot_product_attention(q, k, v, attn_mask=inside[:, None, None])


def _recording(counts: Tensor | None, seen: list[Tensor]) -> Attend:
    """The same attention written out; its weights (B, H, 1 + T', 1 + T') are added to `seen`, a layer at a time."""

    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
        if counts is not None:
            scores = scores.masked_fill(~_within(counts + 1, k.shape[2])[:, None, None], float("-inf"))
        weights = scores.softmax(-1)
        seen.append(weights)
        return weights @ v

    return attend


def vit1d_paper(mels: int = 128, patch_frames: int = 1) -> ViT1DConfig:
    """12 layers of width 192 with 3 heads, as ViT-Tiny: 5.3 million parameters."""
    tiny = TransformerConfig(width=192, heads=3, layers=12, feedforward=512, rope_base=10_000.0)
    return ViT1DConfig(tiny, mels=mels, patch_frames=patch_frames)
