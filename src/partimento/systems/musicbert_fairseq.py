"""Checkpoints of the original MusicBERT, as fairseq saved them, in (muzic's `musicbert`, Zeng et al. 2021, 2106.05630).

The file is a pickle {"model": tensors, "args" or "cfg": settings, ...}; it is read without running what is in it. Its
vocabulary is fairseq's four specials, then the lines of `dict.txt`, then <mask>. `preprocess.py` writes those lines as
`<field-id> 0`, field by field in the order of the octuple, with the ids that `tokens.octuple` has, so that row 4 + i of
the table is line i and equals ours; `check_dictionary` tells whether a `dict.txt` does.

The learned positions of fairseq begin behind its padding, at row 2; those rows alone are kept that an octuple can have,
1,024 of 8,194, since the longest input is 8,192 ids.
"""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from partimento import __version__
from partimento.checkpoint import CheckpointError, Shapes, write_checkpoint
from partimento.configuration import to_plain
from partimento.networks.encoder import table_size
from partimento.networks.roberta import Roberta, RobertaConfig
from partimento.networks.unfilled import unfilled
from partimento.pickled import Inert, read_pickled
from partimento.systems.musicbert import CONTEXT, HEAD_DIM, SIZES
from partimento.tokens.fields import Fields
from partimento.tokens.octuple import OCTUPLE

ARCHITECTURE = "roberta"  # in config.json, beside the system's name
SETTINGS = ("argparse", "omegaconf", "fairseq", "enum", "numpy")  # modules whose objects such files hold
POSITIONS_FROM = 2  # fairseq counts positions from its padding's id, 1
TRUNK = "encoder.sentence_encoder."
TABLE, TIED = f"{TRUNK}embed_tokens.weight", "encoder.lm_head.weight"
QKV = ("q_proj", "k_proj", "v_proj")
OUTER = {
    "embedding": f"{TRUNK}embed_tokens",
    "positions": f"{TRUNK}embed_positions",
    "project": f"{TRUNK}downsampling.0",
    "norm": f"{TRUNK}emb_layer_norm",
    "head.up": f"{TRUNK}upsampling.0",
    "head.dense": "encoder.lm_head.dense",
    "head.norm": "encoder.lm_head.layer_norm",
    "head": "encoder.lm_head",
}
INNER = {
    "self_attn.out_proj": "self_attn.out_proj",
    "linear1": "fc1",
    "linear2": "fc2",
    "norm1": "self_attn_layer_norm",
    "norm2": "final_layer_norm",
}

logger = logging.getLogger("partimento")


