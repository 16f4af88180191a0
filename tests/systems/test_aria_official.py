"""Official checkpoints: the original's outputs, its two kinds of configuration, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import partimento
from partimento.checkpoint import CheckpointError, read_config
from partimento.networks.decoder import Decoder, DecoderConfig
from partimento.networks.transformer import TransformerConfig
from partimento.systems.aria_official import export_official, import_checkpoint, official_name

KINDS = ["lm", "embedding", "classifier", "conditioned"]
NATIVE = {
    "d_model": 16,
    "n_heads": 2,
    "n_layers": 2,
    "ff_mult": 4,
    "max_seq_len": 64,
    "vocab_size": 2675,
    "emb_size": None,
    "class_size": None,
}
TOKENS = torch.tensor([[0, 700, 2180, 1690, 5, 800, 2200, 1700]])


def official(folder: Path, config: dict[str, Any] = NATIVE, name: str = "model.safetensors", **head: Any) -> Decoder:
    """Write a small official checkpoint of random weights and give the network that made it."""
    sizes = TransformerConfig(width=16, heads=2, layers=2, feedforward=64)
    network = Decoder(DecoderConfig(sizes, 2675, 64, **head)).eval()
    torch.manual_seed(0)
    network.initialise()
    folder.mkdir(exist_ok=True)
    state = {official_name(n, network.config.head): t for n, t in network.state_dict().items()}
    save_file(state, folder / name)
    (folder / "config.json").write_text(json.dumps(config))
    return network


def change(folder: Path, edit: Callable[[dict[str, torch.Tensor]], None]) -> None:
    state = load_file(folder / "model.safetensors")
    edit(state)
    save_file(state, folder / "model.safetensors")


def write_config(folder: Path, **changes: Any) -> None:
    (folder / "config.json").write_text(json.dumps({**NATIVE, **changes}))


@pytest.mark.shared
@pytest.mark.parametrize("through_import", [False, True], ids=["opened", "imported"])
@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_outputs_equal_the_original(shared: Path, tmp_path: Path, kind: str, through_import: bool) -> None:
    folder = shared / "conformance" / "aria" / kind
    expected = np.load(folder / "expected.npz")
    if through_import:
        import_checkpoint(folder, tmp_path / "ours")
    network = partimento.load(tmp_path / "ours" if through_import else folder, device="cpu").network
    tokens = torch.from_numpy(expected["tokens"])
    np.testing.assert_allclose(network(tokens)[:, ::20].numpy(), expected["output"], rtol=0, atol=1e-4)
    if "condition" in expected:
        output = network(tokens, condition=torch.from_numpy(expected["condition"]))[:, ::20]
        np.testing.assert_allclose(output.numpy(), expected["output_conditioned"], rtol=0, atol=1e-4)
        assert np.abs(expected["output"] - expected["output_conditioned"]).max() > 1e-2, "the condition matters"


@pytest.mark.shared
@pytest.mark.parametrize("kind", KINDS)
def test_exported_again_the_tensors_are_the_same(shared: Path, tmp_path: Path, kind: str) -> None:
    folder = shared / "conformance" / "aria" / kind
    import_checkpoint(folder, tmp_path / "ours", licence="Apache-2.0")
    export_official(tmp_path / "ours", tmp_path / "theirs")
    first, last = load_file(folder / "model.safetensors"), load_file(tmp_path / "theirs" / "model.safetensors")
    assert first.keys() == last.keys()
    assert all(torch.equal(first[name], last[name]) for name in first)
    assert read_config(tmp_path / "theirs") == read_config(folder)


@torch.no_grad()
def test_both_kinds_of_configuration_give_the_same_network(tmp_path: Path) -> None:
    theirs = {
        "architectures": ["AriaForCausalLM"],
        "model_type": "aria",
        "hidden_size": 16,
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
        "intermediate_size": 64,
        "max_seq_len": 64,
        "vocab_size": 2675,
        "embedding_size": None,
        "eos_token_id": 1,
    }
    network = official(tmp_path / "native")
    official(tmp_path / "transformers", theirs)
    expected = network(TOKENS)
    for folder in ("native", "transformers"):
        model = partimento.load(tmp_path / folder, device="cpu")
        assert torch.equal(model.network(TOKENS), expected)
        assert model.network.config == network.config
        assert (model.context, model.embed_dim, model.tokenizer.vocabulary.size) == (64, 16, 2675)


@torch.no_grad()
def test_the_prefix_of_compiled_models_is_stripped(tmp_path: Path) -> None:
    expected = official(tmp_path / "m")(TOKENS)

    def prefix(state: dict[str, torch.Tensor]) -> None:
        for name in list(state):
            state[f"_orig_mod.{name}"] = state.pop(name)

    change(tmp_path / "m", prefix)
    assert torch.equal(partimento.load(tmp_path / "m", device="cpu").network(TOKENS), expected)


def test_another_file_of_the_folder_may_be_of_another_kind(tmp_path: Path) -> None:
    official(tmp_path / "m", {**NATIVE, "vocab_size": 17727})
    with pytest.raises(CheckpointError, match=r"vocab_size 17727, but model\.tok_embeddings\.weight .* \[2675, 16\]"):
        partimento.load(tmp_path / "m")
    official(tmp_path / "m", {**NATIVE, "vocab_size": 17727}, "model-demo.safetensors", condition=8)
    model = partimento.load(tmp_path / "m" / "model-demo.safetensors", device="cpu")
    assert model.network.config.condition == 8
    assert model.name == "model-demo"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lm_head.weight", r"missing: lm_head\.weight$"),
        ("model.tok_embeddings.weight", r"missing: model\.tok_embeddings\.weight$"),
        ("model.encode_layers.1.norm2.bias", r"missing: model\.encode_layers\.1\.norm2\.bias$"),
    ],
)
def test_a_partial_file_is_refused_by_name(tmp_path: Path, name: str, message: str) -> None:
    official(tmp_path / "m")
    change(tmp_path / "m", lambda state: state.__delitem__(name))
    with pytest.raises(CheckpointError, match=message):
        partimento.load(tmp_path / "m")


def test_files_that_do_not_fit_are_refused_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    official(folder)
    write_config(folder, n_layers=3)
    with pytest.raises(CheckpointError, match=r"missing: model\.encode_layers\.2\.\S+, .* and 4 more"):
        partimento.load(folder)
    write_config(folder, n_layers=1)
    with pytest.raises(CheckpointError, match=r"unexpected: model\.encode_layers\.1\..* and 4 more"):
        partimento.load(folder)
    write_config(folder, d_model=32)
    with pytest.raises(CheckpointError, match=r"wrong shape: .*\[2675, 16\] instead of \[2675, 32\]"):
        partimento.load(folder)
    write_config(folder, n_heads=3)
    with pytest.raises(CheckpointError, match=r"must be a multiple of 2 \* heads"):
        partimento.load(folder)
    write_config(folder, max_seq_len=None)
    with pytest.raises(CheckpointError, match=r"config\.json: max_seq_len is None"):
        partimento.load(folder)
    write_config(folder)
    change(folder, lambda state: state.update(stranger=torch.zeros(1)))
    with pytest.raises(CheckpointError, match=r"unexpected: stranger$"):
        partimento.load(folder)


def test_an_unknown_vocabulary_is_refused(tmp_path: Path) -> None:
    official(tmp_path / "m", {**NATIVE, "vocab_size": 2000})

    def shrink(state: dict[str, torch.Tensor]) -> None:
        for name in ("model.tok_embeddings.weight", "lm_head.weight"):
            state[name] = state[name][:2000].contiguous()

    change(tmp_path / "m", shrink)
    with pytest.raises(CheckpointError, match="no performance vocabulary has 2,000 tokens"):
        partimento.load(tmp_path / "m")


def test_import_keeps_licence_and_card_and_refuses_its_own(tmp_path: Path) -> None:
    official(tmp_path / "m", head="embedding", outputs=8)
    (tmp_path / "m" / "README.md").write_text("---\nlicense: apache-2.0\n---\nThe card.\n")
    import_checkpoint(tmp_path / "m", tmp_path / "ours")
    config = read_config(tmp_path / "ours")
    assert (config["system"], config["licence"], config["source"]["config"]) == ("aria", "apache-2.0", NATIVE)
    assert config["network"]["outputs"] == 8
    assert "The card." in (tmp_path / "ours" / "README.md").read_text()
    with pytest.raises(CheckpointError, match="already"):
        import_checkpoint(tmp_path / "ours", tmp_path / "again")
    shutil.rmtree(tmp_path / "ours")
    assert not (tmp_path / "again").exists()


def test_export_refuses_what_the_original_cannot_state(tmp_path: Path) -> None:
    official(tmp_path / "m")
    import_checkpoint(tmp_path / "m", tmp_path / "ours")
    with pytest.raises(FileExistsError):
        export_official(tmp_path / "ours", tmp_path / "m")
    config = read_config(tmp_path / "ours")
    config["network"]["transformer"]["rope_base"] = 10_000.0
    (tmp_path / "ours" / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="rotary base"):
        export_official(tmp_path / "ours", tmp_path / "theirs")
