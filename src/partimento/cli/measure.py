"""evaluate: how good a model is, beside controls."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import tyro

from partimento.cli.messages import UsageError, failures
from partimento.cli.options import Device, Settings

SMALLEST_MOST = 300


def evaluate(
    model: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="MODEL")],
    data: Annotated[Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="DATA")] = None,
    /,
    suite: Literal["notes", "piano", "understanding", "audio", "mule"] = "notes",
    split: str = "test",
    base: str | None = None,
    embedding: str | None = None,
    tasks: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME...", help_behavior_hint="(default: all)")] = (),
    probe: Annotated[
        tuple[Literal["logistic", "paper", "knn", "mlp"], ...], tyro.conf.arg(help_behavior_hint="(default: logistic)")
    ] = ("logistic",),
    layers: Annotated[tuple[int, ...], tyro.conf.arg(metavar="N...", help_behavior_hint="(default: the last)")] = (),
    learners: Annotated[
        tuple[Literal["pretrained", "no-masks", "scratch", "frozen", "random", "bilstm"], ...],
        tyro.conf.arg(help_behavior_hint="(default: pretrained)"),
    ] = ("pretrained",),
    set: Settings = (),
    runs: Path = Path("runs-understanding"),
    jobs: int = 1,
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
    """Measure a model on held-out pieces, beside controls.

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

    --suite understanding: what an encoder learns about notes and sequences when it is fine-tuned: melody, velocity,
    pianist, emotion, chord root, local key, beat, downbeat, on published and on song-disjoint sides. Each seed, fold
    and learner is a run in RUNS, restartable; what is done is not done again. With controls, majority, skyline and
    trees stand beside it.

      partimento evaluate understanding-small --suite understanding --tasks melody+velocity:sorted

    --suite audio: what vectors of sound tell: pitch on instruments and instrument on pitches not heard in training,
    dynamic, sound class; over time beats, downbeats and drum onsets. Beside chance, statistics of the spectrum, log-mel
    frames and the network at random weights. Several models are joined by +; "none" measures the baselines alone.

      partimento evaluate none --suite audio --tasks pitch+instrument+esc10 --probe logistic mlp

    --suite mule: the fifteen sets of the MULE paper and MARBLE's tasks, for those who hold the audio: DATA has them in
    the layouts of docs/data/audio-sets.md. Sets whose folder is missing are left out unless they are named.

      partimento evaluate audio-small AUDIO --suite mule --tasks gtzan+giantsteps-key --probe mlp

    Every figure is added to RESULTS as one JSON line, and the table is printed from there:
    python -m partimento.tasks.results RESULTS.

    Args:
        model: bundled name, folder or repository.
        data: corpus (notes) or folder of unpacked sets.
        suite: what is measured.
        split: notes: the side that is measured.
        base: piano: the language model that MODEL, an embedding, was made of; by default the one that its config names.
        embedding: piano: the embedding made of MODEL, a language model; by default the bundled MODEL-embedding.
        tasks: piano, understanding, audio: the tasks to take; a name with a space is written with a hyphen, as in
            same-piece. Of understanding, tasks joined by + are learned by one network; forms and splits may follow a
            colon, as in melody+velocity:sorted or pianist:performance,MIDI-BERT.
        probe: piano, audio: logistic chooses its penalty in validation; paper is Aria's linear layer; knn nearest
            neighbours; mlp MULE's probe with a hidden layer.
        layers: piano: layers of the language model that are measured beside its last; 0 is the embedding of the tokens.
        learners: understanding: pretrained is fine-tuned whole; no-masks the same without mask fine-tuning; scratch the
            same network from random weights; frozen and random train heads alone; bilstm is MidiBERT's baseline.
        set: understanding: change single settings of the fine-tuning, for example epochs=5 hidden=0.2.
        runs: understanding: folder of the trainings.
        jobs: understanding: trainings at once, one thread each.
        seeds: piano, understanding, audio: how many.
        random_networks: piano: how many networks are drawn at random weights; the seeds take them in turn.
        most_notes: piano: of a longer piece, windows of 300 notes spread evenly over it are heard; 0 hears it whole.
        controls: piano, audio: measure chance, hand-crafted statistics and random weights too.
        cache: piano, audio: folder of the vectors; by default partimento in the user's cache.
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
    if jobs < 1:
        raise UsageError(f"--jobs {jobs}: give at least 1")
    if random_networks < 1:
        raise UsageError(f"--random-networks {random_networks}: give at least 1")
    if most_notes and most_notes < SMALLEST_MOST:
        raise UsageError(f"--most-notes {most_notes}: a window has {SMALLEST_MOST}; give that many at least, or 0")

    root = data or Path(os.environ.get("PARTIMENTO_DATA") or Path.home() / ".cache" / "partimento" / "raw")
    if suite == "understanding":
        from partimento.cli.understanding_suite import measure_understanding
        from partimento.tasks.words.suite import Plan

        print(measure_understanding(Plan(runs, results, seeds, jobs), model, root, tasks, learners, set, controls))
        return 0

    if suite in ("audio", "mule"):
        from partimento.cli.audio_suite import measure_sound
        from partimento.cli.mule_suite import measure_published_sets
        from partimento.tasks.suite import Suite

        measured = measure_sound if suite == "audio" else measure_published_sets
        probes = tuple(dict.fromkeys(probe))
        return measured(Suite(suite, results, seeds), model, root, tasks, probes, controls, cache, device)

    from partimento.cli.piano_suite import piano_models, piano_rows, piano_tasks
    from partimento.tasks.results import suite_tables
    from partimento.tasks.suite import Suite, run
    from partimento.tasks.systems import contrasts_of
    from partimento.tasks.vectors import VectorStore, default_folder

    chosen, missing = piano_tasks(root, tasks)
    both = piano_models(model, base, embedding, device)
    with VectorStore(cache or default_folder()) as store:
        heard = (store, most_notes or None, tuple(dict.fromkeys(probe)))
        rows = piano_rows(both, heard, layers, bf16, random_networks if controls else 0)
        found = run(Suite(suite, results, seeds, {"most_notes": most_notes}), chosen, rows, contrasts_of(rows))
    print(suite_tables(found))
    return failures(missing)


def _notes(model: str, data: Path | None, split: str, results: Path, bf16: bool, device: str) -> int:
    import torch

    from partimento.corpus.store import Corpus
    from partimento.piano_model import load_piano
    from partimento.tasks.language_modelling import evaluate as run
    from partimento.tasks.results import table

    if data is None:
        raise UsageError("--suite notes needs a corpus: partimento evaluate MODEL CORPUS")
    dtype = torch.bfloat16 if bf16 else torch.float32
    found = run(Corpus.open(data), load_piano(model, device), folder=results, split=split, dtype=dtype)
    print(table(found, "nats_per_note"))
    return 0
