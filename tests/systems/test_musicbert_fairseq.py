"""Files as fairseq writes them, made here: what comes out beside a slow computation, and what is refused."""

from __future__ import annotations

import argparse
import collections
import json
import logging
import os
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from partimento.checkpoint import CheckpointError, read_config, read_state
from partimento.cli import main
from partimento.configuration import from_plain
from partimento.networks.roberta import Roberta, RobertaConfig
from partimento.networks.unfilled import unfilled
from partimento.pickled import Inert, read_pickled
from partimento.systems.musicbert_fairseq import (
    check_dictionary,
    import_fairseq,
    open_fairseq,
    original,
    roberta_of,
)
from partimento.tokens.fields import END, MASK, START
from partimento.tokens.octuple import OCTUPLE

WIDTH, HEADS, LAYERS, INSIDE, POSITIONS = 16, 2, 2, 32, 160
SETTINGS = {
    "arch": "musicbert_tiny",
    "encoder_layers": LAYERS,
    "encoder_embed_dim": WIDTH,
    "encoder_ffn_embed_dim": INSIDE,
    "encoder_attention_heads": HEADS,
    "activation_fn": "gelu",
    "dropout": 0.2,
    "max_positions": POSITIONS,
}
FORMATS = pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "legacy"])


def tensors() -> collections.OrderedDict[str, Tensor]:
    """Random weights under fairseq's names, large enough for every part to matter."""
    shapes: dict[str, tuple[int, ...]] = {"embed_tokens.weight": (1237, WIDTH)}
    shapes["embed_positions.weight"] = (POSITIONS + 2, WIDTH)
    linear = {"downsampling.0": (WIDTH, 8 * WIDTH), "upsampling.0": (8 * WIDTH, WIDTH)}
    norms = ["emb_layer_norm"]
    for layer in range(LAYERS):
        linear |= {f"layers.{layer}.self_attn.{one}_proj": (WIDTH, WIDTH) for one in ("k", "v", "q", "out")}
        linear |= {f"layers.{layer}.fc1": (INSIDE, WIDTH), f"layers.{layer}.fc2": (WIDTH, INSIDE)}
        norms += [f"layers.{layer}.self_attn_layer_norm", f"layers.{layer}.final_layer_norm"]
    for name, (out, into) in linear.items():
        shapes |= {f"{name}.weight": (out, into), f"{name}.bias": (out,)}
    for name in norms:
        shapes |= {f"{name}.weight": (WIDTH,), f"{name}.bias": (WIDTH,)}
    shapes = {f"encoder.sentence_encoder.{name}": shape for name, shape in shapes.items()}
    shapes |= {"encoder.lm_head.dense.weight": (WIDTH, WIDTH), "encoder.lm_head.dense.bias": (WIDTH,)}
    shapes |= {"encoder.lm_head.layer_norm.weight": (WIDTH,), "encoder.lm_head.layer_norm.bias": (WIDTH,)}
    shapes["encoder.lm_head.bias"] = (1237,)
    generator = torch.Generator().manual_seed(1)
    found = {name: torch.randn(shape, generator=generator) * 0.4 for name, shape in shapes.items()}
    found["encoder.lm_head.weight"] = found["encoder.sentence_encoder.embed_tokens.weight"]
    return collections.OrderedDict(found)


def write(path: Path, is_zip: bool = True, model: Any = None, **other: Any) -> Path:
    """A file as `fairseq.checkpoint_utils.save_state` writes it."""
    model = tensors() if model is None else model
    moments = {0: {"step": 7, "exp_avg": torch.randn(5), "exp_avg_sq": torch.rand(5)}}
    content = {
        "args": argparse.Namespace(**SETTINGS),
        "cfg": None,
        "model": model,
        "optimizer_history": [{"optimizer_name": "FairseqAdam", "lr_scheduler_state": {"best": 1.5}, "num_updates": 9}],
        "extra_state": {"train_iterator": {"epoch": 3, "shuffle": True}, "val_loss": np.float64(1.5), "note": "vélo"},
        "last_optimizer_state": {"state": moments, "param_groups": [{"lr": 5e-4, "betas": (0.9, 0.98), "params": [0]}]},
        **other,
    }
    torch.save(content, path, _use_new_zipfile_serialization=is_zip)
    return path


