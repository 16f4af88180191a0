"""MULE's weights from elsewhere: the `.keras` archive of its release, and the safetensors of a PyTorch port of it.

The archive (from version 1.1.2 of sxmp-mule on) is a zip of `config.json`, the graph, and `model.weights.h5`. The
arrays are not filed under the layers' names: Keras 2.13 names a layer there after its class and the place among its
like in the graph, and counts a layer with weights twice. So the graph is needed to tell which array is whose:

- standardised convolutions are made in the order of the number in their names: stems, stages (in a block the four
  convolutions, then the shortcut) and fusions;
- the two dense layers and the skip gain of a block are those that follow its last convolution in the graph; the
  numbers in the names of the gains have another order.

The port is `mule-torch` (weights at `matteospanio/mule`), whose tensors have the names that `port_name` gives.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from partimento import __version__
from partimento.checkpoint import CheckpointError, check_shapes, read_shapes, read_state, write_checkpoint
from partimento.configuration import to_plain
from partimento.networks.logmel import mule_mel
from partimento.networks.sfnfnet import BLOCKS, SFNFNet, paper
from partimento.networks.slicing import MULE_SLICES
from partimento.networks.standardised import StandardisedConv2d
from partimento.networks.unfilled import unfilled

GRAPH, ARRAYS = "config.json", "model.weights.h5"
INSIDE = "_layer_checkpoint_dependencies"  # the group of the layers in the file of arrays
CONVOLUTION, DENSE, GAIN = "WeightStandardization", "Dense", "ScalarMultiply"
POINTER = b"version https://git-lfs"
FRONT_END = "frontend."  # the port saves its tables of the spectrogram, which we make ourselves


def open_keras(path: str | Path) -> dict[str, Tensor]:
    """The tensors of MULE's archive under the names of `SFNFNet(paper())`, float32.

    Raises:
        CheckpointError: if the file is damaged or cut short, is a pointer of Git LFS, or holds another network; or if
            h5py is not installed.
        OSError: if it cannot be read.
    """
    path = Path(path)
    refuse_pointer(path)
    try:
        import h5py
    except ImportError:
        raise CheckpointError(f'{path}: reading a .keras archive needs h5py: pip install "partimento[keras]"') from None
    try:
        with zipfile.ZipFile(path) as archive:
            graph = json.loads(archive.read(GRAPH))
            arrays = io.BytesIO(archive.read(ARRAYS))
    except zipfile.BadZipFile as error:
        raise CheckpointError(
            f"{path} is not a whole .keras archive, which is a zip: {error}; fetch it again"
        ) from None
    except KeyError as error:
        raise CheckpointError(f"{path} is not a .keras archive: {error.args[0]}") from None
    except ValueError as error:
        raise CheckpointError(f"{path}: its {GRAPH} is not JSON: {error}") from None
    layers = _layers(graph, path)
    network = unfilled(lambda: SFNFNet(paper()))
    places = _places(layers, network, path)
    try:
        with h5py.File(arrays, "r") as file:
            state = {ours: _tensor(file, f"{INSIDE}/{theirs}", path) for ours, theirs in places.items()}
    except OSError as error:
        raise CheckpointError(f"{path}: its {ARRAYS} is not a whole HDF5 file: {error}") from None
    _check(state, network, path)
    return state


def open_port(path: str | Path) -> dict[str, Tensor]:
    """The tensors of the PyTorch port's safetensors under the names of `SFNFNet(paper())`, float32.

    Args:
        path: the file, or the folder with its `model.safetensors`.

    Raises:
        CheckpointError: if the file is damaged, a pointer of Git LFS, or has other names or shapes than the port's.
        OSError: if it cannot be read.
    """
    path = _weights_of(Path(path))
    refuse_pointer(path)
    network = unfilled(lambda: SFNFNet(paper()))
    ours = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    found = {name: shape for name, shape in read_shapes(path).items() if not name.startswith(FRONT_END)}
    check_shapes(found, {port_name(name): shape or (1,) for name, shape in ours.items()}, path)
    theirs = read_state(path)
    return {name: theirs[port_name(name)].reshape(shape) for name, shape in ours.items()}


def is_port(path: str | Path) -> bool:
    """Whether a safetensors file, or the one in a folder, has the names of the port's tensors."""
    path = _weights_of(Path(path))
    return path.is_file() and port_name("slow.stem.0.weight") in read_shapes(path)


