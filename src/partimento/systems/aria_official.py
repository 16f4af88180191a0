"""Checkpoints of the original Aria: their names and sizes in, and ours out in their layout.

A folder or Hugging Face repository holds `config.json`, in the native keys (`d_model`, ...) or in those of transformers
(`hidden_size`, ...), and one or more safetensors files with the same tensor names. What kind of network a file holds
(language model, embedding, classifier, conditioned) is told by its tensors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from partimento import __version__
from partimento.checkpoint import (
    CARD,
    CONFIG,
    WEIGHTS,
    CheckpointError,
    Shapes,
    check_shapes,
    read_config,
    read_shapes,
    read_state,
    write_checkpoint,
)
from partimento.configuration import to_plain
from partimento.hub import Source, licence_of, resolve
from partimento.networks.decoder import Decoder, DecoderConfig, Head
from partimento.networks.transformer import TransformerConfig
from partimento.networks.unfilled import unfilled
from partimento.systems.aria import network_of

COMPILED = "_orig_mod."  # torch.compile's prefix, left in some saved files
CLASSIFIER_DROPOUT = 0.2  # rising with depth; the original's classifiers alone
HEADS: dict[Head, str] = {"next_token": "lm_head", "embedding": "emb_head", "classes": "class_head"}
OUTER = {
    "embedding": "model.tok_embeddings",
    "transformer.norm": "model.out_layer_norm",
    "adapter": "embedding_adapter",
}
INNER = {
    "attention_norm": "norm1",
    "attention.qkv": "mixed_qkv",
    "attention.out": "att_proj_linear",
    "feedforward_norm": "norm2",
    "feedforward.gate": "ff_gate_proj",
    "feedforward.up": "ff_up_proj",
    "feedforward.down": "ff_down_proj",
}


def is_official(config: Mapping[str, Any]) -> bool:
    """Whether a `config.json` is the original's rather than ours."""
    return "network" not in config and ("d_model" in config or "hidden_size" in config)


def official_name(name: str, head: Head) -> str:
    """The original's name of one of our tensors.

    >>> official_name("transformer.blocks.3.attention.qkv.weight", "next_token")
    'model.encode_layers.3.mixed_qkv.weight'
    """
    part, _, kind = name.rpartition(".")
    if part.startswith("transformer.blocks."):
        index, _, inner = part.removeprefix("transformer.blocks.").partition(".")
        return f"model.encode_layers.{index}.{INNER[inner]}.{kind}"
    return f"{HEADS[head] if part == 'head' else OUTER[part]}.{kind}"


def open_official(weights: Path, config: Mapping[str, Any]) -> tuple[DecoderConfig, dict[str, str]]:
    """Sizes of the network in an official file, and from each of our tensor names the name in the file.

    Raises:
        CheckpointError: if the file is damaged, partial or does not fit its configuration, with the names that differ.
    """
    in_file = read_shapes(weights)
    plain = {name.replace(COMPILED, ""): name for name in in_file}
    shapes = {name: in_file[stored] for name, stored in plain.items()}
    network = official_network(config, shapes, weights)
    expected = {official_name(name, network.head): (name, shape) for name, shape in shapes_of(network).items()}
    check_shapes(shapes, {theirs: shape for theirs, (_, shape) in expected.items()}, weights)
    return network, {ours: plain[theirs] for theirs, (ours, _) in expected.items()}


def official_network(config: Mapping[str, Any], shapes: Shapes, weights: Path) -> DecoderConfig:
    """Sizes of the network in an official file.

    Width, heads, layers, inner features and context are what the configuration says. The vocabulary and the features of
    heads are what the tensors say, because one repository describes several files by one configuration; in the file
    called `model.safetensors` both must agree.

    Args:
        shapes: shape of each tensor, without torch.compile's prefix.

    Raises:
        CheckpointError: if a size is missing from the configuration or disagrees with the file.
    """
    where = weights.parent / CONFIG

    def size(*keys: str) -> int:
        value = next((config[key] for key in keys if config.get(key) is not None), None)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise CheckpointError(f"{where}: {keys[0]} is {value!r}; it must be a whole number of at least 1")
        return value

    def agreed(name: str, axis: int, *keys: str) -> int | None:
        """Size read off a tensor, held against the configuration; None where neither knows."""
        stated = next((config[key] for key in keys if config.get(key) is not None), None)
        if name not in shapes or len(shapes[name]) != 2:
            return stated
        if stated not in (None, shapes[name][axis]) and weights.name == WEIGHTS:
            raise CheckpointError(
                f"{where} says {keys[0]} {stated}, but {name} in {weights.name} has shape {list(shapes[name])}"
            )
        return shapes[name][axis]

    width = size("d_model", "hidden_size")
    feedforward = width * size("ff_mult") if config.get("ff_mult") is not None else size("intermediate_size")
    head: Head = next((kind for kind, name in HEADS.items() if f"{name}.weight" in shapes), "next_token")
    outputs = None
    if head == "embedding":
        outputs = agreed("emb_head.weight", 0, "emb_size", "embedding_size")
    elif head == "classes":
        outputs = agreed("class_head.weight", 0, "class_size")
    conditioned = "embedding_adapter.weight" in shapes
    vocabulary = agreed("model.tok_embeddings.weight", 0, "vocab_size")
    if vocabulary is None:
        raise CheckpointError(
            f"{where} has no vocab_size and {weights.name} no model.tok_embeddings.weight to read it from"
        )
    try:
        return DecoderConfig(
            TransformerConfig(
                width=width,
                heads=size("n_heads", "num_attention_heads"),
                layers=size("n_layers", "num_hidden_layers"),
                feedforward=feedforward,
                dropout=CLASSIFIER_DROPOUT if head == "classes" else 0.0,
            ),
            vocabulary=vocabulary,
            context=size("max_seq_len", "max_position_embeddings"),
            head=head,
            outputs=outputs,
            condition=agreed("embedding_adapter.weight", 1, "emb_size", "embedding_size") if conditioned else None,
        )
    except CheckpointError:
        raise
    except ValueError as error:  # sizes that no network can have
        raise CheckpointError(f"{where}: {error}") from None


