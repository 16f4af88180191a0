"""Continuations of held-out pieces beside the true ones: objective scores, nats a note, runs copied from training.

Every piece is continued from its 30th second for 30 s; the model hears 5, 15 or 30 s before, so that the true
continuation is the same for all lengths of prompt. The same is measured of four sets of human music: the true
continuation; the 30 s after it, which are of the piece too and differ from the true continuation as a good one might;
the same seconds of a piece of another song; the prompt over and over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import zip_longest
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from torch.nn import functional as F
from tqdm import tqdm

from partimento.corpus.store import Corpus
from partimento.generate.continuation import continue_notes
from partimento.generate.options import ContinueOptions
from partimento.networks.decoder import Decoder
from partimento.notes import Notes, from_ms
from partimento.piano_model import PianoModel, load_piano
from partimento.report.blind import Pair
from partimento.search.copies import CopyIndex
from partimento.tasks import results
from partimento.tasks.copied import copied
from partimento.tasks.excerpts import compared, excerpt, jackknife, values
from partimento.tasks.language_modelling import WINDOW
from partimento.tasks.results import Result

TASK = "continuations"
BOUNDARY_S = 30.0  # where the prompt ends
NEW_S = 30.0
TRUE, LATER, OTHER, REPEATED = "true continuation", "same piece, 30 s later", "another piece", "prompt repeated"


@dataclass(frozen=True, eq=False)
class Case:
    """A held-out piece to continue, and a piece of another song that no case has."""

    path: str
    notes: Notes
    other: Notes


@dataclass(frozen=True, eq=False)
class Played:
    """One continuation (time zero the prompt's end) of one case, and what it costs the model, in nats of all notes."""

    system: str
    seed: int
    notes: Notes
    nats: float


def cases(corpus: Corpus, pieces: int, split: str = "test", seed: int = 0) -> list[Case]:
    """Pieces of different songs, as many of each set as there can be, with music before, at and after the boundary.

    Raises:
        ValueError: if there are not twice as many songs: the other half gives the pieces of other songs.
    """
    side = corpus.where(split=split) if "split" in corpus.label_names else corpus
    seconds = np.array(side.column("seconds"), dtype=np.float64)
    sets = side.label("set") if "set" in side.label_names else ["all"] * len(side)
    songs = side.label("song") if "song" in side.label_names else side.column("path")
    shuffled = np.random.default_rng(seed).permutation(len(side)).tolist()
    by_set: dict[str, dict[str, int]] = {}
    for row in shuffled:
        if seconds[row] >= BOUNDARY_S + 2 * NEW_S:
            by_set.setdefault(str(sets[row]), {}).setdefault(str(songs[row]), row)
    in_turn = (row for turn in zip_longest(*(by_set[name].values() for name in sorted(by_set))) for row in turn)
    chosen: list[tuple[str, Notes]] = []
    for row in in_turn:
        if row is not None and len(chosen) < 2 * pieces:
            piece = side[row]
            spans = ((BOUNDARY_S - 5, 5.0), (BOUNDARY_S, NEW_S), (BOUNDARY_S + NEW_S, NEW_S))
            if all(len(piece.notes.window(start, start + length)) for start, length in spans):
                chosen.append((piece.path, piece.notes))
    if len(chosen) < 2 * pieces:
        raise ValueError(
            f"{corpus.folder} has {len(chosen)} songs of at least {BOUNDARY_S + 2 * NEW_S:g} s on its {split} side; "
            f"{pieces} pieces to continue need {2 * pieces}"
        )
    return [Case(path, notes, chosen[pieces + k][1]) for k, (path, notes) in enumerate(chosen[:pieces])]


def human(case: Case, prompt_s: float) -> dict[str, Notes]:
    """What stands beside the model's continuation, by its name."""
    prompt = excerpt(case.notes, BOUNDARY_S - prompt_s, BOUNDARY_S)
    times = int(np.ceil(NEW_S / prompt_s))
    again = from_ms(
        np.concatenate([prompt.onset_ms + round(turn * prompt_s * 1e3) for turn in range(times)]),
        *(np.tile(column, times) for column in (prompt.duration_ms, prompt.pitch, prompt.velocity)),
    )
    return {
        TRUE: excerpt(case.notes, BOUNDARY_S, BOUNDARY_S + NEW_S),
        LATER: excerpt(case.notes, BOUNDARY_S + NEW_S, BOUNDARY_S + 2 * NEW_S),
        OTHER: excerpt(case.other, BOUNDARY_S, BOUNDARY_S + NEW_S),
        REPEATED: excerpt(again, 0.0, NEW_S),
    }


def continued(model: PianoModel, case: Case, prompt_s: float, variations: int = 1, seed: int = 0) -> list[Notes]:
    """The model's continuations of a case, time zero the end of the prompt."""
    options = ContinueOptions(prompt_seconds=BOUNDARY_S, seconds=NEW_S, variations=variations, seed=seed)
    heard_music = case.notes.window(BOUNDARY_S - prompt_s, np.inf)
    takes = continue_notes(model.network, model.tokenizer, heard_music, options)
    return [excerpt(take.new_notes, 0.0, NEW_S) for take in takes]


def play(model: PianoModel, case: Case, prompt_s: float, variations: int, seed: int) -> list[Played]:
    """All continuations of a case, human ones first, and what they cost."""
    music = [(name, 0, notes) for name, notes in human(case, prompt_s).items()]
    music += [(model.name, k, notes) for k, notes in enumerate(continued(model, case, prompt_s, variations, seed))]
    prompt = excerpt(case.notes, BOUNDARY_S - prompt_s, BOUNDARY_S)
    return [Played(name, k, notes, nats_of_continuation(model, prompt, notes, prompt_s)) for name, k, notes in music]


def nats_of_continuation(model: PianoModel, prompt: Notes, new: Notes, prompt_s: float) -> float:
    """-log p of the tokens of a continuation after its prompt, both with time zero of their own."""
    tokenizer = model.tokenizer
    prefix = tokenizer.prefix(prompt)
    before = len(prefix) + len(tokenizer.encode(prompt)) - 1  # all but <E>
    whole = tokenizer.encode(one_after_the_other(prompt, new, prompt_s))[:-1]
    ids = np.concatenate([prefix, whole]).astype(np.int64)
    return float(nats_after(model.network, ids, before).sum())


def one_after_the_other(prompt: Notes, new: Notes, prompt_s: float) -> Notes:
    """A prompt of so many seconds and what follows it, each with time zero of its own, as one piece."""
    onset_ms = np.concatenate([prompt.onset_ms, new.onset_ms + round(prompt_s * 1e3)])
    names = ("duration_ms", "pitch", "velocity")
    return from_ms(onset_ms, *(np.concatenate([getattr(prompt, name), getattr(new, name)]) for name in names))


def blind_pairs(model: PianoModel, chosen: Sequence[Case], prompt_s: float = 15.0, seed: int = 0) -> list[Pair]:
    """Each case with its true and one drawn continuation, for a page to listen to; both as their tokens say them."""
    pairs = []
    for case in chosen:
        prompt = excerpt(case.notes, BOUNDARY_S - prompt_s, BOUNDARY_S)
        ways = (human(case, prompt_s)[TRUE], continued(model, case, prompt_s, seed=seed)[0])
        tokens = [model.tokenizer.encode(one_after_the_other(prompt, way, prompt_s)) for way in ways]
        true, drawn = (model.tokenizer.decode(ids) for ids in tokens)
        # tokens count from the first note
        pairs.append(Pair(case.path, true, drawn, prompt_s - float(prompt.onset_ms[0]) / 1e3))
    return pairs


@torch.inference_mode()
def nats_after(network: Decoder, ids: np.ndarray, first: int, window: int = WINDOW) -> np.ndarray:
    """(T - first,) float64 -log p of the tokens (T,) of a piece from `first` on.

    Each sees at least half a window of what stands before it, or all there is.
    """
    device = network.embedding.weight.device
    found = [np.empty(0)]
    for start in range(first, len(ids), window // 2):
        stop = min(start + window // 2, len(ids))
        inputs = torch.from_numpy(ids[max(0, stop - 1 - window) : stop - 1]).to(device)
        logits = network.head(network.hidden(inputs[None])[0, start - stop :]).float()  # (stop - start, V)
        targets = torch.from_numpy(ids[start:stop]).to(device)
        found.append(F.cross_entropy(logits, targets, reduction="none").double().cpu().numpy())
    return np.concatenate(found)


def evaluate(
    corpus: Corpus,
    model: PianoModel,
    copies: CopyIndex | None = None,
    folder: str | Path | None = None,
    pieces: int = 40,
    prompts_s: Sequence[float] = (5.0, 15.0, 30.0),
    variations: int = 2,
    split: str = "test",
    seed: int = 0,
    jobs: int = 1,
) -> list[Result]:
    """The human continuations and the model's of held-out pieces, one result for each prompt length and variation.

    Metrics are those of `excerpts.compared` for each score, `nats_per_note`, and with `copies` those of `copied`.

    Args:
        corpus: with the labels "split", "set" and "song" where it has them.
        model: a language model.
        copies: the note runs of what it was trained on.
        folder: where the results are appended, if given.
        variations: continuations that are drawn of each prompt; the seeds of the results.
        jobs: processes; with more than one each loads the model's weights.
    """
    chosen = cases(corpus, pieces, split, seed)
    found: list[Result] = []
    for prompt_s in prompts_s:
        begun = perf_counter()
        rows = list(_play_all(model, chosen, prompt_s, variations, seed, jobs))
        seconds = (perf_counter() - begun) / len(rows[0])
        true = values([row[0].notes for row in rows], NEW_S)
        for column in zip(*rows, strict=True):  # one system, all cases
            music = [played.notes for played in column]
            metrics = {}
            for name, its_values in values(music, NEW_S).items():
                for part, value in compared(its_values, true[name]).items():
                    # note_density, note_density_low ..., note_density_error, note_density_error_low ...
                    metrics[f"{name}_{part}".replace("_mean", "")] = value
            metrics |= _nats_per_note(np.array([played.nats for played in column]), np.array([len(m) for m in music]))
            metrics |= copied(music, copies) if copies else {}
            checkpoint = model.hash if column[0].system == model.name else ""
            data = f"{prompt_s:g} s prompt"
            found.append(
                Result(column[0].system, checkpoint, TASK, data, split, column[0].seed, metrics, round(seconds, 3))
            )
    if folder:
        results.append(found, folder)
    return found


def _nats_per_note(nats: np.ndarray, notes: np.ndarray) -> dict[str, float]:
    return jackknife("nats_per_note", lambda rows: float(nats[rows].sum() / max(1, notes[rows].sum())), len(nats))


def _play_all(
    model: PianoModel, chosen: Sequence[Case], prompt_s: float, variations: int, seed: int, jobs: int
) -> Iterator[list[Played]]:
    bar = partial(tqdm, total=len(chosen), unit="piece", desc=f"{prompt_s:g} s prompt", disable=None, leave=False)
    if jobs == 1:
        yield from bar(play(model, case, prompt_s, variations, seed) for case in chosen)
        return
    work = partial(_play_in_process, model.weights, model.name, model.device.type, prompt_s, variations, seed)
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from bar(pool.map(work, chosen))


_loaded = cache(load_piano)


def _play_in_process(
    weights: Path, name: str, device: str, prompt_s: float, variations: int, seed: int, case: Case
) -> list[Played]:
    torch.set_num_threads(1)
    return play(replace(_loaded(weights, device), name=name), case, prompt_s, variations, seed)