def original(size: str = "base") -> RobertaConfig:
    """The original's sizes, tiny to large; it released small and base."""
    layers, width = SIZES[size]
    return RobertaConfig(width, width // HEAD_DIM, layers, 4 * width, OCTUPLE, CONTEXT)


def fairseq_names(name: str) -> list[str]:
    """fairseq's tensors that ours is stacked of, in order.

    >>> fairseq_names("layers.3.linear1.weight")
    ['encoder.sentence_encoder.layers.3.fc1.weight']
    """
    part, _, kind = name.rpartition(".")
    if not part.startswith("layers."):
        return [f"{OUTER[part]}.{kind}"]
    index, _, inner = part.removeprefix("layers.").partition(".")
    if inner == "self_attn":
        return [f"{TRUNK}layers.{index}.self_attn.{one}.{kind.removeprefix('in_proj_')}" for one in QKV]
    return [f"{TRUNK}layers.{index}.{INNER[inner]}.{kind}"]


def roberta_of(config: RobertaConfig, state: Mapping[str, Tensor]) -> Roberta:
    """The network of these sizes and tensors, in evaluation mode.

    Raises:
        RuntimeError: if the tensors do not fit the sizes.
    """
    network = unfilled(lambda: Roberta(config))
    network.load_state_dict(state, assign=True)
    return network.eval()


def open_fairseq(path: str | Path) -> tuple[RobertaConfig, dict[str, Tensor]]:
    """Sizes of the network in a checkpoint of fairseq, and its tensors under our names, float32.

    Raises:
        CheckpointError: if the file is damaged, names what can run code, or holds another network than MusicBERT; with
            the names that differ.
        OSError: if it cannot be read.
    """
    config, state, _ = _open(Path(path))
    return config, state


def import_fairseq(
    path: str | Path, folder: str | Path, licence: str | None = None, dictionary: str | Path | None = None
) -> None:
    """Write a checkpoint of fairseq as one of our checkpoint folders.

    Args:
        licence: of the weights; the file does not say.
        dictionary: the `dict.txt` that the model was trained with, to be compared with the order that is assumed.

    Raises:
        CheckpointError: as `open_fairseq` and `check_dictionary`.
        OSError: if a file cannot be read.
    """
    path = Path(path)
    if dictionary is not None:
        check_dictionary(dictionary)
    config, state, steps = _open(path)
    licence = licence or "not stated"
    order = "equal to its dict.txt" if dictionary is not None else "assumed to be that of muzic's preprocess.py"
    facts = {
        "system": "musicbert",
        "architecture": ARCHITECTURE,
        "preset": None,
        "network": to_plain(config),
        "tokenizer": {"kind": "octuple", "vocabulary": table_size(config.fields, "shared"), "order": order},
        "data": f"as stated by the source of {path.name}",
        "steps": steps,
        "versions": {"partimento": __version__, "torch": torch.__version__},
        "licence": licence,
        "recipe": None,
        "source": {"name": path.stem, "file": path.name},
    }
    count = sum(tensor.numel() for tensor in state.values())
    card = (
        f"# {path.stem}\n\nMusicBERT, converted from the fairseq checkpoint `{path.name}`: {config.layers} layers of "
        f"width {config.width}, {config.heads} heads, {count / 1e6:.1f} M parameters, {config.context:,} octuples at "
        f"once. Licence: {licence}.\n\nIt reads OctupleMIDI between a word START and a word END. The order of its "
        f"vocabulary is {order}.\n\nZeng et al. 2021, MusicBERT: Symbolic Music Understanding with Large-Scale "
        "Pre-Training, https://arxiv.org/abs/2106.05630\n"
    )
    write_checkpoint(folder, state, facts, card)


def check_dictionary(path: str | Path, fields: Fields = OCTUPLE) -> None:
    """Refuse a fairseq `dict.txt` whose symbols are not those of the fields in our order.

    Raises:
        CheckpointError: naming the first line that differs.
        OSError: if it cannot be read.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{path} is not the text of a dictionary: {error}") from None
    wanted = [f"<{field}-{number}>" for field, size in enumerate(fields.sizes) for number in range(size)]
    found = [line.rpartition(" ")[0] for line in lines]
    for line, (symbol, expected) in enumerate(zip(found, wanted, strict=False), start=1):
        if symbol != expected:
            raise CheckpointError(
                f"{path}, line {line}: the symbol is {symbol!r} where {expected!r} is expected; "
                "a model of another vocabulary cannot be imported"
            )
    if len(found) != len(wanted):
        raise CheckpointError(f"{path} has {len(found):,} symbols; OctupleMIDI has {len(wanted):,}")


def _open(path: Path) -> tuple[RobertaConfig, dict[str, Tensor], int | None]:
    content = read_pickled(path, SETTINGS)
    model = content.get("model") if isinstance(content, dict) else None
    if not isinstance(model, dict) or not all(isinstance(value, Tensor) for value in model.values()):
        raise CheckpointError(f"{path} has no tensors under 'model'; it is not a checkpoint of fairseq")
    theirs = _current_names(model)
    settings = [content.get("args"), content.get("cfg")]
    config = _sizes({name: tuple(tensor.shape) for name, tensor in theirs.items()}, settings, path)
    shapes = {name: tuple(value.shape) for name, value in unfilled(lambda: Roberta(config)).state_dict().items()}
    _check(theirs, config, shapes, path)
    state = {}
    for name in shapes:
        parts = [theirs[part] for part in fairseq_names(name)]
        joined = (torch.cat(parts) if len(parts) > 1 else parts[0]).float()
        state[name] = joined[POSITIONS_FROM : POSITIONS_FROM + config.context] if name == "positions.weight" else joined
    history = content.get("optimizer_history")
    steps = history[-1].get("num_updates") if isinstance(history, list) and history else None
    return config, state, steps if isinstance(steps, int) else None


def _current_names(model: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors under the names of the fairseq that MusicBERT was made with, one matrix each for queries, keys, values.

    Older files say decoder for encoder and have the three in one; newer ones have another name for a norm.
    """
    found: dict[str, Tensor] = {}
    for name, tensor in model.items():
        name = re.sub(r"^decoder\.", "encoder.", name).replace(".layernorm_embedding.", ".emb_layer_norm.")
        whole, kind = name.rpartition("in_proj_")[::2]
        if whole.endswith("self_attn.") and kind in ("weight", "bias") and tensor.dim():
            found |= {f"{whole}{one}.{kind}": part for one, part in zip(QKV, tensor.chunk(3), strict=False)}
        else:
            found[name] = tensor
    return found


def _sizes(shapes: Shapes, settings: Any, path: Path) -> RobertaConfig:
    """Sizes of the network: the tensors tell all but the heads; what the settings say as well must agree."""

    def axis(name: str, dimension: int) -> int:
        if len(shapes.get(name, ())) != 2:
            raise CheckpointError(f"{path} is not a checkpoint of MusicBERT: it has no matrix {name}")
        return shapes[name][dimension]

    width, vocabulary = axis(TABLE, 1), axis(TABLE, 0)
    if vocabulary != table_size(OCTUPLE, "shared"):
        raise CheckpointError(
            f"{path} has {vocabulary:,} symbols; OctupleMIDI with fairseq's has {table_size(OCTUPLE, 'shared'):,}"
        )
    feedforward = axis(f"{TRUNK}layers.0.fc1.weight", 0)
    positions = axis(f"{TRUNK}embed_positions.weight", 0) - POSITIONS_FROM
    numbers = [re.match(rf"{re.escape(TRUNK)}layers\.(\d+)\.", name) for name in shapes]
    layers = 1 + max(int(number[1]) for number in numbers if number)
    known = {
        "encoder_embed_dim": width,
        "encoder_ffn_embed_dim": feedforward,
        "encoder_layers": layers,
        "activation_fn": "gelu",
    }
    for key, value in known.items():
        if (said := _stated(settings, key)) not in (None, value):
            raise CheckpointError(f"{path} says {key} {said!r} in its settings; its tensors are read with {value!r}")
    heads = _stated(settings, "encoder_attention_heads")
    if heads is None:
        heads = max(1, width // HEAD_DIM)
        logger.warning(f"{path} does not state its heads; {heads} are taken, of {HEAD_DIM} features as in the original")
    dropout = _stated(settings, "dropout")
    if not isinstance(heads, int):
        raise CheckpointError(f"{path} says encoder_attention_heads {heads!r} in its settings; it must be a number")
    try:
        return RobertaConfig(
            width=width,
            heads=heads,
            layers=layers,
            feedforward=feedforward,
            fields=OCTUPLE,
            context=positions // len(OCTUPLE),
            dropout=float(dropout) if isinstance(dropout, int | float) else 0.1,
        )
    except ValueError as error:  # sizes that no network can have
        raise CheckpointError(f"{path}: {error}") from None


def _stated(settings: Any, key: str) -> Any:
    """The first value of a key anywhere in settings, the outermost first; None if there is none.

    Settings are objects in objects, whose own objects say no more than the objects they come from: argparse's keep the
    values themselves, omegaconf's a node each, which has the value as `_val`.
    """
    waiting, seen = deque([settings]), set()
    while waiting:
        item = waiting.popleft()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, Inert):
            waiting.extend([item.state, *item.args])
        elif isinstance(item, list | tuple):
            waiting.extend(item)
        elif isinstance(item, dict):
            value = item.get(key)
            while isinstance(value, Inert) and isinstance(value.state, dict) and "_val" in value.state:
                value = value.state["_val"]
            if value is not None and not isinstance(value, Inert):
                return value
            waiting.extend(item.values())
    return None


def _check(theirs: dict[str, Tensor], config: RobertaConfig, ours: Shapes, path: Path) -> None:
    """Refuse tensors that are not those of a network of these sizes; leave out what only fine-tuning added."""
    expected: dict[str, tuple[int, ...]] = {}
    for name, (rows, *rest) in ours.items():
        parts = fairseq_names(name)
        expected |= {part: (rows // len(parts), *rest) for part in parts}
    positions = fairseq_names("positions.weight")[0]
    expected[positions] = (theirs[positions].shape[0], config.width)  # more than can be used
    heads = sorted({name.split(".")[1] for name in theirs if name.startswith("classification_heads.")})
    if heads:
        logger.warning(f"{path}: its classification heads ({', '.join(heads)}) are left out")
    wrong = [f"{name} is missing" for name in expected if name not in theirs]
    for name, tensor in theirs.items():
        shape = list(tensor.shape)
        if name.startswith("classification_heads.") or name.endswith(".version"):
            continue
        if name == TIED:
            if tensor.shape != theirs[TABLE].shape or not torch.equal(tensor, theirs[TABLE]):
                wrong.append(f"{name} differs from {TABLE}, to which it is tied")
        elif name not in expected:
            wrong.append(f"{name} is unexpected")
        elif shape != list(expected[name]):
            wrong.append(f"{name} has shape {shape} instead of {list(expected[name])}")
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise CheckpointError(f"{path} is not a checkpoint of MusicBERT: {'; '.join(wrong[:5])}{more}")
