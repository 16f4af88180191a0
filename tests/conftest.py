"""What some tests need, the data sets, the conformance files and the C kernels: without it they are skipped."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from partimento import compiled

SHARED = Path(__file__).parents[2] / "shared"
RAW = Path(os.environ.get("PARTIMENTO_DATA", Path.home() / ".cache" / "partimento" / "raw"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with conformance/ and data/ beside the checkout; the test is skipped where there is none."""
    if not (SHARED / "conformance").is_dir():
        pytest.skip("no ../shared/conformance beside this checkout")
    return SHARED


@pytest.fixture(scope="session")
def raw() -> Callable[[str], Path]:
    """A function from a data set's name to its unpacked folder; the test is skipped where the set cannot be had."""

    def folder(name: str) -> Path:
        if not (RAW / name).is_dir():
            pytest.skip(f"data set {name} is not unpacked in {RAW}")
        return RAW / name

    return folder


@pytest.fixture(scope="session")
def kernels() -> None:
    """The test is skipped where the C kernels are not in use."""
    if compiled.library is None:
        pytest.skip("the C kernels are not compiled here, or set aside")
