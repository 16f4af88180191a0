"""A model ready for use: `load(name_or_folder)` gives a network with what reads files for it.

What all models share is here: which weights they are. What each kind reads, and what else it can do, is in
`midi_model` with `piano_model` and `notes_model`, and in `audio_model`.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from partimento.checkpoint import CONFIG, CheckpointError, read_config
from partimento.hub import resolve


@dataclass(frozen=True, eq=False)
class Model(ABC):
    """A trained network with what is needed to use it.

    Args:
        config: the content of the checkpoint's `config.json`.
        name: what it was loaded by.
        weights: the file that its weights came from.
    """

    config: dict[str, Any]
    name: str
    weights: Path

    @cached_property
    def hash(self) -> str:
        """12 hexadecimal digits of the SHA-256 of the weights file: which model made a vector."""
        with self.weights.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:12]

    @property
    def title(self) -> str:
        """The name that its makers gave it, wherever it was loaded from."""
        return str(self.config.get("name") or self.name)

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where the network is."""

    @property
    @abstractmethod
    def embed_dim(self) -> int:
        """Features of the vectors that `embed` gives."""

    @property
    @abstractmethod
    def suffixes(self) -> tuple[str, ...]:
        """Endings of the names of files that it reads, in small letters."""

    @abstractmethod
    def embed(self, music: Any) -> np.ndarray:
        """One vector for each piece: (D,) float32 for one, (N, D) for several."""


def load(
    name_or_folder: str | Path,
    device: str | torch.device = "auto",
    dtype: torch.dtype | None = None,
    int8: bool = False,
) -> Model:
    """A model by bundled name, checkpoint folder, safetensors file or Hugging Face repository "org/name[@revision]".

    Opens this software's own checkpoints and the official ones of Aria. What it gives is a
    `partimento.piano_model.PianoModel`, a `partimento.notes_model.NotesModel` or a `partimento.audio_model.AudioModel`;
    `load_piano`, `load_notes` and `load_audio` there take one kind alone.

    Args:
        device: "auto" takes a GPU where there is one.
        dtype: of the weights, float32 if None; torch.bfloat16 halves the memory.
        int8: weights in 8 bits, on the CPU, for models of piano: a quarter of the memory, and of a large model twice
            the speed or more.

    Raises:
        CheckpointError: if there is no such model, or its file is damaged or does not fit its configuration.
        ValueError: if int8 is asked for where there is none.
    """
    from partimento import audio_model, notes_model
    from partimento.piano_model import load_piano

    system = read_config(resolve(name_or_folder).folder).get("system")
    for module, opened in ((notes_model, notes_model.load_notes), (audio_model, audio_model.load_audio)):
        if system in module.SYSTEMS:
            if int8:
                raise ValueError(f"{name_or_folder}: weights in 8 bits are for models of piano")
            return opened(name_or_folder, device, dtype)
    return load_piano(name_or_folder, device, dtype, int8)


def wrong_system(folder: Path, config: dict[str, Any], opened: str) -> CheckpointError:
    """The error of a checkpoint of another kind than is asked for."""
    return CheckpointError(f"{folder / CONFIG} is of the system {config.get('system')!r}; {opened} is needed here")


def pick_device(device: str | torch.device = "auto") -> torch.device:
    """The device of this name; "auto" is the first of CUDA, Apple's MPS and the CPU that this machine has.

    Raises:
        ValueError: if the name is unknown or the machine has no such device.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        picked = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"device {device!r}: {error}") from None
    missing = (picked.type == "cuda" and not torch.cuda.is_available()) or (
        picked.type == "mps" and not torch.backends.mps.is_available()
    )
    if missing:
        raise ValueError(f"device {device!r}: this machine or this build of torch has none; use 'auto' or 'cpu'")
    return picked