def slow_states(model: dict[str, Tensor], ids: list[list[int]]) -> Tensor:
    """(T, D): the formula, position by position and head by head, from rows of the table (T, 8)."""
    own = {name.removeprefix("encoder.sentence_encoder."): value.double() for name, value in model.items()}

    def linear(name: str, x: Tensor) -> Tensor:
        return own[f"{name}.weight"] @ x + own[f"{name}.bias"]

    def norm(name: str, x: Tensor) -> Tensor:
        scaled = (x - x.mean()) / (x.var(correction=0) + 1e-5).sqrt()
        return scaled * own[f"{name}.weight"] + own[f"{name}.bias"]

    def gelu(x: Tensor) -> Tensor:
        return x * (1 + torch.erf(x / 2**0.5)) / 2

    states = []
    for position, octuple in enumerate(ids):
        joined = torch.cat([own["embed_tokens.weight"][row] for row in octuple])
        at = own["embed_positions.weight"][1 + 1 + position]
        states.append(norm("emb_layer_norm", linear("downsampling.0", joined) + at))
    size = WIDTH // HEADS
    for layer in range(LAYERS):
        name = f"layers.{layer}"
        q, k, v = ([linear(f"{name}.self_attn.{one}_proj", x) for x in states] for one in "qkv")
        for i, x in enumerate(list(states)):
            mixed = []
            for head in range(HEADS):
                part = slice(head * size, (head + 1) * size)
                weight = torch.stack([q[i][part] @ key[part] / size**0.5 for key in k]).softmax(0)
                mixed.append(sum(w * value[part] for w, value in zip(weight, v, strict=True)))
            states[i] = norm(f"{name}.self_attn_layer_norm", x + linear(f"{name}.self_attn.out_proj", torch.cat(mixed)))
        states = [
            norm(f"{name}.final_layer_norm", x + linear(f"{name}.fc2", gelu(linear(f"{name}.fc1", x)))) for x in states
        ]
    return torch.stack(states)


def slow_logits(model: dict[str, Tensor], states: Tensor, field: int) -> Tensor:
    own = {name.removeprefix("encoder."): value.double() for name, value in model.items()}
    up = states @ own["sentence_encoder.upsampling.0.weight"].T + own["sentence_encoder.upsampling.0.bias"]
    slot = up.view(len(states), 8, WIDTH)[:, field]
    slot = F.gelu(slot @ own["lm_head.dense.weight"].T + own["lm_head.dense.bias"])
    slot = F.layer_norm(slot, (WIDTH,), own["lm_head.layer_norm.weight"], own["lm_head.layer_norm.bias"])
    return slot @ own["lm_head.weight"].T + own["lm_head.bias"]


def run(*args: str | Path) -> int:
    """The exit status of a verb."""
    with pytest.raises(SystemExit) as end:
        main([str(arg) for arg in args])
    assert isinstance(end.value.code, int)
    return end.value.code


def piece(notes: int, seed: int = 0) -> np.ndarray:
    """(T, 8) words with START before, END behind and one word in five hidden."""
    random = np.random.default_rng(seed)
    inside = random.integers(0, OCTUPLE.sizes, (notes, 8))
    inside[::5] = OCTUPLE.special(MASK)
    return np.concatenate([OCTUPLE.special(START)[None], inside, OCTUPLE.special(END)[None]])


