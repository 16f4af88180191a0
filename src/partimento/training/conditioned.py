"""Generative fine-tuning: a language model that ends its pieces, and one that is told what they are to be like.

Bradshaw et al. 2025, section 3.3 and the program's `use_embeddings`. With a condition a row is any window of a piece,
and half of the rows do not see it, so that the network stays a plain language model, as guidance needs it. The original
draws this for whole batches, here it is drawn for each row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrize
from tqdm import tqdm

from partimento.configuration import to_plain
from partimento.corpus.store import Corpus
from partimento.networks.decoder import Decoder
from partimento.networks.factored import SharedParts
from partimento.notes import Notes
from partimento.objectives.piece_rows import PieceRows, next_token_of_piece
from partimento.piano_model import PianoModel
from partimento.recipe import Recipe
from partimento.tokens.features import token_features
from partimento.tokens.thinned import thinned
from partimento.tokens.vocabulary import Vocabulary
from partimento.training.distributed import World
from partimento.training.folder import open_folder
from partimento.training.loop import Run, State, train
from partimento.training.piece_batches import PieceBatches, encode_with_ending, validation_pieces, windows_of
from partimento.training.saving import save_network
from partimento.training.sides import pieces_of_sides, sides

CONDITION_NOTES = 600  # of a piece that its condition is made of, two windows: the whole would take longer than the run
DROPOUT = 0.5  # share of the rows that do not see their condition


def finetune_generative(
    base: PianoModel,
    recipe: Recipe,
    corpus: Corpus,
    folder: Path,
    world: World,
    about: Mapping[str, Any],
    condition_model: PianoModel | None = None,
    dropout: float = DROPOUT,
    from_start: bool | None = None,
    sample: Callable[[nn.Module, Path], None] | None = None,
) -> State:
    """Go on training a language model on whole pieces and their endings, or go on with an interrupted run.

    Every row is a window of one piece, with <D> about a hundred tokens before the piece's end. With a condition model
    the embedding of the piece stands before it. Sides are chosen as `pretrain` does.

    Args:
        base: the language model that it begins from. A conditioned one stays so; without a condition model its adapter
            is left as it is.
        recipe: of the run; `batch.length` at most the base's context.
        folder: of the run; made if it is not there. The pieces' embeddings are kept in its state/conditions.npy.
        about: goes into every checkpoint's config.json: name, data, licence, preset. A "condition_model" in it replaces
            the condition model's own name there, which is what `partimento continue --like` opens.
        dropout: share of the rows that do not see their condition.
        from_start: take the first window of each piece alone, so that endings are learned from pieces that fit into a
            row. By default, as in the original, where there is no condition model.
        sample: called with the network, in eval mode, and a path without suffix to write something to listen to.

    Returns:
        the state after the last step; its `step` is below `schedule.steps` if the run was asked to stop.

    Raises:
        ValueError: if the base is no language model or its context too short, the corpus has too few pieces or one
            without piano, or the folder holds something else or another run.
    """
    if base.network.config.head != "next_token":
        raise ValueError(f"{base.name} is no language model: its head is for {base.network.config.head!r}")
    if recipe.batch.length > base.context:
        raise ValueError(f"batch.length {recipe.batch.length} is over the {base.context} positions of {base.name}")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout is {dropout}; it must be at least 0 and below 1")
    torch.manual_seed(recipe.seed)
    network = start_from(base.network, condition_model.embed_dim if condition_model else None)
    if recipe.share_parts:
        share_from_nothing(network, base.tokenizer.vocabulary)
    train_pieces, valid_pieces = sides(corpus)
    from_start = condition_model is None if from_start is None else from_start
    objective = {"kind": "generative", "from_start": from_start, "dropout": dropout if condition_model else None}
    about = {**about, "objective": objective, "base": {"name": base.title, "hash": base.hash}}
    config = {
        "system": "aria",
        **about,
        "network": to_plain(network.config),
        "recipe": to_plain(recipe),
        "condition": {"name": condition_model.name, "hash": condition_model.hash} if condition_model else None,
        "pieces": pieces_of_sides(corpus, train_pieces, valid_pieces),
    }
    train_conditions: np.ndarray | None = None
    valid_conditions: np.ndarray | None = None
    if condition_model:
        open_folder(folder, config, world)  # before anything is written into it
        used = [*train_pieces, *valid_pieces]
        found = piece_conditions(condition_model, corpus, used, folder / "state" / "conditions.npy", world)
        train_conditions, valid_conditions = found[: len(train_pieces)], found[len(train_pieces) :]
    length = recipe.batch.length
    encode = partial(encode_with_ending, corpus, base.tokenizer, recipe.batch.augment)
    name = condition_model.title if condition_model else base.config.get("condition_model")
    run = Run(
        network=network,
        objective=next_token_of_piece,
        batches=PieceBatches(
            train_pieces,
            windows_of(corpus, train_pieces, length, from_start),
            encode,
            length,
            recipe.seed,
            train_conditions,
            dropout,
            recipe.batch.augmented_epochs,
        ),
        validation=validation_pieces(
            valid_pieces,
            windows_of(corpus, valid_pieces, length, from_start),
            encode,
            length,
            recipe.watch.validate_rows,
            valid_conditions,
        ),
        recipe=recipe,
        folder=folder,
        config=config,
        save=partial(save_network, network.config, recipe, {"diminish": True, "condition_model": name, **about}),
        sample=sample,
    )
    return train(run, world)


def start_from(base: Decoder, features: int | None) -> Decoder:
    """A copy of a language model, with an adapter for conditions of so many features.

    A new adapter begins small: the condition is a weak vector in front of the first token. Where features is None an
    adapter that is there is kept and not trained.
    """
    network = Decoder(replace(base.config, condition=features or base.config.condition))
    network.initialise()
    kept = {name: value.float() for name, value in base.state_dict().items()}
    if features != base.config.condition and features is not None:
        kept.pop("adapter.weight", None)
    network.load_state_dict(kept, strict=False)
    if features is None and network.adapter is not None:
        network.adapter.requires_grad_(False)
    return network


def share_from_nothing(network: Decoder, vocabulary: Vocabulary) -> None:
    """Let embedding and output rows share parts from now on; the parts begin at zero, so nothing changes yet."""
    features = token_features(vocabulary)
    for layer in (network.embedding, network.head):
        parametrize.register_parametrization(layer, "weight", SharedParts(features, layer.weight.shape[1], std=0.0))


def piece_conditions(model: PianoModel, corpus: Corpus, pieces: list[int], path: Path, world: World) -> np.ndarray:
    """(len(pieces), C) float32 embeddings of pieces, read from a file or computed and written there.

    Raises:
        ValueError: if a piece has no piano notes.
    """
    if world.leads and not path.exists():
        path.parent.mkdir(exist_ok=True)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.save(file, model.embed(tqdm(_piano(corpus, pieces), "conditions", len(pieces), unit="piece")))
        part.replace(path)
    world.wait()
    return np.load(path, mmap_mode="r")


def _piano(corpus: Corpus, pieces: list[int]) -> Iterator[Notes]:
    for index in pieces:
        piece = corpus[index]
        if not len(piece.notes.piano()):
            raise ValueError(f"{corpus.folder}: {piece.path} has no piano notes; make a corpus without it")
        yield thinned(piece.notes.piano(), CONDITION_NOTES)


@torch.inference_mode()
def losses_by_condition(network: Decoder, rows: PieceRows, micro_rows: int) -> dict[str, float]:
    """Nats a token of the same rows with their own condition, without one, and with another row's.

    What the condition is worth is the difference between the first two; what a wrong one costs, between the others.
    """
    assert rows.condition is not None
    count = len(rows)
    both = {
        "own": (rows.condition, torch.ones(count, dtype=torch.bool)),
        "none": (rows.condition, torch.zeros(count, dtype=torch.bool)),
        "another": (rows.condition.roll(count // 2, 0), torch.ones(count, dtype=torch.bool)),
    }
    device, found = network.head.weight.device, {}
    for name, (condition, seen) in both.items():
        nats, tokens = 0.0, 0
        asked = replace(rows, condition=condition, seen=seen)
        for start in range(0, count, micro_rows):
            _, logs = next_token_of_piece(network, asked[start : start + micro_rows].to(device))
            nats, tokens = nats + float(logs["loss"]), tokens + int(logs["count"])
        found[name] = nats / tokens
    return found
