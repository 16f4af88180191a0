"""Options that several verbs have, spelt and explained once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

Files = Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FILE|FOLDER...")]
Output = Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="PATH")]
Model = Annotated[str, tyro.conf.arg(aliases=["-m"], metavar="NAME|FOLDER|ORG/REPO")]
Device = Annotated[str, tyro.conf.arg(metavar="auto|cpu|cuda|mps")]
Jobs = Annotated[int | None, tyro.conf.arg(aliases=["-j"], metavar="N")]
DEFAULT_MODEL = "piano-small"
