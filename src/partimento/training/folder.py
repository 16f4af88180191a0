"""The run folder: what may lie in it, its config.json and its log.jsonl."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from partimento.training.distributed import World

CONTENT = {"config.json", "log.jsonl", "checkpoints", "samples", "state"}
MAY_CHANGE = ("recipe.schedule.steps", "recipe.schedule.decay_from", "recipe.watch.", "recipe.compile")


def open_folder(folder: Path, config: Mapping[str, Any], world: World) -> None:
    """Make a run folder and write its config.json, or check that the run in it is this one.

    Raises:
        ValueError: if the folder holds something else than a run, or a run of another config; the message names what
            differs. The length of the run, when its rate begins to fall, how it is watched and whether it is compiled
            may change.
    """
    path = folder / "config.json"
    if folder.exists():
        if not folder.is_dir():
            raise ValueError(f"{folder} is a file; give the folder of a run, or one that is still to be made")
        strange = sorted(p.name for p in folder.iterdir() if p.name not in CONTENT and not p.name.startswith("."))
        if strange:
            raise ValueError(f"{folder} holds {', '.join(strange[:5])}, which no run has; give an empty folder")
        if path.exists():
            _check_same(path, config)
    world.wait()  # nobody writes before everybody has read
    if world.leads:
        for part in folder.glob("checkpoints/.*"):  # what a killed process had begun to write
            shutil.rmtree(part)
        folder.mkdir(parents=True, exist_ok=True)
        replace_text(path, json.dumps(config, indent=1, ensure_ascii=False) + "\n")
    world.wait()


def _check_same(path: Path, config: Mapping[str, Any]) -> None:
    try:
        before = _flat(json.loads(path.read_text("utf-8")))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error}); give an empty folder") from None
    now = _flat(json.loads(json.dumps(config)))
    differing = [
        f"{name} was {before.get(name, 'not there')} and is {now.get(name, 'not there')}"
        for name in sorted(before.keys() | now.keys())
        if not name.startswith(MAY_CHANGE) and before.get(name) != now.get(name)
    ]
    if differing:
        raise ValueError(
            f"{path.parent} holds another run: {'; '.join(differing)}. Resume it as it was, or give an empty folder"
        )


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {name: value}
    parts = (_flat(item, f"{name}.{key}" if name else key) for key, item in value.items())
    return {key: item for part in parts for key, item in part.items()}


def write_log(folder: Path, world: World, line: Mapping[str, float]) -> None:
    """Append one line to log.jsonl."""
    if world.leads:
        with (folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")


def cut_log(folder: Path, world: World, step: int) -> None:
    """Drop what was logged after a step, and a line that was not written to its end: those steps are done again."""
    path = folder / "log.jsonl"
    if world.leads and path.exists():
        whole = [line for line in path.read_text("utf-8").splitlines(keepends=True) if line.endswith("\n")]
        replace_text(path, "".join(line for line in whole if json.loads(line)["step"] <= step))


def replace_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, "utf-8")
    part.replace(path)
