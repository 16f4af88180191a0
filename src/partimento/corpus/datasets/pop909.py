"""POP909 on its beats: one quarter note a beat, bars that begin on downbeats, a tempo map that keeps the real time.

The ticks of POP909's MIDI files are times at a nominal tempo. Where the beats are, two annotations say:

- `beat_midi.txt`, found in the notes: exact, but in one song of five it counts two beats as one (in a few, one as two),
  and its downbeats are often a beat or two off.
- `beat_audio.txt`, found in the recording: the right level and regular bars, but about 50 ms late, a third of a
  sixteenth. The published arrays of MIDI-BERT stand on these beats, rounded to sixteenths.

Here the beats are those of the notes, at the level and with the bars of the recording. With `published` they are the
recording's as they stand, rounded as in the published arrays.

    python -m partimento.corpus.datasets.pop909 FOLDER_OF_POP909 -o FOLDER
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from partimento.midi import read_midi, write_midi
from partimento.notes import Notes

TICKS_PER_BEAT = 480
SIXTEENTH_TICKS = 120


def read_aligned(folder: str | Path, song: str, published: bool = False) -> Notes:
    """A song of POP909 on its beats; `folder` holds mid/ and ann/, `song` is its number ("001").

    Args:
        published: on the beats that MIDI-BERT's arrays stand on, rounded as they are.

    Raises:
        OSError: if a file of the song is missing.
        ValueError: if its beats cannot be used.
    """
    notes = read_midi(Path(folder) / "mid" / f"{song}.mid")
    try:
        if published:
            return rounded(aligned(notes, read_beats(folder, song)))
        return aligned(notes, note_beats(folder, song))
    except ValueError as error:
        raise ValueError(f"POP909 song {song} in {folder}: {error}") from error


def read_beats(folder: str | Path, song: str) -> np.ndarray:
    """(N, 2) beats found in the recording (beat_audio.txt): seconds, and 1 on a downbeat, else 0."""
    beats = np.loadtxt(_annotation(folder, song, "beat_audio.txt"), ndmin=2)
    return np.stack([beats[:, 0], beats[:, 1] == 1], axis=1)


def note_beats(folder: str | Path, song: str) -> np.ndarray:
    """(N, 2) beats found in the notes (beat_midi.txt), at the level and with the bars of those of the recording."""
    recorded = read_beats(folder, song)
    seconds = np.loadtxt(_annotation(folder, song, "beat_midi.txt"), ndmin=2)[:, 0]
    ratio = float(np.median(np.diff(seconds)) / np.median(np.diff(recorded[:, 0])))
    if ratio > 1:
        parts = round(ratio)
        seconds = np.interp(np.arange(parts * (len(seconds) - 1) + 1) / parts, np.arange(len(seconds)), seconds)
    elif (step := round(1 / ratio)) > 1:
        first = Counter((nearest(seconds, recorded[:, 0]) % step).tolist()).most_common(1)[0][0]
        seconds = seconds[first::step]
    length, _ = bars(recorded[:, 1])
    downbeats = nearest(seconds, recorded[recorded[:, 1] > 0, 0])
    phase = Counter((downbeats % length).tolist()).most_common(1)[0][0]
    return np.stack([seconds, np.arange(len(seconds)) % length == phase], axis=1)


def aligned(notes: Notes, beats: np.ndarray) -> Notes:
    """The same notes at 480 ticks a beat, in bars of one length that begin on downbeats.

    A bar has as many beats as most downbeats are apart, and begins where most downbeats fall. Tick 0 is the last bar
    line at or before the start of the file, so that all times move by the same part of a bar. Before the first beat and
    after the last one the beats go on as fast as there.

    Args:
        notes: at any ticks.
        beats: (N, 2) seconds from the start of the file, increasing, and 1 on a downbeat, else 0.

    Raises:
        ValueError: if there are fewer than two beats, no downbeat, or the times do not increase.
    """
    seconds = beats[:, 0]
    if len(seconds) < 2 or not (np.diff(seconds) > 0).all():
        raise ValueError("the beats must be at least two, at increasing times")
    length, phase = bars(beats[:, 1])
    start = float(_beat_at(np.zeros(1), seconds)[0])
    first = int(np.floor((start - phase) / length)) * length + phase  # the beat that becomes tick 0

    def ticks(old: np.ndarray) -> np.ndarray:
        beat = _beat_at(notes.seconds_at(old), seconds) - first
        return np.rint(beat * TICKS_PER_BEAT).astype(np.int32)

    onset, end = ticks(notes.onset), ticks(notes.onset + notes.duration)
    tempo_tick, tempo_us = _tempo_map(seconds, first)
    moved = replace(
        notes,
        onset=onset,
        duration=end - onset,
        ticks_per_quarter=TICKS_PER_BEAT,
        tempo_tick=tempo_tick,
        tempo_us=tempo_us,
        metre_tick=np.zeros(1, dtype=np.int32),
        metre_numerator=np.array([length], dtype=np.int32),
        metre_denominator=np.array([4], dtype=np.int32),
        pedal_tick=ticks(notes.pedal_tick),
    )
    return _sorted(moved)


def rounded(notes: Notes) -> Notes:
    """Onsets at the nearest sixteenth, the earlier of two, durations of whole sixteenths: as the published arrays."""
    onset = -((SIXTEENTH_TICKS - 2 * notes.onset) // (2 * SIXTEENTH_TICKS)) * SIXTEENTH_TICKS
    duration = np.maximum(1, np.rint(notes.duration / SIXTEENTH_TICKS)).astype(np.int32) * SIXTEENTH_TICKS
    return _sorted(replace(notes, onset=onset.astype(np.int32), duration=duration))


def bars(is_downbeat: np.ndarray) -> tuple[int, int]:
    """Beats in a bar, and the remainder of a bar's first beat: those that most downbeats have.

    >>> bars(np.array([0, 1, 0, 0, 0, 1, 0, 0, 0, 1]))
    (4, 1)
    """
    downbeats = np.flatnonzero(is_downbeat)
    if not len(downbeats):
        raise ValueError("no beat is a downbeat")
    apart = Counter(np.diff(downbeats).tolist()).most_common(1)
    length = apart[0][0] if apart else 4
    return length, Counter((downbeats % length).tolist()).most_common(1)[0][0]


def nearest(times: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """For each wanted time the index of the nearest of the times, which increase."""
    middles = (times[1:] + times[:-1]) / 2
    return np.searchsorted(middles, wanted)


def _beat_at(at_s: np.ndarray, beats_s: np.ndarray) -> np.ndarray:
    """The number of the beat at each time, with its fraction."""
    index = np.clip(np.searchsorted(beats_s, at_s, side="right") - 1, 0, len(beats_s) - 2)
    return index + (at_s - beats_s[index]) / np.diff(beats_s)[index]


def _tempo_map(beats_s: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Ticks and microseconds a beat; each beat begins at most half a microsecond off, as no rounding adds up."""
    length_us = np.diff(np.rint(beats_s * 1e6)).astype(np.int32)
    tick = (np.arange(len(length_us)) - first) * TICKS_PER_BEAT
    inside = tick >= 0
    if inside.any() and tick[inside][0] > 0:  # beats before the first one, as long as it
        tick = np.append(0, tick[inside])
        length_us = np.append(length_us[0], length_us[inside])
    else:
        tick, length_us = tick[inside], length_us[inside]
    changes = np.append(True, length_us[1:] != length_us[:-1])
    return tick[changes].astype(np.int32), length_us[changes]


def _sorted(notes: Notes) -> Notes:
    """By onset, then by end, as notes are where they are read."""
    return notes.select(np.lexsort((notes.onset + notes.duration, notes.onset)))


def _annotation(folder: str | Path, song: str, name: str) -> Path:
    return Path(folder) / "ann" / song / name


def main() -> None:
    """Write the songs on their beats as MIDI files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of POP909, with mid/ and ann/")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder to write NNN.mid into")
    parser.add_argument("--published", action="store_true", help="on the beats and the grid of MIDI-BERT's arrays")
    options = parser.parse_args()
    songs = sorted(path.stem for path in (options.folder / "mid").glob("*.mid"))
    if not songs:
        parser.error(f"{options.folder} has no mid/NNN.mid; give the folder of POP909")
    options.output.mkdir(parents=True, exist_ok=True)
    for song in tqdm(songs, unit="song"):
        write_midi(read_aligned(options.folder, song, options.published), options.output / f"{song}.mid")


if __name__ == "__main__":
    main()
