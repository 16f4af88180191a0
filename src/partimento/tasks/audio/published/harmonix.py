"""The Harmonix Set (Nieto et al. 2019): beats, downbeats and functional structure of 912 pop songs.

    harmonixset/dataset/beats_and_downbeats/0001_12step.txt   seconds, beat in the bar, bar
    harmonixset/dataset/segments/0001_12step.txt              seconds, label of what begins there; the last is "end"
    harmonixset/audio/0001_12step.mp3

Checked in the repository urinieto/harmonixset: folders, columns. From the papers alone: the seven functions, and which
labels they take in (Wang et al. 2022, by parts of the label in a fixed order). Published work makes its own folds of
eight; here the n-th song by name is tested in fold n modulo 8.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from partimento.tasks.audio.frame_task import EventTarget, FrameClip, FrameTask, Spans, SpanTarget
from partimento.tasks.audio.published.figures import paper
from partimento.tasks.audio.published.listed import About, need
from partimento.tasks.audio.published.song_folds import in_folds

FOLDER = "harmonixset"
FOLDS = 8
FUNCTIONS = ("intro", "verse", "chorus", "bridge", "inst", "outro", "silence")
GET = (
    "clone urinieto/harmonixset, and put the recordings, which are not given out (the set links to YouTube and tells "
    f"how well each agrees), into {FOLDER}/audio/ under the names of the label files"
)
_PARTS = (  # the first part that a label has decides
    *(("silence", "silence"), ("pre-chorus", "verse"), ("prechorus", "verse"), ("refrain", "chorus")),
    *(("chorus", "chorus"), ("theme", "chorus"), ("stutter", "chorus"), ("verse", "verse"), ("rap", "verse")),
    *(("section", "verse"), ("slow", "verse"), ("build", "verse"), ("dialog", "verse"), ("intro", "intro")),
    *(("fadein", "intro"), ("opening", "intro"), ("bridge", "bridge"), ("trans", "bridge"), ("out", "outro")),
    *(("coda", "outro"), ("ending", "outro")),
)


def harmonix_structure(root: Path) -> FrameTask:
    """Which of seven functions a song has at each time."""
    segments = _labels(root, "segments", "the structure")

    def read(name: str, sound: Path) -> FrameClip:
        return FrameClip(sound, name, spans={"structure": read_segments(segments[name])})

    figures = ", ".join(f"{system} {value}" for system, value in paper("harmonix", "accuracy").items())
    about = About("structure", "Harmonix", f"{FOLDS} folds by song", GET, f"published on other folds: {figures}")
    targets = (SpanTarget("structure", "structure", len(FUNCTIONS)),)
    return in_folds(about, _sounds(root, segments), read, FOLDS, spans=targets)


def harmonix_beats(root: Path) -> FrameTask:
    """Beats and downbeats."""
    beats = _labels(root, "beats_and_downbeats", "the beats")

    def read(name: str, sound: Path) -> FrameClip:
        table = np.loadtxt(beats[name], usecols=(0, 1), ndmin=2)
        return FrameClip(sound, name, {"beats": table[:, 0], "downbeats": table[table[:, 1] == 1, 0]})

    targets = (
        EventTarget("beats", "beats", "track", "beat"),
        EventTarget("downbeats", "downbeats", "bars", "beat"),
    )
    about = About("beats", "Harmonix", f"{FOLDS} folds by song", GET)
    return in_folds(about, _sounds(root, beats), read, FOLDS, targets)


def function_of(label: str) -> str:
    """Which of the seven functions a label of the set is.

    >>> function_of("prechorus2"), function_of("gtrsolo"), function_of("outro")
    ('verse', 'inst', 'outro')
    """
    return next((function for part, function in _PARTS if part in label.lower()), "inst")


def read_segments(path: Path) -> Spans:
    """The functions of a song.

    Raises:
        ValueError: naming the line, if one is not seconds and a label.
    """
    start, names = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        parts = line.split(maxsplit=1)
        if not parts:
            continue
        try:
            begin_s = float(parts[0])
            names.append(parts[1].strip())
        except (ValueError, IndexError):
            raise ValueError(f"{path}, line {number}: {line!r} is not seconds and a label") from None
        start.append(begin_s)
    if len(start) < 2:
        raise ValueError(f"{path} has {len(start)} lines; a song has a segment and its end at least")
    label = np.array([FUNCTIONS.index(function_of(name)) for name in names[:-1]], dtype=np.int64)
    times_s = np.array(start)
    return Spans(times_s[:-1], times_s[1:], label)


def _labels(root: Path, kind: str, what: str) -> dict[str, Path]:
    place = need(root / FOLDER / "dataset" / kind, what, GET)
    found = {path.stem: path for path in sorted(place.glob("*.txt"))}
    if not found:
        raise FileNotFoundError(f"{place} holds no .txt files: {what}; {GET}")
    return found


def _sounds(root: Path, labels: dict[str, Path]) -> dict[str, Path]:
    return {name: root / FOLDER / "audio" / f"{name}.mp3" for name in labels}
