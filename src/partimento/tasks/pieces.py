"""What every representation hears of an example: its piano notes, changed as the task says, of a long piece a part."""

from __future__ import annotations

from partimento.midi import MidiError, read_midi
from partimento.notes import Notes
from partimento.tasks.task import Example
from partimento.tokens.thinned import thinned


def heard(example: Example, most_notes: int | None) -> Notes:
    """The notes of an example.

    Args:
        most_notes: of a piece; None leaves it whole.

    Raises:
        MidiError: if the file cannot be read or has no piano notes; the message names it.
        OSError: if it cannot be opened.
    """
    try:
        notes = read_midi(example.path).piano()
    except MidiError as error:
        raise MidiError(f"{example.path}: {error}") from None
    if not len(notes):
        raise MidiError(f"{example.path}: it has no piano notes (General MIDI programs 0-7)")
    if example.semitones:
        notes = notes.transpose(example.semitones)
    if example.stretch != 1.0:
        notes = notes.stretch(example.stretch)
    return notes if most_notes is None else thinned(notes, most_notes)
