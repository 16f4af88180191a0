"""Vectors and frames of sound files, kept on disk by what made them and by the content of the file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from partimento.audio_model import Frames
from partimento.tasks.task import Example
from partimento.tasks.vectors import VectorStore, completed, content_hash


@dataclass(frozen=True, eq=False)
class SoundRepresentation:
    """Sound files to vectors.

    Args:
        name: as a progress bar names it.
        key: all that a vector depends on beside the file: the store's name for it.
        embed: (N, E) float32 of N files, (N, L, E / L) where `layers` is L.
        columns: first of the E columns that are its vector, and the one after the last; several share one computation.
        layers: how many layers' vectors it gives; 0 where it gives one vector.
    """

    name: str
    key: str
    embed: Callable[[Sequence[Path]], np.ndarray]
    columns: tuple[int, int | None] = (0, None)
    layers: int = 0


def sound_vectors(representation: SoundRepresentation, examples: Sequence[Example], store: VectorStore) -> np.ndarray:
    """(N, D) float32 vectors of examples, (N, L, D) of layers; computed where the store has none.

    Raises:
        AudioError: if a file cannot be read.
    """
    keys = [content_hash(example.path) for example in examples]
    paths = {key: example.path for key, example in zip(keys, examples, strict=True)}
    embed = representation.embed
    known = completed(
        store, representation.key, representation.name, paths, lambda some: embed(some).reshape(len(some), -1)
    )
    vectors = np.stack([known[key] for key in keys])[:, slice(*representation.columns)]
    return vectors.reshape(len(keys), representation.layers, -1) if representation.layers else vectors


@dataclass(frozen=True)
class FrameStore:
    """Frames by representation and content of the file, one .npy each below a folder."""

    folder: Path

    def frames(self, key: str, path: Path, compute: Callable[[Path], Frames]) -> Frames:
        """The frames of a file, computed where there are none.

        Args:
            key: all that frames depend on beside the file.
        """
        place = self.folder / hashlib.sha256(key.encode()).hexdigest()[:16]
        file = place / f"{content_hash(path)}.npy"
        if file.is_file():
            table = np.load(file)
            return Frames(table[:, 1:], table[:, 0].astype(np.float64))
        frames = compute(path)
        place.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        with part.open("wb") as opened:  # whole or not at all
            np.save(opened, np.column_stack([frames.times_s, frames.vectors]).astype(np.float32))
        part.replace(file)
        return frames
