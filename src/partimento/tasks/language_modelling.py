"""How well a model foretells held-out pieces: nats a note, beside a uniform, a unigram and a 3-gram model.

A piece's ids, prefix word first, are cut into windows of 1,024 tokens that see nothing of each other; every token but a
piece's first is predicted once. The sum of -log p over all tokens, divided by the number of notes, does not depend on
how many tokens a note takes, and falls apart into note, onset, duration and <T>.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F
from tqdm import tqdm

from partimento.corpus.store import Corpus
from partimento.networks.decoder import Decoder
from partimento.piano_model import PianoModel
from partimento.tasks import ngram, results
from partimento.tasks.results import Result
from partimento.tokens.performance import PerformanceTokenizer
from partimento.tokens.vocabulary import Vocabulary

TASK = "language_modelling"
WINDOW = 1024  # tokens
BOOTSTRAPS = 1000
KINDS = ("note", "onset", "duration", "time_step", "other")  # other: the end, and <S> after the prefix

Nats = Callable[[Sequence[np.ndarray]], list[np.ndarray]]  # ids (T,) of pieces -> -log p (T - 1,) of each


@dataclass(frozen=True, eq=False)
class Held:
    """The pieces of one set that a model is tried on.

    Args:
        ids: (T,) int64 of each piece, prefix first.
        songs: the song of each; the bootstrap draws songs.
    """

    ids: list[np.ndarray]
    songs: list[str]


def held_out(corpus: Corpus, tokenizer: PerformanceTokenizer, split: str = "test") -> dict[str, Held]:
    """The held-out pieces of each set (label "set"; "all" without it), and of one side (label "split"; all without it).

    Raises:
        ValueError: if no piece is on that side.
    """
    part = corpus.where(split=split) if "split" in corpus.label_names else corpus
    if not len(part):
        raise ValueError(f"{corpus.folder} has no piece labelled split={split}")
    sets = [str(name) for name in part.label("set")] if "set" in part.label_names else ["all"] * len(part)
    songs = part.label("song") if "song" in part.label_names else part.column("path")
    found = {name: Held([], []) for name in sorted(set(sets))}
    for name, song, ids in zip(sets, songs, piece_ids(part, tokenizer), strict=True):
        found[name].ids.append(ids)
        found[name].songs.append(str(song))
    return found


def piece_ids(corpus: Corpus, tokenizer: PerformanceTokenizer) -> Iterator[np.ndarray]:
    """(T,) int64 ids of each piece, its prefix before <S>."""
    for piece in corpus:
        yield np.concatenate([tokenizer.prefix(piece.notes), tokenizer.encode(piece.notes)]).astype(np.int64)


def windows(ids: np.ndarray, length: int = WINDOW) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Inputs and targets, at most `length` each; every token but the first is a target once.

    >>> [(list(map(int, x)), list(map(int, y))) for x, y in windows(np.arange(6), 3)]
    [([0, 1, 2], [1, 2, 3]), ([3, 4], [4, 5])]
    """
    for start in range(0, len(ids) - 1, length):
        part = ids[start : start + length + 1]
        yield part[:-1], part[1:]


@torch.inference_mode()
def network_nats(
    network: Decoder,
    pieces: Sequence[np.ndarray],
    dtype: torch.dtype = torch.float32,
    length: int = WINDOW,
    rows: int | None = None,
) -> list[np.ndarray]:
    """(T - 1,) float64 -log p of each token of each piece but the first, under a causal network in windows.

    Args:
        dtype: float32, or bfloat16 for autocast; the softmax is float32 always.
        rows: windows that go through the network at once; 4 on a CPU, 64 elsewhere. It changes nothing but the speed.
    """
    if network.config.head != "next_token":
        raise ValueError(f"a network with a head for {network.config.head!r} predicts no tokens; take a language model")
    device = network.embedding.weight.device
    rows = rows or (4 if device.type == "cpu" else 64)
    cuts = [(piece, *cut) for piece, ids in enumerate(pieces) for cut in windows(ids, length)]
    order = sorted(range(len(cuts)), key=lambda i: -len(cuts[i][1]))  # like lengths together, the largest batch first
    found: list[np.ndarray] = [np.empty(0)] * len(cuts)
    for start in tqdm(range(0, len(order), rows), unit="batch", desc="tokens", disable=None, leave=False):
        batch = order[start : start + rows]
        padded = np.zeros((2, len(batch), len(cuts[batch[0]][1])), dtype=np.int64)
        for row, i in enumerate(batch):
            padded[:, row, : len(cuts[i][1])] = cuts[i][1:]
        inputs, targets = torch.from_numpy(padded).to(device)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
            hidden = network.hidden(inputs)  # (B, T, D); what stands after a window does not reach into it
            for row, i in enumerate(batch):
                here = slice(0, len(cuts[i][1]))
                logits = network.head(hidden[row, here]).float()  # (T, V), one window's at a time
                found[i] = F.cross_entropy(logits, targets[row, here], reduction="none").double().cpu().numpy()
    nats: list[list[np.ndarray]] = [[np.empty(0)] for _ in pieces]
    for (piece, _, _), values in zip(cuts, found, strict=True):
        nats[piece].append(values)
    return [np.concatenate(parts) for parts in nats]


