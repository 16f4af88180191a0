"""GTZAN (Tzanetakis & Cook 2002): ten genres on the fault-filtered lists, and its beats and downbeats.

    gtzan/genres/blues/blues.00000.wav          ... ten folders of 100; .au as it was released
    gtzan/train_filtered.txt, valid_..., test_...   443, 197 and 290 lines: blues/blues.00029.wav
    gtzan_tempo_beat/beats/gtzan_blues_00000.beats  a line a beat: seconds, its number in the bar

Checked: the form of the lists and of the beat files, in published copies and in tests of programs that read them. The
lists are Kereliuk et al.'s (2015), without repetitions, distortions and artists on two sides.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from partimento.tasks.audio.frame_task import EventTarget, FrameClip, FrameTask
from partimento.tasks.audio.published.figures import FIGURES, paper
from partimento.tasks.audio.published.listed import SIDES, About, Clip, classes_task, frame_task, lines, need
from partimento.tasks.task import Task

FOLDER, BEATS = "gtzan", "gtzan_tempo_beat"
GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
LISTS = (
    "the fault-filtered lists train_filtered.txt, valid_filtered.txt and test_filtered.txt are in the folder "
    f"GTZAN_split of the repository jongpillee/music_dataset_split; put them into {FOLDER}/"
)
GET = f"the audio is the GTZAN genre collection of Marsyas; unpack genres.tar.gz into {FOLDER}/"
GET_BEATS = (
    "the beats are in the repository TempoBeatDownbeat/gtzan_tempo_beat; clone it beside the folder gtzan (they are "
    "Marchand & Peeters', corrected)"
)
SPLIT = "fault-filtered"


def gtzan(root: Path) -> Task:
    """Which of ten genres."""
    note = "30 s clips; no artist on two sides"
    about = About("genre", "GTZAN", SPLIT, GET, note, paper("gtzan", "accuracy"))
    return classes_task(about, _clips(root), GENRES)


def gtzan_beats(root: Path) -> FrameTask:
    """Beats and downbeats of the same clips; one without numbers of beats has no downbeats."""
    beats = need(root / BEATS / "beats", "the beats of every clip", GET_BEATS)

    def read(clip: Clip) -> FrameClip:
        name = f"gtzan_{'_'.join(clip.path.stem.split('.'))}.beats"
        table = np.loadtxt(need(beats / name, "the beats of a clip", GET_BEATS), ndmin=2)
        down = table[:, 1] == 1 if table.shape[1] > 1 else np.zeros(len(table), dtype=bool)
        return FrameClip(clip.path, clip.group, {"beats": table[:, 0], "downbeats": table[down, 0]})

    theirs = "; ".join(
        f"{system} {100 * values['beats']:.1f} and {100 * values['downbeats']:.1f}"
        for system, values in FIGURES["gtzan-beats"].items()
    )
    note = f"published F of beats and downbeats, by other decoders and the same set as far as is known: {theirs}"
    targets = (
        EventTarget("beats", "beats", "track", "beat"),
        EventTarget("downbeats", "downbeats", "bars", "beat"),
    )
    return frame_task(About("beats", "GTZAN", SPLIT, GET, note), _clips(root), read, targets)


def _clips(root: Path) -> list[Clip]:
    clips = []
    for side in SIDES:
        path = root / FOLDER / f"{side}_filtered.txt"
        for line in lines(path, f"the clips of the {side} side", LISTS):
            genre, _, name = line.partition("/")
            if not name:
                raise ValueError(f"{path}: {line!r} is no GENRE/NAME.wav; {LISTS}")
            clips.append(Clip(root / FOLDER / "genres" / genre / name, side, name.rpartition(".")[0], label=genre))
    return clips
