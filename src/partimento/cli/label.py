"""label: what a classifier takes a file for."""

from __future__ import annotations

from typing import Annotated

import tyro

from partimento.cli.messages import failures, midi_files
from partimento.cli.options import Device, Files


def label(
    files: Files,
    /,
    model: Annotated[str, tyro.conf.arg(aliases=["-m"], metavar="NAME|FOLDER|ORG/REPO")],
    device: Device = "auto",
    json: bool = False,
) -> int:
    """Say which class a classifier takes each file for.

    One line a file: the probability of the likeliest class, the class, the file. A classifier comes of `partimento
    finetune --objective classes`.

    Args:
        files: MIDI files, and folders, walked.
        model: the classifier.
        device: where it computes.
        json: one JSON line a file, with the probabilities of all classes.
    """
    import json as json_module

    from partimento.corpus.worker import explain
    from partimento.midi import MidiError, read_midi
    from partimento.piano_model import load_piano
    from partimento.tasks.classify import class_names, class_probabilities

    paths = midi_files(files)
    classifier = load_piano(model, device)
    names = class_names(classifier)
    failed: list[tuple[str, str]] = []
    for path in paths:
        try:
            found = class_probabilities(classifier, [read_midi(path)])[0]
        except (MidiError, OSError) as error:
            failed.append((str(path), explain(error)))
            continue
        best = int(found.argmax())
        if json:
            all_of_them = {name: round(float(p), 6) for name, p in zip(names, found, strict=True)}
            row = {"path": str(path), "class": names[best], "probability": round(float(found[best]), 6)}
            print(json_module.dumps(row | {"probabilities": all_of_them}, ensure_ascii=False))
        else:
            print(f"{found[best]:.4f}  {names[best]}  {path}")
    return failures(failed)
