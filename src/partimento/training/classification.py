"""Fine-tuning a language model or an embedding as a classifier of pieces (Bradshaw et al. 2025, section 4)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from partimento.configuration import to_plain
from partimento.networks.decoder import Decoder
from partimento.networks.lora import add_adapters, merged, trained_parameters
from partimento.notes import Notes
from partimento.objectives.classification import LabelledSlices, classification, collate
from partimento.piano_model import PianoModel
from partimento.systems.aria import ClassesConfig
from partimento.tokens.performance import PerformanceTokenizer
from partimento.tokens.slices import slice_ids, windows
from partimento.training.distributed import World
from partimento.training.head import fit_head
from partimento.training.loop import Run, State, train
from partimento.training.pretrain import AUGMENTATION
from partimento.training.saving import save_network

END_STD = 0.02


@dataclass(frozen=True, eq=False)
class LabelledPieces:
    """What a classifier learns from.

    Args:
        label: what the classes are of, such as "composer".
        classes: their names.
        labels: (N,) int64, class of each piece, or -1.
        train, valid: numbers of the pieces that are learned from and of those that choose the checkpoint.
        notes_of: the piano notes of a piece; not empty.
        identity: N texts that say which pieces they are, such as a hash of the content.
    """

    label: str
    classes: tuple[str, ...]
    labels: np.ndarray
    train: Sequence[int]
    valid: Sequence[int]
    notes_of: Callable[[int], Notes]
    identity: Sequence[str]

    def __post_init__(self) -> None:
        known = set(self.labels[list(self.train)].tolist())
        if len(known) < 2:
            raise ValueError(f"the {len(self.train)} pieces to train on have {len(known)} classes of {self.label!r}")
        if not len(self.valid):
            raise ValueError(f"no piece with a class of {self.label!r} is left to choose the checkpoint on")


def finetune_classes(
    base: PianoModel,
    config: ClassesConfig,
    pieces: LabelledPieces,
    folder: Path,
    world: World,
    about: Mapping[str, Any],
) -> State:
    """Train a classifier from a trained model, or go on with an interrupted run.

    checkpoints/best is that of the lowest validation loss, of whole pieces; adapters are merged into its weights.

    Args:
        base: the language model or embedding that it begins from; its own head is put away.
        folder: of the run; made if it is not there.
        about: goes into every checkpoint's config.json: name, data, licence, preset.

    Returns:
        the state after the last step; its `step` is below `schedule.steps` if the run was asked to stop.

    Raises:
        ValueError: if slices are longer than the base's context, or the folder holds something else or another run.
    """
    recipe, tokenizer = config.recipe, base.tokenizer
    if recipe.batch.length > base.context:
        raise ValueError(f"batch.length {recipe.batch.length} is over the {base.context} positions of {base.name}")
    torch.manual_seed(recipe.seed)
    network = classifier_of(base, config, len(pieces.classes))
    batches = SliceBatches(pieces, tokenizer, config)
    if config.probe_slices and not (folder / "state").exists():
        probed = batches.rows(config.probe_slices)
        with half_precision(world.device, recipe.bf16):
            fit_head(network.to(world.device), probed.to(world.device), len(pieces.train))
        batches.restore({"drawn": 0})
    about = {
        **about,
        "label": pieces.label,
        "classes": list(pieces.classes),
        "base": {"name": base.title, "hash": base.hash},
        "trained_parameters": trained_parameters(network),
        "objective": {"kind": "classes", **_constants(config)},
    }

    def save(trained: nn.Module, place: Path, facts: dict[str, Any]) -> None:
        assert isinstance(trained, Decoder)
        save_network(trained.config, recipe, about, merged(trained), place, facts)

    sides = {"train": pieces.train, "valid": pieces.valid}
    run = Run(
        network=network,
        objective=classification,
        batches=batches,
        validation=validation_slices(pieces, tokenizer, config),
        recipe=recipe,
        folder=folder,
        config={
            "system": "aria",
            **about,
            "network": to_plain(network.config),
            "recipe": to_plain(recipe),
            "pieces": {side: _identity(pieces, numbers) for side, numbers in sides.items()},
        },
        save=save,
    )
    return train(run, world)


def half_precision(device: torch.device, wanted: bool) -> torch.autocast:
    """Matrix products in bfloat16, as the training takes them, where the device can."""
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted and device.type in ("cpu", "cuda"))


def classifier_of(base: PianoModel, config: ClassesConfig, classes: int) -> Decoder:
    """A copy of a model's network with a new head that gives logits of classes, with adapters if there shall be some.

    The embedding of <E> is drawn anew for a language model, which never had to read anything from it.
    """
    sizes = replace(
        base.network.config,
        transformer=replace(base.network.config.transformer, dropout=config.dropout),
        head="classes",
        outputs=classes,
        condition=None,
        pool=config.pool or base.network.config.pool,
    )
    network = Decoder(sizes)
    network.initialise()
    state = base.network.state_dict()
    kept = {name: value.float() for name, value in state.items() if not name.startswith(("head.", "adapter."))}
    network.load_state_dict(kept, strict=False)
    end = base.tokenizer.vocabulary.end
    if base.network.config.head == "next_token":
        nn.init.normal_(network.embedding.weight.data[end], std=END_STD)
    if config.lora:
        add_adapters(network, config.lora, config.lora_alpha, end)
    return network


class SliceBatches:
    """The endless stream: every epoch one new slice of each piece, the pieces in a new order."""

    def __init__(self, pieces: LabelledPieces, tokenizer: PerformanceTokenizer, config: ClassesConfig) -> None:
        self.pieces, self.tokenizer, self.config = pieces, tokenizer, config
        self.drawn = 0

    def rows(self, count: int) -> LabelledSlices:
        """The next `count` slices."""
        numbers, seed, found = self.pieces.train, self.config.recipe.seed, []
        for number in range(self.drawn, self.drawn + count):
            epoch, place = divmod(number, len(numbers))
            which = int(np.random.default_rng((seed, epoch)).permutation(len(numbers))[place])
            found.append((numbers[which], self._slice(numbers[which], np.random.default_rng((seed, epoch, which)))))
        self.drawn += count
        return collate([[ids] for _, ids in found], self.pieces.labels[[piece for piece, _ in found]])

    def _slice(self, piece: int, generator: np.random.Generator) -> np.ndarray:
        notes, batch = self.pieces.notes_of(piece), self.config.recipe.batch
        length = int(generator.integers(self.config.notes[0], self.config.notes[1] + 1))
        start = int(generator.integers(0, max(0, len(notes) - length) + 1))
        ids = slice_ids(self.tokenizer, notes, start, start + length, batch.length)
        if generator.random() < batch.augment:
            ids = AUGMENTATION.ids(ids, generator, self.tokenizer.vocabulary)
        return ids if len(ids) <= batch.length else np.append(ids[: batch.length - 1], ids[-1])

    def state(self) -> dict[str, int]:
        """What `restore` needs to go on from here."""
        return {"drawn": self.drawn}

    def restore(self, state: dict[str, int]) -> None:
        """Go on from a saved state."""
        self.drawn = state["drawn"]


def validation_slices(pieces: LabelledPieces, tokenizer: PerformanceTokenizer, config: ClassesConfig) -> LabelledSlices:
    """The windows of up to `watch.validate_rows` pieces of the validation side, the same for every run."""
    most = config.recipe.watch.validate_rows or len(pieces.valid)
    chosen = [pieces.valid[i] for i in _spread(len(pieces.valid), most)]
    cuts = [[ids for ids, _ in windows(tokenizer, pieces.notes_of(i), config.recipe.batch.length)] for i in chosen]
    cuts = [[cut[i] for i in _spread(len(cut), config.windows or len(cut))] for cut in cuts]
    return collate(cuts, pieces.labels[chosen])


def _spread(count: int, most: int) -> list[int]:
    """At most so many of the first `count` whole numbers, from the first to the last."""
    return np.linspace(0, count - 1, min(most, count)).astype(int).tolist()


def _identity(pieces: LabelledPieces, numbers: Sequence[int]) -> dict[str, int | str]:
    """How many pieces, and a hash of which they are and of their classes."""
    text = "\n".join(f"{pieces.identity[i]} {pieces.labels[i]}" for i in numbers)
    return {"count": len(numbers), "sha256": hashlib.sha256(text.encode()).hexdigest()}


def _constants(config: ClassesConfig) -> dict[str, Any]:
    return {name: value for name, value in to_plain(config).items() if name != "recipe"}
