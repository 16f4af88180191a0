"""The interface of HEAR (Holistic Evaluation of Audio Representations, Turian et al. 2022) for every model of sound.

    heareval ... partimento.hear --model audio-small

Names, shapes and units are those of the written specification (hearbenchmark.com, "HEAR API"): sounds (n_sounds,
n_samples) at the model's rate, scene embeddings (n_sounds, size), timestamp embeddings at regular intervals, centred
at timestamps in milliseconds.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from partimento.audio_model import AudioModel, load_audio

DEFAULT = "audio-small"


class HearModel(nn.Module):
    """A model with the attributes that HEAR asks for.

    Attributes:
        sample_rate: samples a second of the sounds that it is given.
        scene_embedding_size, timestamp_embedding_size: features of both kinds of embeddings.
    """

    def __init__(self, model: AudioModel) -> None:
        super().__init__()
        self.network = model.network
        self.front = model.front
        self.model = model
        self.sample_rate = model.rate_hz
        self.scene_embedding_size = model.embed_dim
        self.timestamp_embedding_size = model.frames(np.zeros(model.rate_hz // 10, np.float32)).vectors.shape[1]


def load_model(model_file_path: str = "") -> HearModel:
    """A model by bundled name, checkpoint folder, file or repository; audio-small if nothing is named."""
    return HearModel(load_audio(model_file_path or DEFAULT, "cpu"))


def get_scene_embeddings(audio: Tensor, model: HearModel) -> Tensor:
    """(n_sounds, scene_embedding_size) float32, one for each sound.

    Args:
        audio: (n_sounds, n_samples) in ±1.

    Raises:
        ValueError: if the shape is another.
    """
    return torch.from_numpy(model.model.embed(_sounds(audio))).to(audio.device)


def get_timestamp_embeddings(audio: Tensor, model: HearModel) -> tuple[Tensor, Tensor]:
    """Embeddings (n_sounds, n_timestamps, timestamp_embedding_size) and their times in ms (n_sounds, n_timestamps).

    Times are evenly spaced; between two moments that the network has vectors for, these are interpolated.

    Raises:
        ValueError: if the shape of the audio is another than (n_sounds, n_samples).
    """
    embeddings, times = [], []
    for sound in _sounds(audio):
        frames = model.model.frames(sound)
        vectors, times_s = _regular(frames.vectors, frames.times_s)
        embeddings.append(vectors)
        times.append(1000 * times_s)
    together = torch.from_numpy(np.stack(embeddings)), torch.from_numpy(np.stack(times).astype(np.float32))
    return together[0].to(audio.device), together[1].to(audio.device)


def _regular(vectors: np.ndarray, times_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors (T, D) at even times: where the last window was moved inside, two moments lie closer than others."""
    if len(times_s) < 3:
        return vectors, times_s
    step_s = float(np.median(np.diff(times_s)))
    even = np.arange(times_s[0], times_s[-1] + 1e-9, step_s)
    after = np.clip(np.searchsorted(times_s, even), 1, len(times_s) - 1)
    span = times_s[after] - times_s[after - 1]
    share = np.clip((even - times_s[after - 1]) / span, 0.0, 1.0)[:, None].astype(np.float32)
    return (1 - share) * vectors[after - 1] + share * vectors[after], even


def _sounds(audio: Tensor) -> list[np.ndarray]:
    if audio.ndim != 2 or not audio.shape[1]:
        raise ValueError(f"audio has the shape {tuple(audio.shape)}; HEAR gives (n_sounds, n_samples)")
    return list(audio.detach().float().cpu().numpy())