def fairseq_ids(words: np.ndarray) -> list[list[int]]:
    """Rows of the table, from the order that fairseq gives to the lines of muzic's dict.txt and to its own symbols."""
    symbols = ["<s>", "<pad>", "</s>", "<unk>"]
    symbols += [f"<{field}-{number}>" for field, size in enumerate(OCTUPLE.sizes) for number in range(size)] + [
        "<mask>"
    ]
    index = {symbol: row for row, symbol in enumerate(symbols)}
    special = ["<pad>", "<mask>", "<s>", "</s>"]
    return [
        [
            index[f"<{field}-{number}>" if number < size else special[number - size]]
            for field, (number, size) in enumerate(zip(word, OCTUPLE.sizes, strict=True))
        ]
        for word in words.tolist()
    ]


@torch.no_grad()
def assert_computes(network: Roberta, model: dict[str, Tensor]) -> None:
    short, long = piece(4), piece(9, seed=1)
    row = np.concatenate([short, long, short[:2]])
    documents = torch.tensor([[0] * len(short) + [1] * len(long) + [-1] * 2])
    hidden = network.hidden(torch.from_numpy(row)[None], documents)[0]
    for number, words in enumerate((short, long)):
        states = slow_states(model, fairseq_ids(words))
        found = hidden[documents[0] == number]
        torch.testing.assert_close(found.double(), states, rtol=0, atol=1e-4)
        for field in (0, 3, 7):
            logits = network.logits(found, field).double()
            torch.testing.assert_close(logits, slow_logits(model, states, field), rtol=0, atol=1e-3)


