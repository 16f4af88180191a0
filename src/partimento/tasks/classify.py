"""Using a classifier: the probabilities of a piece's classes, and how often they are right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import torch

from partimento.midi import MidiError
from partimento.notes import Notes
from partimento.objectives.classification import collate, log_probabilities
from partimento.piano_model import PianoModel
from partimento.tasks.metrics import METRICS, tables
from partimento.tokens.slices import windows

GROUP = 16  # pieces whose windows are put together


def class_names(model: PianoModel) -> tuple[str, ...]:
    """The names of a classifier's classes, in the order of its outputs; numbers where its checkpoint has no names.

    Raises:
        ValueError: if the model is no classifier.
    """
    config = model.network.config
    if config.head != "classes":
        kind = {"next_token": "a language model", "embedding": "an embedding"}[config.head]
        raise ValueError(
            f"{model.name} is {kind}, not a classifier; make one with "
            "`partimento finetune aria CORPUS --objective classes --label NAME -o RUN`"
        )
    return tuple(map(str, model.config.get("classes") or range(config.outputs or 0)))


def class_probabilities(model: PianoModel, pieces: Iterable[Notes]) -> np.ndarray:
    """(N, C) float64 probabilities of the classes of N pieces; each row sums to 1.

    A piece is read in windows of 300 notes; its probabilities are the mean of theirs, weighted by their tokens. Notes
    of other instruments than piano are left out.

    Raises:
        ValueError: if the model is no classifier.
        MidiError: if a piece has no piano notes.
    """
    rows = [np.zeros((0, len(class_names(model))))]
    remaining = iter(pieces)
    while group := list(islice(remaining, GROUP)):
        rows.append(_probabilities(model, group))
    return np.concatenate(rows)


@torch.inference_mode()
def _probabilities(model: PianoModel, pieces: Sequence[Notes]) -> np.ndarray:
    cuts = [list(_windows(model, notes)) for notes in pieces]
    batch = collate(cuts, np.zeros(len(cuts))).to(model.device)
    found = log_probabilities(model.network, batch.ids, batch.lengths, batch.counts)
    return found.double().exp().cpu().numpy()


def _windows(model: PianoModel, notes: Notes) -> Iterator[np.ndarray]:
    piano = notes.piano()
    if not len(piano):
        raise MidiError(
            f"none of its {len(notes):,} notes is piano; {model.name} reads General MIDI programs 0-7 alone"
        )
    return (ids for ids, _ in windows(model.tokenizer, piano, model.context))


def scores(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Accuracy and macro F1, 0 to 1, of class probabilities (N, C) and the right classes (N,)."""
    table = tables(labels, probabilities.argmax(1), probabilities.shape[1], np.ones((1, len(labels))))[0]
    return {name: float(metric(table)) for name, metric in METRICS["classes"].items()}
