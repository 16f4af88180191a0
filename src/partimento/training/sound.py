"""Pretraining on sound: what the loop is handed for MULE, ViT-1D, COLA and CLMR, contrastive or by tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from partimento.audio.augment import WaveformChain
from partimento.configuration import to_plain
from partimento.corpus.recordings import Recordings
from partimento.networks.sound import Front, SoundLearner
from partimento.objectives.crops import paired_crops
from partimento.objectives.tags import tagged_crops
from partimento.systems import clmr, cola, mule, vit1d
from partimento.systems.clmr import CLMRSystem
from partimento.systems.cola import COLASystem
from partimento.systems.mule import MULESystem
from partimento.systems.vit1d import ViT1DSystem
from partimento.training.crops import Cropping, PairBatches, TagBatches, validation_pairs, validation_tags
from partimento.training.distributed import World
from partimento.training.loop import Run, State, train
from partimento.training.saving import save_network
from partimento.training.sides import pieces_of_sides, sides, songs_of

SoundSystem = MULESystem | ViT1DSystem | COLASystem | CLMRSystem

SYSTEMS: dict[str, Any] = {"mule": mule, "vit1d": vit1d, "cola": cola, "clmr": clmr}


def pretrain_sound(
    system: str,
    config: SoundSystem,
    recordings: Recordings,
    folder: Path,
    world: World,
    about: Mapping[str, Any],
    tags: str | None = None,
) -> State:
    """Train a network on recordings from random weights, or go on with an interrupted run.

    Sides are chosen as by `pretrain.pretrain`, with two songs held out at least; recordings of one song (label "song")
    are not told apart. Every process sees a part of the batch, and for the contrastive loss the vectors of all.

    Args:
        system: its name in the checkpoints.
        folder: of the run; made if it is not there.
        about: goes into every checkpoint's config.json: name, data, licence, preset.
        tags: the label that holds a recording's tags, blanks between them, to learn these instead of pairs of crops.

    Returns:
        the state after the last step; its `step` is below `schedule.steps` if the run was asked to stop.

    Raises:
        ValueError: if a side has too few recordings, rows cannot be shared out, there are no tags, or the folder holds
            something else or another run.
        KeyError: if there is no such label.
    """
    per_process, rest = divmod(config.recipe.batch.rows, world.size)
    if rest or per_process < 2:
        raise ValueError(
            f"batch.rows {config.recipe.batch.rows} must be a multiple of {world.size} process(es), two at least for "
            "each"
        )
    recipe = replace(config.recipe, batch=replace(config.recipe.batch, micro_rows=per_process))  # negatives in one part
    torch.manual_seed(recipe.seed)
    front, trunk = parts_of(config)
    cropping = cropping_of(config, front, recordings)
    train_side, valid_side = sides(recordings, least=2)
    about = {**about, **reading_of(config), "objective": _constants(config, tags)}
    if tags is None:
        network = SoundLearner(front, trunk, config.projector)
        songs = songs_of(recordings)
        batches: Any = PairBatches(train_side, [songs[i] for i in train_side], cropping, recipe.seed)
        most = recipe.watch.validate_rows
        validation: Any = validation_pairs(cropping, valid_side, [songs[i] for i in valid_side], most)
        objective: Any = partial(paired_crops, pairs=config.pairs)
    else:
        names, marks = tags_of(recordings, tags, train_side)
        network = SoundLearner(front, trunk, None, len(names))
        batches = TagBatches(train_side, marks[train_side], cropping, recipe.seed)
        validation = validation_tags(cropping, valid_side, marks[valid_side], recipe.watch.validate_rows)
        objective = partial(tagged_crops, mix=config.pairs.mixup, chunk=config.pairs.chunk)
        about["tags"] = list(names)
    kept = _embedding_config(config)
    run = Run(
        network=network,
        objective=objective,
        batches=batches,
        validation=validation,
        recipe=recipe,
        folder=folder,
        config={
            "system": system,
            **about,
            "network": to_plain(config.network),
            "recipe": to_plain(recipe),
            "pieces": pieces_of_sides(recordings, train_side, valid_side),
        },
        save=lambda _, place, facts: save_network(kept, recipe, about, trunk, place, facts, system),
        validation_part=recipe.watch.validate_rows,
    )
    return train(run, world)


def parts_of(config: SoundSystem) -> tuple[Front, nn.Module]:
    """The front end and the trunk, at random weights."""
    front = Front(None if isinstance(config, CLMRSystem) else config.front)
    module = next(module for module in SYSTEMS.values() if isinstance(config, type(module.small())))
    return front, module.trunk_of(to_plain(config.network))


def reading_of(config: SoundSystem) -> dict[str, Any]:
    """What a checkpoint says of how its network reads sound."""
    front = None if isinstance(config, CLMRSystem) else to_plain(config.front)
    return {"rate_hz": rate_of(config), "front": front, "windows": to_plain(config.windows)}


def rate_of(config: SoundSystem) -> int:
    """Samples a second that the network reads."""
    return clmr.RATE_HZ if isinstance(config, CLMRSystem) else config.front.rate_hz


def cropping_of(config: SoundSystem, front: Front, recordings: Recordings) -> Cropping:
    """How the system's crops are drawn from recordings."""
    rate_hz = rate_of(config)
    augment = WaveformChain(rate_hz) if config.crops.augment else None
    return Cropping(recordings, config.crops, front.samples(config.windows), rate_hz, augment)


def tags_of(recordings: Recordings, label: str, train: Sequence[int]) -> tuple[tuple[str, ...], np.ndarray]:
    """The tags that the training side has, sorted, and (recordings, tags) bool who has which.

    Raises:
        KeyError: if there is no such label.
        ValueError: if no training recording has a tag.
    """
    own = [set((value or "").split()) for value in recordings.label(label)]
    names = tuple(sorted(set().union(*(own[i] for i in train))))
    if not names:
        raise ValueError(f"no training recording of {recordings.folder} has a tag under the label {label!r}")
    return names, np.array([[name in tags for name in names] for tags in own], dtype=bool)


def _embedding_config(config: SoundSystem) -> Any:
    """The network as a checkpoint describes it: a ViT-1D gives the mean of all its tokens."""
    return replace(config.network, pool="mean") if isinstance(config, ViT1DSystem) else config.network


def _constants(config: SoundSystem, tags: str | None) -> dict[str, Any]:
    kind = {"kind": "contrastive"} if tags is None else {"kind": "tags", "label": tags}
    return {
        **kind,
        "crops": to_plain(config.crops),
        "pairs": to_plain(config.pairs),
        "projector": to_plain(config.projector),
    }
