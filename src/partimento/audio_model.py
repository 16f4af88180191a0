"""Models of sound ready for use: a vector for a recording of any length, and timed vectors along it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from partimento.audio import SUFFIXES, Channels, stream_audio
from partimento.checkpoint import CONFIG, CheckpointError, check_shapes, read_config, read_shapes, read_state
from partimento.configuration import from_plain
from partimento.hub import resolve
from partimento.model import Model, pick_device, wrong_system
from partimento.networks.logmel import LogMelConfig
from partimento.networks.slicing import Slicing, stream_slices
from partimento.networks.sound import Front
from partimento.networks.unfilled import unfilled
from partimento.networks.vit1d import Pool, ViT1D
from partimento.systems import clmr, cola, mule, vit1d

TRUNKS = {"mule": mule.trunk_of, "vit1d": vit1d.trunk_of, "cola": cola.trunk_of, "clmr": clmr.trunk_of}
SYSTEMS = tuple(TRUNKS)
BLOCK_S = 20.0  # of a file that is decoded at once
BATCH = {"cpu": 16, "cuda": 256, "mps": 64}  # windows that go through the network at once

Sound = str | Path | np.ndarray


@dataclass(frozen=True)
class Frames:
    """Timed vectors of a recording.

    Args:
        vectors: (T, D) float32.
        times_s: (T,) the middle of what each stands for, in seconds.
    """

    vectors: np.ndarray
    times_s: np.ndarray


@dataclass(frozen=True, eq=False)
class AudioModel(Model):
    """A model that reads sound.

    Args:
        front: what turns samples into the network's input.
        network: the trunk, in evaluation mode, on its device: what `front` gives of windows (B, ...) to vectors (B, D).
        cut: how a recording is cut into windows.
        fast: compute in bfloat16 where the weights are float32; the others as `Model`.
    """

    front: Front
    network: nn.Module
    cut: Slicing
    fast: bool = False

    @property
    def embed_dim(self) -> int:
        """Features of the vectors that `embed` gives."""
        return int(self.network.width)  # type: ignore[arg-type]

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Endings of the names of sound files."""
        return SUFFIXES

    @property
    def rate_hz(self) -> int:
        """Samples a second that it reads; files of another rate are resampled."""
        return int(self.config["rate_hz"])

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    @property
    def column_s(self) -> float:
        """Seconds from one column that windows are cut from (a frame of the front end, or a sample) to the next."""
        front = self.front.config
        return (1 if front is None or self.front.hears_whole else front.hop) / self.rate_hz

    def embed(self, music: Sound | Iterable[Sound], frames: bool = False) -> Any:
        """One vector for each recording: (D,) float32 for one, (N, D) for several; the mean of those of its windows.

        A recording is read in windows, in constant memory, however long it is. One that is shorter than a window is
        heard again until it fills one. The same recording gives the same vector alone and among others, to rounding.

        Args:
            music: paths of sound files, or samples (S,) in ±1 at `rate_hz`.
            frames: give a vector for each window instead, (windows, D) a recording: a list for several.

        Raises:
            AudioError: if a file cannot be read; the message names it.
            OSError: if a path cannot be read.
        """
        if isinstance(music, str | Path | np.ndarray):
            return self.embed([music], frames)[0]
        found: list[list[np.ndarray]] = []
        stream = self._numbered(music, found)
        while batch := list(islice(stream, BATCH[self.device.type])):
            vectors = self._run(self.network, [window for _, window in batch])
            for (number, _), vector in zip(batch, vectors, strict=True):
                found[number].append(vector)
        if frames:
            return [np.stack(vectors) for vectors in found]
        means = [np.mean(vectors, axis=0, dtype=np.float64) for vectors in found]
        return np.stack(means).astype(np.float32) if means else np.zeros((0, self.embed_dim), np.float32)

    def frames(self, music: Sound) -> Frames:
        """Timed vectors of a recording, finer than its windows: what the network has before it pools them.

        Windows overlap by half here, and a moment is taken from the one whose middle is nearest.

        Raises:
            AudioError, OSError: as `embed`.
        """
        token = self._token_columns
        half = max(1, self.cut.frames // 2 // token) * token  # tokens of two windows fall on the same moments
        cut = Slicing(self.cut.frames, min(half, self.cut.frames), self.cut.frames // 2)
        lengths: list[int] = []
        stream = self._windows(music, cut, lengths)
        tokens: list[np.ndarray] = []
        while batch := list(islice(stream, BATCH[self.device.type])):
            tokens += list(self._run(self.network.tokens, batch))  # type: ignore[arg-type]
        starts_s = cut.starts(max(sum(lengths), cut.frames)) * self.column_s
        times = starts_s[:, None] + self._token_times(tokens[0].shape[0])  # (windows, T')
        middles = starts_s + cut.frames * self.column_s / 2
        nearest = np.abs(times[:, :, None] - middles).argmin(2) == np.arange(len(middles))[:, None]
        kept = nearest & (times < max(sum(lengths), 1) * self.column_s)
        kept[0, 0] = True  # of a recording shorter than a token
        return Frames(np.stack(tokens)[kept], times[kept])

    @property
    def _token_columns(self) -> int:
        """Columns that windows are cut from, a token."""
        front = self.front.config
        hop = front.hop if front is not None and self.front.hears_whole else 1
        return int(self.network.stride) * hop  # type: ignore[arg-type]

    def _token_times(self, count: int) -> np.ndarray:
        """(count,) the middle of each token of a window, in seconds after its beginning."""
        stride, front = int(self.network.stride), self.front.config  # type: ignore[arg-type]
        middle = np.arange(count) * stride + (stride - 1) / 2
        if front is None:
            return middle / self.rate_hz
        return (middle * front.hop + (0 if front.centre else front.window / 2)) / self.rate_hz

    def _numbered(self, music: Iterable[Sound], found: list[list[np.ndarray]]) -> Iterator[tuple[int, Tensor]]:
        """Every window with the number of its recording, for which `found` gets a place."""
        for number, one in enumerate(music):
            found.append([])
            for window in self._windows(one, self.cut, []):
                yield number, window

    def _windows(self, music: Sound, cut: Slicing, lengths: list[int]) -> Iterator[Tensor]:
        """The windows (M, F) or (S,) of a recording; `lengths` gets the columns of each block of it."""
        front, floor = self.front, None
        blocks = _blocks(music, self.rate_hz, self.config.get("channels", "mean"))
        if front.mel is not None and not front.hears_whole:
            columns, floor = front.mel.stream(blocks), front.mel.config.zscore_floor
        else:
            columns = (torch.from_numpy(block).to(self.device)[None] for block in blocks)
        for windows in stream_slices(_counted(columns, lengths), cut, floor):
            yield from front(windows[:, 0]) if front.hears_whole else windows

    @torch.inference_mode()
    def _run(self, network: Callable[[Tensor], Tensor], windows: list[Tensor]) -> np.ndarray:
        """What the network, or a part of it, gives of windows."""
        bf16 = self.device.type != "mps" and next(self.network.parameters()).dtype == torch.float32 and self.fast
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bf16):
            return network(torch.stack(windows)).float().cpu().numpy()


def _blocks(music: Sound, rate_hz: int, channels: Channels) -> Iterator[np.ndarray]:
    """Blocks of samples of a file, or of an array."""
    if not isinstance(music, np.ndarray):
        return stream_audio(music, rate_hz, BLOCK_S, channels)
    if music.ndim != 1 or not len(music):
        raise ValueError(f"samples have the shape {music.shape}; one channel of at least one sample is read")
    size = round(BLOCK_S * rate_hz)
    return (music[start : start + size].astype(np.float32) for start in range(0, len(music), size))


def _counted(columns: Iterable[Tensor], lengths: list[int]) -> Iterator[Tensor]:
    for block in columns:
        lengths.append(block.shape[-1])
        yield block


def load_audio(
    name_or_folder: str | Path,
    device: str | torch.device = "auto",
    dtype: torch.dtype | None = None,
    pool: Pool | None = None,
) -> AudioModel:
    """A model of the systems `mule`, `vit1d`, `cola` and `clmr`; arguments as `partimento.model.load`.

    Args:
        pool: what a ViT-1D gives for a window: its class token, the mean of all its tokens, or of those of the
            sequence; None is as the checkpoint says.

    Raises:
        CheckpointError: if there is no such model, it is of another system, or its file is damaged or does not fit its
            configuration.
        ValueError: if a pool is asked for of another network than a ViT-1D.
    """
    source = resolve(name_or_folder)
    config = read_config(source.folder)
    system = config.get("system")
    if system not in TRUNKS:
        raise wrong_system(source.folder, config, f"a model of {' or '.join(SYSTEMS)}, such as audio-small,")
    try:
        front = None if config.get("front") is None else from_plain(LogMelConfig, config["front"], "front")
        cut = from_plain(Slicing, config.get("windows"), "windows")
        plain = config.get("network")
        network = unfilled(lambda: TRUNKS[system](plain))
    except ValueError as error:
        raise CheckpointError(f"{source.folder / CONFIG}: {error}; it was made by {config.get('versions')}") from None
    if pool is not None:
        if not isinstance(network, ViT1D):
            raise ValueError(f"{source.name} is no ViT-1D; it has one vector a window, and no pool to choose")
        network.config = replace(network.config, pool=pool)
    place = pick_device(device)
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    check_shapes(read_shapes(source.weights), shapes, source.weights)
    network.load_state_dict(read_state(source.weights, dtype, place), assign=True)
    return AudioModel(config, source.name, source.weights, Front(front).to(place), network.eval(), cut)


def random_like(model: AudioModel, seed: int) -> AudioModel:
    """The same model with weights that have learned nothing, for comparison."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = TRUNKS[model.config["system"]](model.config["network"])
    if isinstance(network, ViT1D) and isinstance(model.network, ViT1D):
        network.config = model.network.config
    return replace(model, network=network.eval().to(model.device), name=f"{model.name}, random weights, seed {seed}")
