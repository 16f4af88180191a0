"""Embedding of whole files beside the original's loop: the same weights, the same files, in one run.

The loop is written here as the original program does it (Bradshaw et al. 2025, its `embedding.py`): mido reads the file
into Python dicts; for every 300 notes the whole file is deep-copied, a tokenizer is built, the notes become tokens one
by one, and the network reads them alone; the file's vector is the plain mean. Its network is ours, which is to its
advantage. Runs take turns and medians count, in CPU time of one thread (on a GPU in the wall's).
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import mido
import numpy as np
import torch
from table import write_table
from torch import nn

from partimento.midi import read_midi
from partimento.networks.decoder import Decoder, DecoderConfig
from partimento.networks.int8 import quantise
from partimento.piano_model import PianoModel, load_piano
from partimento.systems.aria import small
from partimento.tokens.performance import PerformanceTokenizer
from partimento.tokens.slices import WINDOW_NOTES
from partimento.tokens.vocabulary import SEGMENT_MS, Vocabulary, vocabulary_of_size

RAW = Path.home() / ".cache" / "partimento" / "raw"
SETS = ("pianist8", "asap")
SUSTAIN = 64  # both the controller's number and the value from which the pedal is down

Embed = Callable[[list[Path]], np.ndarray]


def read_into_dicts(path: Path) -> dict[str, Any]:
    """A file of one piano as the original holds it: lists of dicts, times in ticks."""
    file = mido.MidiFile(path)
    found: dict[str, Any] = {"tempo_msgs": [], "pedal_msgs": [], "note_msgs": [], "resolution": file.ticks_per_beat}
    for number, track in enumerate(file.tracks):
        tick, open_notes = 0, {}
        for message in track:
            tick += message.time
            data = {"track": number, "channel": getattr(message, "channel", 0)}
            key = (data["channel"], getattr(message, "note", None))
            if message.type == "set_tempo":
                found["tempo_msgs"].append({"type": "tempo", "data": message.tempo, "tick": tick})
            elif message.type == "control_change" and message.control == SUSTAIN:
                down = int(message.value >= SUSTAIN)
                found["pedal_msgs"].append({"type": "pedal", "data": down, "tick": tick, "channel": data["channel"]})
            elif message.type == "note_on" and message.velocity:
                open_notes.setdefault(key, []).append((tick, message.velocity))
            elif message.type in ("note_on", "note_off"):
                ended = [note for note in open_notes.get(key, []) if note[0] < tick]
                begun_now = [note for note in open_notes.get(key, []) if note[0] == tick]
                open_notes[key] = begun_now if ended else []
                for start, velocity in ended:
                    note = {"pitch": key[1], "start": start, "end": tick, "velocity": velocity}
                    found["note_msgs"].append({"type": "note", "data": {**data, **note}, "tick": start})
    for messages in (found["tempo_msgs"], found["note_msgs"]):
        messages.sort(key=lambda message: message["tick"])
    hold_with_pedal(found)
    return found


def hold_with_pedal(file: dict[str, Any]) -> None:
    """Notes that end while the pedal of their channel is down end when it comes up."""
    for channel in {note["data"]["channel"] for note in file["note_msgs"]}:
        notes = [note["data"] for note in file["note_msgs"] if note["data"]["channel"] == channel]
        intervals, down_at = [], None
        for message in sorted(file["pedal_msgs"], key=lambda message: message["tick"]):
            if message["channel"] == channel and message["data"] and down_at is None:
                down_at = message["tick"]
            elif message["channel"] == channel and not message["data"] and down_at is not None:
                intervals.append((down_at, message["tick"]))
                down_at = None
        if down_at is not None:
            intervals.append((down_at, max(note["end"] for note in notes)))
        for note in notes:
            note["end"] = next((up for down, up in intervals if down < note["end"] < up), note["end"])


def in_ms(tick: int, file: dict[str, Any]) -> float:
    """A tick in milliseconds: the sum over the tempo map."""
    total, now, tempo = 0.0, 0, 500_000
    for message in file["tempo_msgs"]:
        if message["tick"] >= tick:
            break
        total, now, tempo = total + (message["tick"] - now) * tempo, message["tick"], message["data"]
    return (total + (tick - now) * tempo) / (1000 * file["resolution"])


class TupleTokenizer:
    """Tokens as tuples, their ids by dict: what the original builds for every chunk."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        words = [vocabulary.word(token) for token in range(vocabulary.size)]
        self.id_of = {word: token for token, word in enumerate(words)}
        self.onsets, self.durations = range(0, SEGMENT_MS, 10), range(0, SEGMENT_MS + 1, 10)
        self.velocities = range(0, 130, 10)

    def encode(self, file: dict[str, Any]) -> list[int]:
        """From <S> to <E>."""
        words: list[tuple[str | int, ...]] = [("<S>",)]
        first, segment = in_ms(file["note_msgs"][0]["tick"], file), 0
        for message in file["note_msgs"]:
            note = message["data"]
            start = in_ms(note["start"], file)
            onset_ms, duration_ms = round(start - first), round(in_ms(note["end"], file) - start)
            while onset_ms // SEGMENT_MS > segment:
                words.append(("<T>",))
                segment += 1
            words.append(("piano", note["pitch"], min(max(nearest(self.velocities, note["velocity"]), 10), 120)))
            words.append(("onset", nearest(self.onsets, onset_ms % SEGMENT_MS)))
            words.append(("duration", max(nearest(self.durations, min(duration_ms, SEGMENT_MS)), 10)))
        return [self.id_of[word] for word in [*words, ("<E>",)]]


