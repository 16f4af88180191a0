"""Models that read notes: whole pieces are cut into sequences, and a piece's vector is the mean of theirs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from partimento.corpus.files import SUFFIXES
from partimento.midi import MidiError, read_midi
from partimento.model import Model
from partimento.networks.batching import BATCH_TOKENS, GPU_BATCH_TOKENS, batches_of_like
from partimento.notes import Notes

GROUP = 64  # pieces whose windows are sorted and batched together

Window = tuple[np.ndarray, int]  # ids along the first axis, weight


@dataclass(frozen=True, eq=False)
class MidiModel(Model):
    """A model of notes; arguments as `Model`."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Endings of the names of MIDI files."""
        return SUFFIXES

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
