"""models, import, export, doctor: which checkpoints there are, in and out, and whether this machine is well."""

from __future__ import annotations

import importlib.metadata
import json as json_module
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import tyro

from partimento.cli.messages import UsageError, refuse_existing
from partimento.cli.options import Output

EXPORTED = ("README.md", "config.json", "generation_config.json", "model.safetensors")


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
    source: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[mule] FOLDER|FILE|ORG/REPO")],
    /,
    output: Output,
    licence: str | None = None,
    dictionary: Path | None = None,
    overwrite: bool = False,
) -> int:
    """Make a folder of ours of an official checkpoint.

    Takes what `export` made of one of ours, too.

    Such a folder opens faster and says what it is.
    `load` and every --model also open official folders of Aria as they are.

    Args:
        source: a folder with config.json and model.safetensors, one safetensors file, a Hugging Face repository, a
            file that fairseq wrote of MusicBERT (checkpoint_last_musicbert_base.pt), of which nothing is run, or
            MULE's model.keras (after the word mule also the safetensors of its port to PyTorch).
        output: folder to write.
        licence: of the weights, where the source does not say.
        dictionary: the dict.txt that a MusicBERT was trained with, to check the order of its vocabulary.
        overwrite: replace a checkpoint that exists.
    """
    from partimento.checkpoint import read_config
    from partimento.hub import resolve
    from partimento.systems.aria_official import import_checkpoint
    from partimento.systems.aria_stablelm import import_stablelm, is_stablelm
    from partimento.systems.mule_keras import import_mule
    from partimento.systems.musicbert_fairseq import import_fairseq

    refuse_existing(output, overwrite)
    *kind, name = source or ("",)
    if not name or kind not in ([], ["mule"]):
        raise UsageError("name one checkpoint to import, after the word mule if it is MULE's")
    is_file = Path(name).is_file()
    fairseq = is_file and not kind and Path(name).suffix not in (".safetensors", ".keras")
    if dictionary is not None and not fairseq:
        raise UsageError(f"--dictionary is for MusicBERT's file of fairseq, and {name} is none")
    if kind or (is_file and Path(name).suffix == ".keras"):
        import_mule(name, output, licence=licence)
    elif fairseq:
        import_fairseq(name, output, licence=licence, dictionary=dictionary)
    else:
        stablelm = is_stablelm(read_config(resolve(name).folder))
        (import_stablelm if stablelm else import_checkpoint)(name, output, licence=licence)
    print(output)
    return 0


def export(
    model: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME|FOLDER|ORG/REPO")],
    /,
    output: Output,
    as_: Annotated[Literal["stablelm", "official"], tyro.conf.arg(name="as")] = "stablelm",
    dtype: Literal["float32", "bfloat16"] = "float32",
    overwrite: bool = False,
) -> int:
    """Write a model for other programs to read.

    `import` turns the folder back into one of ours, with the same weights.

    Args:
        model: one of `partimento models`, a checkpoint folder, or a Hugging Face repository.
        output: folder to write.
        as_: stablelm is a stock class of transformers, for language models; official is the original's own layout.
        dtype: of the weights; bfloat16 halves the file and rounds them.
        overwrite: replace an exported folder that exists.
    """
    import torch

    from partimento.hub import resolve
    from partimento.systems.aria_official import export_official
    from partimento.systems.aria_stablelm import export_stablelm

    precision = {"float32": torch.float32, "bfloat16": torch.bfloat16}[dtype]
    with _whole_folder(output, overwrite) as folder:
        if as_ == "stablelm":
            export_stablelm(model, folder, precision)
        else:
            export_official(resolve(model).folder, folder, precision)
    print(output)
    return 0


@contextmanager
def _whole_folder(output: Path, overwrite: bool) -> Iterator[Path]:
    """A folder beside `output` to write into, which stands in its place once all is written.

    Raises:
        FileExistsError: if `output` exists and is not to be replaced, or holds other things than an exported model.
    """
    refuse_existing(output, overwrite)
    if output.exists() and not output.is_dir():
        raise FileExistsError(f"{output} is a file; name a folder to write")
    strange = sorted(path.name for path in output.iterdir() if path.name not in EXPORTED) if output.exists() else []
    if strange:
        raise FileExistsError(f"{output} holds {strange[0]} beside an exported model; give another folder")
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as work:
        new = Path(work) / "new"
        yield new
        if output.exists():
            output.rename(Path(work) / "old")
        new.rename(output)


def doctor() -> int:
    """Say what this machine has, and what is missing."""
    import torch

    from partimento import compiled

    version = importlib.metadata.version("partimento")
    print(f"partimento {version}, Python {platform.python_version()}, {platform.platform()}")
    for name in (
        "torch",
        "numpy",
        "symusic",
        "pyarrow",
        "lancedb",
        "safetensors",
        "huggingface_hub",
        "soundfile",
        "soxr",
    ):
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
