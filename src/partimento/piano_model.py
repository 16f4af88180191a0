"""Aria's models ready for use: the network, its tokenizer and the embedding of piano music."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from partimento.checkpoint import CONFIG, CheckpointError, check_shapes, read_config, read_shapes, read_state
from partimento.hub import resolve
from partimento.midi import MidiError
from partimento.midi_model import MidiModel, Window
from partimento.model import pick_device, wrong_system
from partimento.networks.decoder import Decoder, DecoderConfig
from partimento.networks.int8 import quantised_state
from partimento.networks.unfilled import unfilled
from partimento.notes import Notes
from partimento.systems.aria import network_of
from partimento.systems.aria_official import is_official, open_official, shapes_of
from partimento.systems.aria_stablelm import is_stablelm
from partimento.tokens.performance import PerformanceTokenizer
from partimento.tokens.slices import windows
from partimento.tokens.vocabulary import TIME_STEP_MS, vocabulary_of_size

logger = logging.getLogger("partimento")


@dataclass(frozen=True, eq=False)
class PianoModel(MidiModel):
    """A model of piano performance: it continues, embeds or tells classes.

    An embedding model reads a piece in windows of 300 notes. A language model's vector is the mean of the hidden states
    at all tokens, read in windows of its context. Notes of other instruments than piano are left out.

    Args:
        network: in evaluation mode, on its device.
        tokenizer: notes to the network's ids and back; the others as `Model`.
    """

    network: Decoder
    tokenizer: PerformanceTokenizer

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

    @torch.inference_mode()
    def pooled(self, rows: list[np.ndarray]) -> np.ndarray:
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


@cache
def _say_once(message: str) -> None:
    logger.warning(message)


def load_piano(
    name_or_folder: str | Path,
    device: str | torch.device = "auto",
    dtype: torch.dtype | None = None,
    int8: bool = False,
) -> PianoModel:
    """A model of the system `aria`; arguments as `partimento.model.load`.

    Raises:
        CheckpointError: if there is no such model, or its file is damaged or does not fit its configuration.
        ValueError: if int8 is asked for on another device than the CPU, or with a dtype.
    """
    place = pick_device(device) if not (int8 and device == "auto") else torch.device("cpu")
    if int8 and place.type != "cpu":
        raise ValueError(f"weights in 8 bits are for CPUs, not for {place.type}; take bfloat16 there")
    if int8 and dtype is not None:
        raise ValueError(f"weights in 8 bits are not {dtype}; give one or the other")
    source = resolve(name_or_folder)
    config = read_config(source.folder)
    if is_stablelm(config):
        raise CheckpointError(
            f"{source.folder} is a StableLM of transformers; `partimento import {source.folder} -o FOLDER` opens it"
        )
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
    state = read_state(source.weights, dtype, place)
    renamed: dict[str, Tensor] = {ours: state[theirs] for ours, theirs in names.items()}
    network.load_state_dict(quantised_state(renamed) if int8 else renamed, assign=True)
    return PianoModel(config, source.name, source.weights, network.eval(), tokenizer)


def _own_network(config: dict[str, Any], folder: Path) -> DecoderConfig:
    path = folder / CONFIG
    if config.get("system") != "aria":
        raise wrong_system(folder, config, "a model of the system 'aria', such as piano-small,")
    try:
        return network_of(config.get("network"))
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}; it was made by {config.get('versions')}") from None
