"""embed, search: a vector for every file, and what is near."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from partimento.cli.messages import failures, midi_files, say
from partimento.cli.options import DEFAULT_MODEL, Device, Files, Jobs, Model, Output


def embed(
    files: Files, /, output: Output, model: Model = DEFAULT_MODEL, device: Device = "auto", jobs: Jobs = None
) -> int:
    """Write a vector for every file into an index that `search` reads; files that it has already are skipped.

    Memory stays the same for any number of files; stopped and started again, it goes on. A changed file is embedded
    anew.

    Args:
        files: MIDI files, and folders, walked.
        output: folder of the index (a LanceDB table).
        model: what embeds.
        device: where it computes.
        jobs: processes that read files; one a core by default.
    """
    from tqdm import tqdm

    from partimento.model import load
    from partimento.search.embedding import embed_files
    from partimento.search.index import Index

    paths = midi_files(files)
    embedder = load(model, device)
    index = Index.create_or_open(output, embedder.hash, embedder.embed_dim)
    with tqdm(total=len(paths), unit="file", desc="embed", dynamic_ncols=True) as bar:
        done = embed_files(embedder, paths, index, jobs=jobs, progress=bar.update)
    if index.build_ann():
        say("built the index of nearest neighbours")
    print(f"{output}: {len(index):,} pieces ({done.added:,} new, {done.skipped:,} were there)")
    return failures(done.failures)


def search(
    index: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="INDEX")],
    query: Annotated[Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="[QUERY.mid]")] = None,
    /,
    k: Annotated[int, tyro.conf.arg(aliases=["-k"])] = 10,
    duplicates: bool = False,
    threshold: float = 0.99,
    model: Model = DEFAULT_MODEL,
    device: Device = "auto",
    json: bool = False,
) -> int:
    """The pieces of an index nearest to a file, or, with --duplicates, the pairs that are nearly the same.

    Args:
        index: folder that `embed` wrote.
        query: MIDI file.
        k: how many pieces.
        duplicates: list pairs instead, most alike first.
        threshold: cosine similarity from which a pair is listed.
        model: the one the index was made with.
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
        raise ValueError("name a MIDI file to search for, or --duplicates")
    from partimento.model import load

    embedder = load(model, device)
    table.check(embedder.hash, embedder.embed_dim)
    for hit in table.search(embedder.embed(query), k):
        if json:
            print(json_module.dumps({"path": hit.path, "score": round(hit.score, 6), "labels": hit.labels}))
        else:
            print(f"{hit.score:.4f}  {hit.path}")
    return 0
