"""The published drummer at work (Dahale et al. 2022): a basic pattern, where it is left, and the bars played there.

Windows of 11 bars are told one after another, each by itself, greedily or by plain sampling; every token is allowed. A
bar is improvised where its chance reaches a threshold, and its cells are hits where they reach another. The thesis says
neither; `runs/drums-published.py` takes those of the best F1 on the validation songs.

The thesis judges only outputs that pass a filter (46 % of them); here it is off unless several attempts are asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from partimento.checkpoint import CONFIG, WEIGHTS, CheckpointError, check_shapes, read_config, read_shapes, read_state
from partimento.configuration import from_plain
from partimento.model import pick_device, wrong_system
from partimento.networks.dahale.basic import BEGIN, BasicConfig, BasicDrums
from partimento.networks.dahale.blocks import BARS, CLASSES, FAMILIES, LINES, MIDDLE, STEPS, melody_values
from partimento.networks.dahale.infill import Infill, InfillConfig
from partimento.networks.dahale.location import IMPROVISED, LocationConfig, Locator
from partimento.networks.unfilled import unfilled
from partimento.systems.dahale import BASIC, INFILL, LOCATION
from partimento.tokens.drum_serial import SHIFT, decode

MOST_TOKENS = 6 * BARS * STEPS  # of a window; a true one has at most 4 a step
TOGETHER = 32  # windows that are told or judged at once
SILENT_BARS, SPREAD = 4, 5.0  # of the thesis's filter: of 11 bars, and deviation of the hits of a bar

N = TypeVar("N", bound=nn.Module)


@dataclass(frozen=True, eq=False)
class Published:
    """The three stages, ready for use.

    Args:
        improvised_from: chance from which a bar is improvised.
        hit_from: value from which a cell of it is a hit.
    """

    basic: BasicDrums
    location: Locator
    infill: Infill
    improvised_from: float
    hit_from: float


@dataclass(frozen=True, eq=False)
class Accompaniment:
    """What the stages made of a song.

    Args:
        basic: (bars, 32, 16) bool of the first stage.
        chance: (bars,) float64 that a bar is improvised; NaN in the first and last 5 bars.
        improvised: (bars,) bool.
        hits: (bars, 32, 16) bool, the basic pattern with the improvised bars.
    """

    basic: np.ndarray
    chance: np.ndarray
    improvised: np.ndarray
    hits: np.ndarray


def accompany(
    published: Published, others: np.ndarray, temperature: float = 1.0, seed: int = 0, attempts: int = 1
) -> Accompaniment:
    """Drums for a song.

    Args:
        others: (bars, 32, 4, 64) uint8 as in `DrumGrid`.
        temperature: of the basic pattern; 0 is greedy.
        attempts: more than one turns the thesis's filter on: windows that fail it are told anew, so often in all.
    """
    basic = basic_pattern(published.basic, others, temperature, seed, attempts)
    chance = improvised_chances(published.location, others)
    with np.errstate(invalid="ignore"):
        improvised = chance >= published.improvised_from
    hits = basic.copy()
    bars = np.flatnonzero(improvised)
    hits[bars] = infilled_cells(published.infill, others, basic, bars) >= published.hit_from
    return Accompaniment(basic, chance, improvised, hits)


def basic_pattern(
    network: BasicDrums, others: np.ndarray, temperature: float = 1.0, seed: int = 0, attempts: int = 1
) -> np.ndarray:
    """(bars, 32, 16) bool of the first stage; arguments are those of `accompany`."""
    bars = len(others)
    missing = -bars % BARS
    silence = np.zeros((missing, STEPS, FAMILIES, LINES), dtype=np.uint8)
    silence[..., 0] = 1
    windows = np.concatenate([others, silence]).reshape(-1, BARS * STEPS, FAMILIES, LINES)
    device = next(network.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)
    hits = np.zeros((len(windows), BARS, STEPS, CLASSES), dtype=bool)
    wanted = np.arange(len(windows))
    for _ in range(attempts):
        for start in range(0, len(wanted), TOGETHER):
            which = wanted[start : start + TOGETHER]
            told = told_tokens(network, torch.from_numpy(windows[which]).to(device), temperature, generator)
            hits[which] = np.stack([decode(ids, BARS) for ids in told.cpu().numpy()])
        wanted = np.array([window for window in wanted if not passes(hits[window])], dtype=np.int64)
    return hits.reshape(-1, STEPS, CLASSES)[:bars]


def passes(hits: np.ndarray) -> bool:
    """Whether 11 bars (11, 32, 16) pass the thesis's filter: not too many silent, their hits not too unlike."""
    count = hits.sum((1, 2))
    return bool((count == 0).sum() <= SILENT_BARS and count.std() <= SPREAD)


