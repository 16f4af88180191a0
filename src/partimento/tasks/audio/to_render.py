"""What `runs/render.sh` renders: pieces with labels in ticks, and random variations of them with labels in seconds.

- POP909-CL: its notes, quantised to 24 parts of a beat, and its corrected chords, keys and metre stand on one time
  line. It holds the notes of POP909 on one track; the role of each is that of the note of POP909 with its pitch and
  its number among the notes of that pitch.
- ASAP: piano performances and scores with beats; no chords, and no key beyond a signature without a mode.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from symusic.core import ScoreTick

from partimento.corpus.datasets.rendered import NO_ROOT, ROLES, UNKNOWN, TimedLabels
from partimento.midi import read_midi
from partimento.notes import Notes, from_ms
from partimento.report.heard import heard
from partimento.tasks.piano.classical import pieces
from partimento.tasks.piano.sets import table
from partimento.tasks.words.chord_labels import chord_root, signature_keys
from partimento.tasks.words.harmony import FLAGGED
from partimento.tasks.words.pop909 import TWIN

QUALITIES: dict[tuple[int, ...], str] = {  # semitones above the root, as mir_eval names them
    **{(0, 4, 7): "maj", (0, 3, 7): "min", (0, 3, 6): "dim", (0, 4, 8): "aug", (0, 2, 7): "sus2", (0, 5, 7): "sus4"},
    **{(0, 4, 7, 10): "7", (0, 4, 7, 11): "maj7", (0, 3, 7, 10): "min7", (0, 3, 6, 10): "hdim7", (0, 3, 6, 9): "dim7"},
    **{(0, 3, 7, 11): "minmaj7", (0, 4, 8, 10): "aug(b7)", (0, 4, 7, 9): "maj6", (0, 5, 7, 10): "sus4(b7)"},
}
LEAD_S = 4.0  # rendered before a clip and cut off, so that what sounds when it begins is heard
SPEEDS = (0.8, 1.25)
DRIFT = 0.02  # standard deviation of the logarithm of the tempo from beat to beat, which wanders slowly
SAME_NOTES = 0.75  # least part of POP909-CL's notes whose pitch is as frequent in POP909

# General MIDI programs by what a role may be played on. Left out: bass (32-39), timpani, orchestral hit, synth effects
# (96-103), percussive and sound effects (112-127), whose pitch is often not the one written.
CHORDAL = (*range(0, 32), 46, *range(48, 55), *range(61, 64), *range(88, 96), 104, 105, 106, 107, 108)
SINGING = (*range(0, 32), *range(40, 47), *range(48, 55), *range(56, 96), *range(104, 112))
PIANOS = tuple(range(7))
# The highest pitch that a program of FluidR3 or TimGM6mb still plays; above it they are silent.
HIGHEST = {
    **dict.fromkeys((22, 26, 41, 45, 57, 59, 60, 61, 64, 68), 96),
    **{28: 84, 31: 85, 48: 98, 49: 100, 52: 99, 53: 97, 54: 93, 58: 72, 65: 84, 67: 72, 69: 85, 70: 84, 74: 97, 78: 79},
    **{19: 98, 40: 102, 43: 57, 44: 98, 110: 93},
}
LOWEST = {68: 36}


@dataclass(frozen=True, eq=False)
class Source:
    """A piece to render.

    Args:
        song: pieces of one song, and variants of one piece, share it.
        side: "train", "valid" or "test".
        notes: one track a role, named in `track_names`.
        labels: with all times in ticks of the notes.
        shifts_tempo: whether its tempo may wander, as that of a performance already does.
    """

    song: str
    side: str
    notes: Notes
    labels: TimedLabels
    shifts_tempo: bool


@dataclass(frozen=True, eq=False)
class Excerpt:
    """Notes for the synthesizer with LEAD_S before the clip, labels of the clip, and how they came from the piece."""

    notes: Notes
    labels: TimedLabels
    about: dict[str, str]


def pop909_songs(root: Path) -> dict[str, str]:
    """The side of each song of POP909-CL that has sure labels, by its number: MIDI-BERT's sides.

    Left out are the 44 songs without one, two flagged songs, and the twin of a test song.
    """
    sides = {line["song"]: line["split_midibert"] for line in table(root, "pop909", "midibert_split.csv")}
    there = root / "pop909_cl" / "mid"
    return {
        song: side
        for song, side in sides.items()
        if side and song not in FLAGGED and song != TWIN and (there / f"{song}.mid").is_file()
    }


def pop909_source(data: Path, song: str, side: str) -> Source | None:
    """A song with roles and labels, or None where POP909-CL has not both notes and chords, or not POP909's notes."""
    path = data / "pop909_cl" / "mid" / f"{song}.mid"
    both = read_midi(path)
    if len(both.track_names) < 2:
        return None
    notes, chords = both.select(both.track == 0), both.select(both.track == 1)
    original = read_midi(data / "pop909" / "mid" / f"{song}.mid")
    role, known = roles(notes, original)
    if known < SAME_NOTES:
        return None
    tracks = ("melody", "bridge", "accompaniment")
    notes = replace(notes, track=role.astype(np.int32), track_names=tracks, last_program=())
    end = int((notes.onset + notes.duration).max())
    beat, position = beat_ticks(notes, end)
    start, stop, root, quality = chord_spans(chords, end)
    change = np.unique([0, *(signature.time for signature in ScoreTick(path).key_signatures)])
    key = signature_keys(path, change)
    labels = TimedLabels(
        **note_columns(notes),
        beat_s=beat.astype(float),
        beat_position=position,
        chord_start_s=start.astype(float),
        chord_end_s=stop.astype(float),
        chord_root=root,
        chord_quality=quality,
        key_start_s=change.astype(float),
        key_end_s=np.append(change[1:], end).astype(float),
        key=key,
    )
    return Source(song, side, notes, labels, shifts_tempo=True)


