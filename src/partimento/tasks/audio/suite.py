"""Sound put to several representations in one run: whole recordings by probes on vectors, frames by frame heads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from partimento.tasks.audio.esc10 import esc10
from partimento.tasks.audio.frame_probe import FrameRecipe
from partimento.tasks.audio.frame_suite import FrameSystem, run_frames
from partimento.tasks.audio.frame_task import FrameTask
from partimento.tasks.audio.mdb_drums import mdb_drums
from partimento.tasks.audio.philharmonia import BY_CHANCE, dynamic, instrument, pitch
from partimento.tasks.audio.rendered import rendered
from partimento.tasks.measure import System
from partimento.tasks.results import Result
from partimento.tasks.suite import Suite, run
from partimento.tasks.task import Task

RENDERED = "rendered:"

WHOLE: Mapping[str, Callable[[Path], list[Task]]] = {
    "pitch": pitch,
    "instrument": instrument,
    "dynamic": dynamic,
    "esc10": esc10,
}
OVER_TIME: Mapping[str, Callable[[Path], FrameTask]] = {"mdb-drums": mdb_drums}


@dataclass(frozen=True, eq=False)
class SoundTasks:
    """What is measured.

    Args:
        whole: of whole recordings.
        over_time: of frames.
        missing: names of tasks whose data is not there, and why.
    """

    whole: tuple[Task, ...]
    over_time: tuple[FrameTask, ...]
    missing: tuple[tuple[str, str], ...] = ()


def sound_tasks(root: Path, wanted: Sequence[str] = ()) -> SoundTasks:
    """The tasks of these names, all but rendered ones if none is named.

    Args:
        root: folder of the unpacked sets.
        wanted: names, several joined by "+"; "rendered:FOLDER" stands for the tasks of a rendered folder.

    Raises:
        ValueError: if there is no task of a name, or a rendered folder lacks a side.
        FileNotFoundError: if none can be made.
    """
    names = list(dict.fromkeys(name for entry in wanted for name in entry.split("+"))) or [*WHOLE, *OVER_TIME]
    unknown = [name for name in names if name not in {*WHOLE, *OVER_TIME} and not name.startswith(RENDERED)]
    if unknown:
        raise ValueError(f"--tasks {', '.join(unknown)}: there are {', '.join((*WHOLE, *OVER_TIME))}, {RENDERED}FOLDER")
    whole: list[Task] = []
    over_time: list[FrameTask] = []
    missing = []
    for name in names:
        try:
            if name.startswith(RENDERED):
                of_clips, of_frames = rendered(name.removeprefix(RENDERED))
                whole += of_clips
                over_time += of_frames
            elif name in WHOLE:
                whole += WHOLE[name](root)
            else:
                over_time.append(OVER_TIME[name](root))
        except FileNotFoundError as error:
            missing.append((name, str(error)))
    if not whole and not over_time:
        raise FileNotFoundError(f"no task can be made from {root}: {'; '.join(why for _, why in missing)}")
    return SoundTasks(tuple(whole), tuple(over_time), tuple(missing))


def run_sound(
    suite: Suite,
    tasks: SoundTasks,
    rows: Sequence[System],
    frame_rows: Sequence[FrameSystem],
    recipe: FrameRecipe | None = None,
) -> list[Result]:
    """Measure every row on every task; of whole recordings also the mean of the tasks, and differences of such means.

    Each row is set against all before it that have the same probe. Splits by chance are in no mean.
    """
    names = [row.name for row in rows if row.probes != ("majority",)]
    contrasts = [(better, worse) for i, better in enumerate(names) for worse in names[:i]]
    found: list[Result] = []
    easy = [task for task in tasks.whole if task.split == BY_CHANCE]
    told = [task for task in tasks.whole if task.split != BY_CHANCE]
    for some in filter(None, (told, *([task] for task in easy))):
        found += run(suite, some, rows, contrasts)
    return found + (run_frames(suite, tasks.over_time, frame_rows, recipe) if tasks.over_time else [])
