"""Names to files: bundled, folders, files, repositories in the local cache; nothing here uses the network."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants

from partimento import hub
from partimento.checkpoint import CheckpointError, write_checkpoint
from partimento.hub import list_models, resolve

CONFIG = {"system": "aria", "network": {}, "licence": "CC0-1.0"}
REVISION = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_checkpoint(tmp_path / "mine", {"a": torch.zeros(2)}, CONFIG, "---\nlicense: mit\n---\n")
    return tmp_path / "mine"


@pytest.fixture
def cache(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Hugging Face's cache as a download of somebody/piano leaves it, with the network off."""
    repo = tmp_path / "cache" / "models--somebody--piano"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text(REVISION)
    shutil.copytree(folder, repo / "snapshots" / REVISION)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return repo / "snapshots" / REVISION


def test_a_folder_and_a_file_in_it(folder: Path) -> None:
    (folder / "model-gen.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    assert resolve(folder).weights == folder / "model.safetensors"
    assert resolve(str(folder)).name == "mine"
    assert resolve(folder / "model-gen.safetensors").name == "model-gen"
    assert resolve(folder / "model-gen.safetensors").folder == folder


def test_what_cannot_be_a_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(b"")
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        resolve(tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match="no model 'no-such-model': it is neither a bundled name"):
        resolve("no-such-model")


def test_a_bundled_name_goes_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "BUNDLED", folder.parent)
    monkeypatch.chdir(folder.parent)
    assert resolve("mine").weights == folder / "model.safetensors"
    listed = next(m for m in list_models() if m.origin == "bundled")
    assert (listed.name, listed.system, listed.licence) == ("mine", "aria", "CC0-1.0")
    assert listed.bytes == sum(p.stat().st_size for p in folder.iterdir())


def test_a_cached_repository_opens_offline(cache: Path) -> None:
    for name in ("somebody/piano", "somebody/piano@main", f"somebody/piano@{REVISION}"):
        assert resolve(name).weights == cache / "model.safetensors"
    with pytest.raises(CheckpointError, match=r"somebody/piano has no model-gen\.safetensors|not in the local cache"):
        resolve("somebody/piano/model-gen.safetensors")


def test_a_repository_that_cannot_be_had_says_why(cache: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nobody/nothing is not in the local cache and .* cannot be reached"):
        resolve("nobody/nothing")


def test_cached_models_are_listed_and_foreign_ones_are_not(cache: Path) -> None:
    foreign = cache.parents[2] / "models--other--bert" / "snapshots" / REVISION
    shutil.copytree(cache, foreign)
    (foreign / "config.json").write_text(json.dumps({"model_type": "bert", "hidden_size": 8}))
    broken = cache.parents[2] / "models--other--broken" / "snapshots" / REVISION
    shutil.copytree(cache, broken)
    (broken / "config.json").write_text("[1]")
    official = cache.parents[2] / "models--official--aria" / "snapshots" / REVISION
    shutil.copytree(cache, official)
    (official / "config.json").write_text(json.dumps({"architectures": ["AriaForCausalLM"], "hidden_size": 8}))
    cached = {m.name: m for m in list_models() if m.origin == "cached"}
    assert cached.keys() == {"somebody/piano", f"official/aria@{REVISION[:12]}"}
    assert cached[f"official/aria@{REVISION[:12]}"].licence == "mit"
