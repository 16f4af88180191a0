"""Training the three stages of Dahale et al. 2022: windows of 11 bars, and what the loop is handed of them.

Stage 1 reads all windows of a drum part, one after another, from its first bar with a hit to its last; stage 2 the bars
around improvised bars and as many others; stage 3 the bars around improvised bars.
"""

from __future__ import annotations

import hashlib
import math
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

import partimento
from partimento.analysis.novelty import AROUND, WINDOW, improvised_bars, novelty, ordinary_bars, sounding
from partimento.checkpoint import write_checkpoint
from partimento.configuration import to_plain
from partimento.corpus.datasets.drums import DrumSet
from partimento.networks.dahale.basic import BasicDrums
from partimento.networks.dahale.infill import Infill
from partimento.networks.dahale.location import Locator
from partimento.objectives.dahale import (
    BasicWindows,
    InfillWindows,
    LocationWindows,
    Windows,
    basic_pattern,
    improvised_or_not,
    infilled_bar,
)
from partimento.systems.dahale import BASIC, INFILL, LOCATION, BasicStage, InfillStage, LocationStage
from partimento.tokens.drum_columns import DrumColumns
from partimento.tokens.drum_serial import encode
from partimento.training.distributed import World
from partimento.training.drum_cutting import cut
from partimento.training.loop import Objective, Run, State, train

Place = tuple[int, int]  # a song, and the first bar of a window
Stage = BasicStage | LocationStage | InfillStage


@dataclass(frozen=True, eq=False)
class Part:
    """A drum part of at least 11 bars.

    Args:
        bars: of the song, from the first with a hit to the last.
        hits: (song bars, 32, 16) bool.
        novelty: (song bars,) NaN where there is none.
        improvised: (song bars,) bool.
    """

    path: str
    columns: DrumColumns
    bars: slice
    hits: np.ndarray
    novelty: np.ndarray
    improvised: np.ndarray


def parts_of(pieces: DrumSet) -> list[Part]:
    """The parts that are long enough, with what the published peak rule says of them."""
    parts = []
    for index, piece in enumerate(pieces.pieces):
        hits = pieces.hits(index)
        bars = sounding(hits)
        if bars.stop - bars.start >= WINDOW:
            columns = pieces.columns[index]
            parts.append(Part(piece.path, columns, bars, hits, novelty(hits), improvised_bars(hits)))
    return parts


def all_windows(parts: Sequence[Part]) -> list[Place]:
    """Windows that do not overlap, as many as the parts hold."""
    return [
        (index, start)
        for index, part in enumerate(parts)
        for start in range(part.bars.start, part.bars.stop - WINDOW + 1, WINDOW)
    ]


def improvised_windows(parts: Sequence[Part]) -> list[Place]:
    """Windows with an improvised bar in the middle."""
    found = [(index, int(bar)) for index, part in enumerate(parts) for bar in np.flatnonzero(part.improvised)]
    return [(index, bar - AROUND) for index, bar in found]


def ordinary_windows(parts: Sequence[Part], generator: np.random.Generator) -> list[Place]:
    """Windows with another bar in the middle, drawn, as many of each song as are improvised."""
    found = []
    for index, part in enumerate(parts):
        chosen = np.flatnonzero(ordinary_bars(part.novelty, part.improvised, generator))
        found += [(index, int(bar) - AROUND) for bar in chosen]
    return found


def others_of(parts: Sequence[Part], places: Sequence[Place]) -> Tensor:
    """(B, 11, 32, 4, 64) uint8 of the other instruments."""
    found = [cut(parts[index].columns, start, WINDOW).others for index, start in places]
    return torch.from_numpy(np.stack(found))


def hits_of(parts: Sequence[Part], places: Sequence[Place]) -> Tensor:
    """(B, 11, 32, 16) bool."""
    return torch.from_numpy(np.stack([parts[index].hits[start : start + WINDOW] for index, start in places]))