def import_checkpoint(
    source: str | Path, folder: str | Path, licence: str | None = None, dtype: torch.dtype | None = None
) -> None:
    """Write an official checkpoint as one of our checkpoint folders.

    Args:
        source: an official folder, one safetensors file in it, or a Hugging Face repository; as `hub.resolve`.
        licence: of the weights; taken from the source's card if None.
        dtype: of the stored tensors, float32 if None.

    Raises:
        CheckpointError: if the source is no official Aria checkpoint or does not fit its configuration.
    """
    found = resolve(source)
    original = read_config(found.folder)
    if not is_official(original):
        ours = "network" in original
        reason = "is one of this software's already" if ours else "has neither d_model nor hidden_size"
        raise CheckpointError(f"{found.folder / CONFIG} {reason}; only official Aria checkpoints can be imported")
    network, names = open_official(found.weights, original)
    state = read_state(found.weights, dtype)
    licence = licence or licence_of(found.folder, original)
    config = imported_config(found, original, network, licence)
    write_checkpoint(
        folder, {ours: state[theirs] for ours, theirs in names.items()}, config, _card(found, network, licence)
    )


def imported_config(found: Source, original: Mapping[str, Any], network: DecoderConfig, licence: str) -> dict[str, Any]:
    """The `config.json` of a checkpoint that was converted from another program's.

    Args:
        original: the source's own config, which is kept in it.
    """
    return {
        "system": "aria",
        "preset": None,
        "network": to_plain(network),
        "tokenizer": {"kind": "performance", "vocabulary": network.vocabulary},
        "data": f"as stated by the source of {found.name}",
        "steps": None,
        "versions": {"partimento": __version__, "torch": torch.__version__},
        "licence": licence,
        "recipe": None,
        "source": {"name": found.name, "file": found.weights.name, "config": dict(original)},
    }


def _card(source: Source, network: DecoderConfig, licence: str) -> str:
    kind = (
        "conditioned"
        if network.condition
        else {"next_token": "language model", "classes": "classifier"}.get(network.head, network.head)
    )
    card = source.folder / CARD
    text = card.read_text(encoding="utf-8", errors="replace") if card.exists() else "The source has no card.\n"
    return (
        f"# {source.name}\n\nAria ({kind}), converted from the official file `{source.weights.name}`. "
        f"Vocabulary of {network.vocabulary:,} tokens, context of {network.context:,}. Licence: {licence}.\n\n"
        f"## The source's own card\n\n{text}"
    )


def export_official(source: str | Path, folder: str | Path, dtype: torch.dtype | None = None) -> None:
    """Write one of our checkpoint folders as an official one in the native keys, for the original's programs.

    Raises:
        CheckpointError: if the checkpoint is not of Aria, or has sizes that the original cannot state.
        FileExistsError: if the folder exists and is not empty.
    """
    source, folder = Path(source), Path(folder)
    config = read_config(source)
    if config.get("system") != "aria":
        raise CheckpointError(f"{source} was made by {config.get('system')!r}; only Aria has an official layout")
    network = network_of(config.get("network"))
    native = _native_config(network, source)
    state = read_state(source, dtype)
    check_shapes({name: tuple(t.shape) for name, t in state.items()}, shapes_of(network), source / WEIGHTS)
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty; give another folder")
    folder.mkdir(parents=True, exist_ok=True)
    renamed: dict[str, Tensor] = {official_name(name, network.head): tensor for name, tensor in state.items()}
    save_file(renamed, folder / WEIGHTS, {"format": "pt"})
    (folder / CONFIG).write_text(json.dumps(native, indent=1) + "\n", encoding="utf-8")


def shapes_of(network: DecoderConfig) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor of a network of these sizes, under our names; takes no memory."""
    state = unfilled(lambda: Decoder(network)).state_dict()
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def _native_config(network: DecoderConfig, source: Path) -> dict[str, Any]:
    sizes = network.transformer
    wanted = TransformerConfig(sizes.width, sizes.heads, sizes.layers, sizes.feedforward, dropout=sizes.dropout)
    if sizes != wanted:
        raise CheckpointError(
            f"{source}: the original has a rotary base of 500,000 and norms with 1e-5, not {to_plain(sizes)}"
        )
    if sizes.feedforward % sizes.width:
        raise CheckpointError(f"{source}: feedforward {sizes.feedforward} is not a multiple of the width {sizes.width}")
    return {
        "d_model": sizes.width,
        "n_heads": sizes.heads,
        "n_layers": sizes.layers,
        "ff_mult": sizes.feedforward // sizes.width,
        "max_seq_len": network.context,
        "vocab_size": network.vocabulary,
        "emb_size": network.condition or (network.outputs if network.head == "embedding" else None),
        "class_size": network.outputs if network.head == "classes" else None,
    }