def roles(notes: Notes, original: Notes) -> tuple[np.ndarray, float]:
    """(N,) track of each note in POP909, and the part of the notes whose pitch is as frequent in both.

    Those are matched in their order. Other notes are matched to the nearest of their pitch, on the clock that the
    matched ones make.
    """
    names = [original.track_names.index(name) for name in ("MELODY", "BRIDGE", "PIANO")]
    number = np.full(len(original.track_names), len(names) - 1)
    number[names] = np.arange(len(names))
    track = number[original.track]
    partner = np.full(len(notes), -1)
    count = np.bincount(original.pitch, minlength=128)
    for pitch in np.flatnonzero((count > 0) & (np.bincount(notes.pitch, minlength=128) == count)):
        mine, theirs = np.flatnonzero(notes.pitch == pitch), np.flatnonzero(original.pitch == pitch)
        # of notes at one place the louder first: quantising may have joined two, and neither changes loudness
        mine = mine[np.lexsort((-notes.velocity[mine], notes.onset[mine]))]
        partner[mine] = theirs[np.lexsort((-original.velocity[theirs], original.onset[theirs]))]
    matched = partner >= 0
    if not matched.any():
        return np.full(len(notes), len(names) - 1), 0.0
    clock = np.interp(notes.onset, notes.onset[matched], np.maximum.accumulate(original.onset[partner[matched]]))
    for i in np.flatnonzero(~matched):
        theirs = np.flatnonzero(original.pitch == notes.pitch[i])
        theirs = theirs if len(theirs) else np.arange(len(original))
        partner[i] = theirs[np.abs(original.onset[theirs] - clock[i]).argmin()]
    return track[partner], float(matched.mean())


def note_columns(notes: Notes) -> dict[str, np.ndarray]:
    """The six columns of notes in `TimedLabels`, times in ticks; roles are the names of the tracks."""
    role = np.array([ROLES.index(name) for name in notes.track_names])
    return {
        "note_onset_s": notes.onset.astype(float),
        "note_offset_s": (notes.onset + notes.duration).astype(float),
        "note_pitch": notes.pitch.astype(np.int64),
        "note_velocity": notes.velocity.astype(np.int64),
        "note_program": notes.program.astype(np.int64),
        "note_role": role[notes.track],
    }


def beat_ticks(notes: Notes, end: int) -> tuple[np.ndarray, np.ndarray]:
    """Ticks of all beats up to `end` by the time signatures, and the number of each in its bar from 1."""
    found, numbers = [], []
    changes = np.append(notes.metre_tick, end)
    for i, (numerator, denominator) in enumerate(zip(notes.metre_numerator, notes.metre_denominator, strict=True)):
        dotted = denominator == 8 and numerator % 3 == 0
        ticks = notes.ticks_per_quarter * 4 // int(denominator) * (3 if dotted else 1)
        beats = int(numerator) // 3 if dotted else int(numerator)
        mine = np.arange(int(changes[i]), int(changes[i + 1]), ticks)
        found.append(mine)
        numbers.append(np.arange(len(mine)) % beats + 1)
    return np.concatenate(found), np.concatenate(numbers)


