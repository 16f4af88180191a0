"""Sound on one core: log-mel front ends beside librosa, and MULE's network forward and in training.

python benchmarks/audio.py [--minutes 3] [--pairs 4]
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

ROUNDS = 7
RATE_HZ = 16_000
WINDOW_S, WINDOW_FRAMES = 3, 300

Row = dict[str, object]


def main() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    from table import write_table

    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=3.0, help="of sound for the front ends")
    parser.add_argument("--pairs", type=int, default=4, help="of windows in a training step")
    arguments = parser.parse_args()
    rows: list[Row] = []
    # a process for each part: what one holds in memory is not counted for the next
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
        for name in ("mule", "vit1d", "cola"):
            rows += pool.submit(front_end, name, arguments.minutes).result()
        for name in ("paper", "small"):
            for batch in (1, 8):
                rows += pool.submit(forward, name, batch).result()
            rows += pool.submit(training, name, arguments.pairs).result()
    from importlib.metadata import version

    notes = (
        f"One core, float32, processor time, best of {ROUNDS} rounds (of 2 for the networks). Front ends: "
        f"{arguments.minutes:g} min of noise, in turns with librosa {version('librosa')}, which makes its filters anew "
        "at each call; COLA's filters are librosa's here. The networks read standardised log-mel windows of 3 s; a "
        f"training step is {arguments.pairs} pairs of them through SimCLR's loss, backward and Adam. Memory: peak of "
        "the resident set beyond what was held before, weights included, in training gradients and Adam's moments too."
    )
    write_table("audio", "Sound: front ends and MULE's network", rows, notes)


def front_end(name: str, minutes: float) -> list[Row]:
    """Ours and librosa's log-mel of the same sound."""
    from dataclasses import replace

    import librosa
    import numpy as np
    import torch

    from partimento.networks.logmel import LogMel, cola_mel, mule_mel, vit1d_mel

    torch.set_num_threads(1)
    config = replace({"mule": mule_mel, "vit1d": vit1d_mel, "cola": cola_mel}[name](), slopes="hz", unit_norm=False)
    y = np.random.default_rng(0).standard_normal(int(60 * minutes * RATE_HZ)).astype(np.float32) * 0.1
    x, front = torch.from_numpy(y)[None], LogMel(config)

    def theirs() -> np.ndarray:
        mel = librosa.feature.melspectrogram(
            y=config.amplitude * y,
            sr=RATE_HZ,
            n_fft=config.fft,
            win_length=config.window,
            hop_length=config.hop,
            n_mels=config.mels,
            fmin=config.low_hz,
            fmax=config.high_hz,
            htk=config.scale == "htk",
            norm={"l2": 2.0, "slaney": "slaney", "none": None}[config.norm],
            power=float(config.power),
            center=config.centre,
            pad_mode="reflect",
        )
        return (
            np.log(np.maximum(mel, config.floor)) if config.compression == "ln" else np.log10(1 + config.factor * mel)
        )

    with torch.inference_mode():
        if config.centre:
            np.testing.assert_allclose(front(x)[0].numpy(), theirs(), atol=1e-5, rtol=1e-5)
        ours_s, theirs_s = seconds([lambda: front(x), theirs], ROUNDS)
    step, sound_s = f"log-mel of {name}", 60 * minutes
    return [
        row(step, "partimento", sound_s / ours_s, f"{theirs_s / ours_s:.2f} × librosa", None),
        row(step, "librosa", sound_s / theirs_s, "1.00 × librosa", None),
    ]


def forward(name: str, batch: int) -> list[Row]:
    """SF-NFNet-F0 on a batch of windows."""
    import torch

    from partimento.networks import sfnfnet

    torch.set_num_threads(1)
    before = resident()
    network = sfnfnet.SFNFNet({"paper": sfnfnet.paper, "small": sfnfnet.small}[name]()).eval()
    x = torch.randn(batch, network.config.mels, WINDOW_FRAMES)
    with torch.inference_mode():
        (took_s,) = seconds([lambda: network(x)], 2)
    step = f"SF-NFNet-F0 {name}, forward, {batch} window{'s' * (batch > 1)}"
    return [row(step, "partimento", batch * WINDOW_S / took_s, f"{took_s:.3g} s", peak() - before)]


def training(name: str, pairs: int) -> list[Row]:
    """One step of SimCLR on pairs of windows."""
    import torch
    from torch.nn import functional as F

    from partimento.networks import sfnfnet

    torch.set_num_threads(1)
    before = resident()
    network = sfnfnet.SFNFNet({"paper": sfnfnet.paper, "small": sfnfnet.small}[name]())
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-4)
    x = torch.randn(2 * pairs, network.config.mels, WINDOW_FRAMES)

    def step() -> None:
        vectors = F.normalize(network(x), dim=1)
        similar = (vectors[:pairs] @ vectors[pairs:].T) / 0.1
        own = torch.arange(pairs)
        loss = F.cross_entropy(similar, own) + F.cross_entropy(similar.T, own)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    (took_s,) = seconds([step], 2)
    what = f"SF-NFNet-F0 {name}, training step, {pairs} pairs"
    return [row(what, "partimento", 2 * pairs * WINDOW_S / took_s, f"{took_s:.3g} s", peak() - before)]


def seconds(work: list[Callable[[], object]], rounds: int) -> list[float]:
    """Least processor seconds of each function; in turns, so a busy moment hits all."""
    best = [float("inf")] * len(work)
    for number in range(rounds + 1):
        for i, function in enumerate(work):
            began = time.process_time()
            function()
            if number:  # the first round warms up
                best[i] = min(best[i], time.process_time() - began)
    return best


def row(step: str, program: str, speed: float, against: str, megabytes: float | None) -> Row:
    memory = "" if megabytes is None else f"{megabytes:,.0f}"
    return {"step": step, "program": program, "sound s/s": speed, "ratio or time": against, "memory (MB)": memory}


def resident() -> float:
    """Megabytes of this process in memory now."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6


def peak() -> float:
    """Most megabytes of this process in memory up to now."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    main()