def nearest(grid: range, value: int) -> int:
    """The value of the grid that a binary search meets first among the nearest."""
    low, high, best = 0, len(grid) - 1, grid[-1] + 10 * value + 1
    while low <= high:
        middle = (low + high) // 2
        best = grid[middle] if abs(grid[middle] - value) < abs(best - value) else best
        low, high = (middle + 1, high) if grid[middle] < value else (low, middle - 1)
    return best


def chunks_of_dicts(path: Path, model: PianoModel) -> list[torch.Tensor]:
    """The ids (1, T) of each 300 notes, each with a copy of the file and a tokenizer of its own."""
    file, found = read_into_dicts(path), []
    for start in range(0, len(file["note_msgs"]), WINDOW_NOTES):
        part = copy.deepcopy(file)
        part["note_msgs"] = part["note_msgs"][start : start + WINDOW_NOTES]
        ids = TupleTokenizer(model.tokenizer.vocabulary).encode(part)
        found.append(torch.tensor([ids[: model.context]]))
    return found


def chunks_of_ours(path: Path, model: PianoModel) -> list[torch.Tensor]:
    """The same from our reader and tokenizer."""
    return [torch.from_numpy(ids)[None] for ids, _ in model.windows(read_midi(path))]


def loop(model: PianoModel, chunks: Callable[[Path, PianoModel], list[torch.Tensor]]) -> Embed:
    """(N, D) plain means of the vectors of a file's chunks, which the network reads one by one."""

    @torch.no_grad()
    def embed(paths: list[Path]) -> np.ndarray:
        return np.array([np.mean([vector(ids) for ids in chunks(path, model)], axis=0) for path in paths])

    def vector(ids: torch.Tensor) -> np.ndarray:
        hidden = model.network.hidden(ids.to(model.device))[0]
        pooled = model.network.pool(hidden, torch.tensor([len(hidden)], device=model.device))
        return model.network.head(pooled)[0].cpu().numpy()

    return embed


def ours(model: PianoModel, change: Callable[[Decoder], nn.Module] | None = None) -> Embed:
    """`PianoModel.embed`, with the mean of the loop, of the model or of a copy with a changed network."""
    if change:
        network = copy.deepcopy(model.network)
        change(network)
        model = replace(model, network=network)
    return lambda paths: model.embed(paths, compatible=True)


def small_embedding(device: str) -> PianoModel:
    """An embedding model of random weights, of the preset small's size."""
    torch.manual_seed(0)
    config = DecoderConfig(small().network.transformer, vocabulary=2675, context=1024, head="embedding", outputs=512)
    network = Decoder(config).eval()
    network.initialise()
    network.to(device)
    return PianoModel({}, "random weights", Path(), network, PerformanceTokenizer(vocabulary_of_size(2675)))


def files_of(count: int) -> list[Path]:
    """Piano performances of the sets, the same draw every time; files with another instrument are left out."""
    found = sorted(path for name in SETS for path in (RAW / name).rglob("*.mid") if "score" not in path.name)
    order = np.random.default_rng(0).permutation(len(found))
    kept = (found[i] for i in order if len((notes := read_midi(found[i])).piano()) == len(notes) > 0)
    return [path for path, _ in zip(kept, range(count), strict=False)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="an embedding checkpoint; random weights of the small size by default")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5, help="parts of the files; all ways take turns at each")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if not all((RAW / name).is_dir() for name in SETS):
        raise SystemExit(f"this benchmark needs the data sets {' and '.join(SETS)} in {RAW}")
    paths = files_of(options.files)
    model = load_piano(options.model, options.device) if options.model else small_embedding(options.device)
    on_gpu = options.device == "cuda"
    now = time.perf_counter if on_gpu else time.process_time  # every way ends with its vectors on the CPU
    original = "the original's loop"
    ways: dict[str, Embed] = {
        original: loop(model, chunks_of_dicts),
        "its loop with our reader and tokenizer": loop(model, chunks_of_ours),
        "partimento, float32": ours(model),
        "partimento, bf16 weights": ours(model, Decoder.bfloat16),
    }
    if not on_gpu:
        ways["partimento, int8 weights"] = ours(model, quantise)
    for embed in ways.values():
        embed(paths[:1])
    parts = [[paths[i] for i in part] for part in np.array_split(np.arange(len(paths)), options.rounds)]
    notes = [sum(len(read_midi(path)) for path in part) for part in parts]
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    vectors: dict[str, list[np.ndarray]] = {way: [] for way in ways}
    for part in parts:
        for way, embed in ways.items():
            begun = now()
            vectors[way].append(embed(part))
            seconds[way].append(now() - begun)
    reference = np.concatenate(vectors[original])
    rows: list[dict[str, object]] = []
    for way in ways:
        found = np.concatenate(vectors[way])
        cosine = (found * reference).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(reference, axis=1)
        rows.append(
            {
                "embedding": way,
                "ms a file": 1e3 * sum(seconds[way]) / len(paths),
                "notes/s": median(n / s for n, s in zip(notes, seconds[way], strict=True)),
                "ratio": median(a / b for a, b in zip(seconds[original], seconds[way], strict=True)),
                "least cosine with the loop's vector": f"{cosine.min():.5f}",
            }
        )
    about = (
        f"{len(paths)} files of {' and '.join(SETS)}, {sum(notes):,} notes; {model.name}, "
        f"{sum(p.numel() for p in model.network.parameters()):,} parameters; "
        f"{torch.cuda.get_device_name() if on_gpu else 'one thread, CPU time'}; notes/s and ratios "
        f"are medians of {options.rounds} rounds."
    )
    write_table("embedding", "Embedding of whole files", rows, about)


if __name__ == "__main__":
    main()
