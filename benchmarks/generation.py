"""Continuation token by token beside Hugging Face `generate` of a Llama of the same size: the same prompt, in one run.

Both sample at temperature 0.95 with min-p 0.035 from random weights in float32 on one thread. Runs alternate and
medians count, in CPU time: with one thread it is the time on an idle machine, whatever else runs.
"""

from __future__ import annotations

import argparse
import ctypes
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from itertools import chain
from pathlib import Path
from statistics import median

import numpy as np
import torch
from llama import llama_of
from table import write_table
from transformers import LlamaForCausalLM, StoppingCriteria, StoppingCriteriaList

from partimento.generate.grammar import Cursor, Grammar
from partimento.generate.options import ContinueOptions
from partimento.generate.voices import Voice, sample
from partimento.midi import read_midi
from partimento.networks.decoder import Decoder, DecoderConfig
from partimento.networks.transformer import TransformerConfig
from partimento.systems.aria import small
from partimento.tokens.performance import PerformanceTokenizer
from partimento.tokens.vocabulary import vocabulary_of_size

PROMPT_TOKENS = 512
NOTE_TOKENS = 3
OPTIONS = ContinueOptions(temperature=0.95, min_p=0.035, seed=0)
SIZES = {
    "small": small().network,
    "512 x 8": DecoderConfig(TransformerConfig(512, 8, 8, 2048), vocabulary=17_727, context=1024),
}
Run = Callable[[int, int], tuple[float, float]]  # (rows, new tokens) -> seconds to the first note, tokens/s after it


def ours(network: Decoder, ids: list[int]) -> Run:
    """Runs of our sampler: prefill, first note, then so many tokens a row."""
    vocabulary = vocabulary_of_size(network.config.vocabulary)
    cursor = Cursor(Grammar(vocabulary))
    for token in ids[ids.index(vocabulary.start) + 1 :]:
        cursor.read(token)

    def run(rows: int, new: int) -> tuple[float, float]:
        voices = [
            Voice(row, list(ids), replace(cursor), np.random.default_rng(row), limit_ms=np.inf) for row in range(rows)
        ]
        start = time.process_time()
        times: list[tuple[float, int]] = []  # CPU seconds, tokens a row
        for _ in sample(network, voices, OPTIONS):
            times.append((time.process_time() - start, len(voices[0].ids) - len(ids)))
            if times[-1][1] >= new:
                break
        (first_s, first), (last_s, last) = times[0], times[-1]
        return first_s, rows * (last - first) / (last_s - first_s)

    return run


class Clock(StoppingCriteria):
    """Never stops `generate`; notes the CPU time of every token."""

    def __init__(self) -> None:
        self.times = [time.process_time()]

    def __call__(self, input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:
        self.times.append(time.process_time())
        return torch.zeros(len(input_ids), dtype=torch.bool)


def peer(network: LlamaForCausalLM, ids: list[int]) -> Run:
    """Runs of Hugging Face `generate` with its default, dynamic cache."""

    def run(rows: int, new: int) -> tuple[float, float]:
        prompt, clock = torch.tensor([ids]).repeat(rows, 1), Clock()
        network.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            do_sample=True,
            temperature=OPTIONS.temperature,
            top_k=0,
            min_p=OPTIONS.min_p,
            min_new_tokens=new,
            max_new_tokens=new,
            pad_token_id=2,
            stopping_criteria=StoppingCriteriaList([clock]),
        )
        start, first, last = clock.times[0], clock.times[NOTE_TOKENS], clock.times[-1]
        return first - start, rows * (new - NOTE_TOKENS) / (last - first)

    return run


def peak_mb(action: Callable[[], object]) -> float:
    """Most memory that an action takes on top of what the process holds before it; Linux."""
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts anew from here
    before = _status_kb("VmRSS")
    action()
    return (_status_kb("VmHWM") - before) / 1024


def _status_kb(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def measure(name: str, config: DecoderConfig, rows: int, new: int, repeats: int) -> dict[str, object]:
    """One row of the table."""
    torch.manual_seed(0)
    vocabulary = vocabulary_of_size(config.vocabulary)
    tokenizer = PerformanceTokenizer(vocabulary)
    piece = read_midi(files("partimento.examples").joinpath("bach-prelude-c-major-bwv-846.mid").read_bytes())
    ids = [*tokenizer.prefix(piece), *tokenizer.encode(piece).tolist()][:PROMPT_TOKENS]
    assert len(ids) == PROMPT_TOKENS, len(ids)
    network = Decoder(config)
    network.initialise()
    runs = {"ours": ours(network.eval(), ids), "peer": peer(llama_of(config).eval(), ids)}
    memory = {who: peak_mb(lambda run=run: run(rows, 8)) for who, run in runs.items()}  # also the warm-up
    times: dict[str, list[tuple[float, float]]] = {who: [] for who in runs}
    for who in chain.from_iterable([*runs] for _ in range(repeats)):
        times[who].append(runs[who](rows, new))
    first = {who: median(t[0] for t in times[who]) for who in runs}
    rate = {who: median(t[1] for t in times[who]) for who in runs}
    return {
        "size": name,
        "parameters": sum(p.numel() for p in network.parameters()),
        "rows": rows,
        "first note, ms": first["ours"] * 1e3,
        "HF first note, ms": first["peer"] * 1e3,
        "tokens/s": rate["ours"],
        "HF tokens/s": rate["peer"],
        "ratio": rate["ours"] / rate["peer"],
        "memory, MB": memory["ours"],
        "HF memory, MB": memory["peer"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--new", type=int, default=192, help="new tokens a row at one row; a quarter of it at eight")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = [
        measure(name, config, batch, options.new if batch == 1 else options.new // 4, options.repeats)
        for name, config in SIZES.items()
        for batch in (1, 8)
    ]
    notes = (
        f"Prompt of {PROMPT_TOKENS} tokens; medians of {options.repeats} alternating runs, float32, one thread, CPU "
        "time. HF: transformers' LlamaForCausalLM of the same width, depth and vocabulary, `generate` with its dynamic "
        "cache and the same sampling. Tokens/s are after the first note, all rows together; memory is the peak "
        "beside the weights."
    )
    write_table("generation", "Continuation, token by token", rows, notes)


if __name__ == "__main__":
    main()