def basic_windows(parts: Sequence[Part], places: Sequence[Place], longest: int | None = None) -> BasicWindows:
    """What stage 1 learns from, of each window so many tokens at most."""
    told = [torch.from_numpy(encode(hits.numpy()))[:longest] for hits in hits_of(parts, places)]
    length = torch.tensor([len(ids) for ids in told])
    return BasicWindows(others_of(parts, places).flatten(1, 2), pad_sequence(told, batch_first=True), length)


def location_windows(parts: Sequence[Part], places: Sequence[Place]) -> LocationWindows:
    """What stage 2 learns from."""
    improvised = [int(parts[index].improvised[start + AROUND]) for index, start in places]
    return LocationWindows(others_of(parts, places), torch.tensor(improvised))


def infill_windows(parts: Sequence[Part], places: Sequence[Place]) -> InfillWindows:
    """What stage 3 learns from."""
    return InfillWindows(others_of(parts, places), hits_of(parts, places))


class PlaceBatches:
    """The endless training stream: every epoch all places, in an order of its own.

    Args:
        places: of an epoch, by a generator of its own.
        make: a batch of places.
    """

    def __init__(
        self,
        places: Callable[[np.random.Generator], list[Place]],
        make: Callable[[list[Place]], Windows],
        seed: int,
    ) -> None:
        self.places, self.make, self.seed = places, make, seed
        self.epoch, self.place = 0, 0
        self._order: tuple[int, list[Place]] = (-1, [])

    def rows(self, count: int) -> Windows:
        """The next `count` windows."""
        return self.make([self._next() for _ in range(count)])

    def state(self) -> dict[str, int]:
        """What `restore` needs to go on from here."""
        return {"epoch": self.epoch, "place": self.place}

    def restore(self, state: dict[str, int]) -> None:
        """Go on from a saved state."""
        self.epoch, self.place = state["epoch"], state["place"]

    def _next(self) -> Place:
        if self._order[0] != self.epoch:
            generator = np.random.default_rng((self.seed, self.epoch))
            places = self.places(generator)
            if not places:
                raise ValueError("no window to train on; give songs of at least 11 bars of drums, some improvised")
            self._order = (self.epoch, [places[i] for i in generator.permutation(len(places))])
        order = self._order[1]
        place = order[self.place]
        self.place += 1
        if self.place == len(order):
            self.epoch, self.place = self.epoch + 1, 0
        return place


@dataclass(frozen=True, eq=False)
class Data:
    """What a stage learns from and is chosen by.

    Args:
        parts, valid: of the two sides.
        make: a batch of some places of parts.
        places: of a training epoch.
        valid_places: of the validation.
    """

    parts: Sequence[Part]
    valid: Sequence[Part]
    make: Callable[[Sequence[Part], Sequence[Place]], Windows]
    places: Callable[[np.random.Generator], list[Place]]
    valid_places: Sequence[Place]


def train_basic(
    stage: BasicStage,
    parts: Sequence[Part],
    valid: Sequence[Part],
    folder: Path,
    world: World,
    about: Mapping[str, Any],
) -> State:
    """Train stage 1, or go on with an interrupted run; arguments and errors are those of `train_stage`."""
    make = partial(basic_windows, longest=stage.longest)
    objective = partial(basic_pattern, masked_family=stage.masked_family, masked_steps=stage.masked_steps)
    windows = all_windows(parts)
    data = Data(parts, valid, make, lambda _: windows, all_windows(valid))
    torch.manual_seed(stage.recipe.seed)
    return train_stage(BASIC, stage, BasicDrums(stage.network), objective, data, folder, world, about)


