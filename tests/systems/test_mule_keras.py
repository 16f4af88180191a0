"""MULE's weights from an archive as its release has it: the network and the whole pipeline give what the original gave.

The archive is made here, at full size, by the rule of the conformance files.
"""

from __future__ import annotations

import gzip
import io
import json
import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
import soundfile
import soxr
import torch
from safetensors.torch import save_file
from scipy.signal import resample_poly

from partimento.audio_model import AudioModel
from partimento.checkpoint import CheckpointError, read_config, read_state
from partimento.configuration import from_plain
from partimento.model import load
from partimento.networks.logmel import LogMel, LogMelConfig, mule_mel
from partimento.networks.sfnfnet import SFNFNet, SFNFNetConfig, paper
from partimento.networks.slicing import MULE_SLICES, Slicing, slices
from partimento.networks.unfilled import unfilled
from partimento.systems.mule_keras import import_mule, is_port, open_keras, open_port, port_name


@pytest.fixture(scope="module")
def files(shared: Path) -> Path:
    return shared / "conformance" / "mule"


def array_of(path: str, shape: list[int], salt: str) -> np.ndarray:
    """An array of the archive by the rule in the README of the conformance files."""
    generator = np.random.Generator(np.random.PCG64(zlib.crc32((salt + path).encode())))
    z = generator.standard_normal(int(np.prod(shape))).astype(np.float32).reshape(shape)
    if len(shape) == 4:
        return z
    if len(shape) == 2:
        return z / np.float32(shape[0] ** 0.5)
    if len(shape) == 0:
        return 1 + np.float32(0.2) * z
    is_gain = "weight_standardization" in path and path.endswith("vars/1")
    return is_gain + np.float32(0.1) * z


def write_archive(path: Path, config: bytes, arrays: bytes, metadata: bytes = b"{}") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", metadata)
        archive.writestr("config.json", config)
        archive.writestr("model.weights.h5", arrays)
    return path


@pytest.fixture(scope="module")
def graph(files: Path) -> bytes:
    return gzip.decompress((files / "config.json.gz").read_bytes())


