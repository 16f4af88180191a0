"""Options that several verbs have, spelt and explained once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from partimento.cli.messages import UsageError

Files = Annotated[
    tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FILE|FOLDER...", help_behavior_hint="(one or more)")
]
Output = Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="PATH")]
Model = Annotated[str, tyro.conf.arg(aliases=["-m"], metavar="NAME|FOLDER|ORG/REPO")]
ModelForFiles = Annotated[
    str | None,
    tyro.conf.arg(aliases=["-m"], metavar="NAME|FOLDER|ORG/REPO", help_behavior_hint="(default: by the files)"),
]
Device = Annotated[str, tyro.conf.arg(metavar="auto|cpu|cuda|mps")]
Jobs = Annotated[int | None, tyro.conf.arg(aliases=["-j"], metavar="N")]
LabelFrom = Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME=LEVEL...", help_behavior_hint="(default: none)")]
Settings = Annotated[
    tuple[str, ...], tyro.conf.arg(aliases=["-s"], metavar="KEY=VALUE...", help_behavior_hint="(default: none)")
]

DEFAULT_MODEL = "piano-small"
DEFAULT_EMBEDDING = "piano-small-embedding"
DEFAULT_SOUND = "audio-small"


def label_levels(pairs: tuple[str, ...]) -> dict[str, int]:
    """{"composer": 1} from ("composer=1",).

    Raises:
        UsageError: if a pair is not a name and a whole number.
    """
    levels = {}
    for pair in pairs:
        name, _, level = pair.partition("=")
        if not name or not level.isdigit():
            raise UsageError(f"--label-from {pair}: write NAME=LEVEL, for example composer=1")
        levels[name] = int(level)
    return levels


def processes(jobs: int | None) -> int | None:
    """The number given with --jobs, None where there is none.

    Raises:
        UsageError: if it is less than 1.
    """
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs {jobs}: give at least 1 process, or leave it out for one a core")
    return jobs