def port_name(name: str) -> str:
    """The PyTorch port's name of our tensor.

    >>> port_name("slow.stages.2.5.squeeze.bias"), port_name("fusions.0.1.gain")
    ('backbone.slow_stages.2.blocks.5.se.fc1.bias', 'backbone.fusions.0.conv2.gain')
    """
    name = re.sub(r"^(slow|fast)\.stem\.", r"\1_stem.convs.", name)
    name = re.sub(r"^(slow|fast)\.stages\.(\d)\.", r"\1_stages.\2.blocks.", name)
    name = re.sub(r"^fusions\.(\d)\.(\d)", lambda found: f"fusions.{found[1]}.conv{int(found[2]) + 1}", name)
    name = re.sub(r"(blocks\.\d)\.gain$", r"\1.skip_gain", name)
    for ours, theirs in (("shortcut", "skip_conv"), ("squeeze", "se.fc1"), ("excite", "se.fc2")):
        name = name.replace(f".{ours}.", f".{theirs}.")
    return f"backbone.{name}"


def import_mule(source: str | Path, folder: str | Path, licence: str | None = None) -> None:
    """Write MULE's archive, or the port's safetensors, as one of our checkpoint folders.

    Args:
        licence: of the weights; the files do not say. Those that MULE's authors released are CC BY-NC 4.0.

    Raises:
        CheckpointError: as `open_keras` and `open_port`.
        OSError: if a file cannot be read.
    """
    source = Path(source)
    state = open_keras(source) if source.suffix == ".keras" else open_port(source)
    config, front = paper(), mule_mel()
    licence = licence or "not stated"
    facts = {
        "system": "mule",
        "preset": None,
        "network": to_plain(config),
        "rate_hz": front.rate_hz,
        "front": to_plain(front),
        "windows": to_plain(MULE_SLICES),
        "channels": "sum",
        "data": f"as stated by the source of {source.name}",
        "steps": None,
        "versions": {"partimento": __version__, "torch": torch.__version__},
        "licence": licence,
        "recipe": None,
        "source": {"name": source.stem, "file": source.name},
    }
    count = sum(tensor.numel() for tensor in state.values())
    card = (
        f"# {source.stem}\n\nMULE (SF-NFNet-F0), converted from `{source.name}`: {count / 1e6:.1f} M parameters. "
        f"Licence: {licence}.\n\nIt reads sound at {front.rate_hz / 1000:g} kHz, the channels added, as log-mel "
        f"windows of 3 s, one every 2 s, and gives a vector of {config.width:,} features for each.\n\nMcCallum et al. "
        "2022, Supervised and Unsupervised Learning of Audio Representations for Music Understanding, "
        "https://arxiv.org/abs/2210.03799\n"
    )
    write_checkpoint(folder, state, facts, card)


def refuse_pointer(path: Path) -> None:
    """Refuse a file that only points to one in Git's large file storage, as a clone without git-lfs has it.

    Raises:
        CheckpointError: if it is one.
        OSError: if it cannot be read.
    """
    with path.open("rb") as file:
        if file.read(len(POINTER)) == POINTER:
            raise CheckpointError(f"{path} is a pointer of Git LFS, not the weights; run `git lfs pull` in its clone")


def convolutions() -> list[str]:
    """The names of our standardised convolutions in the order in which MULE makes its own.

    >>> names = convolutions()
    >>> len(names), names[8], names[12]
    (120, 'slow.stages.0.0.convs.0', 'slow.stages.0.0.shortcut')
    """
    names = [f"{path}.stem.{i}" for path in ("slow", "fast") for i in range(4)]
    for path in ("slow", "fast"):
        for stage, blocks in enumerate(BLOCKS):
            for block in range(blocks):
                here = f"{path}.stages.{stage}.{block}"
                names += [f"{here}.convs.{i}" for i in range(4)] + [f"{here}.shortcut"] * (block == 0)
    return names + [f"fusions.{stage}.{i}" for stage in range(len(BLOCKS)) for i in range(2)]


def _layers(graph: Any, path: Path) -> list[dict[str, Any]]:
    try:
        layers = graph["config"]["layers"]
        for layer in layers:
            layer["name"], layer["class_name"], layer["config"], layer["inbound_nodes"]
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: its {GRAPH} is not a graph of Keras' functional models: {error!r}") from None
    return layers