@pytest.fixture(scope="module")
def archive(files: Path, graph: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    listed = json.loads((files / "arrays.json").read_text())
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for path, shape in listed["arrays"]:
            file[path] = array_of(path, shape, listed["salt"])
    metadata = (files / "metadata.json").read_bytes()
    return write_archive(tmp_path_factory.mktemp("mule") / "model.keras", graph, content.getvalue(), metadata)


@pytest.fixture(scope="module")
def network(archive: Path) -> SFNFNet:
    network = unfilled(lambda: SFNFNet(paper()))
    network.load_state_dict(open_keras(archive), assign=True)
    return network.eval()


@torch.no_grad()
def test_the_network_gives_what_the_original_gave(files: Path, network: SFNFNet) -> None:
    expected = np.load(files / "expected.npz")
    generator = np.random.Generator(np.random.PCG64(int(expected["input_seed"])))
    x = generator.standard_normal((2, 96, 300, 1)).astype(np.float32)[..., 0]
    np.testing.assert_array_equal(x[0, :4, :4], expected["input_head"])
    np.testing.assert_allclose(network(torch.from_numpy(x)).numpy(), expected["output"], atol=1e-4)


def original_resampler(y: np.ndarray) -> np.ndarray:
    """44.1 to 16 kHz by the filter of resampy's `kaiser_best`: 50 zeros, roll-off 0.917347, beta 12.9846."""
    zeros, rolloff, beta, down = 50, 0.917347, 12.9846, 160 / 441
    half = int(np.ceil(zeros / down * 160))
    t = np.arange(-half, half + 1) / 160 * down
    taper = np.i0(beta * np.sqrt(np.clip(1 - (t / zeros) ** 2, 0, 1))) / np.i0(beta) * (np.abs(t) <= zeros)
    return resample_poly(y, 160, 441, window=rolloff * np.sinc(rolloff * t) * taper * down / 160).astype(np.float32)


def test_the_front_end_gives_what_the_original_gave(files: Path) -> None:
    """All bands with the original's resampler; with soxr those that lie below its roll-off."""
    y, rate_hz = soundfile.read(files / "signal.wav", dtype="float32")
    expected = np.load(files / "pipeline.npz")["mel"]
    front = LogMel(mule_mel())
    mel = front(torch.from_numpy(original_resampler(y.sum(1)))[None])[0].numpy()
    assert mel.shape == (96, 701)
    difference = np.abs(mel[:, ::7] - expected)
    assert difference.max() < 2e-3
    assert difference.mean() < 2e-4
    mel = front(torch.from_numpy(soxr.resample(y.sum(1), rate_hz, 16_000, "VHQ"))[None])[0].numpy()
    assert np.abs(mel[:88, ::7] - expected[:88])[:, 1:-1].max() < 2e-3


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N,) of the rows of a and b (N, D)."""
    return (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))


@torch.no_grad()
def test_the_pipeline_gives_what_the_original_gave(files: Path, network: SFNFNet) -> None:
    y, rate_hz = soundfile.read(files / "signal.wav", dtype="float32")
    y = soxr.resample(y.sum(1), rate_hz, 16_000, "VHQ")
    mel = LogMel(mule_mel())(torch.from_numpy(y)[None])[0]
    vectors = network(slices(mel)).numpy()
    expected = np.load(files / "pipeline.npz")["embedding"].T
    assert vectors.shape == expected.shape == (3, 1728)
    assert (cosines(vectors, expected) >= 0.999).all()


def test_an_import_says_what_it_is_and_reads_sound(
    archive: Path, network: SFNFNet, files: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "mule"
    import_mule(archive, folder, licence="CC BY-NC 4.0")
    config = read_config(folder)
    assert (config["system"], config["licence"], config["channels"]) == ("mule", "CC BY-NC 4.0", "sum")
    assert from_plain(SFNFNetConfig, config["network"]) == paper()
    assert from_plain(LogMelConfig, config["front"]) == mule_mel()
    assert from_plain(Slicing, config["windows"]) == MULE_SLICES
    state = read_state(folder)
    for name, tensor in network.state_dict().items():
        assert torch.equal(state[name], tensor)
    del state
    model, path = load(folder), files / "signal.wav"
    assert isinstance(model, AudioModel)
    vectors, expected = model.embed(path, frames=True), np.load(files / "pipeline.npz")["embedding"].T
    assert (cosines(vectors, expected) >= 0.999).all()
    np.testing.assert_allclose(model.embed(path), vectors.mean(0), rtol=1e-4, atol=1e-5)


def test_the_ports_safetensors_are_read(network: SFNFNet, tmp_path: Path) -> None:
    """Under its names, its gains of one element, its tables of the spectrogram left out."""
    state = network.state_dict()
    theirs = {port_name(name): tensor.reshape(tensor.shape or (1,)) for name, tensor in state.items()}
    assert theirs["backbone.slow_stages.3.blocks.2.skip_gain"].shape == (1,)
    theirs |= {"frontend.mel_fb": torch.zeros(96, 1025), "frontend.stft.fwd_real": torch.zeros(3, 1, 4)}
    save_file(theirs, tmp_path / "model.safetensors")
    assert is_port(tmp_path)
    found = open_port(tmp_path)
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items())


def test_other_safetensors_are_refused(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, tmp_path / "model.safetensors")
    assert not is_port(tmp_path)
    assert not is_port(tmp_path / "nothing")
    with pytest.raises(CheckpointError, match=r"unexpected: weight"):
        open_port(tmp_path)


def test_files_that_are_none_are_refused(tmp_path: Path, graph: bytes) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:1da1\nsize 251054764\n")
    with pytest.raises(CheckpointError, match="git lfs pull"):
        open_keras(path)
    path.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(CheckpointError, match=r"not a whole \.keras archive"):
        open_keras(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("saved_model.pb", b"")
    with pytest.raises(CheckpointError, match=r"no item named 'config.json'"):
        open_keras(path)
    with pytest.raises(CheckpointError, match="not JSON"):
        open_keras(write_archive(path, b"{", b""))
    with pytest.raises(CheckpointError, match="not a graph"):
        open_keras(write_archive(path, b'{"config": {}}', b""))
    with pytest.raises(CheckpointError, match="not a whole HDF5 file"):
        open_keras(write_archive(path, graph, b"\x89HDF"))
    empty = io.BytesIO()
    h5py.File(empty, "w").close()
    with pytest.raises(CheckpointError, match=r"has no _layer_checkpoint_dependencies/weight_standardization"):
        open_keras(write_archive(path, graph, empty.getvalue()))


def test_other_networks_are_refused(tmp_path: Path, graph: bytes) -> None:
    path = tmp_path / "model.keras"
    config = json.loads(graph)
    layers = config["config"]["layers"]
    convolution = next(layer for layer in layers if layer["name"] == "weight_standardization_112")
    convolution["config"]["layer"]["config"]["strides"] = [1, 2]
    with pytest.raises(CheckpointError, match="weight_standardization_112 has kernel, stride"):
        open_keras(write_archive(path, json.dumps(config).encode(), b""))
    layers.remove(convolution)
    with pytest.raises(CheckpointError, match="119 standardised convolutions"):
        open_keras(write_archive(path, json.dumps(config).encode(), b""))