@FORMATS
def test_hidden_states_and_logits_are_those_of_the_formula(tmp_path: Path, is_zip: bool) -> None:
    config, state = open_fairseq(write(tmp_path / "checkpoint_last.pt", is_zip))
    assert config == RobertaConfig(WIDTH, HEADS, LAYERS, INSIDE, OCTUPLE, POSITIONS // 8, dropout=0.2)
    network = roberta_of(config, state)
    assert not network.training
    assert_computes(network, tensors())


def fused(model: dict[str, Tensor]) -> None:
    for layer in range(LAYERS):
        for kind in ("weight", "bias"):
            name = f"encoder.sentence_encoder.layers.{layer}.self_attn"
            model[f"{name}.in_proj_{kind}"] = torch.cat([model.pop(f"{name}.{one}_proj.{kind}") for one in "qkv"])


def older(model: dict[str, Tensor]) -> None:
    fused(model)
    for name in list(model):
        model[name.replace("encoder.", "decoder.", 1)] = model.pop(name)


def newer(model: dict[str, Tensor]) -> None:
    for name in list(model):
        model[name.replace("emb_layer_norm", "layernorm_embedding")] = model.pop(name)
    model["encoder.sentence_encoder.version"] = torch.tensor([3.0])


@pytest.mark.parametrize("rename", [fused, older, newer])
def test_other_versions_of_fairseq_give_the_same_tensors(
    tmp_path: Path, rename: Callable[[dict[str, Tensor]], None]
) -> None:
    _, expected = open_fairseq(write(tmp_path / "a.pt"))
    model = tensors()
    rename(model)
    _, found = open_fairseq(write(tmp_path / "b.pt", model=model))
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_half_precision_becomes_single(tmp_path: Path) -> None:
    _, state = open_fairseq(write(tmp_path / "a.pt", model={name: t.half() for name, t in tensors().items()}))
    assert {tensor.dtype for tensor in state.values()} == {torch.float32}


@pytest.mark.parametrize(("size", "millions"), [("small", 22), ("base", 102)])
def test_the_sizes_of_the_original_have_its_parameters(size: str, millions: int) -> None:
    config = original(size)
    network = unfilled(lambda: Roberta(config))
    unused = (8194 - config.context) * config.width  # positions
    assert round((sum(parameter.numel() for parameter in network.parameters()) + unused) / 1e6) == millions


@FORMATS
def test_the_folder_says_what_it_is_and_holds_the_same_network(tmp_path: Path, is_zip: bool) -> None:
    source = write(tmp_path / "checkpoint_last_musicbert_tiny.pt", is_zip)
    dictionary(tmp_path / "dict.txt")
    assert run("import", source, "-o", tmp_path / "m", "--dictionary", tmp_path / "dict.txt") == 0
    config = read_config(tmp_path / "m")
    assert (config["system"], config["architecture"], config["steps"]) == ("musicbert", "roberta", 9)
    assert config["licence"] == "not stated"
    assert config["tokenizer"] == {"kind": "octuple", "vocabulary": 1237, "order": "equal to its dict.txt"}
    sizes = from_plain(RobertaConfig, config["network"])
    assert sizes == open_fairseq(source)[0]
    assert_computes(roberta_of(sizes, read_state(tmp_path / "m")), tensors())
    card = (tmp_path / "m" / "README.md").read_text()
    assert "2 layers of width 16, 2 heads" in card
    assert "checkpoint_last_musicbert_tiny.pt" in card


def test_without_a_dictionary_the_order_is_said_to_be_assumed(tmp_path: Path) -> None:
    import_fairseq(write(tmp_path / "a.pt"), tmp_path / "m", licence="MIT")
    config = read_config(tmp_path / "m")
    assert "assumed" in config["tokenizer"]["order"]
    assert config["licence"] == "MIT"


class Omegaconf:
    """Classes under the names of omegaconf and fairseq, for as long as a file is written."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.patch = patch

    def kind(self, module: str, name: str) -> Any:
        if name in vars(sys.modules.get(module, object)):
            return getattr(sys.modules[module], name)
        made = type(name, (), {"__module__": module})
        for end in range(1, module.count(".") + 2):
            part = ".".join(module.split(".")[:end])
            if part not in sys.modules:
                self.patch.setitem(sys.modules, part, types.ModuleType(part))
        self.patch.setattr(sys.modules[module], name, made, raising=False)
        return made

    def node(self, value: Any, parent: Any) -> Any:
        made = self.kind("omegaconf.nodes", "AnyNode")()
        made.__dict__.update(_val=value, _parent=parent, _metadata=collections.defaultdict(int, ref_type=1))
        return made


def test_settings_of_omegaconf_are_read_without_it(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        fake = Omegaconf(patch)
        cfg, model = (fake.kind("omegaconf.dictconfig", "DictConfig")() for _ in range(2))
        meter = fake.kind("fairseq.meters", "AverageMeter")()
        meter.__dict__.update(sum=np.float64(3.0), history=np.arange(3))
        model.__dict__.update(_content={key: fake.node(value, model) for key, value in SETTINGS.items()}, _parent=cfg)
        cfg.__dict__.update(_content={"model": model, "common": None, "types": (int, dict, Any)}, _parent=None)
        source = write(tmp_path / "a.pt", False, args=None, cfg=cfg, extra_state={"meters": [meter]})
    assert "omegaconf" not in sys.modules
    assert open_fairseq(source)[0] == open_fairseq(write(tmp_path / "b.pt"))[0]
    content = read_pickled(source, ("omegaconf", "fairseq", "numpy"))
    assert isinstance(content["cfg"], Inert)
    assert type(content["cfg"]).__module__ == "omegaconf.dictconfig"


def test_heads_that_are_not_stated_are_the_originals(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "partimento"):
        config, _ = open_fairseq(write(tmp_path / "a.pt", args=None))
    assert config.heads == 1
    assert "does not state its heads" in caplog.text


def test_heads_of_fine_tuning_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = tensors() | {"classification_heads.genre_head.dense.weight": torch.zeros(3, WIDTH)}
    with caplog.at_level(logging.WARNING, "partimento"):
        _, state = open_fairseq(write(tmp_path / "a.pt", model=model))
    assert "genre_head" in caplog.text
    assert state.keys() == open_fairseq(write(tmp_path / "b.pt"))[1].keys()


class Runs:
    """Calls a function of os when it is unpickled."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> Any:
        return self.call[0], self.call[1:]


@FORMATS
@pytest.mark.parametrize("where", ["args", "model", "extra_state"])
def test_a_file_that_would_run_something_is_refused(tmp_path: Path, is_zip: bool, where: str) -> None:
    mark = tmp_path / "executed"
    evil = Runs(os.mkdir, str(mark))
    model = collections.OrderedDict(tensors(), evil=evil) if where == "model" else tensors()
    source = write(tmp_path / "evil.pt", is_zip, model, **({} if where == "model" else {where: evil}))
    with pytest.raises(CheckpointError, match=rf"evil\.pt names the global {os.mkdir.__module__}\.mkdir"):
        open_fairseq(source)
    assert run("import", source, "-o", tmp_path / "m") == 1
    assert not mark.exists()
    assert not (tmp_path / "m").exists()
    torch.load(source, weights_only=False)
    assert mark.exists(), "the file does run something where it is let"


@FORMATS
@pytest.mark.parametrize(
    ("function", "name"), [(os.system, r"\w+\.system"), (eval, r"builtins\.eval"), (getattr, r"builtins\.getattr")]
)
def test_whatever_else_it_names_is_refused(tmp_path: Path, is_zip: bool, function: Any, name: str) -> None:
    source = write(tmp_path / "evil.pt", is_zip, args=Runs(function, "true", "x"))
    with pytest.raises(CheckpointError, match=rf"names the global {name}"):
        open_fairseq(source)


@FORMATS
def test_functions_of_torch_that_rebuild_no_tensor_are_refused(tmp_path: Path, is_zip: bool) -> None:
    source = write(tmp_path / "evil.pt", is_zip, args=Runs(torch.save, 1, str(tmp_path / "executed")))
    with pytest.raises(CheckpointError, match=r"evil\.pt cannot be read with safety .*torch\.serialization\.save"):
        open_fairseq(source)
    assert not (tmp_path / "executed").exists()


def test_the_allowed_names_are_forgotten_afterwards(tmp_path: Path) -> None:
    source = write(tmp_path / "a.pt")
    before = set(torch.serialization.get_safe_globals())
    read_pickled(source, ("argparse", "numpy"))
    assert set(torch.serialization.get_safe_globals()) == before


@FORMATS
def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path: Path, is_zip: bool) -> None:
    content = write(tmp_path / "whole.pt", is_zip).read_bytes()
    source = tmp_path / "cut.pt"
    for size in [0, 1, 2, 30, 100, 400, *range(1000, len(content), 9_973), len(content) - 1]:
        source.write_bytes(content[:size])
        with pytest.raises(CheckpointError, match=rf"cut\.pt \({size:,} bytes\) is not a whole file"):
            open_fairseq(source)


