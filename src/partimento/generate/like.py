"""The music that a continuation is to be like, as the embedding that a conditioned model was trained with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from partimento.checkpoint import CheckpointError
from partimento.generate.guidance import check_fits
from partimento.notes import Notes
from partimento.piano_model import PianoModel, load_piano
from partimento.systems.aria_official import is_official

EMBEDDING_MODEL = "piano-small-embedding"  # of a conditioned checkpoint that does not name its own
OFFICIAL_EMBEDDING_MODEL = "loubb/aria-medium-embedding"  # official checkpoints never name it


def condition_of(
    reference: Notes, player: PianoModel, embedding_model: str | None = None, device: str | torch.device = "auto"
) -> np.ndarray:
    """(C,) float32 embedding of a whole piece, for `continue_notes` with a conditioned model.

    For an official checkpoint it is computed as the original computes it, which does not bring it to length 1.

    Args:
        player: the conditioned model.
        embedding_model: what embeds the piece; by default the model that the player was trained with.

    Raises:
        ValueError: if the player has no adapter, or one for embeddings of another size.
        CheckpointError: if the embedding model is not there.
        MidiError: if the piece has no piano notes.
    """
    if player.network.config.condition is None:
        raise ValueError(
            f"{player.name} has no adapter for a reference; take a conditioned model, whose config.json says under "
            "network.condition how many features it takes"
        )
    name = embedding_model or embedding_model_of(player.config)
    try:
        embedder = load_piano(name, device)
    except CheckpointError as error:
        raise CheckpointError(f"the reference cannot be embedded: {error}; name another embedding model") from None
    condition = embedder.embed(reference, compatible=_from_official(player.config))
    try:
        check_fits(player.network, condition)
    except ValueError as error:
        raise ValueError(f"the embedding of {embedder.name} does not fit {player.name}: {error}") from None
    return condition


def embedding_model_of(config: Mapping[str, Any]) -> str:
    """The model whose embeddings a conditioned checkpoint was trained with: "condition_model" of its `config.json`."""
    default = OFFICIAL_EMBEDDING_MODEL if _from_official(config) else EMBEDDING_MODEL
    return str(config.get("condition_model") or default)


def announces_endings(config: Mapping[str, Any]) -> bool:
    """Whether a checkpoint was trained with <D> near the end of its pieces: official ones, and ours that say so."""
    return bool(config.get("diminish")) or _from_official(config)


def _from_official(config: Mapping[str, Any]) -> bool:
    return is_official(config) or "source" in config
