"""What `evaluate --suite understanding` measures: tasks of notes and sequences, and pairs of phrases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from partimento.cli.messages import say

if TYPE_CHECKING:
    from partimento.tasks.words.suite import Plan


def measure_understanding(
    plan: Plan,
    model: str,
    root: Path,
    wanted: Sequence[str],
    learners: Sequence[str],
    settings: Sequence[str],
    controls: bool,
) -> str:
    """The tables of what the learners and, with controls, the baselines found.

    Args:
        model: the encoder that learners begin from.
        root: folder of the unpacked sets.
        wanted: names of tasks, all by default.
        settings: of the fine-tuning, "key=value" each.

    Raises:
        ValueError: if there is no task of a name, or the model is no encoder.
        FileNotFoundError: if a set is not below `root`.
    """
    from partimento.notes_model import load_notes
    from partimento.tasks.pairs import suite as pairs
    from partimento.tasks.results import suite_tables
    from partimento.tasks.words import suite
    from partimento.tasks.words.builders import task_groups
    from partimento.tasks.words.learners import learners as made

    rest = [entry for entry in wanted if not pairs.pair_tasks([entry])]
    groups = task_groups(root, rest) if rest or not wanted else ()
    encoder = load_notes(model, "cpu")
    found = []
    for data, kind in pairs.pair_tasks(wanted):
        songs = pairs.SONGS[data](root)
        found += pairs.run(plan, songs, data, [kind], made(encoder, "sequence", learners, settings), controls)
    for group in groups:
        say(f"{' + '.join(map(str, group))}: {len(group[0].words):,} sequences")
        if controls:
            for task in group:
                found += suite.baselines(plan, task)
        found += suite.run(plan, [group], made(encoder, group[0].unit, learners, settings))
    return suite_tables(found)
