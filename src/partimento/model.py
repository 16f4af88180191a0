"""A model ready for use: `load(name_or_folder)` gives a network with what reads files for it.

What all models share is here: which weights they are, and the embedding of whole pieces. What each kind of network
reads, and what else it can do, is in `piano_model` and `notes_model`.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from partimento.checkpoint import CONFIG, CheckpointError, read_config
from partimento.hub import resolve
from partimento.midi import MidiError, read_midi
from partimento.networks.batching import BATCH_TOKENS, GPU_BATCH_TOKENS, batches_of_like
from partimento.notes import Notes

GROUP = 64  # pieces whose windows are sorted and batched together

Window = tuple[np.ndarray, int]  # ids along the first axis, weight


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

    @abstractmethod
    def windows(self, notes: Notes) -> list[Window]:
        """A piece as the sequences that the network reads, with their weights in its vector.

        Raises:
            MidiError: if there is nothing in it that the network reads.
        """

    @abstractmethod
    def pooled(self, rows: list[np.ndarray]) -> np.ndarray:
        """(B, D) float64 vectors of sequences; no row changes another's."""

    def embed(self, music: str | Path | Notes | Iterable[str | Path | Notes], compatible: bool = False) -> np.ndarray:
        """One vector for each piece: (D,) float32 for a path or Notes, (N, D) for several.

        A piece is read in windows; the vector is the mean of theirs, weighted by their length, divided by its Euclidean
        norm: the dot product of two vectors is their cosine similarity. The same piece gives the same vector alone and
        among others, to rounding. Memory does not grow with the number or the length of the pieces, but for the vectors
        and the ids of 64 pieces.

        Args:
            compatible: as Aria's original program computes it: all windows weigh the same, however short the last one
                is, and the vector keeps its length.

        Raises:
            MidiError: if a file cannot be read or has nothing that the network reads; the message names it.
            OSError: if a path cannot be read.
        """
        if isinstance(music, str | Path | Notes):
            return self.embed([music], compatible)[0]
        pieces = iter(music)
        vectors = [np.zeros((0, self.embed_dim), dtype=np.float32)]
        while group := list(islice(pieces, GROUP)):
            vectors.append(self._embed_windows([self._windows_of(piece) for piece in group], compatible))
        return np.concatenate(vectors)

    def embed_notes(self, pieces: Sequence[Notes]) -> np.ndarray:
        """(N, D) float32 vectors of pieces, as `embed`."""
        return self.embed(pieces)

    def _windows_of(self, piece: str | Path | Notes) -> list[Window]:
        if isinstance(piece, Notes):
            return self.windows(piece)
        try:
            return self.windows(read_midi(piece))
        except MidiError as error:
            raise MidiError(f"{piece}: {error}") from None

    def _embed_windows(self, pieces: Sequence[Sequence[Window]], compatible: bool) -> np.ndarray:
        """(N, D) float32 vectors of pieces, each given as its windows."""
        flat = [(piece, ids, weight) for piece, cuts in enumerate(pieces) for ids, weight in cuts]
        sums = np.zeros((len(pieces), self.embed_dim))
        most = BATCH_TOKENS if self.device.type == "cpu" else GPU_BATCH_TOKENS
        for batch in batches_of_like([len(ids) for _, ids, _ in flat], most):
            for row, vector in zip(batch, self.pooled([flat[i][1] for i in batch]), strict=True):
                piece, _, weight = flat[row]
                sums[piece] += vector if compatible else vector * weight
        if compatible:
            return (sums / np.array([[len(cuts)] for cuts in pieces])).astype(np.float32)
        # the mean's division by the sum of the weights cancels in the normalisation
        norm = np.linalg.norm(sums, axis=1, keepdims=True)
        return (sums / np.maximum(norm, np.finfo(np.float32).tiny)).astype(np.float32)


def load(
    name_or_folder: str | Path,
    device: str | torch.device = "auto",
    dtype: torch.dtype | None = None,
    int8: bool = False,
) -> Model:
    """A model by bundled name, checkpoint folder, safetensors file or Hugging Face repository "org/name[@revision]".

    Opens this software's own checkpoints and the official ones of Aria. What it gives is a
    `partimento.piano_model.PianoModel` or a `partimento.notes_model.NotesModel`; `load_piano` and `load_notes` there
    take one kind alone.

    Args:
        device: "auto" takes a GPU where there is one.
        dtype: of the weights, float32 if None; torch.bfloat16 halves the memory.
        int8: weights in 8 bits, on the CPU, for models of piano: a quarter of the memory, and of a large model twice
            the speed or more.

    Raises:
        CheckpointError: if there is no such model, or its file is damaged or does not fit its configuration.
        ValueError: if int8 is asked for where there is none.
    """
    from partimento.notes_model import SYSTEMS, load_notes
    from partimento.piano_model import load_piano

    if read_config(resolve(name_or_folder).folder).get("system") in SYSTEMS:
        if int8:
            raise ValueError(f"{name_or_folder}: weights in 8 bits are for models of piano")
        return load_notes(name_or_folder, device, dtype)
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
