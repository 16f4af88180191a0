"""A piece taken apart: which notes are melody, which bridge, which accompaniment.

The parts are those of POP909 (Wang et al. 2020): the lead that is sung, a second line that answers or doubles it, and
what accompanies them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from partimento.midi import MidiError
from partimento.notes import Notes
from partimento.notes_model import NotesModel

PARTS = ("melody", "bridge", "accompaniment")
DRUMS = "drums"


def part_of_notes(model: NotesModel, notes: Notes) -> np.ndarray:
    """(N,) int64 number in `PARTS` of each note; drums, which are no part, have len(PARTS).

    Every instrument is heard as if it were played on the piano.

    Raises:
        MidiError: if there are no notes but drums.
        ValueError: if the model does not tell these parts.
    """
    if not model.labels or model.labels[0] != PARTS:
        raise ValueError(f"{model.name} does not tell {', '.join(PARTS)}; understanding-small-melody does")
    pitched = np.flatnonzero(~notes.is_drum)
    if not len(pitched):
        raise MidiError("it has no notes" if not len(notes) else "all its notes are drums; there is no melody to find")
    part = np.full(len(notes), len(PARTS))
    heard = notes.select(pitched)
    on_piano = replace(heard, program=np.zeros_like(heard.program))  # what the model was taught on
    part[pitched] = model.label_notes(on_piano).argmax(1)
    return part


def in_tracks(notes: Notes, part: np.ndarray, names: Sequence[str] = (*PARTS, DRUMS)) -> Notes:
    """The same notes with a track for each instrument of each part, in the order of the parts; empty parts have none.

    Notes of one pitch that sound together and end apart, as those of two pianos may, get a track more: in one track of
    a file the first end would end them all. Pedal follows the notes: each new track has the pedal of the tracks that
    its notes come from.

    Args:
        notes: of any piece.
        part: (N,) number of the part of each note.
        names: of the parts.
    """
    instrument = np.stack([part, notes.is_drum.astype(np.int64), notes.program.astype(np.int64)])
    keys = np.concatenate([instrument, _layers(notes, instrument)[None]])
    found, track = np.unique(keys, axis=1, return_inverse=True)
    track = track.reshape(-1)
    pedals = [_pedal_of(notes, np.unique(notes.track[track == new])) for new in range(found.shape[1])]
    order = np.concatenate([np.empty(0, np.int64), *pedals])
    return replace(
        notes,
        track=track.astype(np.int32),
        track_names=tuple(names[number] for number in found[0]),
        pedal_tick=notes.pedal_tick[order],
        pedal_value=notes.pedal_value[order],
        pedal_track=np.repeat(np.arange(len(pedals), dtype=np.int32), [len(pedal) for pedal in pedals]),
        last_program=(),
    )


def _layers(notes: Notes, instrument: np.ndarray) -> np.ndarray:
    """(N,) int64: 0, but of a note with whose pitch and instrument (K, N) another sounds that ends at another time."""
    layer = np.zeros(len(notes), np.int64)
    sounding: dict[tuple[int, ...], list[int]] = {}  # when what sounds in each layer ends
    keys = zip(*instrument.tolist(), notes.pitch.tolist(), strict=True)
    ends = (notes.onset + notes.duration).tolist()
    for note, (key, onset, end) in enumerate(zip(keys, notes.onset.tolist(), ends, strict=True)):
        layers = sounding.setdefault(key, [])
        free = (number for number, until in enumerate(layers) if until <= onset or until == end)
        layer[note] = next(free, len(layers))
        layers[layer[note] : layer[note] + 1] = [end]
    return layer


def _pedal_of(notes: Notes, tracks: np.ndarray) -> np.ndarray:
    """(P,) numbers of the pedal's events of some tracks, in time; what two tracks both say is said once."""
    mine = np.flatnonzero(np.isin(notes.pedal_track, tracks))
    mine = mine[np.argsort(notes.pedal_tick[mine], kind="stable")]
    said = np.stack([notes.pedal_tick[mine], notes.pedal_value[mine]])
    return mine[np.append(True, (np.diff(said) != 0).any(0))[: len(mine)]]
