"""Compiles the C kernels when the package is built, where there is a C compiler; without them numpy does their work."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.tags import platform_tags

SOURCES = ("src/partimento/midi/kernel.c", "src/partimento/tokens/performance_kernel.c")
LIBRARY = "src/partimento/libpartimento.so"  # git-ignored, so it gets into a wheel only as an artifact named here


class KernelBuildHook(BuildHookInterface):
    """For a wheel the library becomes part of it, which is then one of this platform; for an editable install it stays
    beside its source. A compiler that is absent or fails is told and is no error."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile and, if that went well, add the library to the wheel."""
        library = Path(self.root, LIBRARY)
        reason = compile_library([Path(self.root, source) for source in SOURCES], library)
        if reason:
            library.unlink(missing_ok=True)  # of an earlier source
            self.app.display_warning(f"C kernels not built, reading and tokenizing will be slower: {reason}")
            return
        build_data["artifacts"].append(LIBRARY)
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform_of_wheel()}"  # the library is called through ctypes: any Python 3


def platform_of_wheel() -> str:
    """The platform tag of what is compiled here, such as linux_x86_64; manylinux is not ours to claim."""
    return next(tag for tag in platform_tags() if not tag.startswith(("manylinux", "musllinux")))


def compile_library(sources: list[Path], library: Path) -> str:
    """Compile C files into a shared library, replaced whole or not at all; returns why not, "" if it worked."""
    named = shlex.split(sysconfig.get_config_var("CC") or "")
    candidates = [named, ["cc"], ["gcc"], ["clang"]]
    compiler = next((command for command in candidates if command and shutil.which(command[0])), None)
    if compiler is None:
        return "no C compiler (cc, gcc or clang) found"
    part = library.with_name(f".{library.name}.part")
    command = [*compiler, "-std=c99", "-O2", "-fPIC", "-shared", "-o", str(part), *map(str, sources), "-lm"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if done.returncode:
            return f"{shlex.join(command)} failed:\n{done.stderr.strip()}"
        part.replace(library)  # a running program keeps the one it has opened
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{shlex.join(command)} failed: {error}"
    finally:
        part.unlink(missing_ok=True)
    return ""
