"""Fine-tuning an encoder to label notes or sequences."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from partimento.configuration import to_plain
from partimento.networks.labeller import Labeller
from partimento.networks.rows import pack
from partimento.objectives.labelled import NO_LABEL, LabelledWords, labelled
from partimento.objectives.masked import Masking
from partimento.recipe import Recipe
from partimento.systems.musicbert import LabelsConfig
from partimento.tokens.fields import Fields
from partimento.tokens.word_augment import fit_bars, transposed
from partimento.training.distributed import World
from partimento.training.loop import Run, State, train
from partimento.training.saving import save_network


@dataclass(frozen=True, eq=False)
class LabelledSequences:
    """Sequences of words, with labels of their notes or of their own.

    Args:
        words: (T, F) each.
        labels: (T, H) int64 each for notes, (H,) for sequences: a class for each head, or NO_LABEL.
        train, valid: numbers of the sequences that are learned from and of those that choose the checkpoint.
    """

    words: Sequence[np.ndarray]
    labels: Sequence[np.ndarray]
    train: Sequence[int]
    valid: Sequence[int]

    def __post_init__(self) -> None:
        for side in ("train", "valid"):
            if not len(getattr(self, side)):
                raise ValueError(f"there is no sequence to {side} on")


def finetune_labels(
    network: Labeller,
    config: LabelsConfig,
    sequences: LabelledSequences,
    folder: Path,
    world: World,
    about: Mapping[str, Any],
    system: str = "musicbert",
) -> State:
    """Train a labeller, whose encoder is pretrained or not, or go on with an interrupted run.

    checkpoints/best is that of the lowest validation loss.

    Args:
        network: with its first weights; it is changed.
        folder: of the run; made if it is not there.
        about: goes into every checkpoint's config.json: name, data, licence, preset.

    Returns:
        the state after the last step; its `step` is below the last one if the run was asked to stop.

    Raises:
        ValueError: if the folder holds something else or another run.
    """
    batches = LabelledBatches(sequences, network.config.encoder.fields, config)
    recipe = in_steps(config, batches.epoch_rows())
    hiding = Masking(units=("octuple",), share=config.hidden, masked=1.0, replaced=0.0) if config.hidden else None
    about = {**about, "objective": {"kind": "labels", **_constants(config)}}
    run = Run(
        network=network,
        objective=partial(labelled, hiding=hiding, smoothing=config.smoothing),
        batches=batches,
        validation=batches.fixed_rows(sequences.valid),
        recipe=recipe,
        folder=folder,
        config={
            "system": system,
            **about,
            "network": to_plain(network.config),
            "recipe": to_plain(recipe),
            "sequences": {side: _identity(sequences, getattr(sequences, side)) for side in ("train", "valid")},
        },
        save=partial(save_network, network.config, recipe, about, system=system),
    )
    return train(run, world)


def in_steps(config: LabelsConfig, rows: int) -> Recipe:
    """The recipe with its steps, for an epoch of so many rows."""
    recipe = config.recipe
    steps = max(1, round(config.epochs * rows / recipe.batch.rows))
    every = max(1, round(steps / config.validations))
    return replace(
        recipe,
        schedule=replace(recipe.schedule, steps=steps, warmup=min(recipe.schedule.warmup, max(1, steps // 10))),
        watch=replace(recipe.watch, validate_every=every, save_every=every, sample_every=0),
    )


class LabelledBatches:
    """The endless stream: every epoch all sequences in a new order, transposed anew, as many in a row as it holds."""

    def __init__(self, sequences: LabelledSequences, fields: Fields, config: LabelsConfig) -> None:
        self.sequences, self.fields, self.config = sequences, fields, config
        self.drawn = 0
        self._order: tuple[int, np.ndarray] = (-1, np.empty(0))

    def rows(self, count: int) -> LabelledWords:
        """The next `count` rows."""
        return self._packed([self._row() for _ in range(count)], self.config.recipe.seed)

    def fixed_rows(self, numbers: Sequence[int]) -> LabelledWords:
        """These sequences as they are, in rows as full as they get in this order."""
        return self._packed([[(number, None) for number in row] for row in self._filled(numbers)], None)

    def epoch_rows(self) -> int:
        """How many rows an epoch has, more or less."""
        return max(1, len(self._filled(self.sequences.train)))

    def _filled(self, numbers: Sequence[int]) -> list[list[int]]:
        """The numbers of the sequences of each row."""
        rows: list[list[int]] = [[]]
        filled = 0
        for number in numbers:
            length = len(self.sequences.words[number])
            if filled + length > self.config.recipe.batch.length:
                rows.append([])
                filled = 0
            rows[-1].append(number)
            filled += length
        return [row for row in rows if row]

    def state(self) -> dict[str, int]:
        """What `restore` needs to go on from here."""
        return {"drawn": self.drawn}

    def restore(self, state: dict[str, int]) -> None:
        """Go on from a saved state."""
        self.drawn = state["drawn"]

    def _row(self) -> list[tuple[int, int | None]]:
        """Numbers of the sequences of a row, each with the epoch it is drawn in."""
        row: list[tuple[int, int | None]] = []
        room = self.config.recipe.batch.length
        while True:
            epoch, place = divmod(self.drawn, len(self.sequences.train))
            if self._order[0] != epoch:
                generator = np.random.default_rng((self.config.recipe.seed, epoch))
                self._order = (epoch, generator.permutation(len(self.sequences.train)))
            number = self.sequences.train[int(self._order[1][place])]
            room -= len(self.sequences.words[number])
            if room < 0 and row:
                return row
            row.append((number, epoch))
            self.drawn += 1

    def _packed(self, rows: Sequence[Sequence[tuple[int, int | None]]], seed: int | None) -> LabelledWords:
        length = self.config.recipe.batch.length
        parts = [[self._words(number, epoch, seed) for number, epoch in row] for row in rows]
        packed = pack(parts, self.fields, length)
        heads = np.atleast_1d(self.sequences.labels[rows[0][0][0]]).shape[-1]
        labels = np.full((len(rows), length, heads), NO_LABEL, np.int64)
        for place, row in zip(labels, rows, strict=True):
            given = [np.broadcast_to(self.sequences.labels[n], (len(self.sequences.words[n]), heads)) for n, _ in row]
            place[: sum(map(len, given))] = np.concatenate(given)
        return LabelledWords(packed.words, packed.documents, torch.from_numpy(labels))

    def _words(self, number: int, epoch: int | None, seed: int | None) -> np.ndarray:
        words = self.sequences.words[number]
        if seed is None or epoch is None:
            return fit_bars(words, self.fields)
        generator = np.random.default_rng((seed, epoch, number))
        most = self.config.semitones
        words = transposed(words, self.fields, int(generator.integers(-most, most + 1)))
        return fit_bars(words, self.fields, generator)


def _identity(sequences: LabelledSequences, numbers: Sequence[int]) -> dict[str, int | str]:
    """How many sequences, and a hash of their words and labels: a run can only go on with the same ones."""
    digest = hashlib.sha256()
    for number in numbers:
        digest.update(np.ascontiguousarray(sequences.words[number], dtype=np.int32).tobytes())
        digest.update(np.ascontiguousarray(sequences.labels[number], dtype=np.int64).tobytes())
    return {"count": len(numbers), "sha256": digest.hexdigest()}


def _constants(config: LabelsConfig) -> dict[str, Any]:
    return {name: value for name, value in to_plain(config).items() if name != "recipe"}
