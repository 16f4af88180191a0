"""Contrastive fine-tuning: a language model becomes an embedding (Bradshaw et al. 2025, second stage)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from partimento.configuration import to_plain
from partimento.corpus.store import Corpus
from partimento.networks.decoder import Decoder, DecoderConfig
from partimento.objectives.contrastive import SlicePairs, contrastive
from partimento.piano_model import PianoModel
from partimento.systems.aria import ContrastiveConfig
from partimento.training.distributed import World
from partimento.training.loop import Run, State, train
from partimento.training.pretrain import AUGMENTATION
from partimento.training.saving import save_network
from partimento.training.sides import pieces_of_sides, sides, songs_of
from partimento.training.slices import SliceBatches, Slicing, collate

HELD_OUT_SONGS = 2  # at least: a song alone is nearest to itself whatever was learned

logger = logging.getLogger("partimento")


def finetune_contrastive(
    base: PianoModel, config: ContrastiveConfig, corpus: Corpus, folder: Path, world: World, about: Mapping[str, Any]
) -> State:
    """Train an embedding from a language model on slices of a corpus, or go on with an interrupted run.

    Sides are chosen as `pretrain` does, with two songs at least held out. Slices of one song (label "song") are never
    set against each other. Notes of other instruments than piano are left out, and pieces without any.

    Args:
        base: the language model that it begins from; its own head is put away.
        folder: of the run; made if it is not there.
        about: goes into every checkpoint's config.json: name, data, licence, preset.

    Returns:
        the state after the last step; its `step` is below `schedule.steps` if the run was asked to stop.

    Raises:
        ValueError: if the base is no language model, a side of the corpus has fewer than two songs, slices are longer
            than the base's context, rows cannot be shared out, or the folder holds something else or another run.
    """
    recipe = config.recipe
    if base.network.config.head != "next_token":
        raise ValueError(f"{base.name} is no language model: its head is for {base.network.config.head!r}")
    per_process, rest = divmod(recipe.batch.rows, world.size)
    if rest or per_process < 2:
        raise ValueError(
            f"batch.rows {recipe.batch.rows} must be a multiple of {world.size} process(es), two at least for each"
        )
    recipe = replace(recipe, batch=replace(recipe.batch, micro_rows=per_process))  # negatives are in one part
    if recipe.batch.length > base.context:
        raise ValueError(f"batch.length {recipe.batch.length} is over the {base.context} positions of {base.name}")
    torch.manual_seed(recipe.seed)
    network = embedding_of(base.network, config)
    corpus = _with_piano(corpus)
    train_pieces, valid_pieces = sides(corpus, HELD_OUT_SONGS)
    slicing = Slicing(
        base.tokenizer,
        config.notes,
        recipe.batch.length,
        AUGMENTATION if recipe.batch.augment else None,
        config.one_key,
    )
    songs = songs_of(corpus)
    about = {**about, "objective": _constants(config), "base": {"name": base.title, "hash": base.hash}}
    run = Run(
        network=network,
        objective=partial(contrastive, temperature=config.temperature, loss=config.loss),
        batches=SliceBatches(
            train_pieces,
            [songs[i] for i in train_pieces],
            lambda index: corpus[index].notes.piano(),
            slicing,
            recipe.seed,
        ),
        validation=validation_pairs(corpus, valid_pieces, songs, slicing, recipe.watch.validate_rows),
        recipe=recipe,
        folder=folder,
        config={
            "system": "aria",
            **about,
            "network": to_plain(network.config),
            "recipe": to_plain(recipe),
            "pieces": pieces_of_sides(corpus, train_pieces, valid_pieces),
        },
        save=partial(save_network, network.config, recipe, about),
        validation_part=recipe.watch.validate_rows,
    )
    return train(run, world)


def embedding_of(base: Decoder, config: ContrastiveConfig) -> Decoder:
    """A copy of a language model with a new head that gives vectors."""
    sizes: DecoderConfig = replace(
        base.config, head="embedding", outputs=config.outputs, condition=None, pool=config.pool
    )
    network = Decoder(sizes)
    network.initialise()
    kept = {name: value for name, value in base.state_dict().items() if not name.startswith(("head.", "adapter."))}
    network.load_state_dict(kept, strict=False)
    return network


def validation_pairs(corpus: Corpus, pieces: list[int], songs: list[int], slicing: Slicing, most: int) -> SlicePairs:
    """One pair of slices, unaugmented, of up to `most` held-out pieces, the same for every run; one piece a song.

    Raises:
        ValueError: if the pieces are of one song.
    """
    plain = replace(slicing, augmentation=None)
    one_a_song = list({songs[index]: index for index in reversed(pieces)}.values())
    if len(one_a_song) < HELD_OUT_SONGS:
        raise ValueError(
            f"{corpus.folder} has {len(pieces)} piece(s) of one song to validate on; two songs at least are needed: "
            "label more pieces split=valid, or none at all"
        )
    chosen = [one_a_song[i] for i in np.linspace(0, len(one_a_song) - 1, min(most, len(one_a_song))).astype(int)]
    pairs = [plain.pair(corpus[index].notes.piano(), np.random.default_rng((0, index))) for index in chosen]
    return collate(pairs, [songs[index] for index in chosen])


def _with_piano(corpus: Corpus) -> Corpus:
    """The pieces that have piano notes; how many have none is said."""
    pieces = [index for index in range(len(corpus)) if len(corpus[index].notes.piano())]
    if len(pieces) < len(corpus):
        logger.warning(f"{len(corpus) - len(pieces):,} of {len(corpus):,} pieces are left out: no piano notes")
    return corpus.select(pieces)


def _constants(config: ContrastiveConfig) -> dict[str, Any]:
    plain: dict[str, Any] = to_plain(config)
    return {"kind": "contrastive", **{name: value for name, value in plain.items() if name != "recipe"}}
