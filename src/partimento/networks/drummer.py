"""The drummer: an encoder of what is given, a causal decoder over patches of steps, and cells one after another.

Bars are cut into patches of four steps. The encoder reads every patch of a window both ways: the other instruments,
the drums that are given, the place in the phrase and in the song, and what is wished of the bar. The decoder goes from
patch to patch in the order of time, is told the drums of the patch before, and what was played at the bars that this
one repeats (`RepeatedBars`); `DrumCells` then tells the chance of every cell given all before it. So the chance of any
hidden bars and voices given all else is exact and had in one pass.

Shapes: B windows, N bars, P patches a bar, T = N * P, S steps a patch, D width, C drum classes, H repeat heads.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partimento.networks.drum_cells import DrumCells, played_class
from partimento.networks.drum_repeats import RepeatedBars, begins, likeness, may_see
from partimento.networks.drum_windows import CLASSES, CYCLES, FAMILIES, FAR, FEELS, LINES, STEPS, DrumWindows
from partimento.networks.transformer import Attend, KeyValueCache, Transformer, TransformerConfig, initialise

PATCH = 4  # steps
PATCHES = STEPS // PATCH


@dataclass(frozen=True)
class DrummerConfig:
    """Sizes of a drummer.

    Args:
        bars: most bars of a window.
        width, heads, feedforward: of the blocks.
        encoder_layers, decoder_layers: blocks of each.
        others_width: features that a step of the other instruments becomes first.
        cell_width: hidden features of a cell.
        repeat_heads: heads of the repeated bars; 0 goes without them.
        density_classes: classes of how many hits a bar has.
        phrase: whether it is told the place in the phrase and in the song.
        future: whether it hears the other instruments beyond the bar that it plays.
        touch: whether it knows velocity and micro-timing.
    """

    bars: int = 32
    width: int = 192
    heads: int = 3
    feedforward: int = 512
    encoder_layers: int = 3
    decoder_layers: int = 3
    others_width: int = 64
    cell_width: int = 96
    repeat_heads: int = 4
    density_classes: int = 8
    phrase: bool = True
    future: bool = True
    touch: bool = True

    def transformer(self, layers: int) -> TransformerConfig:
        """The sizes of a stack of so many blocks."""
        return TransformerConfig(self.width, self.heads, layers, self.feedforward, rope_base=10_000.0)

    def __post_init__(self) -> None:
        if self.bars < 1 or self.density_classes < 2 or self.repeat_heads < 0:
            raise ValueError(
                f"bars {self.bars}, density_classes {self.density_classes} and repeat_heads {self.repeat_heads} must "
                "be at least 1, 2 and 0"
            )
        self.transformer(self.encoder_layers), self.transformer(self.decoder_layers)


@dataclass(frozen=True)
class Heard:
    """What the encoder made of windows.

    Args:
        patches: (B, N, P, D).
        bars: (B, N, D) means of them.
        weights: (B, H, N, N) of the repeated bars.
    """

    patches: Tensor
    bars: Tensor
    weights: Tensor


def attention(causal: bool) -> Attend:
    """Attention over all positions, or over those up to the present one.

    In training on CPUs by plain products: the backward pass of the fused one takes twice their time at 256 positions
    in bfloat16.
    """

    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        if q.device.type != "cpu" or not q.requires_grad:
            return F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        scores = torch.matmul(q, k.transpose(2, 3)) * q.shape[-1] ** -0.5
        if causal:
            later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).triu(1)
            scores = scores.masked_fill(later, -torch.inf)
        return torch.matmul(scores.softmax(-1).to(v.dtype), v)

    return attend


class Drummer(nn.Module):
    """Drums given everything else."""

    def __init__(self, config: DrummerConfig) -> None:
        super().__init__()
        self.config = config
        width, heads = config.width, max(1, config.repeat_heads)
        self.others_step = nn.Linear(FAMILIES * (2 * LINES - 1), config.others_width)
        self.others_patch = nn.Linear(PATCH * config.others_width, width, bias=False)
        self.given = nn.Linear(PATCH * 3 * CLASSES, width, bias=False)
        self.patch = nn.Embedding(PATCHES, width)
        self.phrases = nn.ModuleList(nn.Embedding(cycle + 1, width) for cycle in CYCLES)
        self.since, self.left = nn.Embedding(FAR + 2, width), nn.Embedding(FAR + 2, width)
        self.inside = nn.Embedding(2, width)
        self.fill = nn.Embedding(3, width)
        self.density = nn.Embedding(config.density_classes + 1, width)
        self.feel = nn.Embedding(len(FEELS) + 1, width)
        self.encoder = Transformer(config.transformer(config.encoder_layers))
        self.location = nn.Linear(width, 1)
        self.repeats = RepeatedBars(width, heads, config.bars)
        self.previous = nn.Linear(PATCH * 2 * CLASSES, width, bias=False)
        self.copied = nn.Linear(PATCH * heads * 2 * CLASSES, width, bias=False)
        self.decoder = Transformer(config.transformer(config.decoder_layers))
        self.cells = DrumCells(width, config.cell_width, PATCH, heads)

    def initialise(self) -> None:
        """Draw all weights anew."""
        initialise(self, self.config.encoder_layers + self.config.decoder_layers)
        for part in (self.others_step, self.others_patch, self.given, self.previous, self.copied, self.cells.context):
            nn.init.normal_(part.weight, std=part.in_features**-0.5)  # few of so many inputs are not zero
        nn.init.constant_(self.cells.out.bias, -3.0)  # three of a hundred cells are hit
        nn.init.constant_(self.cells.straight, 1.0)
        nn.init.constant_(self.location.bias, -2.5)
        self.repeats.initialise()

    def hear(self, windows: DrumWindows) -> Heard:
        """Everything but the hidden drums."""
        batch, bars = windows.inside.shape
        x = self._others(windows) + self._given(windows) + self.patch.weight
        x = (x + self._bar(windows)[:, :, None]).flatten(1, 2)  # (B, T, D)
        patches = self.encoder(x, attention(causal=not self.config.future)).view(batch, bars, PATCHES, -1)
        means = patches.mean(2)
        if self.config.repeat_heads:
            weights = self.repeats(means, likeness(windows), may_see(windows))
        else:
            weights = means.new_zeros(batch, 1, bars, bars, dtype=torch.float32)
        return Heard(patches, means, weights)

    def fill_logits(self, heard: Heard) -> Tensor:
        """(B, N) float32 logits of a bar being improvised."""
        return self.location(heard.bars)[..., 0].float()

    def copied_cells(self, weights: Tensor, velocity: Tensor) -> Tensor:
        """(B, M, 32, H, 2, C) float32 what the bars that M bars look at have: hits, and velocities from 0 to 1.

        Args:
            weights: (B, H, M, N).
            velocity: (B, N, 32, C).
        """
        values = torch.stack([(velocity > 0).float(), velocity.float() / 127], 3).flatten(2)  # (B, N, 32*2*C)
        found = torch.matmul(weights, values[:, None])  # (B, H, M, 32*2*C)
        return found.unflatten(3, (STEPS, 2, CLASSES)).permute(0, 2, 3, 1, 4, 5)

    def states(self, patches: Tensor, before: Tensor, copied: Tensor, cache: KeyValueCache | None = None) -> Tensor:
        """(B, T, D) the decoder's states at T patches that follow each other.

        Args:
            patches: (B, T, D) as the encoder has them.
            before: (B, T, S, C) velocities of the patch before each.
            copied: (B, T, S, H, 2, C) of each.
            cache: holds the patches before the first.
        """
        told = torch.stack([(before > 0).float(), before.float() / 127], 3).flatten(2)
        x = patches + self.previous(told.to(patches.dtype)) + self.copied(copied.flatten(2).to(patches.dtype))
        return self.decoder(x, attention(causal=True), cache)

    def judge(self, windows: DrumWindows, heard: Heard) -> tuple[Tensor, Tensor]:
        """States (B, N, P, D) at all patches, and what was copied to them (B, N, 32, H, 2, C), teacher-forced."""
        batch, bars = windows.inside.shape
        copied = self.copied_cells(heard.weights, windows.velocity)
        steps = windows.velocity.view(batch, bars * PATCHES, PATCH, CLASSES)
        before = F.pad(steps, (0, 0, 0, 0, 1, 0))[:, :-1]
        states = self.states(
            heard.patches.flatten(1, 2), before, copied.view(batch, bars * PATCHES, PATCH, -1, 2, CLASSES)
        )
        return states.view(batch, bars, PATCHES, -1), copied

    def cell_logits(self, windows: DrumWindows, heard: Heard | None = None) -> Tensor:
        """(B, N, 32, C) float32 logits of every cell; those of hidden cells are given all cells that come before."""
        states, copied = self.judge(windows, heard or self.hear(windows))
        rows, hits = states.flatten(0, 2), windows.hits.view(-1, PATCH, CLASSES)
        hit_copied = copied[..., 0, :].reshape(-1, PATCH, copied.shape[3], CLASSES)
        before = self.cells.before(rows, hit_copied, hits)
        return self.cells.logits(before, hit_copied, hits).view(windows.velocity.shape)

    def played(self, windows: DrumWindows) -> Tensor:
        """(B,) how the drums of each window were played, for `DrumCells.touches`."""
        return played_class(windows.played, windows.feel)

    def _others(self, windows: DrumWindows) -> Tensor:
        """(B, N, P, D) of the other instruments."""
        sound = windows.others.to(self.others_step.weight.dtype)
        silent, pitches = sound[..., :1], sound[..., 1:] / 127
        x = torch.cat([silent, pitches, begins(windows).to(sound.dtype)], -1).flatten(3)  # (B, N, 32, 4 * 127)
        x = F.silu(self.others_step(x))
        return self.others_patch(x.unflatten(2, (PATCHES, PATCH)).flatten(3))

    def _given(self, windows: DrumWindows) -> Tensor:
        """(B, N, P, D) of the drums that are given."""
        known = windows.known[:, :, None].expand_as(windows.velocity).to(self.given.weight.dtype)
        velocity = windows.velocity.to(known.dtype) * known
        x = torch.stack([known, (velocity > 0).to(known.dtype), velocity / 127], 3)  # (B, N, 32, 3, C)
        return self.given(x.unflatten(2, (PATCHES, PATCH)).flatten(3))

    def _bar(self, windows: DrumWindows) -> Tensor:
        """(B, N, D) of where a bar is and what is wished of it."""
        x = self.inside(windows.inside.long()) + self.fill(windows.fill) + self.density(windows.density)
        x = x + self.feel(windows.feel)[:, None]
        if not self.config.phrase:
            return x
        unknown = windows.phrase < 0
        for cycle, table in zip(CYCLES, self.phrases, strict=True):
            x = x + table(torch.where(unknown, cycle, windows.phrase % cycle))
        x = x + self.since(torch.where(unknown, FAR + 1, windows.phrase.clamp(0, FAR)))
        return x + self.left(torch.where(unknown, FAR + 1, windows.left.clamp(0, FAR)))
