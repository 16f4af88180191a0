"""Files of `torch.save`, read without running what is in them.

Such a file is a pickle, which may name any function to be called. torch's restricted unpickler (`weights_only`) reads
tensors and plain values and refuses the rest. Programs also save the objects that hold their settings; classes of the
modules that a caller names stand in the result as `Inert`, which keeps what the object was made of and does nothing.
"""

from __future__ import annotations

import _compat_pickle  # the names that protocol 2 writes for Python 3's
import pickle
import pickletools
import struct
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from partimento.checkpoint import CheckpointError

# What torch's unpickler raises on a file that was cut or altered.
DAMAGE = (
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    OverflowError,
    struct.error,
    zipfile.BadZipFile,
)
LEGACY_PICKLES = 4  # magic number, version, system, content; torch before 1.6 wrote them one after another
PLAIN = ("collections.OrderedDict", "collections.Counter", "_codecs.encode", "builtins.set", "builtins.bytearray")
TYPES = tuple(f"builtins.{name}" for name in ("bool", "bytes", "dict", "float", "int", "list", "str", "tuple", "type"))
# Settings say the types of their values: `int`, `Any`, `Optional[str]` (an index into Union) and so on.
ANNOTATIONS = (*TYPES, "typing", "operator.getitem", "_operator.getitem")


class Inert:
    """Stands for an object whose class is not run.

    Args:
        args: what its class was called with.
        state: what its attributes were set from, a dict as a rule.
    """

    args: tuple[Any, ...]
    state: Any = None

    def __new__(cls, *args: Any) -> Inert:
        made = super().__new__(cls)
        made.args = args
        return made

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Dict:
    """A dict, whatever the call that would make it."""

    def __new__(cls, *args: Any) -> Any:
        return {}


def read_pickled(path: str | Path, inert: Iterable[str] = ()) -> Any:
    """The content of a file of `torch.save`, in either of its two formats, on the CPU.

    Args:
        inert: modules ("argparse"), with what is below them, and single names ("numpy.dtype") to stand in for.

    Raises:
        CheckpointError: naming the global, if the file names one that is neither a tensor's, nor plain, nor inert; or
            if the file is damaged or no such file.
        OSError: if it cannot be read.
    """
    import torch

    path = Path(path)
    inert = (*inert, *ANNOTATIONS)
    is_zip = zipfile.is_zipfile(path)
    try:
        named = sorted(set(_globals(path, is_zip)))
    except DAMAGE as error:
        raise _damaged(path, error) from None
    stand_ins: list[Any] = []
    for name in named:
        if name == "collections.defaultdict":
            stand_ins.append(_named(_Dict, name))
        elif any(name == root or name.startswith(f"{root}.") for root in inert):
            stand_ins.append(_named(Inert, name))
        elif name not in PLAIN and not name.startswith("torch."):
            raise _refused(path, f"names the global {name}")
    try:
        with torch.serialization.safe_globals(stand_ins):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
    except pickle.UnpicklingError as error:
        said = str(error).partition("WeightsUnpickler error:")[2] or str(error)
        reason = said.strip().partition("\n")[0].partition(" Please ")[0]
        if "global" in reason.lower():
            raise _refused(path, f"cannot be read with safety ({reason})") from None
        raise _damaged(path, ValueError(reason)) from None
    except DAMAGE as error:
        raise _damaged(path, error) from None


def _refused(path: Path, why: str) -> CheckpointError:
    return CheckpointError(f"{path} {why}; only tensors and settings are read, since anything else can run code")


def _damaged(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"{path} ({path.stat().st_size:,} bytes) is not a whole file of torch.save "
        f"({type(error).__name__}: {str(error).partition(chr(10))[0]}); fetch or write it again"
    )


def _named(kind: type, name: str) -> type:
    """A class of this kind that says it is `name`, as torch's list of what is allowed wants it."""
    module, _, own = name.rpartition(".")
    return type(own, (kind,), {"__module__": module})


def _globals(path: Path, is_zip: bool) -> Iterator[str]:
    """The globals that a file names."""
    if not is_zip:
        with path.open("rb") as file:
            for _ in range(LEGACY_PICKLES):
                yield from _globals_of(file)
        return
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            if member.rpartition("/")[2] == "data.pkl":
                with archive.open(member) as file:
                    yield from _globals_of(file)


def _globals_of(file: IO[bytes]) -> Iterator[str]:
    """The globals that one pickle names; the file stands behind it afterwards."""
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name == "GLOBAL":
            module, _, name = str(argument).partition(" ")
            module, name = _compat_pickle.NAME_MAPPING.get(
                (module, name), (_compat_pickle.IMPORT_MAPPING.get(module, module), name)
            )
            yield f"{module}.{name}"
