from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from in_process import Run, Said

from partimento.cli import main


@pytest.fixture
def partimento(capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs a verb; its exit status must be the one that is expected."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)

    def run(*args: str | Path, status: int = 0) -> Said:
        with pytest.raises(SystemExit) as ended:
            main([str(arg) for arg in args])
        said = Said(*capsys.readouterr())
        assert ended.value.code == status, said
        return said

    yield run
    torch.set_num_threads(threads)
