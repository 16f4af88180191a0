"""The rows of the audio tables: chance, statistics of the spectrum, a network, the same network at random weights."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from partimento import __version__
from partimento.audio_model import AudioModel, Frames, random_like
from partimento.tasks.audio.frame_suite import FrameSystem
from partimento.tasks.audio.sound_statistics import flux_frames, logmel_frames, statistics_mel, statistics_of_files
from partimento.tasks.audio.sound_vectors import FrameStore, SoundRepresentation, sound_vectors
from partimento.tasks.measure import System
from partimento.tasks.probe import Probe
from partimento.tasks.task import Example
from partimento.tasks.vectors import VectorStore

CHANCE = "majority class"
LOGMEL = "log-mel statistics"
MFCC = "MFCC statistics"
LOGMEL_FRAMES = "log-mel frames"
FLUX = "spectral flux"
RANDOM = "random weights"

Vectors = Callable[[Sequence[Example], int], np.ndarray]


def chance() -> System:
    """What knows nothing of the sound."""

    def nothing(examples: Sequence[Example], seed: int) -> np.ndarray:
        return np.zeros((len(examples), 1), dtype=np.float32)

    return System(CHANCE, "", nothing, ("majority",))


def statistics(store: VectorStore, probes: tuple[Probe, ...]) -> list[System]:
    """Mean and deviation over the whole file of log-mel bands, and of MFCCs and their deltas."""
    return [
        System(name, "", _stored(representation, store), probes, mixed_units=True)
        for name, representation in zip((LOGMEL, MFCC), statistics_of_files(), strict=True)
    ]


def of_model(model: AudioModel, store: VectorStore, probes: tuple[Probe, ...], name: str = "") -> System:
    """What `embed` of a model gives for whole files.

    Args:
        name: of the row, the model's title by default.
    """
    vectors = _stored(_embedding(model, f"weights {model.hash}"), store)
    return System(name or model.title, model.hash, vectors, probes, about=facts(model))


def at_random_weights(model: AudioModel, store: VectorStore, probes: tuple[Probe, ...], name: str = "") -> System:
    """Networks of a model's sizes that have learned nothing, another for each seed."""

    def vectors(examples: Sequence[Example], seed: int) -> np.ndarray:
        return sound_vectors(_embedding(random_like(model, seed), f"seed {seed}"), examples, store)

    return System(f"{name or model.title}, {RANDOM}", "", vectors, probes, seeded=True, about=facts(model))


def of_layers(
    name: str,
    checkpoint: str,
    layers: Callable[[Sequence[Path]], np.ndarray],
    count: int,
    store: VectorStore,
    about: Mapping[str, float | str] | None = None,
) -> System:
    """All layers of a network, mixed by learned weights.

    Args:
        layers: (N, L, D) float32 of files.
        count: L.
    """
    representation = SoundRepresentation(name, f"{__version__} layers {checkpoint}", layers, layers=count)
    return System(name, checkpoint, _stored(representation, store), ("mixing",), about=about or {})


def frame_baselines(store: FrameStore) -> list[FrameSystem]:
    """Spectral flux and log-mel frames, each with the head that networks have."""

    def row(name: str, key: str, made: Callable[[Path], Frames]) -> FrameSystem:
        return FrameSystem(name, "", lambda path, seed: store.frames(key, path, made))

    return [
        row(FLUX, "spectral flux 1", flux_frames),
        row(LOGMEL_FRAMES, f"log-mel frames 1 {statistics_mel()}", logmel_frames),
    ]


def frames_of_model(model: AudioModel, store: FrameStore, name: str = "") -> FrameSystem:
    """What `frames` of a model gives."""
    key = f"{settings(model)} frames weights {model.hash}"
    return FrameSystem(
        name or model.title, model.hash, lambda path, seed: store.frames(key, path, model.frames), about=facts(model)
    )


def frames_at_random_weights(model: AudioModel, store: FrameStore, name: str = "") -> FrameSystem:
    """Frames of networks of a model's sizes that have learned nothing, another for each seed."""

    def frames(path: Path, seed: int) -> Frames:
        key = f"{settings(model)} frames seed {seed}"
        return store.frames(key, path, lambda file: random_like(model, seed).frames(file))

    return FrameSystem(f"{name or model.title}, {RANDOM}", "", frames, seeded=True, about=facts(model))


def settings(model: AudioModel) -> str:
    """All that a model's vectors depend on beside its weights and the file."""
    parts = (getattr(model.network, "config", None), model.front.config, model.cut, model.rate_hz, model.fast)
    channels = model.config.get("channels", "mean")
    text = f"{model.config['system']} {parts} {channels}"
    return f"{__version__} sound {hashlib.sha256(text.encode()).hexdigest()[:12]}"


def facts(model: AudioModel) -> dict[str, float | str]:
    """What a result says of a model."""
    return {"model": model.title, "parameters": sum(weights.numel() for weights in model.network.parameters())}


def _embedding(model: AudioModel, weights: str) -> SoundRepresentation:
    return SoundRepresentation(model.title, f"{settings(model)} {weights}", model.embed)


def _stored(representation: SoundRepresentation, store: VectorStore) -> Vectors:
    return lambda examples, seed: sound_vectors(representation, examples, store)
