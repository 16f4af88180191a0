"""New notes put after the notes that they continue, in their ticks and tempo."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from partimento.generate.grammar import SampledNote
from partimento.generate.prompt import Prompt, ticks_at
from partimento.notes import NOTE_COLUMNS, Notes

NEW_TRACK = "continuation"


def settled(notes: list[SampledNote]) -> list[SampledNote]:
    """The notes with one string a key: a note ends where its key is struck again, and is struck once at a time."""
    kept: list[SampledNote] = []
    sounding: dict[int, int] = {}  # pitch -> place in kept
    for note in notes:
        place = sounding.get(note.pitch)
        if place is not None:
            before = kept[place]
            gap_ms = note.onset_ms - before.onset_ms
            if gap_ms == 0:
                kept[place] = replace(before, duration_ms=max(before.duration_ms, note.duration_ms))
                continue
            kept[place] = replace(before, duration_ms=min(before.duration_ms, gap_ms))
        sounding[note.pitch] = len(kept)
        kept.append(note)
    return kept


def notes_after(prompt: Prompt, sampled: list[SampledNote]) -> Notes:
    """The new notes in the prompt's ticks and tempo, in a track after its own."""
    before = prompt.notes
    onset_s = prompt.first_s + np.array([note.onset_ms for note in sampled], dtype=np.float64) / 1e3
    duration_s = np.array([note.duration_ms for note in sampled], dtype=np.float64) / 1e3
    onset = np.maximum(ticks_at(before, onset_s), prompt.end_tick)
    duration = np.maximum(ticks_at(before, onset_s + duration_s) - onset, 1)
    count, program = len(sampled), int(before.program[-1])
    return replace(
        before,
        onset=onset.astype(np.int32),
        duration=duration.astype(np.int32),
        pitch=np.array([note.pitch for note in sampled], dtype=np.int32),
        velocity=np.array([note.velocity for note in sampled], dtype=np.int32),
        program=np.full(count, program, dtype=np.int32),
        is_drum=np.zeros(count, dtype=bool),
        track=np.full(count, len(before.track_names), dtype=np.int32),
        track_names=(*before.track_names, NEW_TRACK),
        last_program=(*before.last_program, program) if before.last_program else (),
    )


def joined(before: Notes, new: Notes) -> Notes:
    """Prompt and new notes as one piece; a note of the prompt that still sounds ends where its key is struck again."""
    end = before.onset + before.duration
    for pitch, first in zip(*np.unique(new.pitch, return_index=True), strict=True):
        end = np.where(before.pitch == pitch, np.minimum(end, new.onset[first]), end)
    before = replace(before, duration=(end - before.onset).astype(np.int32))
    columns: dict[str, Any] = {n: np.concatenate([getattr(before, n), getattr(new, n)]) for n in NOTE_COLUMNS}
    both = replace(new, **columns)
    return both.select(np.argsort(both.onset, kind="stable"))


def alone(new: Notes, start_tick: int) -> Notes:
    """The new notes as a piece of their own that begins at a tick, in the tempo and metre that hold there."""
    start = np.zeros(1, dtype=np.int32)
    return Notes(
        onset=new.onset - np.int32(start_tick),
        duration=new.duration,
        pitch=new.pitch,
        velocity=new.velocity,
        program=new.program,
        is_drum=new.is_drum,
        track=np.zeros_like(new.track),
        track_names=(NEW_TRACK,),
        ticks_per_quarter=new.ticks_per_quarter,
        tempo_tick=start,
        tempo_us=new.tempo_us[-1:],
        metre_tick=start,
        metre_numerator=new.metre_numerator[-1:],
        metre_denominator=new.metre_denominator[-1:],
    )
