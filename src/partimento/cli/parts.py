"""melody, accompany-search: parts of a piece, and parts that go with one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from partimento.cli.messages import UsageError, failures, make_room, midi_files, os_error, say
from partimento.cli.options import Device, Files, Output

if TYPE_CHECKING:
    from partimento.notes import Notes
    from partimento.tasks.pairs.ranking import Scorer

DEFAULT_PARTS = "understanding-small-melody"
LEAD = ("melody", "bridge")


def melody(
    files: Files,
    /,
    output: Output,
    keep: Literal["all", "melody", "bridge", "lead", "accompaniment"] = "all",
    model: Annotated[str, tyro.conf.arg(aliases=["-m"], metavar="NAME|FOLDER|ORG/REPO")] = DEFAULT_PARTS,
    overwrite: bool = False,
    device: Device = "auto",
    json: bool = False,
) -> int:
    """Split MIDI into melody, bridge and accompaniment.

    Every note keeps its time, its velocity and its instrument; only the tracks are new, one for each instrument of each
    part. Drums stay in a track of their own. The parts are those of pop songs: the lead that is sung, a second line
    that answers or doubles it, and what accompanies them.

      partimento melody SONG.mid -o PARTS.mid
      partimento melody SONG.mid -o LEAD.mid --keep melody
      partimento melody FOLDER -o FOLDER_OF_PARTS

    Args:
        files: MIDI files, and folders, walked.
        output: the file to write; a folder where there are several files, which keeps their names.
        keep: write one part alone; lead is melody and bridge, which in music without a singer are one line.
        model: what labels the notes.
        overwrite: replace files that are there.
        device: where it computes.
        json: one JSON line a file: notes, lowest and highest pitch of each part.
    """
    import numpy as np
    from tqdm import tqdm

    from partimento.analysis.parts import PARTS, in_tracks, part_of_notes
    from partimento.corpus.worker import explain
    from partimento.midi import MidiError, read_midi, write_midi
    from partimento.notes_model import load_notes

    paths = list(dict.fromkeys(midi_files(files)))
    places = _places(paths, files, output)
    labeller = load_notes(model, device)
    failed: list[tuple[str, str]] = []
    for path, place in tqdm(
        list(zip(paths, places, strict=True)), unit="file", disable=None if len(paths) > 1 else True
    ):
        try:
            make_room(place, overwrite)
        except OSError as error:
            failed.append((str(path), os_error(error)))
            continue
        try:
            notes = read_midi(path)
            part = part_of_notes(labeller, notes)
        except (MidiError, OSError) as error:
            failed.append((str(path), explain(error)))
            continue
        split = in_tracks(notes, part)
        if keep != "all":
            mine = np.isin(part, [PARTS.index(name) for name in (LEAD if keep == "lead" else (keep,))])
            if not mine.any():
                failed.append((str(path), f"none of its {len(notes):,} notes is taken for {keep}"))
                continue
            split = in_tracks(notes.select(mine), part[mine])
        write_midi(split, place)
        _tell(path, place, notes, part, json)
    return failures(failed)


def _places(paths: list[Path], files: tuple[Path, ...], output: Path) -> list[Path]:
    """Where the parts of each file go: the output itself for one file, else below it as the files lie in theirs.

    Raises:
        ValueError: if those of two files would go to one place.
    """
    if len(paths) == 1 and len(files) == 1 and files[0].is_file() and not output.is_dir():
        return [output]
    roots = [root for root in files if root.is_dir()]
    places: dict[Path, Path] = {}
    for path in paths:
        root = next((root for root in roots if path.is_relative_to(root)), path.parent)
        place = (output / path.relative_to(root)).with_suffix(".mid")
        if place in places:
            raise ValueError(f"{places[place]} and {path} would both become {place}; give them outputs of their own")
        places[place] = path
    return list(places)


def _tell(path: Path, place: Path, notes: Notes, part: object, json: bool) -> None:
    import json as json_module

    import numpy as np

    from partimento.analysis.parts import PARTS

    counted = {}
    for number, name in enumerate(PARTS):
        pitch = notes.pitch[np.asarray(part) == number]
        counted[name] = {"notes": len(pitch)} | (
            {"lowest": int(pitch.min()), "highest": int(pitch.max())} if len(pitch) else {}
        )
    if json:
        print(json_module.dumps({"path": str(path), "output": str(place), **counted}, ensure_ascii=False))
        return
    said = ", ".join(
        f"{name} {row['notes']:,}" + (f" ({row['lowest']}-{row['highest']})" if row["notes"] else "")
        for name, row in counted.items()
    )
    say(f"{path}: {said}")
    print(place)


def accompany_search(
    melody: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="MELODY.mid")],
    index: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="INDEX|FOLDER")],
    /,
    k: Annotated[int, tyro.conf.arg(aliases=["-k"])] = 10,
    most: int = 1000,
    model: Annotated[str | None, tyro.conf.arg(aliases=["-m"], metavar="NAME|FOLDER|ORG/REPO")] = None,
    device: Device = "auto",
    json: bool = False,
) -> int:
    """Rank pieces by how well they accompany a melody.

    Every four bars of the melody are judged with the four bars of a piece that would sound with them, in one key. A
    line says how well they go together, from 0 to 1, by how many semitones to transpose the piece, the bar of it that
    sounds with the melody's first, and the file. Music theory judges: common pitch classes, consonance, rhythm,
    register; or a model that was fine-tuned on accompaniments, whose scores are probabilities.

      partimento melody SONG.mid -o LEAD.mid --keep melody
      partimento accompany-search LEAD.mid MIDI_FOLDER

    Args:
        melody: MIDI file; of several notes at a time the highest counts.
        index: folder that `embed` wrote, whose files must still be there, or a folder of MIDI files.
        k: how many pieces are listed.
        most: how many pieces are judged at most; of more, this many spread evenly over the collection.
        model: what judges instead of music theory.
        device: where it computes.
        json: one JSON line a piece.
    """
    import json as json_module

    import numpy as np
    from tqdm import tqdm

    from partimento.corpus.worker import explain
    from partimento.midi import MidiError, read_midi
    from partimento.tasks.pairs.baselines import theory
    from partimento.tasks.pairs.suggestion import rank_accompaniments

    if k < 1 or most < 1:
        raise UsageError(f"-k {k} and --most {most} must be at least 1")
    try:
        lead = read_midi(melody)
    except MidiError as error:
        raise MidiError(f"{melody}: {error}") from None
    paths = _pieces_of(index)
    judge = _judge(model, device) if model else theory
    if len(paths) > most:
        say(f"{most:,} of {len(paths):,} pieces are judged; --most takes more")
        paths = [paths[i] for i in np.linspace(0, len(paths) - 1, most).astype(int)]
    pieces, names, failed = [], [], []
    for path in tqdm(paths, unit="file", desc="read", disable=None):
        try:
            pieces.append(read_midi(path))
            names.append(str(path))
        except (MidiError, OSError) as error:
            failed.append((str(path), explain(error)))
    found = rank_accompaniments(judge, lead, pieces)
    for number in found.order[:k]:
        score = float(np.exp(found.scores[number]) if model else max(0.0, found.scores[number]))
        semitones, bar = int(found.semitones[number]), int(found.bars[number])
        if json:
            row = {"path": names[number], "score": round(score, 6), "semitones": semitones, "bar": bar}
            print(json_module.dumps(row, ensure_ascii=False))
        else:
            print(f"{score:.4f}  {semitones:+d} semitones  from bar {bar + 1}  {names[number]}")
    return failures(failed)


def _judge(model: str, device: str) -> Scorer:
    """Logarithms of the probabilities that a model gives pairs.

    Raises:
        ValueError: if it does not judge accompaniments.
    """
    from functools import partial

    from partimento.networks.labeller import Labeller
    from partimento.notes_model import load_notes
    from partimento.tasks.pairs.scoring import log_probabilities

    loaded = load_notes(model, device)
    network, heads = loaded.network, loaded.config.get("heads")
    if not isinstance(network, Labeller) or not heads or heads[0]["name"] != "accompaniment":
        raise ValueError(f"{model} does not judge accompaniments; leave --model out, and music theory does")
    return partial(log_probabilities, network)


def _pieces_of(index: Path) -> list[Path]:
    """The files of a folder of MIDI, or those that an index names, in order.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if it holds no piece.
    """
    if any(index.glob("*.lance")):
        from partimento.search.index import Index

        paths = [Path(path) for batch in Index.open(index).batches(["path"]) for path in batch["path"].to_pylist()]
        if not paths:
            raise ValueError(f"{index} has no pieces yet; `partimento embed FILES -o {index}` adds some")
        return sorted(paths)
    return midi_files([index])
