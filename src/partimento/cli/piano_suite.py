"""What `evaluate --suite piano` measures: the tasks and models that are named, and the rows that they make."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from partimento.cli.messages import UsageError, say

if TYPE_CHECKING:
    from partimento.piano_model import PianoModel
    from partimento.tasks.measure import System
    from partimento.tasks.probe import Probe
    from partimento.tasks.task import Task
    from partimento.tasks.vectors import VectorStore


def piano_tasks(root: Path, wanted: Sequence[str]) -> tuple[list[Task], list[tuple[str, str]]]:
    """The tasks of these names, all if none is named, and what could not be had and why.

    Raises:
        UsageError: if there is no task of a name.
        FileNotFoundError: if there is none at all.
    """
    from partimento.tasks.piano import BUILDERS

    found: list[Task] = []
    missing = []
    for build in BUILDERS:
        try:
            found += build(root)
        except FileNotFoundError as error:
            missing.append((build.__name__.replace("_", " "), str(error)))
    if wanted:
        names = {name.replace("-", " ").replace("_", " ") for name in wanted}
        known = {task.name for task in found}
        missing = [(name, why) for name, why in missing if name in names]
        unknown = names - known - {name for name, _ in missing}
        if unknown:
            raise UsageError(f"--tasks {', '.join(sorted(unknown))}: there are {', '.join(sorted(known)) or 'none'}")
        found = [task for task in found if task.name in names]
    if not found:
        reasons = "; ".join(dict.fromkeys(why for _, why in missing))
        raise FileNotFoundError(f"no task can be made from {root}: {reasons}")
    return found, missing


def piano_models(
    model: str, base: str | None, embedding: str | None, device: str
) -> tuple[PianoModel | None, PianoModel | None]:
    """The language model and the embedding, one of which is MODEL.

    Raises:
        UsageError: if the other one is asked for in the wrong direction, or is not what it should be.
    """
    from partimento.checkpoint import CheckpointError
    from partimento.hub import BUNDLED
    from partimento.piano_model import load_piano

    first = load_piano(model, device)
    if first.is_embedding:
        if embedding:
            raise UsageError(f"--embedding {embedding}: {model} is one already; name its language model with --base")
        name = base or (first.config.get("base") or {}).get("name")
        try:
            second = load_piano(name, device) if name else None
        except CheckpointError as error:
            if base:
                raise
            say(f"the language model that {model} was made of is not measured ({error}); name it with --base")
            return None, first
        if second is None:
            say(f"the config of {model} names no language model that it was made of; name it with --base")
        elif second.is_embedding:
            raise UsageError(f"--base {name}: it is an embedding, not a language model")
        return second, first
    if base:
        raise UsageError(f"--base {base}: {model} is a language model; name its embedding with --embedding")
    name = embedding or f"{model}-embedding"
    if not embedding and not (BUNDLED / name).is_dir():
        say(f"no embedding made of {model} is measured: none is called {name}; name one with --embedding")
        return first, None
    second = load_piano(name, device)
    if not second.is_embedding:
        raise UsageError(f"--embedding {name}: it is a language model, not an embedding")
    return first, second


def piano_rows(
    models: tuple[PianoModel | None, PianoModel | None],
    heard: tuple[VectorStore, int | None, tuple[Probe, ...]],
    layers: Sequence[int],
    bf16: bool,
    random_networks: int,
) -> list[System]:
    """The rows of the table, in their order.

    Args:
        models: a language model and an embedding, at least one of them.
        heard: where vectors are kept, how much of a piece is heard, the probes.
        layers: of the language model that are measured beside its last.
        random_networks: how many are drawn for the controls; 0 leaves all controls out.
    """
    from partimento.tasks import systems

    language_model, contrastive = models
    either = language_model or contrastive
    assert either is not None
    rows = []
    if random_networks:
        rows += [*systems.controls(*heard), systems.at_random_weights(either, *heard, bf16, random_networks)]
    if language_model:
        rows += systems.of_language_model(language_model, *heard, layers, bf16)
    if contrastive:
        rows += [systems.of_embedding(contrastive, *heard, bf16, language_model)]
    return rows
