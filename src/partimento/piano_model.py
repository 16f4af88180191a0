"""A model ready for use: `load(name_or_folder)` gives the network, its tokenizer and the embedding of files."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from partimento.checkpoint import CONFIG, CheckpointError, check_shapes, read_config, read_shapes, read_state
from partimento.hub import resolve
from partimento.midi import MidiError, read_midi
from partimento.networks.decoder import Decoder, DecoderConfig
from partimento.networks.unfilled import unfilled
from partimento.notes import Notes
from partimento.systems.aria import network_of
from partimento.systems.aria_official import is_official, open_official, shapes_of
from partimento.tokens.performance import PerformanceTokenizer
from partimento.tokens.slices import windows
from partimento.tokens.vocabulary import TIME_STEP_MS, vocabulary_of_size

GROUP = 64  # pieces whose windows are sorted and batched together
BATCH_TOKENS = 2048  # most positions, padding included, that go through the network at once: what a CPU's cache holds
GPU_BATCH_TOKENS = 32768

Window = tuple[np.ndarray, int]  # ids (T,), weight

logger = logging.getLogger("partimento")


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network with what is needed to use it.

    Args:
        network: in evaluation mode, on its device.
        tokenizer: notes to the network's ids and back.
        config: the content of the checkpoint's `config.json`.
        name: what it was loaded by.
        weights: the file that its weights came from.
    """

    network: Decoder
    tokenizer: PerformanceTokenizer
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
    def embed_dim(self) -> int:
        """Features of the vectors that `embed` gives."""
        config = self.network.config
        return config.outputs or 0 if self.is_embedding else config.transformer.width

    @property
    def is_embedding(self) -> bool:
        """Whether it was made to embed; a language model embeds too, but not as well."""
        return self.network.config.head == "embedding"

    @property
    def context(self) -> int:
        """Most tokens the network sees at once."""
        return self.network.config.context

    @property
    def time_unit(self) -> float:
        """Seconds of one step of its time tokens."""
        return TIME_STEP_MS / 1e3

    @property
    def device(self) -> torch.device:
        return self.network.embedding.weight.device

    def embed(self, music: str | Path | Notes | Iterable[str | Path | Notes], compatible: bool = False) -> np.ndarray:
        """One vector for each piece: (D,) float32 for a path or Notes, (N, D) for several.

        An embedding model reads a piece in windows of 300 notes; the vector is the mean of theirs, weighted by their
        notes. A language model's vector is the mean of the hidden states at all tokens, read in windows of its context.
        It is divided by its Euclidean norm: the dot product of two vectors is their cosine similarity. The same piece
        gives the same vector alone and among others, to rounding. Memory does not grow with the number or the length
        of the pieces, but for the vectors and the ids of 64 pieces. Notes of other instruments than piano are left out.

        Args:
            compatible: as the original program computes it: all windows weigh the same, however short the last one is,
                and the vector keeps its length.

        Raises:
            MidiError: if a file cannot be read or has no piano notes; the message names it.
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

    def windows(self, notes: Notes) -> list[Window]:
        """A piece as the sequences that the network reads, with their weights in its vector.

        Raises:
            MidiError: if there are no piano notes.
        """
        piano = notes.piano()
        if not len(piano):
            raise MidiError(
                f"none of its {len(notes):,} notes is piano; {self.name} reads General MIDI programs 0-7 alone"
            )
        if len(piano) < len(notes):
            _say_once("notes of other instruments than piano are left out")
        if self.is_embedding:
            return windows(self.tokenizer, piano, self.context)
        ids = self.tokenizer.encode(piano)
        cuts = (ids[start : start + self.context] for start in range(0, len(ids), self.context))
        return [(cut, len(cut)) for cut in cuts]

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
        for batch in _batches([len(ids) for _, ids, _ in flat], most):
            for row, vector in zip(batch, self._pooled([flat[i][1] for i in batch]), strict=True):
                piece, _, weight = flat[row]
                sums[piece] += vector if compatible else vector * weight
        if compatible:
            return (sums / np.array([[len(cuts)] for cuts in pieces])).astype(np.float32)
        # the mean's division by the sum of the weights cancels in the normalisation
        norm = np.linalg.norm(sums, axis=1, keepdims=True)
        return (sums / np.maximum(norm, np.finfo(np.float32).tiny)).astype(np.float32)

    @torch.inference_mode()
    def _pooled(self, rows: list[np.ndarray]) -> np.ndarray:
        """(B, D) float64 vectors of sequences; the padding after one changes nothing."""
        lengths = torch.tensor([len(row) for row in rows])
        padded = np.full((len(rows), int(lengths.max())), self.tokenizer.vocabulary.pad, dtype=np.int64)
        for place, row in zip(padded, rows, strict=True):
            place[: len(row)] = row
        hidden = self.network.hidden(torch.from_numpy(padded).to(self.device))  # (B, T, D)
        real = (torch.arange(padded.shape[1]) < lengths[:, None]).to(self.device)
        if self.is_embedding:
            pooled = self.network.head(self.network.pool(hidden[real], lengths.to(self.device)))
        else:
            pooled = torch.einsum("btd,bt->bd", hidden.float(), real.float()) / lengths[:, None].to(self.device)
        return pooled.double().cpu().numpy()


def _batches(lengths: list[int], most: int) -> Iterator[list[int]]:
    """Indices of windows in batches of like lengths, the longest first, none over `most` positions with its padding.

    A window longer than that is a batch of its own.
    """
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    while order:
        rows = max(1, most // lengths[order[0]])
        yield order[:rows]
        order = order[rows:]


@cache
def _say_once(message: str) -> None:
    logger.warning(message)


def load(name_or_folder: str | Path, device: str | torch.device = "auto", dtype: torch.dtype | None = None) -> Model:
    """A model by bundled name, checkpoint folder, safetensors file or Hugging Face repository "org/name[@revision]".

    Opens this software's own checkpoints and the official ones of Aria.

    Args:
        device: "auto" takes a GPU where there is one.
        dtype: of the weights, float32 if None; torch.bfloat16 halves the memory.

    Raises:
        CheckpointError: if there is no such model, or its file is damaged or does not fit its configuration.
    """
    source = resolve(name_or_folder)
    config = read_config(source.folder)
    if is_official(config):
        network_config, names = open_official(source.weights, config)
    else:
        network_config = _own_network(config, source.folder)
        shapes = shapes_of(network_config)
        check_shapes(read_shapes(source.weights), shapes, source.weights)
        names = {name: name for name in shapes}
    try:
        tokenizer = PerformanceTokenizer(vocabulary_of_size(network_config.vocabulary))
    except ValueError as error:
        raise CheckpointError(f"{source.weights}: {error}") from None
    network = unfilled(lambda: Decoder(network_config))
    state = read_state(source.weights, dtype, pick_device(device))
    renamed: dict[str, Tensor] = {ours: state[theirs] for ours, theirs in names.items()}
    network.load_state_dict(renamed, assign=True)
    return Model(network.eval(), tokenizer, config, source.name, source.weights)


def _own_network(config: dict[str, Any], folder: Path) -> DecoderConfig:
    path = folder / CONFIG
    if config.get("system") != "aria":
        raise CheckpointError(f"{path} is of the system {config.get('system')!r}; this version opens 'aria'")
    try:
        return network_of(config.get("network"))
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}; it was made by {config.get('versions')}") from None


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