def train_location(
    stage: LocationStage,
    parts: Sequence[Part],
    valid: Sequence[Part],
    folder: Path,
    world: World,
    about: Mapping[str, Any],
) -> State:
    """Train a model of stage 2, or go on with an interrupted run; arguments and errors are those of `train_stage`."""
    objective = partial(improvised_or_not, huber=stage.huber)
    improvised = improvised_windows(parts)
    chosen = improvised_windows(valid) + ordinary_windows(valid, np.random.default_rng(stage.recipe.seed))
    data = Data(
        parts, valid, location_windows, lambda generator: improvised + ordinary_windows(parts, generator), chosen
    )
    torch.manual_seed(stage.recipe.seed)
    return train_stage(LOCATION, stage, Locator(stage.network), objective, data, folder, world, about)


def train_infill(
    stage: InfillStage,
    parts: Sequence[Part],
    valid: Sequence[Part],
    folder: Path,
    world: World,
    about: Mapping[str, Any],
) -> State:
    """Train a model of stage 3, or go on with an interrupted run; arguments and errors are those of `train_stage`."""
    objective = partial(infilled_bar, masked_branch=stage.masked_branch, noise=stage.noise)
    windows = improvised_windows(parts)
    data = Data(parts, valid, infill_windows, lambda _: windows, improvised_windows(valid))
    torch.manual_seed(stage.recipe.seed)
    return train_stage(INFILL, stage, Infill(stage.network), objective, data, folder, world, about)


def train_stage(
    system: str,
    stage: Stage,
    network: nn.Module,
    objective: Objective,
    data: Data,
    folder: Path,
    world: World,
    about: Mapping[str, Any],
) -> State:
    """Train one stage, or go on with an interrupted run.

    Args:
        system: its name in checkpoints.
        network: with weights drawn anew.
        data: of its validation places `watch.validate_rows` at most, spread evenly, are judged.
        folder: of the run; made if it is not there.
        about: goes into every checkpoint's config.json: name, data, licence, preset.

    Returns:
        the state after the last step; its `step` is below `schedule.steps` if the run was asked to stop.

    Raises:
        ValueError: if a side has no window, or the folder holds something else or another run.
    """
    recipe = stage.recipe
    if not data.valid_places:
        raise ValueError("no window to validate on; give songs of at least 11 bars of drums, some of them improvised")
    count = min(recipe.watch.validate_rows, len(data.valid_places))
    chosen = [data.valid_places[i] for i in np.linspace(0, len(data.valid_places) - 1, count).astype(int)]
    run = Run(
        network=network,
        objective=objective,
        batches=PlaceBatches(data.places, partial(data.make, data.parts), recipe.seed),
        validation=data.make(data.valid, chosen),
        recipe=recipe,
        folder=folder,
        config={
            "system": system,
            **about,
            **to_plain(stage),
            "pieces": {"train": _pieces(data.parts), "valid": _pieces(data.valid)},
        },
        save=partial(save_stage, system, stage, about),
    )
    return train(run, world)


def _pieces(parts: Sequence[Part]) -> dict[str, int | str]:
    """How many, and a hash of their paths: a run can only go on with the same ones."""
    paths = "\n".join(part.path for part in parts)
    return {"count": len(parts), "sha256": hashlib.sha256(paths.encode()).hexdigest()}


def save_stage(
    system: str, stage: Stage, about: Mapping[str, Any], network: nn.Module, folder: Path, facts: Mapping[str, Any]
) -> None:
    """Write a stage as a checkpoint folder; `facts` are of the training up to now."""
    versions = {"partimento": partimento.__version__, "torch": torch.__version__, "python": platform.python_version()}
    config = {"system": system, **about, **to_plain(stage), "trained": dict(facts), "versions": versions}
    loss = facts["valid_loss"]
    said = "not validated" if loss is None or not math.isfinite(loss) else f"{loss:.4f}"
    card = f"""# {about.get("name", "A stage of the published drummer")}

One of the three stages of Dahale et al. 2022 (arXiv 2209.00291), trained anew (system `{system}`).

- Data: {about.get("data", "not stated")}
- Trained: {facts["step"]:,} steps, {facts["tokens"]:,} bars; best validation loss: {said}.
"""
    write_checkpoint(folder, network.state_dict(), config, card)
