"""The checkpoint folder: `model.safetensors`, `config.json`, `README.md` (the model card). No pickle, no code.

torch is imported inside the functions that touch tensors, so that listing models stays quick.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor

WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
NAMES_SHOWN = 5

Shapes = Mapping[str, tuple[int, ...]]


class CheckpointError(ValueError):
    """A checkpoint that cannot be opened; the message names the file, what is wrong and the way out."""


def write_checkpoint(folder: str | Path, state: Mapping[str, Tensor], config: Mapping[str, Any], card: str) -> None:
    """Write the three files into a folder beside its place, then move it there; a checkpoint in that place is replaced.

    Args:
        folder: where it shall stand.
        state: tensors by name; stored in the dtype they have (float32 or bfloat16).
        config: what `config.json` shall hold; "system" and "network" at least.
        card: the text of the model card.

    Raises:
        ValueError: if "system" or "network" is missing from the config.
        CheckpointError: if the folder holds anything else than a checkpoint.
    """
    from safetensors.torch import save_file

    folder = Path(folder)
    missing = [key for key in ("system", "network") if key not in config]
    if missing:
        raise ValueError(f"the config of a checkpoint needs {' and '.join(missing)}")
    if folder.exists():
        strange = sorted(p.name for p in folder.iterdir() if p.name not in (WEIGHTS, CONFIG, CARD))
        if strange:
            raise CheckpointError(f"{folder} holds {_some(strange)} beside a checkpoint; give another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        new = work / "new"
        new.mkdir()
        save_file({name: t.detach().cpu().contiguous() for name, t in state.items()}, new / WEIGHTS, {"format": "pt"})
        (new / WEIGHTS).chmod(0o644)  # safetensors writes it for its owner alone
        text = json.dumps(config, indent=1, ensure_ascii=False, allow_nan=False)
        (new / CONFIG).write_text(text + "\n", encoding="utf-8")
        (new / CARD).write_text(card, encoding="utf-8")
        if folder.exists():
            folder.rename(work / "old")
        new.rename(folder)
    finally:
        if (work / "old").exists() and not folder.exists():
            (work / "old").rename(folder)
        shutil.rmtree(work, ignore_errors=True)


def read_config(folder: str | Path) -> dict[str, Any]:
    """The content of `config.json`.

    Raises:
        CheckpointError: if there is none or it is not a JSON object.
    """
    path = Path(folder) / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(
            f"{folder} has no {CONFIG}; a checkpoint is a folder with {CONFIG} and {WEIGHTS}"
        ) from None
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError
        raise CheckpointError(f"{path} is not JSON: {error}") from None
    if not isinstance(config, dict):
        raise CheckpointError(f"{path} holds {type(config).__name__}, not a JSON object")
    return config


def read_shapes(weights: str | Path) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor of a safetensors file, from its header alone.

    Raises:
        CheckpointError: if there is no such file, or it is damaged or cut short.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(weights)
    if not path.is_file():
        found = sorted(p.name for p in path.parent.glob("*.safetensors")) if path.parent.is_dir() else []
        way_out = f"; it has {_some(found)}: name one of these files" if found else ""
        raise CheckpointError(f"{path.parent} has no {path.name}{way_out}")
    try:
        with safe_open(path, framework="pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise CheckpointError(
            f"{path} ({path.stat().st_size:,} bytes) is not a whole safetensors file: {error}; fetch or write it again"
        ) from None


def check_shapes(found: Shapes, expected: Shapes, weights: str | Path) -> None:
    """Refuse a file whose tensors are not the expected ones.

    Raises:
        CheckpointError: naming what is missing, unexpected or of another shape; a few of each, and how many more.
    """
    missing = [name for name in expected if name not in found]
    unexpected = [name for name in found if name not in expected]
    shapes = [
        f"{name} {list(found[name])} instead of {list(expected[name])}"
        for name in expected
        if name in found and found[name] != expected[name]
    ]
    kinds = (("missing", missing), ("unexpected", unexpected), ("wrong shape", shapes))
    wrong = [f"{kind}: {_some(names)}" for kind, names in kinds if names]
    if wrong:
        raise CheckpointError(f"{weights} does not fit its {CONFIG}: {'; '.join(wrong)}")


def read_state(
    weights: str | Path, dtype: torch.dtype | None = None, device: str | torch.device = "cpu"
) -> dict[str, Tensor]:
    """Every tensor of a safetensors file by name, cast to `dtype` (float32 if None) on the device.

    Args:
        weights: the file, or the checkpoint folder it is in.

    Raises:
        CheckpointError: as `read_shapes`.
    """
    import torch
    from safetensors.torch import load_file

    path = Path(weights)
    path = path / WEIGHTS if path.is_dir() else path
    read_shapes(path)  # its errors say more than load_file's
    state = load_file(path, device=str(device))
    return {name: tensor.to(dtype or torch.float32) for name, tensor in state.items()}


def _some(names: list[str]) -> str:
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def folder_bytes(folder: str | Path) -> int:
    """Bytes of the files of a checkpoint folder."""
    return sum(path.stat().st_size for path in Path(folder).iterdir() if path.is_file())
