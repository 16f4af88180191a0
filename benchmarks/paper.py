"""The preset `paper` (658.5 M parameters, random weights) at batch 1: forward, backward, generation; speed and memory.

Each row is measured in a process of its own. On a CPU times are CPU time of one thread; on a GPU the wall's.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import torch
from table import write_table

from partimento.examples import example_paths
from partimento.generate.grammar import Cursor, Grammar
from partimento.generate.options import ContinueOptions
from partimento.generate.voices import Voice, sample
from partimento.midi import read_midi
from partimento.networks.decoder import Decoder
from partimento.networks.int8 import quantise
from partimento.objectives.next_token import PackedRows, next_token
from partimento.systems.aria import paper
from partimento.tokens.performance import PerformanceTokenizer
from partimento.tokens.vocabulary import vocabulary_of_size

PROMPT_TOKENS = 256
WORKS = {
    "forward": ("float32", "bf16 weights", "int8 weights"),
    "forward and backward": ("float32", "bf16 autocast"),
    "generation": ("float32", "bf16 weights", "int8 weights"),
}


def build(weights: str, device: str) -> Decoder:
    """The network with its weights of this kind."""
    torch.manual_seed(0)
    network = Decoder(paper().network).to(device)
    network.initialise()
    if weights == "bf16 weights":
        network.bfloat16()
    elif weights == "int8 weights":
        quantise(network)
    return network


def example_ids(count: int) -> list[int]:
    """The ids of the example pieces, one after another, again and again."""
    tokenizer = PerformanceTokenizer(vocabulary_of_size(paper().network.vocabulary))
    ids: list[int] = []
    while len(ids) < count:
        for path in example_paths():
            piece = read_midi(path)
            ids += [*tokenizer.prefix(piece), *tokenizer.encode(piece).tolist()]
    return ids[:count]


def run(work: str, weights: str, network: Decoder, tokens: int, new: int) -> float:
    """Tokens a second of one run."""
    device = network.embedding.weight.device
    if work == "generation":
        return generate(network, new)
    ids = torch.tensor([example_ids(tokens + 1)], device=device)
    begun = now(device)
    if work == "forward":
        with torch.inference_mode():
            network.eval().hidden(ids[:, :-1])
    else:
        network.train()
        network.checkpointing = paper().recipe.checkpointing
        with torch.autocast(device.type, torch.bfloat16, enabled=weights == "bf16 autocast"):
            loss, _ = next_token(network, PackedRows(ids, torch.zeros_like(ids)))
        loss.backward()
        network.zero_grad(set_to_none=True)
    return tokens / (now(device) - begun)


def generate(network: Decoder, new: int) -> float:
    """Tokens a second after the first note, one variation."""
    device, ids = network.embedding.weight.device, example_ids(PROMPT_TOKENS)
    cursor = Cursor(Grammar(vocabulary_of_size(network.config.vocabulary)))
    for token in ids[ids.index(0) + 1 :]:
        cursor.read(token)
    voice = Voice(0, ids, replace(cursor), np.random.default_rng(0), limit_ms=np.inf)
    times: list[tuple[float, int]] = []
    for _ in sample(network, [voice], ContinueOptions(temperature=0.95, min_p=0.035, seed=0)):
        times.append((now(device), len(voice.ids)))
        if times[-1][1] - PROMPT_TOKENS >= new:
            break
    (first_s, first), (last_s, last) = times[0], times[-1]
    return (last - first) / (last_s - first_s)


def now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def measure(work: str, weights: str, device: str, tokens: int, new: int, rounds: int) -> dict[str, object]:
    """One row of the table."""
    torch.set_num_threads(1)
    held = resident_mb("VmRSS")
    network = build(weights, device)
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    else:
        Path("/proc/self/clear_refs").write_text("5")  # sets the peak back to the present
    speeds = [run(work, weights, network, tokens, new) for _ in range(rounds + 1)][1:]  # the first is a warm-up
    peak = torch.cuda.max_memory_allocated() / 1e6 if device == "cuda" else resident_mb("VmHWM") - held
    return {
        "work": work,
        "weights": weights,
        "tokens": PROMPT_TOKENS + new if work == "generation" else tokens,
        "tokens/s": median(speeds),
        "peak memory, MB": round(peak),
    }


def resident_mb(field: str) -> float:
    """Present (VmRSS) or most (VmHWM) resident memory of this process; Linux."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) * 1024 / 1e6


def main() -> None:
    on_gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if on_gpu else "cpu", choices=("cpu", "cuda"))
    parser.add_argument("--tokens", type=int, default=8192 if on_gpu else 1024, help="of the row that is read")
    parser.add_argument("--new", type=int, default=512 if on_gpu else 24, help="tokens generated")
    parser.add_argument("--rounds", type=int, default=5 if on_gpu else 2)
    options = parser.parse_args()
    cases = [(work, weights) for work, kinds in WORKS.items() for weights in kinds]
    if options.device == "cuda":
        cases = [(work, weights) for work, weights in cases if weights != "int8 weights"]
    rows = []
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for work, weights in cases:
            arguments = (work, weights, options.device, options.tokens, options.new, options.rounds)
            rows.append(pool.apply(measure, arguments))
            print(rows[-1], flush=True)
    where = torch.cuda.get_device_name() if options.device == "cuda" else "One CPU thread, CPU time"
    memory = "of the GPU" if options.device == "cuda" else "resident, beyond what Python and the libraries hold"
    runs = "one run" if options.rounds == 1 else f"medians of {options.rounds} runs"
    notes = (
        f"{where}; {runs} after a warm-up. Forward: the hidden sequence. Backward: gradients of all weights, "
        f"with activations computed again (checkpointing), without an optimizer. Generation: one variation after "
        f"{PROMPT_TOKENS} tokens, the prompt's own time not counted. Memory {memory}, weights included."
    )
    write_table("paper", "The preset `paper` at batch 1", rows, notes)


if __name__ == "__main__":
    main()
