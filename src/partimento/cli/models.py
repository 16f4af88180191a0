"""models, import, doctor: which checkpoints there are, how one comes in, and whether this machine is well."""

from __future__ import annotations

import importlib.metadata
import json as json_module
import platform
import shutil
from pathlib import Path
from typing import Annotated

import tyro

from partimento.cli.messages import refuse_existing
from partimento.cli.options import Output


def models(json: bool = False) -> int:
    """List the models in the package and in the local cache.

    Args:
        json: one JSON line a model.
    """
    from partimento.hub import list_models

    for one in list_models():
        if json:
            row = {"name": one.name, "origin": one.origin, "system": one.system, "licence": one.licence}
            print(json_module.dumps({**row, "bytes": one.bytes, "folder": str(one.folder)}))
        else:
            print(f"{one.name:<24} {one.system:<12} {one.bytes / 1e6:8.1f} MB  {one.licence:<14} {one.origin}")
    return 0


def import_(
    source: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER|FILE|ORG/REPO")],
    /,
    output: Output,
    licence: str | None = None,
    overwrite: bool = False,
) -> int:
    """Turn an official Aria checkpoint into a folder of ours.

    Such a folder opens faster and says what it is.
    `load` and every --model also open official folders as they are.

    Args:
        source: a folder with config.json and model.safetensors, one safetensors file, or a Hugging Face repository.
        output: folder to write.
        licence: of the weights, where the source does not say.
        overwrite: replace a checkpoint that exists.
    """
    from partimento.systems.aria_official import import_checkpoint

    refuse_existing(output, overwrite)
    import_checkpoint(source, output, licence=licence)
    print(output)
    return 0


def doctor() -> int:
    """Say what this machine has, and what is missing for what."""
    import torch

    from partimento import compiled

    version = importlib.metadata.version("partimento")
    print(f"partimento {version}, Python {platform.python_version()}, {platform.platform()}")
    for name in ("torch", "numpy", "symusic", "pyarrow", "lancedb", "safetensors", "huggingface_hub"):
        print(f"  {name:<16} {importlib.metadata.version(name)}")
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    print(
        f"  C kernels        {'in use' if compiled.library else 'none: reading and tokenizing take numpy, more slowly'}"
    )
    print(f"  CPU threads      {torch.get_num_threads()}")
    print(f"  CUDA device      {device}")
    for program, purpose in (("fluidsynth", "listen --render"), ("chromium", "the browser tests")):
        print(f"  {program:<16} {shutil.which(program) or f'not found ({purpose} needs it)'}")
    soundfonts = sorted(Path("/usr/share/sounds/sf2").glob("*.sf2"))
    print(f"  soundfont        {soundfonts[0] if soundfonts else 'not found (listen --render needs one)'}")
    return 0