def _places(layers: list[dict[str, Any]], network: SFNFNet, path: Path) -> dict[str, str]:
    """Of each of our tensors, the place of its array in the file, below the group of layers."""
    where = _filed_as(layers)
    by_name = {layer["name"]: layer for layer in layers}
    made = [layer for layer in layers if layer["class_name"] == CONVOLUTION]
    made.sort(key=lambda layer: _number(layer["name"]))
    ours = convolutions()
    if len(made) != len(ours):
        raise CheckpointError(f"{path} has {len(made)} standardised convolutions; SF-NFNet-F0 has {len(ours)}")
    called = {layer["name"]: name for layer, name in zip(made, ours, strict=True)}
    places: dict[str, str] = {}
    for layer in made:
        name, place = called[layer["name"]], where[layer["name"]]
        _same_convolution(layer["config"]["layer"]["config"], network.get_submodule(name), f"{path}: {layer['name']}")
        places |= {f"{name}.weight": f"{place}/vars/0", f"{name}.gain": f"{place}/vars/1"}
        places[f"{name}.bias"] = f"{place}/layer/vars/0"
    for layer in layers:
        if layer["name"] not in where or layer["class_name"] == CONVOLUTION:
            continue
        before = {called[name] for name in _convolutions_before(layer, by_name)}
        block, _, last = before.pop().rpartition(".convs.") if len(before) == 1 else ("", "", "")
        if last != "3":
            raise CheckpointError(f"{path}: {layer['name']} does not follow the last convolution of a block")
        place = where[layer["name"]]
        if layer["class_name"] == GAIN:
            places[f"{block}.gain"] = f"{place}/vars/0"
        else:
            name = "squeeze" if layer["config"].get("activation") == "relu" else "excite"
            places |= {f"{block}.{name}.weight": f"{place}/vars/0", f"{block}.{name}.bias": f"{place}/vars/1"}
    return places


def _filed_as(layers: list[dict[str, Any]]) -> dict[str, str]:
    """Where Keras 2.13 files the arrays of each layer that has any, by the layer's name."""
    seen: Counter[str] = Counter()
    where = {}
    for layer in layers:
        kind = layer["class_name"]
        filed = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind).lower()
        has_weights = kind in (CONVOLUTION, DENSE) or (kind == GAIN and layer["config"].get("learnable"))
        if has_weights:
            where[layer["name"]] = f"{filed}_{seen[filed]}" if seen[filed] else filed
        seen[filed] += 2 if has_weights else 1  # it is listed among the layers with weights and among all
    return where


def _number(name: str) -> int:
    """The number at the end of a layer's name; the first of its class has none."""
    found = re.search(r"_(\d+)$", name)
    return int(found[1]) if found else 0


def _convolutions_before(layer: Mapping[str, Any], by_name: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Names of the convolutions from which a layer is reached without passing another."""
    found, seen, waiting = set(), set(), list(_inputs(layer["inbound_nodes"]))
    while waiting:
        name = waiting.pop()
        if name in seen or name not in by_name:
            continue
        seen.add(name)
        if by_name[name]["class_name"] == CONVOLUTION:
            found.add(name)
        else:
            waiting += _inputs(by_name[name]["inbound_nodes"])
    return found


def _inputs(node: Any) -> Iterator[str]:
    """Names of layers in the references [name, node, tensor, arguments] that a node is nested of."""
    if isinstance(node, Mapping):
        node = list(node.values())
    if not isinstance(node, list):
        return
    if len(node) >= 3 and isinstance(node[0], str) and isinstance(node[1], int):
        yield node[0]
    for part in node:
        yield from _inputs(part)


def _same_convolution(theirs: Mapping[str, Any], ours: Any, what: str) -> None:
    assert isinstance(ours, StandardisedConv2d)
    settings = (list(ours.size), list(ours.stride), ours.groups, "same")
    found = tuple(theirs.get(key) for key in ("kernel_size", "strides", "groups", "padding"))
    if found != settings:
        raise CheckpointError(f"{what} has kernel, stride, groups, padding {found}; SF-NFNet-F0 has {settings} there")


def _tensor(file: Any, place: str, path: Path) -> Tensor:
    """An array in our layout: kernels (height, width, in, out) to (out, in, height, width), dense ones transposed."""
    if place not in file:
        raise CheckpointError(f"{path}: its {ARRAYS} has no {place}; only archives of Keras 2.13 can be read")
    array = np.asarray(file[place], dtype=np.float32)
    if array.ndim == 4:
        array = array.transpose(3, 2, 0, 1)
    elif array.ndim == 2:
        array = array.T
    return torch.from_numpy(array.copy(order="C"))


def _check(state: Mapping[str, Tensor], network: SFNFNet, path: Path) -> None:
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    check_shapes({name: tuple(tensor.shape) for name, tensor in state.items()}, expected, path)


def _weights_of(path: Path) -> Path:
    return path / "model.safetensors" if path.is_dir() else path
