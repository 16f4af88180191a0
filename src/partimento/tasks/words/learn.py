"""Systems that are fine-tuned on tasks of labelled words: every seed and fold is a run, restartable, kept in a folder.

Tasks of the same words, such as melody and velocity, can be learned by one network with a head for each.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from partimento.checkpoint import read_state
from partimento.model import pick_device
from partimento.networks.encoder import EncoderConfig
from partimento.networks.labeller import Labeller, LabellerConfig, Unit
from partimento.networks.labelling import predict
from partimento.systems.musicbert import LabelsConfig
from partimento.tasks.words.bilstm import BiLstm, BiLstmConfig
from partimento.tasks.words.task import WordsTask
from partimento.training.distributed import World
from partimento.training.labels import LabelledBatches, LabelledSequences, finetune_labels, in_steps


@dataclass(frozen=True)
class Learner:
    """A system that learns tasks.

    Args:
        name: of the row in a table; the folders of its runs have it too.
        encoder: sizes of the trunk.
        config: how it learns.
        base: folder or weights file of the checkpoint whose encoder it begins from; None draws the weights by the seed.
        checkpoint: hash of that, "" without.
        frozen: whether the encoder stays as it is, so that the heads alone are trained.
        bilstm: whether a recurrent encoder takes the place of the transformer.
    """

    name: str
    encoder: EncoderConfig
    config: LabelsConfig
    base: Path | None = None
    checkpoint: str = ""
    frozen: bool = False
    bilstm: bool = False

    def network(self, sizes: LabellerConfig) -> Labeller:
        """A labeller with its first weights, drawn from torch's random state where there is no base."""
        if self.bilstm:
            trunk = BiLstm(BiLstmConfig(self.encoder.fields))
            network = Labeller(sizes, trunk, trunk.width)
        else:
            network = Labeller(sizes)
        trunk_state = None
        if self.base is not None:
            state = read_state(self.base)
            trunk_state = {name: state[name] for name in network.encoder.state_dict()}
        network.initialise(trunk_state)
        if self.frozen:
            network.encoder.requires_grad_(False)
        return network


@dataclass(frozen=True)
class Job:
    """One run: which fold of which tasks (all of the same words), with which seed."""

    fold: int
    seed: int


@dataclass(frozen=True, eq=False)
class Predicted:
    """Log-probabilities of the classes of the test side, of each task: by the order of the fold's test side."""

    tests: tuple[tuple[np.ndarray, ...], ...]


def learn(tasks: Sequence[WordsTask], learner: Learner, job: Job, folder: Path) -> Predicted:
    """Fine-tune on one fold with one seed, or go on with it, and predict the test side; what is done is read back.

    Args:
        folder: of all runs of these tasks and this learner.

    Raises:
        ValueError: if the tasks have not the same words and folds.
    """
    first = tasks[0]
    fold = first.folds[job.fold]
    for task in tasks[1:]:
        same = all(map(np.array_equal, task.words, first.words)) and len(task.words) == len(first.words)
        other = task.folds[job.fold]
        same &= all(np.array_equal(getattr(other, side), getattr(fold, side)) for side in ("train", "valid", "test"))
        if not same or task.unit != first.unit:
            raise ValueError(f"{task} and {first} have not the same words and folds; learn each on its own")
    place = folder / f"fold-{job.fold}-seed-{job.seed}"
    kept = place.with_suffix(".npz")
    if not kept.exists():
        labels = [np.stack(each, axis=-1) for each in zip(*(task.labels for task in tasks), strict=True)]
        sequences = LabelledSequences(first.words, labels, fold.train.tolist(), fold.valid.tolist())
        classes = tuple(len(task.classes) for task in tasks)
        network = trained(learner, sequences, first.unit, classes, job.seed, place, first.data, first.tier)
        _write(kept, predict(network, [first.words[i] for i in fold.test]))
    return _read(kept, first.unit, [len(first.words[i]) for i in fold.test])


def trained(
    learner: Learner,
    sequences: LabelledSequences,
    unit: Unit,
    classes: tuple[int, ...],
    seed: int,
    folder: Path,
    data: str,
    licence: str = "unknown",
    heads: Sequence[Mapping[str, Any]] = (),
    name: str = "",
) -> Labeller:
    """The labeller of the lowest validation loss of a run, which is made, gone on with or, where it is done, read.

    Args:
        classes: of each head.
        folder: of the run.
        data, licence: for the checkpoints.
        heads: what each tells, for the checkpoints: {"name": ..., "classes": [...]}.
        name: of the model; by default the learner's.

    Raises:
        InterruptedError: if the run was asked to stop.
    """
    config = replace(learner.config, recipe=replace(learner.config.recipe, seed=seed))
    dropped = replace(learner.encoder.transformer, dropout=config.trunk_dropout)
    torch.manual_seed(seed)
    trunk = replace(learner.encoder, transformer=dropped)
    network = learner.network(LabellerConfig(trunk, unit, classes, dropout=config.dropout))
    about: dict[str, Any] = {"name": name or learner.name, "data": data, "licence": licence}
    if learner.checkpoint:
        about["base"] = {"name": learner.name, "hash": learner.checkpoint}
    if heads:
        about["heads"] = list(heads)
    world = World(0, 1, pick_device())
    state = finetune_labels(network, config, sequences, folder, world, about)
    steps = in_steps(config, LabelledBatches(sequences, learner.encoder.fields, config).epoch_rows()).schedule.steps
    if state.step < steps:
        raise InterruptedError(f"{folder} was stopped after step {state.step:,}; the same command goes on from there")
    network.load_state_dict(read_state(folder / "checkpoints" / "best", device=world.device))
    return network.eval()


def learn_all(
    tasks: Sequence[WordsTask], learner: Learner, seeds: int, folder: Path, jobs: int = 1
) -> list[list[Predicted]]:
    """The predictions of every seed, of every fold; runs that are there are read, others made, `jobs` at a time.

    Args:
        jobs: processes, of one thread each.
    """
    wanted = [Job(fold, seed) for seed in range(seeds) for fold in range(len(tasks[0].folds))]
    if jobs > 1:
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # read by the processes that are started
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
            running = [pool.submit(learn, tasks, learner, job, folder) for job in wanted]
            for done in tqdm(as_completed(running), total=len(wanted), unit="run", desc=learner.name):
                done.result()
    found = {job: learn(tasks, learner, job, folder) for job in wanted}
    return [[found[Job(fold, seed)] for fold in range(len(tasks[0].folds))] for seed in range(seeds)]


def _write(path: Path, predicted: Sequence[Sequence[np.ndarray]]) -> None:
    """Log-probabilities of sequences, those of a head in one array, as float16: the file is whole or not there."""
    heads = [np.concatenate([np.atleast_2d(part) for part in each]) for each in zip(*predicted, strict=True)]
    part = path.with_suffix(".part.npz")
    np.savez_compressed(part, *[head.astype(np.float16) for head in heads])
    part.replace(path)


def _read(path: Path, unit: str, lengths: Sequence[int]) -> Predicted:
    with np.load(path) as file:
        heads = [file[name].astype(np.float32) for name in file.files]
    if unit == "sequence":
        return Predicted(tuple(tuple(head) for head in heads))
    edges = np.cumsum(lengths)[:-1]
    return Predicted(tuple(tuple(np.split(head, edges)) for head in heads))