@FORMATS
def test_an_altered_file_is_read_or_refused_by_name(tmp_path: Path, is_zip: bool) -> None:
    source = write(tmp_path / "a.pt", is_zip)
    content = source.read_bytes()
    begin = content.index(b"\x80\x02")  # of the first pickle
    random = np.random.default_rng(0)
    said = []
    for at in random.integers(begin, begin + 4000, 40):
        source.write_bytes(content[:at] + bytes([random.integers(256)]) + content[at + 1 :])
        try:
            open_fairseq(source)
        except CheckpointError as error:
            said.append(str(error))
    assert len(said) > 15
    assert all(text.startswith(str(source)) for text in said)


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "a.pt"
    source.write_bytes(b"not a checkpoint at all")
    with pytest.raises(CheckpointError, match="is not a whole file"):
        open_fairseq(source)
    torch.save([1, 2], source)
    with pytest.raises(CheckpointError, match="no tensors under 'model'"):
        open_fairseq(source)
    torch.save({"model": {"encoder.bias": torch.zeros(3)}}, source)
    with pytest.raises(CheckpointError, match=r"has no matrix encoder\.sentence_encoder\.embed_tokens\.weight"):
        open_fairseq(source)


TRUNK = "encoder.sentence_encoder."


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("layers.1.fc2.bias", None, r"layers\.1\.fc2\.bias is missing$"),
        ("upsampling.0.weight", None, r"upsampling\.0\.weight is missing$"),
        ("layers.1.self_attn.k_proj.weight", None, r"layers\.1\.self_attn\.k_proj\.weight is missing$"),
        ("layers.0.fc1.weight", None, r"no matrix encoder\.sentence_encoder\.layers\.0\.fc1\.weight"),
        ("layers.1.fc1.weight", torch.zeros(31, WIDTH), r"fc1\.weight has shape \[31, 16\] instead of \[32, 16\]"),
        ("downsampling.0.weight", torch.zeros(WIDTH, 4 * WIDTH), r"shape \[16, 64\] instead of \[16, 128\]"),
        ("embed_tokens.weight", torch.zeros(1238, WIDTH), r"1,238 symbols; .* 1,237"),
        ("embed_positions.weight", torch.zeros(5, WIDTH), r"context is 0"),
        ("segment_embeddings.weight", torch.zeros(2, WIDTH), r"segment_embeddings\.weight is unexpected$"),
        ("layers.2.fc1.weight", torch.zeros(INSIDE, WIDTH), r"says encoder_layers 2 .* 3"),
    ],
)
def test_another_network_is_refused_by_name(tmp_path: Path, name: str, value: Tensor | None, message: str) -> None:
    model = tensors()
    if value is None:
        del model[TRUNK + name]
    else:
        model[TRUNK + name] = value
    with pytest.raises(CheckpointError, match=message):
        open_fairseq(write(tmp_path / "a.pt", model=model))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("encoder_embed_dim", 32, "encoder_embed_dim 32"),
        ("activation_fn", "gelu_fast", "activation_fn 'gelu_fast'"),
        ("encoder_attention_heads", 3, "not a multiple of the 3 heads"),
        ("encoder_attention_heads", "two", "encoder_attention_heads 'two'"),
    ],
)
def test_settings_that_say_another_network_are_refused(tmp_path: Path, key: str, value: Any, message: str) -> None:
    source = write(tmp_path / "a.pt", args=argparse.Namespace(**{**SETTINGS, key: value}))
    with pytest.raises(CheckpointError, match=message):
        open_fairseq(source)