@torch.inference_mode()
def told_tokens(network: BasicDrums, others: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """(B, L) int64 tokens of windows (B, 352, 4, 64) uint8, each up to its 352nd SHIFT and anything after it."""
    rows = torch.arange(len(others), device=others.device)
    heard = network.heard(network.hear(melody_values(others)))
    cache = network.config.cache(len(rows), MOST_TOKENS, others.device)
    told = torch.full((len(rows), MOST_TOKENS), SHIFT, device=others.device)
    last, steps = torch.full_like(rows, BEGIN), torch.zeros_like(rows)
    for place in range(MOST_TOKENS):
        logits = network.next_logits(last, heard, cache)
        if temperature == 0:
            last = logits.argmax(1)
        else:
            last = torch.multinomial((logits.float() / temperature).softmax(1), 1, generator=generator)[:, 0]
        told[rows, place] = last
        steps = steps + (last == SHIFT)
        going = steps < BARS * STEPS
        if not going.any():
            break
        if going.sum() <= 0.75 * len(rows):  # the others are not computed any more
            rows, last, steps = rows[going], last[going], steps[going]
            cache.memory = cache.memory[:, :, going]
            heard = [(keys[going], values[going]) for keys, values in heard]
    return told


@torch.inference_mode()
def improvised_chances(network: Locator, others: np.ndarray) -> np.ndarray:
    """(bars,) float64 chance of each bar, by the balanced classes of the training; NaN in the first and last 5 bars."""
    chances = np.full(len(others), np.nan)
    if len(others) < BARS:
        return chances
    device = next(network.parameters()).device
    bars = torch.cat([network.embed(melody_values(part)) for part in _parts(torch.from_numpy(others).to(device))])
    windows = bars.unfold(0, BARS, 1).movedim(-1, 1)  # (bars - 10, 11, ...)
    logits = torch.cat([network.judge(part) for part in _parts(windows)])
    chances[MIDDLE : len(others) - MIDDLE] = logits.float().softmax(1)[:, IMPROVISED].cpu().numpy()
    return chances


@torch.inference_mode()
def infilled_cells(network: Infill, others: np.ndarray, hits: np.ndarray, bars: np.ndarray) -> np.ndarray:
    """(K, 32, 16) float32, 0 to 1, of K bars with five bars on either side, each given the drums around it.

    Args:
        others: (song bars, 32, 4, 64) uint8.
        hits: (song bars, 32, 16) bool; what stands at an asked bar has no influence on it.
        bars: (K,) which.
    """
    device = next(network.parameters()).device
    found = [np.zeros((0, STEPS, CLASSES), dtype=np.float32)]
    for part in _parts(torch.from_numpy(bars)):
        around = part[:, None].numpy() + np.arange(-MIDDLE, MIDDLE + 1)
        melody = melody_values(torch.from_numpy(others[around]).to(device))
        drums = torch.from_numpy(hits[around]).to(device).float()
        found.append(network(melody, drums).cpu().numpy())
    return np.concatenate(found)


def load_published(
    folder: str | Path,
    location: str = "mini-bert",
    decoder: str = "mlp",
    device: str | torch.device = "auto",
) -> Published:
    """The stages of a folder that `runs/drums-published.py` made.

    Args:
        location: which model of stage 2.
        decoder: which of stage 3.

    Raises:
        CheckpointError: if a stage is missing, of another system or damaged, or the thresholds are missing.
    """
    folder = Path(folder)
    path = folder / "thresholds.json"
    try:
        thresholds = json.loads(path.read_text(encoding="utf-8"))
        improvised_from, hit_from = float(thresholds[location]), float(thresholds[decoder])
    except (OSError, json.JSONDecodeError, KeyError) as error:
        raise CheckpointError(
            f"{path} has no threshold for {location} and {decoder} ({error}); `runs/drums-published.py score` makes it"
        ) from None
    return Published(
        load_basic(best(folder, "basic"), device),
        load_location(best(folder, location), device),
        load_infill(best(folder, decoder), device),
        improvised_from,
        hit_from,
    )


def best(folder: Path, stage: str) -> Path:
    """The checkpoint that the validation chose, of the run of a stage."""
    return folder / stage / "checkpoints" / "best"


def load_basic(folder: str | Path, device: str | torch.device = "auto") -> BasicDrums:
    """Stage 1 of a checkpoint folder; errors are those of `load_published`."""
    return _load(Path(folder), BASIC, BasicConfig, BasicDrums, device)


def load_location(folder: str | Path, device: str | torch.device = "auto") -> Locator:
    """Stage 2, likewise."""
    return _load(Path(folder), LOCATION, LocationConfig, Locator, device)


def load_infill(folder: str | Path, device: str | torch.device = "auto") -> Infill:
    """Stage 3, likewise."""
    return _load(Path(folder), INFILL, InfillConfig, Infill, device)


def _load(folder: Path, system: str, sizes: type[Any], kind: Callable[[Any], N], device: str | torch.device) -> N:
    config = read_config(folder)
    if config.get("system") != system:
        raise wrong_system(folder, config, f"a checkpoint of {system}")
    try:
        network_config = from_plain(sizes, config.get("network"), "network")
    except ValueError as error:
        raise CheckpointError(f"{folder / CONFIG}: {error}; it was made by {config.get('versions')}") from None
    network = unfilled(lambda: kind(network_config))
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    check_shapes(read_shapes(folder / WEIGHTS), shapes, folder / WEIGHTS)
    network.load_state_dict(read_state(folder, None, pick_device(device)), assign=True)
    return network.eval()


def _parts(values: Tensor) -> Iterator[Tensor]:
    """So many rows at a time as are computed together."""
    return iter(values.split(TOGETHER))