def chord_spans(chords: Notes, end: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(C,) start and end ticks, roots and qualities of a track of chords; gaps are "N"."""
    start = np.unique(chords.onset)
    stop, spans = 0, []
    for i, tick in enumerate(start):
        mine = chords.onset == tick
        if tick > stop:
            spans.append((stop, int(tick), NO_ROOT, "N"))
        last = int((chords.onset[mine] + chords.duration[mine]).max())
        stop = min(last, int(start[i + 1])) if i + 1 < len(start) else last
        spans.append((int(tick), stop, *chord_of(chords.pitch[mine])))
    if stop < end:
        spans.append((stop, end, NO_ROOT, "N"))
    columns = list(zip(*spans, strict=True))
    return np.array(columns[0]), np.array(columns[1]), np.array(columns[2]), np.array(columns[3], dtype="U12")


def chord_of(pitch: np.ndarray) -> tuple[int, str]:
    """Root and quality of notes that sound together; UNKNOWN and "X" where they are none of QUALITIES.

    >>> chord_of(np.array([52, 60, 67])), chord_of(np.array([60, 61, 62]))
    ((0, 'maj'), (-1, 'X'))
    """
    root = chord_root(pitch)
    above = tuple(sorted({(int(each) - root) % 12 for each in pitch}))
    return (root, QUALITIES[above]) if root >= 0 and above in QUALITIES else (UNKNOWN, "X")


def asap_sources(root: Path, performances: int = 2) -> Iterator[tuple[str, Path]]:
    """Song and MIDI file of scores and first performances of the pieces on ACPAS's test side."""
    for piece in pieces(root):
        if piece.side != "test" or not piece.performances:
            continue
        score = piece.performances[0].parent / "midi_score.mid"
        files = [*([score] if score.is_file() else []), *piece.performances[:performances]]
        for file in files:
            yield piece.name, file


def asap_source(root: Path, song: str, path: Path, beats: dict[str, list[tuple[float, str]]]) -> Source | None:
    """A file of ASAP with its beats, or None where it has no annotation; pedalled notes are as long as they sound."""
    marked = beats.get(path.relative_to(root / "asap").as_posix())
    if not marked:
        return None
    notes = read_midi(path)
    sounding = heard(notes)
    onset_ms, length_ms = np.rint(sounding.onset_s * 1e3), np.rint(sounding.sounding_s * 1e3)
    ticks = from_ms(onset_ms, length_ms, notes.pitch, notes.velocity)
    ticks = replace(ticks, track=np.zeros(len(ticks), dtype=np.int32), track_names=("piano",))
    beat = np.array([second for second, _ in marked]) * 1e3
    downbeat = np.array([label.startswith("db") for _, label in marked])
    since = np.arange(len(beat)) - np.maximum.accumulate(np.where(downbeat, np.arange(len(beat)), -1))
    position = np.where(np.logical_or.accumulate(downbeat), since + 1, 0)
    labels = TimedLabels(**note_columns(ticks), beat_s=beat, beat_position=position)
    return Source(song, "test", ticks, labels, shifts_tempo=False)


def asap_beats(root: Path) -> dict[str, list[tuple[float, str]]]:
    """Seconds and labels of the beats of every file of ASAP, by its path in the set."""
    found: dict[str, list[tuple[float, str]]] = {}
    for block in (root / "asap" / "annotations.tsv").read_text(encoding="utf-8").split("\n#")[1:]:
        name, *lines = block.splitlines()
        rows = (line.split("\t") for line in lines if line.strip())
        found[name.strip()] = [(float(row[-2]), row[-1]) for row in rows]
    return found


def excerpt(source: Source, seconds: float, transposes: bool, rng: np.random.Generator) -> Excerpt:
    """A random excerpt at a random tempo, on random instruments, and in a random key where it may be."""
    semitones = int(rng.integers(-5, 7)) if transposes else 0
    speed = float(np.exp(rng.uniform(*np.log(SPEEDS))))
    notes = source.notes.stretch(1 / speed)
    if source.shifts_tempo:
        notes = wandering(notes, rng)
    notes = replace(notes, program=_programs(notes, semitones, rng)[notes.track].astype(np.int32))
    labels = replace(source.labels, note_program=notes.program.astype(np.int64))
    labels = labels.on_clock(notes.seconds_at).transpose(semitones)
    first, last = float(labels.note_onset_s.min()), float(labels.note_offset_s.max())
    start_s = float(rng.uniform(first, max(first, last - seconds)))
    inside = labels.note_onset_s >= start_s - LEAD_S
    audible = inside & (labels.note_pitch >= 0) & (labels.note_pitch <= 127)
    labels = _select_notes(labels, audible).cut(start_s, seconds)
    onset_s, offset_s = np.round(labels.note_onset_s, 3), np.round(labels.note_offset_s, 3)
    labels = replace(labels, note_onset_s=onset_s, note_offset_s=offset_s)
    programs = {name: notes.program[notes.track == track] for track, name in enumerate(notes.track_names)}
    interval_s = float(np.median(np.diff(labels.beat_s))) if len(labels.beat_s) > 1 else 0.0
    about = {
        "start_s": f"{start_s:.3f}",
        "transposed": str(semitones),
        "speed": f"{speed:.4f}",
        "bpm": f"{60 / interval_s:.2f}" if interval_s else "",
        "programs": " ".join(f"{role}={program[0]}" for role, program in programs.items() if len(program)),
    }
    return Excerpt(synthesizer_notes(labels, LEAD_S), labels, about)


def wandering(notes: Notes, rng: np.random.Generator) -> Notes:
    """The same notes at a tempo that wanders slowly from quarter note to quarter note."""
    last = int((notes.onset + notes.duration).max())
    tick = np.arange(0, last + notes.ticks_per_quarter, notes.ticks_per_quarter, dtype=np.int32)
    base = notes.tempo_us[np.maximum(np.searchsorted(notes.tempo_tick, tick, side="right") - 1, 0)]
    keep = 0.9
    steps = rng.normal(0, DRIFT * np.sqrt(1 - keep**2), len(tick))
    level = np.zeros(len(tick))
    for i in range(1, len(tick)):
        level[i] = keep * level[i - 1] + steps[i]
    return replace(notes, tempo_tick=tick, tempo_us=np.rint(base * np.exp(level)).astype(np.int32))


def synthesizer_notes(labels: TimedLabels, lead_s: float) -> Notes:
    """The labelled notes on one track an instrument and role, in ticks of a millisecond, `lead_s` later."""
    order = np.argsort(labels.note_onset_s, kind="stable")
    labels = _select_notes(labels, order)
    onset = np.rint((labels.note_onset_s + lead_s) * 1e3)
    duration = np.maximum(1, np.rint((labels.note_offset_s + lead_s) * 1e3) - onset)
    drum = labels.note_program < 0
    program = np.maximum(labels.note_program, 0)
    notes = from_ms(onset, duration, labels.note_pitch, labels.note_velocity, program, drum)
    part = labels.note_role * 256 + labels.note_program  # a role keeps its channel where another has its program
    parts, track = np.unique(part, return_inverse=True)
    return replace(notes, track=track.astype(np.int32), track_names=("",) * len(parts))


def _programs(notes: Notes, semitones: int, rng: np.random.Generator) -> np.ndarray:
    """(tracks,) a General MIDI program for each track, one that has all of its pitches; two roles may share one."""
    pools = {"melody": SINGING, "bridge": SINGING, "accompaniment": CHORDAL, "piano": PIANOS}
    found = []
    for track, name in enumerate(notes.track_names):
        pitch = notes.pitch[notes.track == track] + semitones
        low, high = (int(pitch.min()), int(pitch.max())) if len(pitch) else (60, 60)
        program = int(rng.choice(pools[name]))
        while high > HIGHEST.get(program, 127) or low < LOWEST.get(program, 0):
            program = int(rng.choice(pools[name]))
        found.append(program)
    return np.array(found)


def _select_notes(labels: TimedLabels, which: np.ndarray) -> TimedLabels:
    names = ("onset_s", "offset_s", "pitch", "velocity", "program", "role")
    return replace(labels, **{f"note_{name}": getattr(labels, f"note_{name}")[which] for name in names})
