"""Training the drummer: what the loop is handed, windows of songs on the drum grid."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import partimento
from partimento.analysis.novelty import improvised_bars, novelty
from partimento.checkpoint import write_checkpoint
from partimento.configuration import to_plain
from partimento.corpus.datasets.drums import FILL, DrumSet
from partimento.networks.drum_windows import DrumWindows, stack
from partimento.networks.drummer import Drummer
from partimento.objectives.drum_cells import drum_cells
from partimento.systems.drummer import SYSTEM, DrummerSystem
from partimento.training.distributed import World
from partimento.training.drum_cutting import Song, feel_number, starts_of, window_of
from partimento.training.loop import Run, State, train

PLAYED_DEVIATION = 0.02  # of a step, mean: drums that lie farther from the grid were played by hand, or swung
LEAST_VELOCITIES = 3  # different ones that a piece has whose velocities are worth learning


def songs_of(pieces: DrumSet) -> list[Song]:
    """What can be learned of pieces that have drums: which of their bars are improvised says the published peak rule.

    Recordings of single fills are fills in all their bars.
    """
    songs = []
    for index, piece in enumerate(pieces.pieces):
        columns = pieces.columns[index]
        if not len(columns.hit_step):
            continue
        is_fill = np.ones(len(columns.bar_ticks) - 1, dtype=np.int64)
        if piece.kind != FILL:
            hits = pieces.hits(index)
            is_fill = np.where(np.isnan(novelty(hits)), -1, improvised_bars(hits).astype(np.int64))
        songs.append(
            Song(
                columns,
                is_fill,
                feel_number(piece.feel),
                piece.set == "groove" or piece.deviation > PLAYED_DEVIATION,
                len(np.unique(columns.hit_velocity)) >= LEAST_VELOCITIES,
            )
        )
    return songs


class DrumBatches:
    """The endless training stream of windows: every epoch all songs, cut at other places and hidden anew."""

    def __init__(self, songs: Sequence[Song], system: DrummerSystem) -> None:
        if not songs:
            raise ValueError("no songs with drums to train on")
        self.songs, self.system = songs, system
        self.epoch, self.place = 0, 0
        self._order: tuple[int, list[tuple[int, int]]] = (-1, [])

    def rows(self, count: int) -> DrumWindows:
        """The next `count` windows."""
        return stack([self._next() for _ in range(count)])

    def state(self) -> dict[str, int]:
        """What `restore` needs to go on from here."""
        return {"epoch": self.epoch, "place": self.place}

    def restore(self, state: dict[str, int]) -> None:
        """Go on from a saved state."""
        self.epoch, self.place = state["epoch"], state["place"]

    def _next(self) -> DrumWindows:
        order = self._windows(self.epoch)
        song, start = order[self.place]
        generator = np.random.default_rng((self.system.recipe.seed, self.epoch, self.place))
        window = window_of(self.songs[song], start, self.system.recipe.batch.length, self.system, generator)
        self.place += 1
        if self.place == len(order):
            self.epoch, self.place = self.epoch + 1, 0
        return window

    def _windows(self, epoch: int) -> list[tuple[int, int]]:
        """(song, first bar) of the windows of an epoch, in its order."""
        if self._order[0] != epoch:
            generator = np.random.default_rng((self.system.recipe.seed, epoch))
            windows = [
                (index, start)
                for index, song in enumerate(self.songs)
                if not (song.is_fill == 1).all() or generator.random() < self.system.fill_share
                for start in starts_of(song, self.system.recipe.batch.length, generator)
            ]
            if not windows:
                raise ValueError("an epoch without windows: raise fill_share, or add songs")
            self._order = (epoch, [windows[i] for i in generator.permutation(len(windows))])
        return self._order[1]


def validation_windows(songs: Sequence[Song], bars: int, most: int) -> DrumWindows:
    """Up to `most` windows spread over all songs, every bar hidden and nothing said.

    Raises:
        ValueError: if there is no song.
    """
    places = [
        (song, start)
        for song in songs
        if not (song.is_fill == 1).all()
        for low, high in [song.span()]
        for start in range(low, max(low + 1, high - bars // 2), bars)
    ]
    if not places:
        raise ValueError("no songs with drums to validate on")
    chosen = [places[i] for i in np.linspace(0, len(places) - 1, min(most, len(places))).astype(int)]
    return stack([window_of(song, start, bars, None, None) for song, start in chosen])


def pretrain_drummer(
    system: DrummerSystem,
    train_pieces: DrumSet,
    valid_pieces: DrumSet,
    folder: Path,
    world: World,
    about: Mapping[str, Any],
    begin: Mapping[str, torch.Tensor] | None = None,
) -> State:
    """Train a drummer, or go on with an interrupted run.

    Args:
        folder: of the run; made if it is not there.
        about: goes into every checkpoint's config.json: name, data, licence, preset.
        begin: weights to begin from; None draws them.

    Returns:
        the state after the last step; its `step` is below `schedule.steps` if the run was asked to stop.

    Raises:
        ValueError: if a side has no song with drums, or the folder holds something else or another run.
    """
    recipe = system.recipe
    torch.manual_seed(recipe.seed)
    network = Drummer(system.network)
    network.initialise()
    if begin is not None:
        network.load_state_dict(begin)
    run = Run(
        network=network,
        objective=drum_cells,
        batches=DrumBatches(songs_of(train_pieces), system),
        validation=validation_windows(songs_of(valid_pieces), recipe.batch.length, recipe.watch.validate_rows),
        recipe=recipe,
        folder=folder,
        config={
            "system": SYSTEM,
            **about,
            **to_plain(system),
            "pieces": {"train": _pieces(train_pieces), "valid": _pieces(valid_pieces)},
        },
        save=partial(save_drummer, system, about),
    )
    return train(run, world)


def _pieces(pieces: DrumSet) -> dict[str, int | str]:
    """How many, and a hash of their paths: a run can only go on with the same ones."""
    paths = "\n".join(piece.path for piece in pieces.pieces)
    return {"count": len(pieces), "sha256": hashlib.sha256(paths.encode()).hexdigest()}


def save_drummer(
    system: DrummerSystem, about: Mapping[str, Any], network: nn.Module, folder: Path, facts: Mapping[str, Any]
) -> None:
    """Write a drummer as a checkpoint folder; `facts` are of the training up to now."""
    versions = {"partimento": partimento.__version__, "torch": torch.__version__, "python": platform.python_version()}
    config = {"system": SYSTEM, **about, **to_plain(system), "trained": dict(facts), "versions": versions}
    write_checkpoint(folder, network.state_dict(), config, drummer_card(config))


def drummer_card(config: Mapping[str, Any]) -> str:
    """The model card of a drummer that a run wrote."""
    trained, network = config["trained"], config["network"]
    loss = "not validated" if trained["valid_loss"] is None else f"{trained['valid_loss'] / np.log(2):.2f} bits a bar"
    return f"""---
license: {str(config.get("licence", "unknown")).lower()}
library_name: partimento
tags: [music, midi, drums]
---

# {config.get("name", "A drummer")}

It plays drums to the other instruments of a song in 4/4 (system `{SYSTEM}`, preset `{config.get("preset", "-")}`).

    partimento drum SONG.mid -o OUT.mid --model FOLDER

- Network: {network["encoder_layers"]} + {network["decoder_layers"]} layers of width {network["width"]}, windows of
  {network["bars"]} bars of 32 steps.
- Data: {config.get("data", "not stated")}
- Trained: {trained["step"]:,} steps, {trained["tokens"]:,} bars; all bars hidden, best on held-out songs: {loss}.
"""
