"""ingest, tokens: what goes in and what the models see of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import tyro

from partimento.cli.messages import UsageError, failures, midi_files, some_files
from partimento.cli.options import Files, Jobs, LabelFrom, Output, label_levels, processes


def ingest(
    sources: Files,
    /,
    output: Output,
    labels: Path | None = None,
    key: str = "path",
    only_labelled: bool = False,
    label_from: LabelFrom = (),
    max_notes: int = 500_000,
    max_silence: float = 3600.0,
    kind: Annotated[Literal["midi", "audio"] | None, tyro.conf.arg(metavar="midi|audio")] = None,
    check: bool = False,
    jobs: Jobs = None,
    overwrite: bool = False,
) -> int:
    """Make a corpus of a folder of MIDI or sound files.

    A corpus is Arrow shards of notes, which every model here trains on and embeds; of sound it is a table of the
    files, which stay where they are. Whatever cannot be read is listed with its reason in rejected.jsonl and never
    stops the run. Stopped at any moment and started again, it goes on. Files with equal bytes are taken once.

    Args:
        sources: folders, walked, and single files.
        output: folder of the corpus.
        labels: CSV whose columns become labels of the pieces.
        key: the CSV's column of paths (relative to the source) or file names.
        only_labelled: take only the files that the CSV names.
        label_from: labels from folder names: composer=1 takes the first folder level under the source.
        max_notes: reject MIDI files with more notes.
        max_silence: reject MIDI files with a longer silence, in seconds.
        kind: which files to take; needed where a folder holds both kinds.
        check: of sound, decode every file once: broken ones are rejected and silence is measured. Without it only
            headers are read.
        jobs: processes; one a core by default.
        overwrite: replace a corpus of other files or settings.
    """
    from partimento.corpus.ingest import Limits
    from partimento.corpus.ingest import ingest as run

    if only_labelled and labels is None:
        raise UsageError("--only-labelled needs --labels, the CSV that names the files")
    report = run(
        some_files(sources),
        output,
        labels_csv=labels,
        key=key,
        only_labelled=only_labelled,
        label_from=label_levels(label_from),
        jobs=processes(jobs),
        limits=Limits(max_notes=max_notes, max_silence_s=max_silence),
        overwrite=overwrite,
        kind=kind,
        check=check,
    )
    print(report.summary())
    return 1 if report.rejected else 0


def tokens(
    files: Files,
    /,
    as_: Annotated[Literal["aria", "octuple", "compound"], tyro.conf.arg(name="as")] = "aria",
    vocabulary: int = 17_727,
    json: bool = False,
) -> int:
    """Show what a model sees of a file: its tokens.

    In words or, with --json, as one JSON line a file.

    Args:
        files: MIDI files, and folders, walked.
        as_: whose tokens: Aria's; MusicBERT's OctupleMIDI; the compound words of MidiBERT-Piano.
        vocabulary: Aria's variant: 17727 (every instrument), 17729 (with pedal tokens) or 2675 (piano alone).
        json: {"path": as given, "prefix": [...], "ids": [from <S> to <E>]}, or {"path": as given, "octuple": [[bar,
            position, instrument, pitch, duration, velocity, time signature, tempo], ...]}, or {"path": as given,
            "compound": [[bar, position, pitch, duration], ...]}.
    """
    import json as json_module

    from partimento.tokens.show import as_text, tokens_of_files

    failed: list[tuple[str, str]] = []
    for one in tokens_of_files(midi_files(files), as_, vocabulary):
        if "error" in one:
            failed.append((one["path"], one["error"]))
        else:
            print(json_module.dumps(one) if json else as_text(one, vocabulary))
    return failures(failed)
