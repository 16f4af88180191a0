"""Representations of whole pieces, from hand-crafted statistics to the contrastive embedding, each notes to vectors.

Every network reads the same sequences: windows of 300 notes, each from <S> to <E>. What differs is the weights, the
layer and what is taken of a window: the mean over its tokens, the last token or the output of the embedding head.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from partimento import __version__
from partimento.configuration import to_plain
from partimento.networks.batching import batches_of_like
from partimento.networks.decoder import Decoder, DecoderConfig
from partimento.notes import Notes
from partimento.piano_model import PianoModel
from partimento.tasks import statistics
from partimento.tokens.performance import PerformanceTokenizer
from partimento.tokens.slices import windows

Pool = Literal["mean", "last"]
POOLS: tuple[Pool, ...] = ("mean", "last")
BATCH_TOKENS = {"cpu": 2048, "cuda": 65536, "mps": 16384}  # positions, padding included, that go through at once


@dataclass(frozen=True, eq=False)
class Representation:
    """Notes to vectors.

    Args:
        name: as a progress bar names it.
        key: all that a vector depends on beside the piece: the store's name for it.
        embed: (N, E) float32 of N pieces.
        columns: first of the E columns that are its vector, and the one after the last; several share one computation.
        mixed_units: whether the features have units of their own, such as semitones and seconds, and mean nothing
            beside each other until they are standardised.
        whole: whether it hears long pieces whole.
    """

    name: str
    key: str
    embed: Callable[[Sequence[Notes]], np.ndarray]
    columns: tuple[int, int | None] = (0, None)
    mixed_units: bool = False
    whole: bool = False


def handcrafted(whole: bool = False) -> Representation:
    """The statistics of `partimento.tasks.statistics`, of the notes that the networks hear or of the whole file."""
    source = hashlib.sha256(inspect.getsource(statistics).encode()).hexdigest()[:12]

    def embed(pieces: Sequence[Notes]) -> np.ndarray:
        return np.stack([statistics.piece_statistics(notes) for notes in pieces])

    return Representation("statistics", f"statistics {source}", embed, mixed_units=True, whole=whole)


def states(
    network: Decoder, tokenizer: PerformanceTokenizer, name: str, weights: str, layer: int, bf16: bool = False
) -> dict[Pool, Representation]:
    """The hidden states of a network at a layer, taken as the mean over all tokens or at the last one, <E>.

    Args:
        weights: hash of the weights, or what they were drawn from.
        layer: 0 is the embedding of the tokens, the number of layers the last block with the norm after it.
        bf16: compute in bfloat16.

    Raises:
        ValueError: if there is no such layer.
    """
    layers, width = network.config.transformer.layers, network.config.transformer.width
    if not 0 <= layer <= layers:
        raise ValueError(f"layer {layer} of {name}: it has the layers 0 to {layers}")
    key = f"{__version__} states {weights} layer={layer}{' bf16' * bf16}"

    def embed(pieces: Sequence[Notes]) -> np.ndarray:
        return pooled_states(network, tokenizer, pieces, layer, bf16)

    return {
        pool: Representation(f"{name}, layer {layer}", key, embed, (i * width, (i + 1) * width))
        for i, pool in enumerate(POOLS)
    }


def contrastive(model: PianoModel, bf16: bool = False) -> Representation:
    """What `PianoModel.embed` gives."""

    def embed(pieces: Sequence[Notes]) -> np.ndarray:
        with _autocast(model.network, bf16):
            return model.embed_notes(pieces)

    return Representation(model.name, f"{__version__} embed {model.hash}{' bf16' * bf16}", embed)


def random_network(config: DecoderConfig, seed: int, device: torch.device) -> tuple[Decoder, str]:
    """A network of the same configuration that has learned nothing, and a name for its weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Decoder(config)
        network.initialise()
    return network.eval().to(device), f"random {configuration_hash(config)} seed={seed}"


def configuration_hash(config: DecoderConfig) -> str:
    """12 hexadecimal digits that stand for the sizes of a network."""
    return hashlib.sha256(json.dumps(to_plain(config), sort_keys=True).encode()).hexdigest()[:12]


@torch.inference_mode()
def pooled_states(
    network: Decoder, tokenizer: PerformanceTokenizer, pieces: Sequence[Notes], layer: int, bf16: bool = False
) -> np.ndarray:
    """(N, 2 D) float32 of N pieces: the mean over the tokens, then the last token, of the hidden states at a layer.

    Both are means over the piece's windows, weighted by their notes, and not normalised.
    """
    width, context = network.config.transformer.width, network.config.context
    cuts = [(row, *window) for row, notes in enumerate(pieces) for window in windows(tokenizer, notes, context)]
    device = network.embedding.weight.device
    sums, weight = np.zeros((len(pieces), 2 * width)), np.zeros(len(pieces))
    for batch in batches_of_like([len(ids) for _, ids, _ in cuts], BATCH_TOKENS[device.type]):
        lengths = torch.tensor([len(cuts[i][1]) for i in batch])
        padded = np.full((len(batch), int(lengths.max())), tokenizer.vocabulary.pad, dtype=np.int64)
        for place, i in zip(padded, batch, strict=True):
            place[: len(cuts[i][1])] = cuts[i][1]
        with _autocast(network, bf16):
            hidden = states_at(network, torch.from_numpy(padded).to(device), layer).float().cpu()  # (B, T, D)
        real = torch.arange(padded.shape[1]) < lengths[:, None]
        mean = torch.einsum("btd,bt->bd", hidden, real.float()) / lengths[:, None]
        last = hidden[torch.arange(len(batch)), lengths - 1]
        for i, vector in zip(batch, torch.cat([mean, last], dim=1).double().numpy(), strict=True):
            row, _, notes = cuts[i]
            sums[row] += notes * vector
            weight[row] += notes
    return (sums / weight[:, None]).astype(np.float32)


def states_at(network: Decoder, ids: Tensor, layer: int) -> Tensor:
    """Hidden states (B, T, D) after so many blocks, those after the last one behind the final norm."""
    blocks = network.transformer.blocks
    if layer == len(blocks):
        return network.hidden(ids)
    found: list[Tensor] = []
    place = blocks[layer - 1] if layer else network.embedding
    handle = place.register_forward_hook(lambda module, inputs, output: found.append(output))
    try:
        network.hidden(ids)
    finally:
        handle.remove()
    return found[0]


def _autocast(network: Decoder, bf16: bool) -> AbstractContextManager[object]:
    return torch.autocast(network.embedding.weight.device.type, dtype=torch.bfloat16, enabled=bf16)
