"""Training steps beside those of a Hugging Face Llama of the same size: the same packed rows, in one run.

Both train in bf16 autocast with AdamW and clipping on one thread; steps alternate, medians of processor time count.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from statistics import median

import numpy as np
import torch
from llama import llama_of
from table import write_table
from torch import Tensor, nn

from partimento.midi import read_midi
from partimento.networks.decoder import Decoder, DecoderConfig
from partimento.networks.factored import share_parts
from partimento.networks.transformer import TransformerConfig
from partimento.objectives.next_token import PackedRows, next_token
from partimento.recipe import OptimizerConfig
from partimento.systems.aria import small
from partimento.tokens.features import token_features
from partimento.tokens.performance import PerformanceTokenizer
from partimento.tokens.vocabulary import vocabulary_of_size
from partimento.training.batches import PackedBatches
from partimento.training.optimizer import make_optimizers

SIZES = {
    "small": (small().network, 4),
    "512 x 8": (DecoderConfig(TransformerConfig(512, 8, 8, 2048), vocabulary=17_727, context=1024), 2),
}
OURS = "partimento, AdamW"
PEER = "Hugging Face Llama, AdamW"
INSIDE = "partimento, AdamW, attention inside pieces"
RECIPE = "partimento, as the preset small trains: Muon, shared parts, inside pieces"
NAMES = (PEER, OURS, INSIDE, RECIPE)
Step = Callable[[], float]  # one optimizer step -> its loss


def batches(vocabulary: int, rows: int, length: int) -> Iterator[PackedRows]:
    """Packed rows of the example pieces, without end."""
    tokenizer = PerformanceTokenizer(vocabulary_of_size(vocabulary))
    folder = Path(str(files("partimento") / "examples"))
    pieces = [tokenizer.encode(read_midi(path)) for path in sorted(folder.glob("*.mid"))]
    stream = PackedBatches(len(pieces), lambda index, generator: pieces[index], length, seed=0)
    while True:
        yield stream.rows(rows)


def stepper(name: str, config: DecoderConfig, rows: int) -> Step:
    """What takes one step with the network of this name."""
    torch.manual_seed(0)
    stream = batches(config.vocabulary, rows, config.context)
    network, loss_of = peer(config) if name == PEER else ours(name, config)
    optimizers = make_optimizers(network, small().recipe.optimizer if name == RECIPE else OptimizerConfig(kind="adamw"))

    def step() -> float:
        with torch.autocast("cpu", torch.bfloat16):
            loss = loss_of(next(stream))
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        for each in optimizers:
            each.step()
            each.zero_grad()
        return loss.item()

    return step


def ours(name: str, config: DecoderConfig) -> tuple[nn.Module, Callable[[PackedRows], Tensor]]:
    """Our decoder and its loss."""
    network = Decoder(config)
    network.initialise()
    if name == RECIPE:
        for layer in (network.embedding, network.head):
            share_parts(layer, token_features(vocabulary_of_size(config.vocabulary)))

    def loss_of(batch: PackedRows) -> Tensor:
        whole = batch if name in (INSIDE, RECIPE) else replace(batch, documents=torch.zeros_like(batch.documents))
        return next_token(network, whole)[0]

    return network, loss_of


def peer(config: DecoderConfig) -> tuple[nn.Module, Callable[[PackedRows], Tensor]]:
    """A Llama of the same size and its loss."""
    network = llama_of(config)

    def loss_of(batch: PackedRows) -> Tensor:
        ids = batch.ids[:, :-1].contiguous()
        loss: Tensor = network(input_ids=ids, labels=ids, use_cache=False).loss
        return loss

    return network, loss_of


def peak_mb(name: str, config: DecoderConfig, rows: int) -> float:
    """Most memory that a first step takes beyond what network and libraries held before it, in MB."""
    torch.set_num_threads(1)
    step = stepper(name, config, rows)
    before = _status_mb("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # sets the peak back to the present
    step()
    return _status_mb("VmHWM") - before


def _status_mb(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def compare(size: str, rounds: int) -> list[dict[str, object]]:
    config, rows = SIZES[size]
    names = NAMES if size == "small" else NAMES[:3]
    steps = {name: stepper(name, config, rows) for name in names}
    seconds: dict[str, list[float]] = {name: [] for name in names}
    losses = {name: step() for name, step in steps.items()}  # the first step warms up
    for _ in range(rounds):
        for name, step in steps.items():
            start = time.process_time()
            losses[name] = step()
            seconds[name].append(time.process_time() - start)
    del steps
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        memory = {name: pool.apply(peak_mb, (name, config, rows)) for name in names}
    medians = {name: median(values) for name, values in seconds.items()}
    return [
        {
            "size": f"{size}: {config.transformer.width} x {config.transformer.layers}, {config.vocabulary:,} tokens",
            "training": name,
            "tokens/s": rows * config.context / medians[name],
            "ratio": round(float(np.median(np.divide(seconds[PEER], seconds[name]))), 2),
            "a step's memory (MB)": round(memory[name]),
            "loss after the last step": losses[name],
        }
        for name in names
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), choices=list(SIZES))
    options = parser.parse_args()
    torch.set_num_threads(1)
    table = [row for size in options.sizes for row in compare(size, options.rounds)]
    write_table(
        "training",
        "Training",
        table,
        "One thread, bf16 autocast, rows of 1,024 tokens (4 for the small size, 2 for the other) packed from the "
        "example pieces; tokens per second of processor time, medians; the ratio is the median over the rounds, in "
        "which all take turns. In the first two rows of each size attention runs over the whole row, piece boundaries "
        "ignored. Memory: peak of the resident set during the first step beyond what was held before it, each in a "
        "process of its own; it includes gradients and the optimizer's moments.",
    )


if __name__ == "__main__":
    main()
