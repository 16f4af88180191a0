"""Weights in 8 bits beside float32 and bf16: size, speed of embedding and of generation, change in nats a token.

The paper's size has random weights, which are worth nothing in nats. Runs take turns and medians count, in CPU time of
one thread.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from statistics import median

import numpy as np
import torch
from generation import ours
from table import write_table
from torch import Tensor

from partimento.corpus.store import Corpus
from partimento.examples import example_paths
from partimento.midi import read_midi
from partimento.networks.decoder import Decoder
from partimento.networks.int8 import quantise, stored
from partimento.piano_model import load_piano
from partimento.systems.aria import paper
from partimento.tasks.language_modelling import network_nats, piece_ids
from partimento.tokens.performance import PerformanceTokenizer
from partimento.tokens.vocabulary import vocabulary_of_size

CHANGES: dict[str, Callable[[Decoder], object]] = {
    "float32": lambda network: network,
    "bf16": Decoder.bfloat16,
    "int8": quantise,
}


def megabytes(network: Decoder) -> float:
    """Of the weights, in memory and in a file alike."""
    tensors: dict[str, Tensor] = stored(network.state_dict())
    return sum(tensor.nbytes for tensor in tensors.values()) / 1e6


def measure(
    name: str, network: Decoder, nats: Callable[[Decoder], float] | None, tokens: int, new: int, rounds: int
) -> list[dict[str, object]]:
    """One row for each kind of weights.

    Args:
        nats: mean -log p a token of a network; None where its weights are random.
        tokens: positions that are embedded, and that are the prompt.
        new: tokens drawn after the prompt.
    """
    tokenizer = PerformanceTokenizer(vocabulary_of_size(network.config.vocabulary))
    piece = read_midi(example_paths()[0])
    ids = [*tokenizer.prefix(piece), *tokenizer.encode(piece).tolist()][:tokens]
    assert len(ids) == tokens, len(ids)
    networks: dict[str, Decoder] = {}
    for kind, change in CHANGES.items():
        networks[kind] = copy.deepcopy(network) if kind != "float32" else network
        change(networks[kind])
    embedded: dict[str, list[float]] = {kind: [] for kind in networks}
    drawn: dict[str, list[float]] = {kind: [] for kind in networks}
    for _ in range(rounds + 1):
        for kind, one in networks.items():
            with torch.inference_mode():
                begun = time.process_time()
                one.hidden(torch.tensor([ids]))
                embedded[kind].append(tokens / (time.process_time() - begun))
            drawn[kind].append(ours(one, ids)(1, new)[1])
    speed = {kind: (median(embedded[kind][1:]), median(drawn[kind][1:])) for kind in networks}  # the first is a warm-up
    loss = {kind: nats(one) for kind, one in networks.items()} if nats else {}
    return [
        {
            "size": name,
            "weights": kind,
            "MB": megabytes(one),
            "embedding, tokens/s": speed[kind][0],
            "ratio": speed[kind][0] / speed["float32"][0],
            "generation, tokens/s": speed[kind][1],
            "ratio ": speed[kind][1] / speed["float32"][1],
            "nats/token": f"{loss[kind]:.4f} ({loss[kind] - loss['float32']:+.4f})" if nats else "–",
        }
        for kind, one in networks.items()
    ]


def held_out_nats(corpus: Path, tokenizer: PerformanceTokenizer, pieces: int) -> Callable[[Decoder], float]:
    """Mean -log p a token of every n-th held-out piece of a corpus, so many in all, 1,024 tokens of each at most."""
    test = Corpus.open(corpus).where(split="test")
    chosen = [ids[:1024] for ids in islice(piece_ids(test, tokenizer), 0, None, max(1, len(test) // pieces))][:pieces]
    return lambda network: float(np.concatenate(network_nats(network, chosen)).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="piano-small", help="a language model")
    parser.add_argument("--corpus", type=Path, help="a corpus with a label split, whose side test gives the nats")
    parser.add_argument("--pieces", type=int, default=64, help="of the corpus")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without-paper", action="store_true", help="leave out the paper's size, which takes 8 GB")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = load_piano(options.model, device="cpu")
    if options.corpus:
        nats = held_out_nats(options.corpus, model.tokenizer, options.pieces)
        sample = f"{options.pieces} held-out pieces"
    else:
        ids = [model.tokenizer.encode(read_midi(path)) for path in example_paths()]
        nats, sample = (lambda network: float(np.concatenate(network_nats(network, ids)).mean())), "the example pieces"
    rows = measure(model.name, model.network, nats, 512, 192, options.rounds)
    if not options.without_paper:
        torch.manual_seed(0)
        network = Decoder(paper().network).eval()
        network.initialise()
        rows += measure("paper, 658.5 M", network, None, 256, 24, min(options.rounds, 3))
    notes = (
        "Embedding: the hidden states of one row of 512 tokens (the paper's size: 256). Generation: one variation "
        f"after that prompt. One thread, CPU time, medians of {options.rounds} alternating runs (the paper's size: "
        f"{min(options.rounds, 3)}). Nats a token on {sample}. MB: of the weights, in memory and on disk."
    )
    write_table("int8", "Weights in 8 bits on a CPU", rows, notes)


if __name__ == "__main__":
    main()
