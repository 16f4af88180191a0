"""Pretraining a system on a corpus: what the loop is handed, and the checkpoints that come out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from partimento.configuration import to_plain
from partimento.corpus.store import Corpus
from partimento.networks.decoder import Decoder
from partimento.networks.factored import share_parts
from partimento.objectives.next_token import next_token
from partimento.systems.aria import AriaConfig
from partimento.tokens.augment import Augmentation
from partimento.tokens.features import token_features
from partimento.tokens.performance import PerformanceTokenizer
from partimento.tokens.vocabulary import vocabulary_of_size
from partimento.training.batches import PackedBatches, validation_rows
from partimento.training.distributed import World
from partimento.training.loop import Run, State, train
from partimento.training.saving import save_network
from partimento.training.sides import pieces_of_sides, sides

# Chords keep the tokenizer's order, which spares the network a choice that nobody hears, and there is no <U>, which
# cannot be played.
AUGMENTATION = Augmentation(mixup=False, drop_out_of_range=True)


def pretrain(
    system: AriaConfig,
    corpus: Corpus,
    folder: Path,
    world: World,
    about: dict[str, Any],
    sample: Callable[[nn.Module, Path], None] | None = None,
) -> State:
    """Train Aria's language model from random weights on a corpus of notes, or go on with an interrupted run.

    Pieces labelled split=train are trained on and split=valid validated on; others are not touched. Where the corpus
    has no label "split", 2 % of the pieces (of the songs, where there is a label "song") are held out by their hash.

    Args:
        folder: of the run; made if it is not there.
        about: goes into every checkpoint's config.json: name, data, licence, preset.
        sample: called with the network, in eval mode, and a path without suffix to write something to listen to.

    Returns:
        the state after the last step; its `step` is below `schedule.steps` if the run was asked to stop.

    Raises:
        ValueError: if the corpus has too few pieces, or the folder holds something else or another run.
    """
    recipe = system.recipe
    torch.manual_seed(recipe.seed)
    network = Decoder(system.network)
    network.initialise()
    vocabulary = vocabulary_of_size(system.network.vocabulary)
    if recipe.share_parts:
        features = token_features(vocabulary)
        share_parts(network.embedding, features)
        share_parts(network.head, features)
    train_pieces, valid_pieces = sides(corpus)
    encode = partial(encode_piece, corpus, PerformanceTokenizer(vocabulary), recipe.batch.augment)
    run = Run(
        network=network,
        objective=next_token,
        batches=PackedBatches(
            len(train_pieces),
            lambda index, generator: encode(train_pieces[index], generator),
            recipe.batch.length,
            recipe.seed,
            augmented_epochs=recipe.batch.augmented_epochs,
        ),
        validation=validation_rows(valid_pieces, encode, recipe.batch.length, recipe.watch.validate_rows),
        recipe=recipe,
        folder=folder,
        config={
            "system": "aria",
            **about,
            "network": to_plain(system.network),
            "recipe": to_plain(recipe),
            "pieces": pieces_of_sides(corpus, train_pieces, valid_pieces),
        },
        save=partial(save_network, system.network, recipe, about),
        sample=sample,
    )
    return train(run, world)


def encode_piece(
    corpus: Corpus, tokenizer: PerformanceTokenizer, share: float, index: int, generator: np.random.Generator | None
) -> np.ndarray:
    """(T,) int64 ids of a piece, prefix first; with a generator, augmented with a chance of `share`."""
    notes = corpus[index].notes
    ids = np.concatenate([tokenizer.prefix(notes), tokenizer.encode(notes)])
    if generator is None or generator.random() >= share:
        return ids
    return AUGMENTATION.ids(ids, generator, tokenizer.vocabulary)