def test_an_output_layer_of_its_own_is_refused(tmp_path: Path) -> None:
    model = tensors()
    model["encoder.lm_head.weight"] = model["encoder.lm_head.weight"] + 1
    with pytest.raises(CheckpointError, match=r"lm_head\.weight differs from .*embed_tokens"):
        open_fairseq(write(tmp_path / "a.pt", model=model))


def dictionary(path: Path, change: Callable[[list[str]], None] = lambda lines: None) -> Path:
    """A dict.txt as the original's preprocessing writes it."""
    lines = [f"<{field}-{number}> 0" for field, size in enumerate(OCTUPLE.sizes) for number in range(size)]
    change(lines)
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_dictionary_of_another_order_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "dict.txt"
    check_dictionary(dictionary(path))
    with pytest.raises(CheckpointError, match=r"line 2: the symbol is '<0-2>' where '<0-1>' is expected"):
        check_dictionary(dictionary(path, lambda lines: lines.insert(1, lines.pop(2))))
    with pytest.raises(CheckpointError, match=r"has 1,231 symbols; OctupleMIDI has 1,232"):
        check_dictionary(dictionary(path, lambda lines: lines.remove("<7-48> 0")))
    with pytest.raises(CheckpointError, match=r"has 1,233 symbols"):
        check_dictionary(dictionary(path, lambda lines: lines.append("<8-0> 0")))
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CheckpointError, match="not the text of a dictionary"):
        import_fairseq(write(tmp_path / "a.pt"), tmp_path / "m", dictionary=path)
    assert not (tmp_path / "m").exists()


def test_a_dictionary_is_for_fairseq_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import_fairseq(write(tmp_path / "a.pt"), tmp_path / "m")
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    assert config["source"] == {"name": "a", "file": "a.pt"}
    assert run("import", tmp_path / "m", "-o", tmp_path / "n", "--dictionary", "dict.txt") == 2
    assert "--dictionary is for MusicBERT" in capsys.readouterr().err
