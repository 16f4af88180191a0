"""The checkpoint folder: written whole or not at all, read strictly."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from partimento.checkpoint import (
    CheckpointError,
    check_shapes,
    read_config,
    read_shapes,
    read_state,
    write_checkpoint,
)

STATE = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(4)}
CONFIG = {"system": "aria", "network": {}, "licence": "CC0-1.0", "data": "Étude"}


def test_round_trip(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "new" / "model", STATE, CONFIG, "# Card\n")
    folder = tmp_path / "new" / "model"
    assert read_config(folder) == CONFIG
    assert read_shapes(folder / "model.safetensors") == {"a": (2, 3), "b": (4,)}
    state = read_state(folder)
    assert all(torch.equal(state[name], STATE[name]) for name in STATE)
    assert sorted(p.name for p in folder.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["model"], "nothing temporary is left"


def test_bfloat16_storage_is_read_as_float32(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "m", {"a": torch.tensor([1.0, 1.003]).bfloat16()}, CONFIG, "")
    assert read_state(tmp_path / "m")["a"].dtype == torch.float32
    assert read_state(tmp_path / "m", torch.bfloat16)["a"].dtype == torch.bfloat16


def test_a_checkpoint_is_replaced_and_a_strange_folder_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    write_checkpoint(folder, STATE, CONFIG, "")
    write_checkpoint(folder, {"a": torch.zeros(1)}, CONFIG, "second")
    assert (folder / "README.md").read_text() == "second"
    (folder / "my notes.txt").write_text("keep me")
    with pytest.raises(CheckpointError, match=r"holds my notes\.txt"):
        write_checkpoint(folder, STATE, CONFIG, "third")
    assert (folder / "README.md").read_text() == "second"


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    write_checkpoint(folder, STATE, CONFIG, "first")
    with pytest.raises(TypeError):
        write_checkpoint(folder, STATE, {**CONFIG, "data": object()}, "second")
    assert (folder / "README.md").read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_a_config_without_its_keys_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs system and network"):
        write_checkpoint(tmp_path / "m", STATE, {}, "")


def test_damaged_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"has no config\.json"):
        read_config(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"config\.json is not JSON"):
        read_config(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(CheckpointError, match="holds list"):
        read_config(tmp_path)
    write_checkpoint(tmp_path / "m", STATE, CONFIG, "")
    weights = tmp_path / "m" / "model.safetensors"
    whole = weights.read_bytes()
    for part in (b"", whole[:5], whole[:-1], b"PK\x03\x04" + whole[4:]):
        weights.write_bytes(part)
        with pytest.raises(CheckpointError, match="not a whole safetensors file"):
            read_state(tmp_path / "m")
    weights.rename(tmp_path / "m" / "model-gen.safetensors")
    with pytest.raises(CheckpointError, match=r"has no model\.safetensors; it has model-gen\.safetensors"):
        read_shapes(weights)


def test_names_that_differ_are_told_a_few_of_each() -> None:
    expected = {**{f"w{i}": (2, 2) for i in range(9)}, "bent": (3, 1)}
    found = {"extra": (1,), "bent": (1, 3)}
    with pytest.raises(CheckpointError) as caught:
        check_shapes(found, expected, "model.safetensors")
    message = str(caught.value)
    assert "missing: w0, w1, w2, w3, w4 and 4 more" in message
    assert "unexpected: extra" in message
    assert "wrong shape: bent [1, 3] instead of [3, 1]" in message
    check_shapes(expected, expected, "model.safetensors")
