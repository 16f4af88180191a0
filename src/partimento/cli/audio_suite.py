"""What `evaluate --suite audio` measures: the models that are named, beside chance, statistics and random weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from partimento.cli.messages import UsageError, failures

if TYPE_CHECKING:
    from partimento.audio_model import AudioModel
    from partimento.tasks.audio.frame_suite import FrameSystem
    from partimento.tasks.audio.sound_vectors import FrameStore
    from partimento.tasks.measure import System
    from partimento.tasks.probe import Probe
    from partimento.tasks.suite import Suite
    from partimento.tasks.vectors import VectorStore

NO_MODEL = "none"


def measure_sound(
    suite: Suite,
    models: str,
    root: Path,
    wanted: Sequence[str],
    probes: tuple[Probe, ...],
    controls: bool,
    cache: Path | None,
    device: str,
) -> int:
    """Print the tables of what was found; the exit status, 1 if a set is missing.

    Args:
        models: names joined by "+"; "none" for the baselines alone.
        root: folder of the unpacked sets.
        wanted: names of tasks, all by default.
        controls: measure chance, statistics of the spectrum and random weights too.
        cache: folder of the vectors and frames, by default partimento in the user's cache.

    Raises:
        ValueError: if there is no task of a name, or a model does not hear.
        FileNotFoundError: if no task can be made from `root`.
    """
    from partimento.tasks.audio.sound_vectors import FrameStore
    from partimento.tasks.audio.suite import run_sound, sound_tasks
    from partimento.tasks.results import suite_tables
    from partimento.tasks.vectors import VectorStore, default_folder

    tasks = sound_tasks(root, wanted)
    place = cache or default_folder()
    with VectorStore(place) as store:
        rows, over_time = sound_rows(models, store, FrameStore(place / "frames"), probes, controls, device)
        found = run_sound(suite, tasks, rows, over_time)
    print(suite_tables(found))
    return failures(tasks.missing)


def sound_rows(
    models: str, store: VectorStore, frames: FrameStore, probes: tuple[Probe, ...], controls: bool, device: str
) -> tuple[list[System], list[FrameSystem]]:
    """What is measured on whole recordings and over time: controls, and of each model its vectors and its frames.

    Raises:
        UsageError: if that is nothing.
    """
    from partimento.tasks.audio import sound_systems

    rows = [sound_systems.chance(), *sound_systems.statistics(store, probes)] if controls else []
    over_time = sound_systems.frame_baselines(frames) if controls else []
    for model, title in _named_models(models, device):
        if controls:
            rows.append(sound_systems.at_random_weights(model, store, probes, title))
            over_time.append(sound_systems.frames_at_random_weights(model, frames, title))
        rows.append(sound_systems.of_model(model, store, probes, title))
        over_time.append(sound_systems.frames_of_model(model, frames, title))
    if not rows:
        raise UsageError("nothing to measure: name a model, or leave out --no-controls")
    return rows, over_time


def _named_models(names: str, device: str) -> list[tuple[AudioModel, str]]:
    """The models and what their rows are called; those of one title are told apart by their weights."""
    from partimento.audio_model import load_audio

    found = [load_audio(name, device) for name in names.split("+")] if names != NO_MODEL else []
    titles = [model.title for model in found]
    return [
        (model, f"{title} {model.hash}" if titles.count(title) > 1 else title)
        for model, title in zip(found, titles, strict=True)
    ]
