"""`partimento export` and the way back through `import`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from partimento.checkpoint import write_checkpoint
from partimento.cli import main
from partimento.configuration import to_plain
from partimento.networks.decoder import Decoder, DecoderConfig
from partimento.networks.transformer import TransformerConfig

Run = Callable[..., tuple[str, str]]


@pytest.fixture
def partimento(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Run:
    """Runs a verb in this process; its exit status must be the one that is expected. Gives stdout and stderr."""

    def run(*args: str | Path, status: int = 0) -> tuple[str, str]:
        caplog.clear()
        with pytest.raises(SystemExit) as left:
            main([str(arg) for arg in args])
        out, err = capsys.readouterr()
        assert left.value.code == status, f"{args}: exit {left.value.code}\n{out}\n{err}"
        return out, err + caplog.text

    return run


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A conditioned checkpoint of random weights."""
    torch.manual_seed(0)
    config = DecoderConfig(TransformerConfig(32, 2, 2, 64), vocabulary=2675, context=64, condition=8)
    network = Decoder(config)
    network.initialise()
    facts = {"system": "aria", "name": "tiny", "licence": "CC0-1.0", "network": to_plain(config)}
    write_checkpoint(tmp_path / "tiny", network.state_dict(), facts, "# tiny\n")
    return tmp_path / "tiny"


def test_out_as_stablelm_and_back(partimento: Run, tiny: Path, tmp_path: Path) -> None:
    out, again = tmp_path / "out" / "stablelm", tmp_path / "again"
    printed, notice = partimento("export", tiny, "-o", out)
    assert printed == f"{out}\n"
    assert "the plain language model is exported" in notice
    assert [path.name for path in out.parent.iterdir()] == ["stablelm"], "nothing half-written beside it"
    partimento("import", out, "-o", again)
    first, last = load_file(tiny / "model.safetensors"), load_file(again / "model.safetensors")
    assert first.keys() - last.keys() == {"adapter.weight"}
    assert all(torch.equal(first[name], last[name]) for name in last)

    before = (out / "model.safetensors").stat().st_size
    assert "--overwrite replaces it" in partimento("export", tiny, "-o", out, status=1)[1]
    partimento("export", tiny, "-o", out, "--dtype", "bfloat16", "--overwrite")
    assert (out / "model.safetensors").stat().st_size < 0.6 * before
    (out / "my-notes.txt").touch()
    assert "my-notes.txt" in partimento("export", tiny, "-o", out, "--overwrite", status=1)[1]
    assert (out / "my-notes.txt").exists()


def test_out_as_official_and_back(partimento: Run, tiny: Path, tmp_path: Path) -> None:
    partimento("export", tiny, "-o", tmp_path / "official", "--as", "official")
    partimento("import", tmp_path / "official", "-o", tmp_path / "again")
    first, last = load_file(tiny / "model.safetensors"), load_file(tmp_path / "again" / "model.safetensors")
    assert first.keys() == last.keys()
    assert all(torch.equal(first[name], last[name]) for name in last)


def test_what_is_no_model_is_one_line(partimento: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    error = partimento("export", tmp_path / "empty", "-o", tmp_path / "out", status=1)[1]
    assert "has no config.json" in error
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").touch()
    assert "is a file" in partimento("export", "piano-small", "-o", tmp_path / "file", "--overwrite", status=1)[1]
