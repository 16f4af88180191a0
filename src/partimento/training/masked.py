"""Pretraining by masking: what the loop is handed for a bidirectional network over notes.

Notes are hidden by chance, hidden by a masker, or moved: `config` says which. A checkpoint has the encoder alone, so
that of all three opens in the same way; what stands beside it in training is in the state of the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from partimento.configuration import to_plain
from partimento.corpus.store import Corpus
from partimento.networks.adversarial import AdversarialEncoder
from partimento.networks.encoder import Encoder
from partimento.networks.roll import RollEncoder
from partimento.objectives.adversarial import adversarial
from partimento.objectives.correction import ROLL_COLUMNS, ROLL_STEPS, corrected
from partimento.objectives.masked import masked
from partimento.systems.adversarial_midibert import AdversarialConfig
from partimento.systems.m2bert import CorrectionConfig
from partimento.systems.musicbert import MaskedConfig
from partimento.tokens import octuple
from partimento.tokens.clock import is_metrical, on_clock
from partimento.tokens.fields import Fields
from partimento.tokens.word_augment import on_sixteenths, transposed
from partimento.training.distributed import World
from partimento.training.loop import Objective, Run, State, train
from partimento.training.saving import save_network
from partimento.training.sides import pieces_of_sides, sides
from partimento.training.words import WordBatches, validation_words

SEMITONES = 6  # a piece is transposed by so many at most
STRETCH = 1.15  # music without a metre is made slower or faster by so much at most


def pretrain_masked(
    system: str, config: MaskedConfig, corpus: Corpus, folder: Path, world: World, about: Mapping[str, Any]
) -> State:
    """Train an encoder from random weights on a corpus of notes, or go on with an interrupted run.

    Sides are chosen as by `pretrain.pretrain`.

    Args:
        system: its name in the checkpoints.
        folder: of the run; made if it is not there.
        about: goes into every checkpoint's config.json: name, data, licence, preset.

    Returns:
        the state after the last step; its `step` is below `schedule.steps` if the run was asked to stop.

    Raises:
        ValueError: if a side of the corpus has no piece, rows cannot be shared out, or the folder holds something else
            or another run.
    """
    recipe, fields = config.recipe, config.network.fields
    torch.manual_seed(recipe.seed)
    encoder = Encoder(config.network)
    encoder.initialise()
    train_pieces, valid_pieces = sides(corpus)
    counts = corpus.note_counts[train_pieces]
    first, total = np.cumsum(counts) - counts, int(counts.sum())
    numbered = isinstance(config, AdversarialConfig)  # its mask book has an entry a note
    network, objective = _learner(config, encoder, total)

    def encode(index: int, generator: np.random.Generator | None) -> np.ndarray:
        return words_of(corpus, train_pieces[index], config, generator, int(first[index]) if numbered else None)

    batches = WordBatches(
        len(train_pieces),
        encode,
        Fields((*fields.names, "note"), (*fields.sizes, total)) if numbered else fields,
        recipe.batch.length,
        recipe.seed,
        recipe.batch.augmented_epochs,
    )
    validation = validation_words(
        valid_pieces,
        lambda piece, generator: words_of(corpus, piece, config, generator),
        fields,
        recipe.batch.length,
        recipe.watch.validate_rows,
    )
    about = {**about, "objective": objective_of(config)}
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
            "pieces": pieces_of_sides(corpus, train_pieces, valid_pieces),
        },
        save=lambda _, place, facts: save_network(config.network, recipe, about, encoder, place, facts, system),
    )
    return train(run, world)


def _learner(config: MaskedConfig, encoder: Encoder, notes: int) -> tuple[nn.Module, Objective]:
    """The network that is trained, with the encoder in it, and its objective."""
    if isinstance(config, AdversarialConfig):
        adversary = config.adversary
        network = AdversarialEncoder(encoder, notes, adversary.hidden, adversary.dropout)
        return network, partial(adversarial, masking=config.masking, adversary=adversary)
    if isinstance(config, CorrectionConfig):
        objective = partial(corrected, masking=config.masking, noise=config.noise)
        return RollEncoder(encoder, ROLL_STEPS, ROLL_COLUMNS), objective
    return encoder, partial(masked, masking=config.masking)


def words_of(
    corpus: Corpus,
    index: int,
    config: MaskedConfig,
    generator: np.random.Generator | None = None,
    first: int | None = None,
) -> np.ndarray:
    """(T, 8) octuples of a piece, drawn anew where a generator is given; on a clock where it has no metre.

    With the number of its first note a ninth column numbers the notes, whatever order they are drawn in.
    """
    notes = corpus[index].notes
    metrical = is_metrical(notes)
    changed = generator is not None and generator.random() < config.recipe.batch.augment
    if not metrical:
        if changed and generator is not None:
            notes = notes.stretch(float(STRETCH ** generator.uniform(-1, 1)))
        notes = on_clock(notes)
    words, which = octuple.encode(notes)
    if first is not None:
        words = np.column_stack([words, first + which])
    if generator is None:
        return words
    if changed:
        words = transposed(words, octuple.OCTUPLE, int(generator.integers(-SEMITONES, SEMITONES + 1)))
    if metrical and generator.random() < config.coarse:
        words = on_sixteenths(words, octuple.OCTUPLE)
    return words


def objective_of(config: MaskedConfig) -> dict[str, Any]:
    """What a checkpoint says of how it was learned."""
    constants = {"coarse": config.coarse, **to_plain(config.masking)}
    if isinstance(config, AdversarialConfig):
        return {"kind": "adversarial", **constants, "adversary": to_plain(config.adversary)}
    if isinstance(config, CorrectionConfig):
        return {"kind": "correction", **constants, "noise": to_plain(config.noise)}
    return {"kind": "masked", **constants}
