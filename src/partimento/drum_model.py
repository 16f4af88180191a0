"""A drummer ready for use: windows of a song, the chances of its bars, where it would fill."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from partimento.checkpoint import CONFIG, CheckpointError, check_shapes, read_config, read_shapes, read_state
from partimento.configuration import from_plain
from partimento.hub import resolve
from partimento.model import pick_device, wrong_system
from partimento.networks.drum_windows import CLASSES, UNSAID, DrumWindows
from partimento.networks.drummer import Drummer, DrummerConfig
from partimento.networks.unfilled import unfilled
from partimento.systems.drummer import SYSTEM
from partimento.tokens.drumgrid import DrumGrid


@dataclass(frozen=True, eq=False)
class Wanted:
    """What is known and wished of the bars of a song.

    Args:
        known: (bars, 16) bool, which drum classes of which bars are given.
        fill: (bars,) int64 as in `DrumWindows`.
        density: (bars,) int64 as in `DrumWindows`.
        feel: likewise.
        played: likewise.
    """

    known: np.ndarray
    fill: np.ndarray
    density: np.ndarray
    feel: int = UNSAID
    played: bool = True


def everything_hidden(bars: int, feel: int = UNSAID) -> Wanted:
    """No drum is given and nothing is wished."""
    return Wanted(np.zeros((bars, CLASSES), dtype=bool), np.full(bars, UNSAID), np.full(bars, UNSAID), feel)


@dataclass(frozen=True)
class Stretch:
    """A window and the bars of it that are told in it: song bars [start, stop) of a window from `first` on."""

    first: int
    start: int
    stop: int


@dataclass(frozen=True, eq=False)
class DrumModel:
    """A trained drummer.

    Args:
        config: the content of the checkpoint's `config.json`.
        name: what it was loaded by.
        weights: the file that its weights came from.
        network: in evaluation mode, on its device.
    """

    config: dict[str, Any]
    name: str
    weights: Path
    network: Drummer

    @cached_property
    def hash(self) -> str:
        """12 hexadecimal digits of the SHA-256 of the weights file."""
        with self.weights.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:12]

    @property
    def title(self) -> str:
        """The name that its makers gave it."""
        return str(self.config.get("name") or self.name)

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.network.location.weight.device

    def stretches(self, bars: int) -> Iterator[Stretch]:
        """Windows over a song: each tells a quarter of its bars, with half a window before and a quarter after them."""
        window = min(self.network.config.bars, bars)
        told = max(1, self.network.config.bars // 4)
        for start in range(0, bars, told):
            first = max(0, min(start - 2 * told, bars - window))
            yield Stretch(first, start, min(start + told, bars))

    def window(self, grid: DrumGrid, first: int, wanted: Wanted) -> DrumWindows:
        """The bars of a song from `first` on as one window, as many as there are and the network takes."""
        bars = len(grid)
        which = slice(first, min(first + self.network.config.bars, bars))
        bar = np.arange(which.start, which.stop)
        begin = first_bar(grid)
        arrays = (
            grid.velocity[which],
            grid.shift[which],
            grid.others[which],
            wanted.known[which],
            np.maximum(bar - begin, -1),
            bars - 1 - bar,
            np.ones(len(bar), dtype=bool),
            wanted.fill[which],
            wanted.density[which],
            np.array(wanted.feel),
            np.array(wanted.played),
            np.full(len(bar), -1),
            np.array(True),
        )
        window = DrumWindows(*(torch.from_numpy(np.array(array))[None] for array in arrays))
        return window.to(self.device)

    @torch.inference_mode()
    def fill_probabilities(self, grid: DrumGrid, wanted: Wanted | None = None) -> np.ndarray:
        """(bars,) how likely each bar is improvised, given the other instruments and the drums that are known."""
        wanted = wanted or everything_hidden(len(grid))
        found = np.zeros(len(grid))
        for part in self.stretches(len(grid)):
            window = self.window(grid, part.first, wanted)
            logits = self.network.fill_logits(self.network.hear(window))[0].sigmoid().cpu().numpy()
            found[part.start : part.stop] = logits[part.start - part.first : part.stop - part.first]
        return found

    @torch.inference_mode()
    def cell_probabilities(self, grid: DrumGrid, wanted: Wanted | None = None) -> np.ndarray:
        """(bars, 32, 16) float32 chance of each cell of the grid's own drums, given all cells before it and what is
        known; bars that are more than a window away are not looked at."""
        wanted = wanted or everything_hidden(len(grid))
        found = np.zeros(grid.velocity.shape, np.float32)
        for part in self.stretches(len(grid)):
            logits = self.network.cell_logits(self.window(grid, part.first, wanted))[0]
            found[part.start : part.stop] = logits.sigmoid()[part.start - part.first : part.stop - part.first].cpu()
        return found

    @torch.inference_mode()
    def bits(self, grid: DrumGrid, wanted: Wanted | None = None) -> np.ndarray:
        """(bars,) bits of the hidden hits of each bar, by the chain rule from left to right; 0 where none is hidden."""
        wanted = wanted or everything_hidden(len(grid))
        found = np.zeros(len(grid))
        for part in self.stretches(len(grid)):
            window = self.window(grid, part.first, wanted)
            logits = self.network.cell_logits(window)
            nats = F.binary_cross_entropy_with_logits(logits, window.hits.float(), reduction="none")
            bars = (nats * ~window.known[:, :, None]).sum((2, 3))[0].cpu().numpy() / math.log(2)
            found[part.start : part.stop] = bars[part.start - part.first : part.stop - part.first]
        return found


def first_bar(grid: DrumGrid) -> int:
    """The first bar in which another instrument sounds; where none does, the first with drums, or 0."""
    sounding = (grid.others[..., 1:] > 0).any((1, 2, 3))
    bars = np.flatnonzero(sounding if sounding.any() else grid.hits.any((1, 2)))
    return int(bars[0]) if len(bars) else 0


def load_drummer(
    name_or_folder: str | Path, device: str | torch.device = "auto", dtype: torch.dtype | None = None
) -> DrumModel:
    """A drummer by bundled name, checkpoint folder, safetensors file or Hugging Face repository.

    Raises:
        CheckpointError: if there is no such model, it is of another system, or its file is damaged or does not fit its
            configuration.
    """
    source = resolve(name_or_folder)
    config = read_config(source.folder)
    if config.get("system") != SYSTEM:
        raise wrong_system(source.folder, config, "a drummer, such as drums-small,")
    try:
        sizes = from_plain(DrummerConfig, config.get("network"), "network")
    except ValueError as error:
        raise CheckpointError(f"{source.folder / CONFIG}: {error}; it was made by {config.get('versions')}") from None
    network = unfilled(lambda: Drummer(sizes))
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    check_shapes(read_shapes(source.weights), shapes, source.weights)
    network.load_state_dict(read_state(source.weights, dtype, pick_device(device)), assign=True)
    return DrumModel(config, source.name, source.weights, network.eval())
