"""What `evaluate --suite mule` measures: published sets, by the models that are named, beside chance and statistics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from partimento.cli.messages import failures

if TYPE_CHECKING:
    from partimento.tasks.probe import Probe
    from partimento.tasks.suite import Suite


def measure_published_sets(
    suite: Suite,
    models: str,
    root: Path,
    wanted: Sequence[str],
    probes: tuple[Probe, ...],
    controls: bool,
    cache: Path | None,
    device: str,
    most_steps: int | None = None,
) -> int:
    """Print the tables of what was found; the exit status, 1 if a set that was asked for is missing.

    Args:
        models: names joined by "+"; "none" for the baselines alone.
        root: folder of the sets, each in the layout that docs/data/audio-sets.md shows.
        wanted: names of sets; by default those that have a folder below `root`.
        probes: of sets of whole clips; "mlp" is the recipe that MULE's authors publish for each set.
        controls: measure chance, statistics of the spectrum and random weights too.
        cache: folder of the vectors and frames, by default partimento in the user's cache.
        most_steps: of a recipe's training, all by default.

    Raises:
        ValueError: if there is no set of a name, a probe is not for tags and values, or a model does not hear.
        FileNotFoundError: if no set can be read.
    """
    from partimento.cli.audio_suite import sound_rows
    from partimento.model import pick_device
    from partimento.tasks.audio.frame_suite import run_frames
    from partimento.tasks.audio.published.measuring import run_published
    from partimento.tasks.audio.published.sets import published_sets
    from partimento.tasks.audio.sound_vectors import FrameStore
    from partimento.tasks.results import suite_tables
    from partimento.tasks.vectors import VectorStore, default_folder

    found = published_sets(root, wanted)
    place = cache or default_folder()
    with VectorStore(place) as store:
        rows, over_time = sound_rows(models, store, FrameStore(place / "frames"), probes, controls, device)
        where = str(pick_device(device))
        measured = run_published(suite, found.whole, rows, most_steps, where) if found.whole else []
        measured += run_frames(suite, [task for _, task in found.over_time], over_time) if found.over_time else []
    print(suite_tables(measured))
    return failures(found.missing)
