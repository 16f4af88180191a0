"""Aria as StableLM: what transformers computes from the exported folder, and the way back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import partimento
from partimento.checkpoint import CheckpointError, read_config, write_checkpoint
from partimento.configuration import to_plain
from partimento.networks.decoder import Decoder, DecoderConfig
from partimento.networks.transformer import TransformerConfig
from partimento.systems.aria_stablelm import (
    export_stablelm,
    from_stablelm,
    import_stablelm,
    is_stablelm,
    stablelm_config,
    stablelm_network,
    to_stablelm,
)

# Sizes that tell every dimension from the others, a rotary base and an epsilon that are nobody's default.
SIZES = TransformerConfig(width=24, heads=3, layers=2, feedforward=56, rope_base=700.0, norm_epsilon=1e-3)
CONFIG = DecoderConfig(SIZES, vocabulary=2675, context=96)
IDS = torch.from_numpy(np.random.default_rng(0).integers(2675, size=(2, 90)))


def checkpoint(folder: Path, config: DecoderConfig = CONFIG) -> Decoder:
    """Write a checkpoint of random weights, norms included, and give its network."""
    torch.manual_seed(1)
    network = Decoder(config).eval()
    network.initialise()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    facts = {"system": "aria", "name": "tiny", "licence": "CC0-1.0", "network": to_plain(config)}
    write_checkpoint(folder, network.state_dict(), facts, "# tiny\n\nMade of chance.\n")
    return network


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    checkpoint(tmp_path / "tiny")
    export_stablelm(tmp_path / "tiny", tmp_path / "stablelm")
    return tmp_path / "stablelm"


def change(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@torch.no_grad()
def test_transformers_computes_the_same_logits_and_generates_the_same_tokens(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    ours = checkpoint(tmp_path / "tiny")
    export_stablelm(tmp_path / "tiny", tmp_path / "stablelm")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "stablelm").eval()
    assert type(theirs).__name__ == "StableLmForCausalLM"
    assert theirs.dtype == torch.float32
    expected = ours(IDS)
    assert expected.std() > 0.1
    torch.testing.assert_close(theirs(IDS).logits, expected, rtol=0, atol=1e-5)

    ids = IDS[:1, :40]
    generated = theirs.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_length=90)
    for _ in range(generated.shape[1] - 40):
        ids = torch.cat([ids, ours(ids)[:, -1:].argmax(-1)], dim=1)
    assert generated.shape[1] > 60
    assert torch.equal(generated, ids)


@torch.no_grad()
def test_the_bundled_model_in_transformers(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    export_stablelm("piano-small", tmp_path / "stablelm")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "stablelm").eval()
    model = partimento.load("piano-small", device="cpu")
    piece = Path(str(partimento.__path__[0])) / "examples" / "bach-prelude-c-major-bwv-846.mid"
    ids = torch.from_numpy(model.tokenizer.encode(partimento.read_midi(piece)))[None, :1000]
    expected = model.network(ids)
    torch.testing.assert_close(theirs(ids).logits, expected, rtol=0, atol=1e-4)
    assert expected.softmax(-1).amax(-1).mean() > 0.2, "a trained model is sure of some tokens"


@pytest.mark.parametrize("saved_by_transformers", [False, True])
def test_imported_again_the_tensors_are_the_same(tmp_path: Path, exported: Path, saved_by_transformers: bool) -> None:
    if saved_by_transformers:  # its own files say the rotary base elsewhere
        transformers = pytest.importorskip("transformers")
        theirs = transformers.AutoModelForCausalLM.from_pretrained(exported)
        exported = tmp_path / "saved"
        theirs.save_pretrained(exported)
        assert "rope_theta" not in read_config(exported)
    import_stablelm(exported, tmp_path / "again", licence="CC0-1.0")
    first, last = load_file(tmp_path / "tiny" / "model.safetensors"), load_file(tmp_path / "again/model.safetensors")
    assert first.keys() == last.keys()
    assert all(torch.equal(first[name], last[name]) for name in first)
    assert partimento.load(tmp_path / "again", device="cpu").network.config == CONFIG


def test_names_and_tensors_round_trip() -> None:
    state = Decoder(CONFIG).state_dict()
    theirs = to_stablelm(state)
    assert len(theirs) == len(state) + 2 * SIZES.layers  # three matrices instead of one a block
    k = state["transformer.blocks.1.attention.qkv.weight"][24:48]
    assert torch.equal(theirs["model.layers.1.self_attn.k_proj.weight"], k)
    back = from_stablelm(theirs, CONFIG)
    assert back.keys() == state.keys()
    assert all(torch.equal(back[name], state[name]) for name in state)


def test_what_the_folder_says(tmp_path: Path, exported: Path) -> None:
    assert sorted(p.name for p in exported.iterdir()) == [
        "README.md",
        "config.json",
        "generation_config.json",
        "model.safetensors",
    ]
    config = read_config(exported)
    assert is_stablelm(config)
    assert stablelm_network(config, exported) == CONFIG
    assert (config["bos_token_id"], config["eos_token_id"], config["pad_token_id"]) == (0, 1, 2)
    card = (exported / "README.md").read_text()
    assert card.startswith("---\nlicense: cc0-1.0\n")
    assert "partimento tokens" in card
    assert "Made of chance." in card
    import_stablelm(exported, tmp_path / "again")
    assert read_config(tmp_path / "again")["licence"] == "cc0-1.0"
    assert (tmp_path / "again" / "README.md").read_text().count("---\n") == 0


def test_the_example_in_the_card_runs(tmp_path: Path, exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("transformers")
    program = (exported / "README.md").read_text().partition("```python\n")[2].partition("```")[0]
    piece = {"path": "", "prefix": [6], "ids": [0, 700, 2180, 1690, 1]}
    monkeypatch.chdir(tmp_path)
    Path("piece.json").write_text(json.dumps(piece))
    torch.manual_seed(0)
    exec(compile(program.replace('"FOLDER"', repr(str(exported))), "card", "exec"), {})
    assert len(partimento.read_midi("continued.mid")) > 0


@torch.no_grad()
def test_a_conditioned_model_is_exported_without_its_adapter(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ours = checkpoint(tmp_path / "tiny", DecoderConfig(SIZES, 2675, 96, condition=8))
    export_stablelm(tmp_path / "tiny", tmp_path / "stablelm")
    assert "adapter" in caplog.text
    import_stablelm(tmp_path / "stablelm", tmp_path / "again")
    plain = partimento.load(tmp_path / "again", device="cpu").network
    assert plain.config == CONFIG
    assert torch.equal(plain(IDS), ours(IDS))


@pytest.mark.parametrize("head", ["embedding", "classes"])
def test_other_heads_are_refused(tmp_path: Path, head: Any) -> None:
    checkpoint(tmp_path / "tiny", DecoderConfig(SIZES, 2675, 96, head=head, outputs=8))
    with pytest.raises(CheckpointError, match=f"a head for '{head}', for which StableLM has no place"):
        export_stablelm(tmp_path / "tiny", tmp_path / "stablelm")
    assert not (tmp_path / "stablelm").exists()


def test_what_cannot_be_exported_is_said(tmp_path: Path, exported: Path) -> None:
    with pytest.raises(FileExistsError, match="not empty"):
        export_stablelm(tmp_path / "tiny", exported)
    with pytest.raises(CheckpointError, match="StableLM folder already"):
        export_stablelm(exported, tmp_path / "twice")
    change(tmp_path / "tiny", system="other")
    with pytest.raises(CheckpointError, match="was made by 'other'"):
        export_stablelm(tmp_path / "tiny", tmp_path / "twice")


@pytest.mark.shared
@torch.no_grad()
def test_an_official_checkpoint_can_be_exported_too(shared: Path, tmp_path: Path) -> None:
    folder = shared / "conformance" / "aria" / "lm"
    export_stablelm(folder, tmp_path / "stablelm")
    import_stablelm(tmp_path / "stablelm", tmp_path / "ours")
    expected = np.load(folder / "expected.npz")
    output = partimento.load(tmp_path / "ours", device="cpu").network(torch.from_numpy(expected["tokens"]))
    np.testing.assert_allclose(output[:, ::20].numpy(), expected["output"], rtol=0, atol=1e-4)


def test_bfloat16_halves_the_file(tmp_path: Path, exported: Path) -> None:
    export_stablelm(tmp_path / "tiny", tmp_path / "half", torch.bfloat16)
    assert read_config(tmp_path / "half")["torch_dtype"] == "bfloat16"
    whole, half = (p / "model.safetensors" for p in (exported, tmp_path / "half"))
    assert half.stat().st_size < 0.6 * whole.stat().st_size
    tensors = load_file(half)
    assert all(torch.equal(tensor.bfloat16(), tensors[name]) for name, tensor in load_file(whole).items())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"use_parallel_residual": True}, "use_parallel_residual True instead of False"),
        ({"partial_rotary_factor": 0.25}, "partial_rotary_factor 0.25 instead of 1.0"),
        ({"rope_parameters": {"rope_type": "linear", "factor": 2.0}}, "rope_type 'linear'"),
        ({"num_key_value_heads": 1}, "num_key_value_heads 1"),
        ({"tie_word_embeddings": True, "hidden_act": "gelu"}, "hidden_act 'gelu' instead of 'silu', tie_word"),
        ({"rope_theta": None}, "rope_theta is None"),
        ({"num_hidden_layers": 3}, r"missing: model\.layers\.2\."),
        ({"num_hidden_layers": 1}, r"unexpected: model\.layers\.1\."),
        ({"intermediate_size": 60}, r"wrong shape: .*\[56, 24\] instead of \[60, 24\]"),
        ({"num_attention_heads": 5, "num_key_value_heads": 5}, "must be a multiple of"),
    ],
)
def test_another_network_is_refused(tmp_path: Path, exported: Path, changes: dict[str, Any], message: str) -> None:
    change(exported, **changes)
    with pytest.raises(CheckpointError, match=message):
        import_stablelm(exported, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_silent_configuration_means_the_defaults_of_transformers(exported: Path) -> None:
    transformers = pytest.importorskip("transformers")
    theirs = transformers.StableLmConfig()
    config = {key: value for key, value in stablelm_config(CONFIG).items() if key != "partial_rotary_factor"}
    assert theirs.rope_parameters["partial_rotary_factor"] == 0.25
    with pytest.raises(CheckpointError, match=r"partial_rotary_factor 0\.25"):
        stablelm_network(config, exported)
