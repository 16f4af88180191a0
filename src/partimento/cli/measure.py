"""evaluate: how good a model is, beside controls."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from partimento.cli.messages import UsageError, failures, say
from partimento.cli.options import Device

if TYPE_CHECKING:
    from partimento.model import Model
    from partimento.tasks.task import Task

SMALLEST_MOST = 300


def evaluate(
    model: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="MODEL")],
    data: Annotated[Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="DATA")] = None,
    /,
    suite: Literal["notes", "piano"] = "notes",
    split: str = "test",
    base: str | None = None,
    embedding: str | None = None,
    tasks: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME...", help_behavior_hint="(default: all)")] = (),
    probe: Annotated[
        tuple[Literal["logistic", "paper", "knn"], ...], tyro.conf.arg(help_behavior_hint="(default: logistic)")
    ] = ("logistic",),
    layers: Annotated[tuple[int, ...], tyro.conf.arg(metavar="N...", help_behavior_hint="(default: the last)")] = (),
    seeds: int = 5,
    random_networks: int = 5,
    most_notes: int = 1200,
    controls: bool = True,
    cache: Path | None = None,
    results: Path = Path("results"),
    bf16: bool = False,
    threads: int | None = None,
    device: Device = "auto",
) -> int:
    """Measure a model on pieces it has not heard, beside controls.

    --suite notes: how well a language model foretells held-out pieces, in nats a note, beside uniform, unigram and
    3-gram models of the same tokens. DATA is a folder that `ingest` made, with a label "split" and a label "set"; the
    n-grams learn from its training side.

    --suite piano: what vectors of whole pieces tell: pianist, emotion, composer, period, form, difficulty, the same
    piece by another performer, duplicates. In one run: chance, hand-crafted statistics, the network at random weights,
    the language model (mean pool and last token) and the contrastive embedding, each with a linear probe, five seeds
    and 95 % intervals over seeds and songs. DATA is the folder of the unpacked sets, by default $PARTIMENTO_DATA or
    ~/.cache/partimento/raw; a set that is missing costs its tasks alone. Vectors are kept, so that a run that was
    stopped goes on.

      partimento evaluate piano-small --suite piano
      partimento evaluate piano-small --suite piano --tasks pianist emotion --probe logistic knn
      partimento evaluate run/checkpoints/best --base piano-small --suite piano --no-controls

    Every figure is added to RESULTS as one JSON line, and the table is printed from there:
    python -m partimento.tasks.results RESULTS.

    Args:
        model: bundled name, folder or repository.
        data: corpus (notes) or folder of unpacked sets (piano).
        suite: what is measured.
        split: notes: the side that is measured.
        base: piano: the language model that MODEL, an embedding, was made of; by default the one that its config names.
        embedding: piano: the embedding made of MODEL, a language model; by default the bundled MODEL-embedding.
        tasks: piano: the tasks to take; a name with a space is written with a hyphen, as in same-piece.
        probe: piano: logistic chooses its penalty in validation; paper is Aria's linear layer; knn nearest neighbours.
        layers: piano: layers of the language model that are measured beside its last; 0 is the embedding of the tokens.
        seeds: piano: how many.
        random_networks: piano: how many networks are drawn at random weights; the seeds take them in turn.
        most_notes: piano: of a longer piece, windows of 300 notes spread evenly over it are heard; 0 hears it whole.
        controls: piano: measure chance, hand-crafted statistics and random weights too.
        cache: piano: folder of the vectors; by default partimento in the user's cache.
        results: folder of the results.
        bf16: compute in bfloat16: twice as fast on most CPUs, and less exact.
        threads: CPU threads.
        device: where it computes.
    """
    import torch

    if threads:
        torch.set_num_threads(threads)
    if suite == "notes":
        return _notes(model, data, split, results, bf16, device)
    if seeds < 1:
        raise UsageError(f"--seeds {seeds}: give at least 1")
    if random_networks < 1:
        raise UsageError(f"--random-networks {random_networks}: give at least 1")
    if most_notes and most_notes < SMALLEST_MOST:
        raise UsageError(f"--most-notes {most_notes}: a window has {SMALLEST_MOST}; give that many at least, or 0")

    from partimento.tasks import systems
    from partimento.tasks.results import suite_tables
    from partimento.tasks.suite import Suite, run
    from partimento.tasks.vectors import VectorStore, default_folder

    root = data or Path(os.environ.get("PARTIMENTO_DATA") or Path.home() / ".cache" / "partimento" / "raw")
    chosen, missing = _piano_tasks(root, tasks)
    language_model, contrastive = _both(model, base, embedding, device)
    either = language_model or contrastive
    assert either is not None
    probes = tuple(dict.fromkeys(probe))
    with VectorStore(cache or default_folder()) as store:
        common = (store, most_notes or None, probes)
        rows = []
        if controls:
            rows += [*systems.controls(*common), systems.at_random_weights(either, *common, bf16, random_networks)]
        if language_model:
            rows += systems.of_language_model(language_model, *common, layers, bf16)
        if contrastive:
            rows += [systems.of_embedding(contrastive, *common, bf16, language_model)]
        names = {row.name for row in rows}
        contrasts = [pair for pair in systems.CONTRASTS if names.issuperset(pair)]
        found = run(Suite(suite, results, seeds, {"most_notes": most_notes}), chosen, rows, contrasts)
    print(suite_tables(found))
    return failures(missing)


def _notes(model: str, data: Path | None, split: str, results: Path, bf16: bool, device: str) -> int:
    import torch

    from partimento.corpus.store import Corpus
    from partimento.model import load
    from partimento.tasks.language_modelling import evaluate as run
    from partimento.tasks.results import table

    if data is None:
        raise UsageError("--suite notes needs a corpus: partimento evaluate MODEL CORPUS")
    dtype = torch.bfloat16 if bf16 else torch.float32
    found = run(Corpus.open(data), load(model, device), folder=results, split=split, dtype=dtype)
    print(table(found, "nats_per_note"))
    return 0


def _piano_tasks(root: Path, wanted: Sequence[str]) -> tuple[list[Task], list[tuple[str, str]]]:
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


def _both(model: str, base: str | None, embedding: str | None, device: str) -> tuple[Model | None, Model | None]:
    """The language model and the embedding, one of which is MODEL.

    Raises:
        UsageError: if the other one is asked for in the wrong direction, or is not what it should be.
    """
    from partimento.checkpoint import CheckpointError
    from partimento.hub import BUNDLED
    from partimento.model import load

    first = load(model, device)
    if first.is_embedding:
        if embedding:
            raise UsageError(f"--embedding {embedding}: {model} is one already; name its language model with --base")
        name = base or (first.config.get("base") or {}).get("name")
        try:
            second = load(name, device) if name else None
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
    second = load(name, device)
    if not second.is_embedding:
        raise UsageError(f"--embedding {name}: it is a language model, not an embedding")
    return first, second
