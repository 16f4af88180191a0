"""The published sets by name: what reads them, what they are measured by, which of MULE's probes they have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from partimento.tasks.audio.frame_task import FrameTask
from partimento.tasks.audio.published import (
    chord_labs,
    emomusic,
    giantsteps,
    gtzan,
    harmonix,
    hooktheory,
    jamendo,
    lastfm_tags,
    magnatagatune,
    million_song,
    moods,
    mumu,
    nsynth,
    vocalset,
)
from partimento.tasks.audio.published.figures import FIGURES
from partimento.tasks.task import Task

TAGS, CLASSES, VALUES, KEY = "average_precision", "accuracy", "r2", "weighted_key"


@dataclass(frozen=True)
class PublishedSet:
    """A set and how it is measured.

    Args:
        read: the folder of all sets to its task.
        folders: below that folder, without which it cannot be read.
        metric: the main one, of those that the kind of task has; of a key "weighted_key".
        recipe: MULE's probe for it, a name in `mlp_probe.PUBLISHED`; "" for a set over time.
        collection: "MULE" for the sets of its paper, "MARBLE" for others.
    """

    read: Callable[[Path], Task | FrameTask]
    folders: tuple[str, ...]
    metric: str
    recipe: str = ""
    collection: str = "MULE"


_MSD = million_song.FOLDER
_OTHERS = "MARBLE"

SETS: Mapping[str, PublishedSet] = {
    "mtt": PublishedSet(magnatagatune.magnatagatune, (magnatagatune.FOLDER,), TAGS, "MTT"),
    "gtzan": PublishedSet(gtzan.gtzan, (gtzan.FOLDER,), CLASSES, "GTZAN"),
    "nsynth-pitch": PublishedSet(nsynth.nsynth_pitch, (nsynth.FOLDER,), CLASSES, "NSynth pitch"),
    "nsynth-instrument": PublishedSet(nsynth.nsynth_instrument, (nsynth.FOLDER,), CLASSES, "NSynth instrument"),
    "giantsteps-key": PublishedSet(giantsteps.giantsteps_key, (giantsteps.TEST, giantsteps.TRAIN), KEY, "GS key"),
    "emomusic": PublishedSet(emomusic.emomusic, (emomusic.FOLDER,), VALUES, "Emo"),
    "amm": PublishedSet(moods.listening_moods, (moods.FOLDER, _MSD), TAGS, "AMM"),
    "jam-50": PublishedSet(jamendo.jamendo_top50, (jamendo.FOLDER,), TAGS, "Jam-50"),
    "jam-mt": PublishedSet(jamendo.jamendo_mood, (jamendo.FOLDER,), TAGS, "Jam-MT"),
    "jam-all": PublishedSet(jamendo.jamendo_all, (jamendo.FOLDER,), TAGS, "Jam-All"),
    "msds": PublishedSet(lastfm_tags.msds, (f"{_MSD}/lastfm50",), TAGS, "MSDS"),
    "msd50": PublishedSet(lastfm_tags.msd50, (f"{_MSD}/msd500",), TAGS, "MSD50"),
    "msd100": PublishedSet(lastfm_tags.msd100, (f"{_MSD}/msd500",), TAGS, "MSD100"),
    "msd500": PublishedSet(lastfm_tags.msd500, (f"{_MSD}/msd500",), TAGS, "MSD500"),
    "mumu": PublishedSet(mumu.mumu, (mumu.FOLDER, _MSD), TAGS, "MuMu"),
    "mtt-filtered": PublishedSet(magnatagatune.magnatagatune_filtered, (magnatagatune.FOLDER,), TAGS, "MTT", _OTHERS),
    "jam-genre": PublishedSet(jamendo.jamendo_genre, (jamendo.FOLDER,), TAGS, "Jam-50", _OTHERS),
    "jam-instrument": PublishedSet(jamendo.jamendo_instrument, (jamendo.FOLDER,), TAGS, "Jam-50", _OTHERS),
    "vocalset-singer": PublishedSet(vocalset.vocalset_singer, (vocalset.FOLDER,), CLASSES, "GTZAN", _OTHERS),
    "vocalset-technique": PublishedSet(vocalset.vocalset_technique, (vocalset.FOLDER,), CLASSES, "GTZAN", _OTHERS),
    "hooktheory-key": PublishedSet(hooktheory.hooktheory_key, (hooktheory.FOLDER,), KEY, "GS key", _OTHERS),
    "hooktheory-structure": PublishedSet(
        hooktheory.hooktheory_structure, (hooktheory.FOLDER,), CLASSES, "GTZAN", _OTHERS
    ),
    "gtzan-beats": PublishedSet(gtzan.gtzan_beats, (gtzan.FOLDER, gtzan.BEATS), "f_measure", "", _OTHERS),
    "chords1217": PublishedSet(chord_labs.chords1217, (chord_labs.FOLDER,), CLASSES, "", _OTHERS),
    "chord-labs": PublishedSet(chord_labs.chord_labs, (chord_labs.LABS,), CLASSES, "", _OTHERS),
    "harmonix": PublishedSet(harmonix.harmonix_structure, (harmonix.FOLDER,), CLASSES, "", _OTHERS),
    "harmonix-beats": PublishedSet(harmonix.harmonix_beats, (harmonix.FOLDER,), "f_measure", "", _OTHERS),
}


@dataclass(frozen=True, eq=False)
class Found:
    """What could be read.

    Args:
        whole: name and task of the sets of whole clips.
        over_time: of the sets over time.
        missing: names of sets that could not be read, and why.
    """

    whole: tuple[tuple[str, Task], ...]
    over_time: tuple[tuple[str, FrameTask], ...]
    missing: tuple[tuple[str, str], ...] = ()


def figures(name: str) -> Mapping[str, Mapping[str, float]]:
    """Published figures of a set by system and metric, as fractions; empty where there are none."""
    return FIGURES.get(name, {})


def published_sets(root: Path, wanted: Sequence[str] = ()) -> Found:
    """The sets of these names ("mtt+gtzan" names two); if none is named, those that have a folder below `root`.

    Raises:
        ValueError: if there is no set of a name, or a file of one is not what it should be.
        FileNotFoundError: if none can be read.
    """
    names = [name for entry in wanted for name in entry.split("+") if name]
    unknown = sorted(set(names) - set(SETS))
    if unknown:
        raise ValueError(f"--tasks {', '.join(unknown)}: there are {', '.join(SETS)}")
    chosen = [name for name, each in SETS.items() if (name in names if names else _has_folders(root, each))]
    whole: list[tuple[str, Task]] = []
    over_time: list[tuple[str, FrameTask]] = []
    missing = []
    for name in chosen:
        try:
            made = SETS[name].read(root)
        except FileNotFoundError as error:
            missing.append((name, str(error)))
            continue
        if isinstance(made, Task):
            whole.append((name, made))
        else:
            over_time.append((name, made))
    if not whole and not over_time:
        folders = ", ".join(dict.fromkeys(folder for each in SETS.values() for folder in each.folders))
        why = "; ".join(reason for _, reason in missing) or f"it has none of the folders {folders}"
        raise FileNotFoundError(f"no published set can be read from {root}: {why}")
    return Found(tuple(whole), tuple(over_time), tuple(missing))


def _has_folders(root: Path, published: PublishedSet) -> bool:
    return all((root / folder).is_dir() for folder in published.folders)
