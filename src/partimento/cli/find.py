"""embed, search: a vector for every file of MIDI or sound, and what is near."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro

from partimento.cli.messages import UsageError, failures, say, some_files
from partimento.cli.options import (
    DEFAULT_EMBEDDING,
    DEFAULT_SOUND,
    Device,
    Files,
    Jobs,
    LabelFrom,
    ModelForFiles,
    Output,
    label_levels,
    processes,
)


def embed(
    files: Files,
    /,
    output: Output,
    labels: Path | None = None,
    key: str = "path",
    label_from: LabelFrom = (),
    model: ModelForFiles = None,
    compatible: bool = False,
    int8: bool = False,
    device: Device = "auto",
    jobs: Jobs = None,
) -> int:
    """Write a vector for every file, for `search`.

    Files that the index has already are skipped, a changed file is embedded anew. Memory stays the same for any number
    of files; stopped and started again, it goes on.

    Args:
        files: MIDI or sound files, and folders, walked.
        output: folder of the index (a LanceDB table).
        labels: CSV whose columns become labels of the pieces, shown by `search`.
        key: the CSV's column of paths (relative to the folder) or file names.
        label_from: labels from folder names: composer=1 takes the first folder level.
        model: what embeds; by default piano-small-embedding for MIDI and audio-small for sound.
        compatible: embed as the original Aria program does: every window of 300 notes weighs the same, however short
            the last one is, and vectors keep their length. Such vectors have an index of their own.
        int8: weights in 8 bits, on the CPU: faster, and the vectors are nearly the same.
        device: where it computes.
        jobs: processes that read files; one a core by default.
    """
    from tqdm import tqdm

    from partimento.corpus.files import find_files
    from partimento.corpus.labels import from_folders, join_table, read_table
    from partimento.model import load
    from partimento.search.embedding import embed_files
    from partimento.search.index import Index

    jobs = processes(jobs)
    loaded = load(model or embedding_for(some_files(files)), device, int8=int8)
    found = find_files(some_files(files), loaded.suffixes)
    levels = label_levels(label_from)
    joined = join_table([source.path for source in found], read_table(labels, key) if labels else {}).labels
    labels_of = {source.location: joined[source.path] | from_folders(source.inner, levels) for source in found}
    embedder = _embedder(loaded, compatible)
    index = Index.create_or_open(output, embedder.hash, embedder.embed_dim)
    with tqdm(total=len(found), unit="file", desc="embed", dynamic_ncols=True) as bar:
        done = embed_files(
            embedder,
            list(labels_of),
            index,
            jobs=jobs,
            labels=lambda path: labels_of.get(path, {}),
            progress=bar.update,
        )
    if index.build_ann():
        say("built the index of nearest neighbours")
    print(f"{output}: {len(index):,} pieces ({done.added:,} new, {done.skipped:,} were there)")
    return failures(done.failures)


def search(
    index: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="INDEX")],
    query: Annotated[Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="[QUERY]")] = None,
    /,
    k: Annotated[int, tyro.conf.arg(aliases=["-k"])] = 10,
    duplicates: bool = False,
    threshold: float = 0.99,
    model: ModelForFiles = None,
    device: Device = "auto",
    json: bool = False,
) -> int:
    """List the pieces nearest to a file, or duplicates.

    With --duplicates it lists the pairs that are nearly the same.

    Args:
        index: folder that `embed` wrote.
        query: MIDI or sound file.
        k: how many pieces.
        duplicates: list pairs instead, most alike first.
        threshold: cosine similarity from which a pair is listed.
        model: the one the index was made with; by default the one that `embed` takes for such a file.
        device: where it computes.
        json: one JSON line a result.
    """
    import json as json_module

    from partimento.search.index import Index

    table = Index.open(index)
    if duplicates:
        from partimento.search.duplicates import duplicates as pairs

        for pair in sorted(pairs(table, threshold), key=lambda pair: -pair.score):
            if json:
                print(json_module.dumps({"first": pair.first, "second": pair.second, "score": round(pair.score, 6)}))
            else:
                print(f"{pair.score:.4f}  {pair.first}  {pair.second}{'  (same bytes)' if pair.same_bytes else ''}")
        return 0
    if query is None:
        raise UsageError("name a file to search for, or --duplicates")
    from partimento.model import load
    from partimento.search.embedding import embedder_of

    embedder = embedder_of(load(model or embedding_for([query]), device), table)
    for hit in table.search(embedder.embed(query), k):
        if json:
            print(json_module.dumps({"path": hit.path, "score": round(hit.score, 6), "labels": hit.labels}))
        else:
            print(f"{hit.score:.4f}  {hit.path}  {' '.join(f'{k}={v}' for k, v in hit.labels.items())}".rstrip())
    return 0


def embedding_for(sources: Sequence[Path]) -> str:
    """The default model for files: of sound if there are no others.

    Raises:
        UsageError: if both MIDI and sound files are there.
    """
    from partimento.audio import SUFFIXES as SOUND
    from partimento.corpus.files import SUFFIXES as MIDI
    from partimento.corpus.files import walk_all

    endings = {Path(location).suffix.lower() for _, _, location in walk_all(sources, MIDI + SOUND)}
    midi, sound = endings.intersection(MIDI), endings.intersection(SOUND)
    if midi and sound:
        raise UsageError(
            f"there are both MIDI and sound files; --model {DEFAULT_EMBEDDING} takes the ones, --model {DEFAULT_SOUND} "
            "the others"
        )
    return DEFAULT_SOUND if sound else DEFAULT_EMBEDDING


def _embedder(model: Any, compatible: bool) -> Any:
    """What embeds: the model, or the model as Aria's program has it.

    Raises:
        UsageError: if that is asked for of a model that reads sound.
    """
    from partimento.audio_model import AudioModel
    from partimento.search.embedding import Compatible

    if compatible and isinstance(model, AudioModel):
        raise UsageError(f"--compatible is for models of piano; {model.name} reads sound")
    return Compatible(model) if compatible else model