def kinds(ids: np.ndarray, vocabulary: Vocabulary) -> np.ndarray:
    """(T,) int64 index into KINDS of each token; an unknown note is a note."""
    kind = np.full(len(ids), KINDS.index("other"))
    last_note = vocabulary.duration_first - 1  # drums lie between the notes and the durations
    kind[((ids >= vocabulary.note_first) & (ids <= last_note)) | (ids == vocabulary.unknown)] = KINDS.index("note")
    kind[(ids >= vocabulary.onset_first) & (ids <= vocabulary.onset_last)] = KINDS.index("onset")
    kind[(ids >= vocabulary.duration_first) & (ids <= vocabulary.duration_last)] = KINDS.index("duration")
    kind[ids == vocabulary.time_step] = KINDS.index("time_step")
    return kind


def summary(held: Held, nats: Sequence[np.ndarray], vocabulary: Vocabulary, seed: int = 0) -> dict[str, float]:
    """The metrics of one set from the -log p of its tokens.

    `nats_per_note` with the ends of its 95 % interval (songs drawn with replacement, seeded), `nats_per_token`, the
    parts `nats_per_note_<kind>` that add up to `nats_per_note`, and the counts `pieces`, `songs`, `notes`, `tokens`
    and `vocabulary` (V, which decides what the uniform model costs).
    """
    kind = [kinds(ids[1:], vocabulary) for ids in held.ids]
    parts = np.array([np.bincount(k, n, len(KINDS)) for k, n in zip(kind, nats, strict=True)])  # (pieces, kinds)
    notes = np.array([np.count_nonzero(k == KINDS.index("onset")) for k in kind])  # every note has one onset
    tokens = sum(len(n) for n in nats)
    low, high = bootstrap_ratio(parts.sum(1), notes, held.songs, seed)
    return {
        "nats_per_note": float(parts.sum() / notes.sum()),
        "nats_per_note_low": low,
        "nats_per_note_high": high,
        "nats_per_token": float(parts.sum() / tokens),
        **{f"nats_per_note_{name}": float(parts[:, i].sum() / notes.sum()) for i, name in enumerate(KINDS)},
        "pieces": len(held.ids),
        "songs": len(set(held.songs)),
        "notes": int(notes.sum()),
        "tokens": tokens,
        "vocabulary": vocabulary.size,
    }


def bootstrap_ratio(above: np.ndarray, below: np.ndarray, groups: Sequence[str], seed: int) -> tuple[float, float]:
    """2.5 % and 97.5 % points of sum(above) / sum(below) when whole groups of pieces are drawn with replacement."""
    _, group = np.unique(groups, return_inverse=True)
    sums = np.stack([np.bincount(group, above), np.bincount(group, below)])  # (2, groups)
    drawn = np.random.default_rng(seed).integers(sums.shape[1], size=(BOOTSTRAPS, sums.shape[1]))
    numerator, denominator = sums[:, drawn].sum(-1)
    low, high = np.percentile(numerator / denominator, [2.5, 97.5])
    return float(low), float(high)


def nats_per_note(
    model: PianoModel | Decoder | ngram.NGram,
    tokenizer: PerformanceTokenizer,
    corpus: Corpus,
    split: str = "test",
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
) -> dict[str, dict[str, float]]:
    """The metrics of `summary` for each set of a corpus: `nats_per_note(model, model.tokenizer, corpus)["pop909"]`.

    An n-gram model reads each piece without windows, which is to its advantage.
    """
    held = held_out(corpus, tokenizer, split)
    nats = nats_of(model, dtype)
    return {name: summary(part, nats(part.ids), tokenizer.vocabulary, seed) for name, part in held.items()}


def nats_of(model: PianoModel | Decoder | ngram.NGram, dtype: torch.dtype = torch.float32) -> Nats:
    """The function from ids of pieces to the -log p of their tokens under a model."""
    if isinstance(model, ngram.NGram):
        counted = model
        return lambda pieces: [counted.nats(ids) for ids in pieces]
    network = model.network if isinstance(model, PianoModel) else model
    return lambda pieces: network_nats(network, pieces, dtype)


def evaluate(
    corpus: Corpus,
    model: PianoModel | None = None,
    folder: str | Path | None = None,
    split: str = "test",
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
) -> list[Result]:
    """A uniform, a unigram and a 3-gram model of the training side, then `model`, on the held-out pieces of each set.

    Args:
        corpus: with the labels "split" (train, test), and "set" and "song" where it has them.
        model: a language model; None for the other three alone.
        folder: where the results are appended, if given.
    """
    tokenizer = model.tokenizer if model else PerformanceTokenizer()
    held = held_out(corpus, tokenizer, split)
    training = corpus.where(split="train")
    counted = hashlib.sha256("".join(str(h) for h in training.column("content_hash")).encode()).hexdigest()[:12]
    train_ids = list(piece_ids(training, tokenizer))
    found: list[Result] = []
    for name, order in (("uniform", 0), ("unigram", 1), ("3-gram", 3)):
        nats = nats_of(ngram.fit(train_ids, tokenizer.vocabulary.size, order))
        found += _results(name, counted if order else "", nats, held, tokenizer, split, seed)
    if model:
        found += _results(model.name, model.hash, nats_of(model, dtype), held, tokenizer, split, seed)
    if folder:
        results.append(found, folder)
    return found


def _results(
    system: str,
    checkpoint: str,
    nats: Nats,
    held: dict[str, Held],
    tokenizer: PerformanceTokenizer,
    split: str,
    seed: int,
) -> list[Result]:
    found = []
    for name, part in held.items():
        begun = time.perf_counter()
        metrics = summary(part, nats(part.ids), tokenizer.vocabulary, seed)
        seconds = round(time.perf_counter() - begun, 3)
        found.append(Result(system, checkpoint, TASK, name, split, seed, metrics, seconds))
    return found
