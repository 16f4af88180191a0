"""Models of notes ready for use: bidirectional networks over OctupleMIDI that embed music and label notes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from partimento.checkpoint import CONFIG, CheckpointError, check_shapes, read_config, read_shapes, read_state
from partimento.configuration import from_plain
from partimento.hub import resolve
from partimento.midi import MidiError
from partimento.midi_model import MidiModel, Window
from partimento.model import pick_device, wrong_system
from partimento.networks.encoder import Encoder, EncoderConfig
from partimento.networks.labeller import Labeller, LabellerConfig
from partimento.networks.labelling import predict
from partimento.networks.roberta import Roberta, RobertaConfig
from partimento.networks.rows import pack
from partimento.networks.unfilled import unfilled
from partimento.notes import Notes
from partimento.systems.musicbert_fairseq import ARCHITECTURE
from partimento.tokens import octuple
from partimento.tokens.clock import is_metrical, on_clock
from partimento.tokens.fields import END, START
from partimento.tokens.word_augment import fit_bars

SYSTEMS = ("musicbert", "adversarial_midibert", "m2bert")
WINDOW = 512  # notes that are read at once, as in training


@dataclass(frozen=True, eq=False)
class NotesModel(MidiModel):
    """A model that reads notes of any instruments, both ways.

    Args:
        network: in evaluation mode, on its device; the others as `Model`.
    """

    network: Encoder | Roberta | Labeller

    @property
    def encoder(self) -> Encoder | Roberta:
        """The part below the heads."""
        if isinstance(self.network, Encoder | Roberta):
            return self.network
        assert isinstance(self.network.encoder, Encoder)
        return self.network.encoder

    @property
    def embed_dim(self) -> int:
        """Features of the vectors that `embed` gives."""
        return self.encoder.config.width

    @property
    def device(self) -> torch.device:
        return self.encoder.embedding.weight.device

    @property
    def labels(self) -> tuple[tuple[str, ...], ...]:
        """Names of the classes of each head of a labeller, () of an encoder."""
        return tuple(tuple(head["classes"]) for head in self.config.get("heads", ()))

    def words(self, notes: Notes) -> tuple[np.ndarray, np.ndarray]:
        """OctupleMIDI words (T, 8) of a piece, and which note each stands for, (T,).

        Music whose ticks do not follow a beat is read on a clock, a bar of two seconds.

        Raises:
            MidiError: if there are no notes.
        """
        if not len(notes):
            raise MidiError("it has no notes")
        return octuple.encode(notes if is_metrical(notes) else on_clock(notes))

    def windows(self, notes: Notes) -> list[Window]:
        """The words of a piece in windows of 512, each weighing as many as it has.

        Raises:
            MidiError: if there are no notes.
        """
        words, _ = self.words(notes)
        cuts = (words[start : start + WINDOW] for start in range(0, len(words), WINDOW))
        return [(cut, len(cut)) for cut in cuts]

    @torch.inference_mode()
    def pooled(self, rows: list[np.ndarray]) -> np.ndarray:
        """(B, D) float64: the mean of the hidden states of the words of each window.

        The original MusicBERT reads a window between a start and an end, which are not in the mean.
        """
        fields = self.encoder.config.fields
        windows, ends = [fit_bars(row, fields) for row in rows], 0
        if isinstance(self.encoder, Roberta):
            start, end = (fields.special(kind)[None] for kind in (START, END))
            windows, ends = [np.concatenate([start, window, end]) for window in windows], 1
        packed = pack([[window] for window in windows], fields, max(map(len, windows))).to(self.device)
        hidden = self.encoder.hidden(packed.words, packed.documents).float()
        place = torch.arange(hidden.shape[1], device=self.device)
        lengths = torch.tensor([[len(row)] for row in rows], device=self.device)
        real = ((place >= ends) & (place < ends + lengths)).to(hidden.dtype)
        return (torch.einsum("btd,bt->bd", hidden, real) / real.sum(1, keepdim=True)).double().cpu().numpy()

    def label_notes(self, notes: Notes, head: int = 0) -> np.ndarray:
        """(N, C) float32 logarithms of the class probabilities of each note of a piece, in the order of its columns.

        Windows overlap by half, and what two say of a note is averaged.

        Raises:
            ValueError: if the model does not label notes.
            MidiError: if there are no notes.
        """
        if not isinstance(self.network, Labeller) or self.network.config.unit != "note":
            raise ValueError(f"{self.name} does not label notes; it is an encoder, or labels whole sequences")
        words, which = self.words(notes)
        parts = list(overlapping(len(words)))
        sums = np.zeros((len(words), self.network.config.classes[head]), np.float32)
        counts = np.zeros((len(words), 1), np.float32)
        for part, found in zip(parts, predict(self.network, [words[part] for part in parts]), strict=True):
            sums[part] += found[head]
            counts[part] += 1
        placed = np.empty_like(sums)
        placed[which] = sums / counts
        return placed


def overlapping(count: int, window: int = WINDOW) -> Iterator[slice]:
    """Windows that cover `count` words, each beginning in the middle of the one before; the last one ends at the end.

    >>> [(part.start, part.stop) for part in overlapping(1000)]
    [(0, 512), (256, 768), (488, 1000)]
    """
    step = window // 2
    starts = range(0, max(1, count - step), step)
    for start in starts:
        begin = max(0, min(start, count - window))
        yield slice(begin, min(begin + window, count))


def load_notes(
    name_or_folder: str | Path, device: str | torch.device = "auto", dtype: torch.dtype | None = None
) -> NotesModel:
    """A model of the systems `musicbert`, `adversarial_midibert` and `m2bert`; arguments as `partimento.model.load`.

    Raises:
        CheckpointError: if there is no such model, it is of another system, or its file is damaged or does not fit its
            configuration.
    """
    source = resolve(name_or_folder)
    config = read_config(source.folder)
    if config.get("system") not in SYSTEMS:
        raise wrong_system(source.folder, config, f"a model of {' or '.join(SYSTEMS)}, such as understanding-small,")
    build = _builder(config, source.folder)
    network = unfilled(build)
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    check_shapes(read_shapes(source.weights), shapes, source.weights)
    network.load_state_dict(read_state(source.weights, dtype, pick_device(device)), assign=True)
    model = NotesModel(config, source.name, source.weights, network.eval())
    model.encoder.rows = model.encoder.rows.to(pick_device(device))
    return model


def _builder(config: dict[str, Any], folder: Path) -> Any:
    plain = config.get("network")
    try:
        if config.get("architecture") == ARCHITECTURE:
            roberta = from_plain(RobertaConfig, plain, "network")
            return lambda: Roberta(roberta)
        if isinstance(plain, dict) and "encoder" in plain:
            labeller = from_plain(LabellerConfig, plain, "network")
            return lambda: Labeller(labeller)
        encoder = from_plain(EncoderConfig, plain, "network")
        return lambda: Encoder(encoder)
    except ValueError as error:
        raise CheckpointError(f"{folder / CONFIG}: {error}; it was made by {config.get('versions')}") from None
