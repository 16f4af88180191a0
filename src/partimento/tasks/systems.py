"""The rows of the piano table: controls, one language model and the embedding that was made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from partimento.piano_model import PianoModel
from partimento.tasks.measure import System
from partimento.tasks.probe import Probe
from partimento.tasks.representations import (
    Representation,
    configuration_hash,
    contrastive,
    handcrafted,
    random_network,
    states,
)
from partimento.tasks.task import Example
from partimento.tasks.vectors import VectorStore, vectors_of

CHANCE = "majority class, random vectors"
HANDCRAFTED = "hand-crafted statistics"
WHOLE_FILE = "hand-crafted statistics, whole file"
RANDOM = "random weights, mean pool"
MEAN_POOL = "language model, mean pool"
LAST_TOKEN = "language model, last token"
CONTRASTIVE = "contrastive embedding"

CONTRASTS = (
    (CONTRASTIVE, MEAN_POOL),
    (MEAN_POOL, RANDOM),
    (CONTRASTIVE, HANDCRAFTED),
    (CONTRASTIVE, WHOLE_FILE),
)
CHANCE_FEATURES = 16


def controls(store: VectorStore, most_notes: int | None, probes: tuple[Probe, ...]) -> list[System]:
    """What knows nothing of the piece, and hand-crafted statistics of what the networks hear and of the whole file."""
    found = [System(CHANCE, "", _chance, ("majority",), seeded=True)]
    for name, whole in ((HANDCRAFTED, False), (WHOLE_FILE, True)):
        if whole and most_notes is None:
            continue
        vectors = _stored(partial(_always, handcrafted(whole)), store, most_notes)
        found.append(System(name, "", vectors, (*probes, "forest"), mixed_units=True))
    return found


def contrasts_of(rows: Sequence[System]) -> list[tuple[str, str]]:
    """The pairs of `CONTRASTS` of which both rows are there."""
    names = {row.name for row in rows}
    return [pair for pair in CONTRASTS if names.issuperset(pair)]


def of_language_model(
    model: PianoModel,
    store: VectorStore,
    most_notes: int | None,
    probes: tuple[Probe, ...],
    layers: Sequence[int],
    bf16: bool,
) -> list[System]:
    """Its hidden states, as the mean over all tokens and at the last token of each window, at the last layer.

    Args:
        layers: others that are measured too.

    Raises:
        ValueError: if there is no such layer.
    """
    found = []
    top = model.network.config.transformer.layers
    for layer in dict.fromkeys((*layers, top)):
        at = "" if layer == top else f", layer {layer} of {top}"
        pools = states(model.network, model.tokenizer, model.name, model.hash, layer, bf16)
        for name, representation in ((MEAN_POOL, pools["mean"]), (LAST_TOKEN, pools["last"])):
            vectors = _stored(partial(_always, representation), store, most_notes)
            found.append(System(name + at, model.hash, vectors, probes, about=facts(model)))
    return found


def at_random_weights(
    model: PianoModel, store: VectorStore, most_notes: int | None, probes: tuple[Probe, ...], bf16: bool, networks: int
) -> System:
    """Networks of the model's configuration that have learned nothing, mean pool.

    Args:
        networks: how many are drawn; the seeds take them in turn.
    """

    def representation(number: int) -> Representation:
        seed = number % networks
        network, weights = random_network(model.network.config, seed, model.device)
        layer = network.config.transformer.layers
        return states(network, model.tokenizer, f"random weights, seed {seed}", weights, layer, bf16)["mean"]

    about = {"parameters": facts(model)["parameters"], "networks": networks}
    sizes = configuration_hash(model.network.config)
    return System(RANDOM, sizes, _stored(representation, store, most_notes), probes, seeded=True, about=about)


def of_embedding(
    model: PianoModel,
    store: VectorStore,
    most_notes: int | None,
    probes: tuple[Probe, ...],
    bf16: bool,
    base: PianoModel | None,
) -> System:
    """What an embedding model gives for a piece.

    Args:
        base: the language model that it was made of.
    """
    vectors = _stored(partial(_always, contrastive(model, bf16)), store, most_notes)
    return System(CONTRASTIVE, model.hash, vectors, probes, about=facts(model, base))


def facts(model: PianoModel, base: PianoModel | None = None) -> dict[str, float | str]:
    """The name of a model, its parameters and the tokens of its pretraining, where they are known.

    Args:
        base: the language model that an embedding was made of.
    """
    found: dict[str, float | str] = {
        "model": model.name,
        "parameters": sum(weights.numel() for weights in model.network.parameters()),
    }
    pretrained = base if model.is_embedding else model
    trained = pretrained.config.get("trained") if pretrained else None
    if isinstance(trained, dict) and "tokens" in trained:
        found["training_tokens"] = trained["tokens"]
    return found


def _stored(
    representation: Callable[[int], Representation], store: VectorStore, most_notes: int | None
) -> Callable[[Sequence[Example], int], np.ndarray]:
    return lambda examples, seed: vectors_of(representation(seed), examples, store, most_notes)


def _always(representation: Representation, seed: int) -> Representation:
    return representation


def _chance(examples: Sequence[Example], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((len(examples), CHANCE_FEATURES)).astype(np.float32)
