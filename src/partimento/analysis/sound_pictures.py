"""A picture of what a ViT-1D hears in a recording: spectrogram, attention, onsets and self-similarity.

Shapes: F mel bands, T frames, T' tokens, L layers, H heads.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from partimento.analysis.attention_onsets import onset_f, pick_peaks, spectral_flux
from partimento.analysis.self_similarity import self_similarity
from partimento.analysis.sound_layers import SoundLayers, sound_layers
from partimento.networks.vit1d import ViT1D

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ATTENTION_COLOUR, FLUX_COLOUR, TRUTH_COLOUR = "#bf3f26", "#2c6591", "#3b8158"
MATRIX_SIDE = 400  # columns of a self-similarity matrix; longer recordings are averaged down to it
WIDTH_IN = 11.0


def draw(
    vit: ViT1D,
    mel: Tensor,
    seconds_per_frame: float,
    path: str | Path,
    *,
    window_frames: int | None = None,
    zscore_floor: float | None = 0.01,
    layers: Sequence[int] | None = None,
    head: tuple[int, int] | None = None,
    onsets_s: np.ndarray | None = None,
    title: str = "",
) -> Path:
    """Writes the picture of a recording as PNG and gives its path back.

    Args:
        vit: the network.
        mel: (F, T) log-mel of the whole recording.
        seconds_per_frame: its hop.
        path: of the PNG.
        window_frames, zscore_floor: what the network hears at once, and how it is standardised, as `sound_layers`.
        layers: whose self-similarity is shown, 0 for what enters the first; by default first, middle and last.
        head: layer and head, from 1, whose attention is the onset curve; by default that most like spectral flux.
        onsets_s: true onsets, if they are known.
        title: above the picture.

    Raises:
        ValueError: for a layer or head that the network does not have.
    """
    from matplotlib.figure import Figure

    depth, heads = vit.config.transformer.layers, vit.config.transformer.heads
    layers = (1, (depth + 1) // 2, depth) if layers is None else layers
    if not all(0 <= layer <= depth for layer in layers):
        raise ValueError(f"layers {tuple(layers)} must be from 0 to {depth}, the layers of this network")
    if head is not None and not (1 <= head[0] <= depth and 1 <= head[1] <= heads):
        raise ValueError(f"head {head} must be a layer from 1 to {depth} and a head from 1 to {heads}")
    training = vit.training
    vit.eval()
    heard = sound_layers(vit, mel, seconds_per_frame, window_frames, zscore_floor)
    vit.train(training)
    spectrogram = mel.float().cpu().numpy()

    figure = Figure(figsize=(WIDTH_IN, 11.5), layout="constrained")
    parts = figure.subfigures(2, 1, height_ratios=(8.0, 3.5))
    assert isinstance(parts, np.ndarray)  # one of two rows
    upper, lower = parts
    rows = upper.subplots(3, 1, sharex=True, height_ratios=(1.3, 1.2, 1.2))
    _spectrogram(rows[0], spectrogram, seconds_per_frame)
    _class_attention(rows[1], heard)
    _onsets(rows[2], heard, spectrogram, seconds_per_frame, head, onsets_s)
    rows[0].set_xlim(0, spectrogram.shape[1] * seconds_per_frame)
    rows[2].set_xlabel("time (s)")
    _similarities(lower, heard, spectrogram, seconds_per_frame, layers)
    if title:
        figure.suptitle(title)
    path = Path(path)
    figure.savefig(path, dpi=110)
    return path


def flux_head(heard: SoundLayers, flux: np.ndarray) -> tuple[int, int]:
    """Layer and head, from 1, whose received attention goes most with a flux (T',) at the same moments."""
    curves = heard.received.reshape(-1, heard.received.shape[-1])
    curves = curves - curves.mean(1, keepdims=True)
    alike = curves @ (flux - flux.mean()) / np.maximum(np.linalg.norm(curves, axis=1), 1e-12)
    layer, number = divmod(int(alike.argmax()), heard.received.shape[1])
    return layer + 1, number + 1


def _spectrogram(axes: Axes, mel: np.ndarray, seconds_per_frame: float) -> None:
    low, high = np.percentile(mel, (2, 99.8))
    extent = (-seconds_per_frame / 2, (mel.shape[1] - 0.5) * seconds_per_frame, 0, len(mel))
    image = axes.imshow(mel, origin="lower", aspect="auto", cmap="magma", vmin=low, vmax=high, extent=extent)
    axes.set_ylabel("mel band")
    axes.set_title("log-mel spectrogram", loc="left", fontsize=10)
    axes.figure.colorbar(image, ax=axes, label="log level", pad=0.01, aspect=12)


def _class_attention(axes: Axes, heard: SoundLayers) -> None:
    by_layer = np.log2(np.maximum(heard.class_attention.mean(1), 2.0**-10))
    most = max(float(np.percentile(np.abs(by_layer), 99.5)), 0.1)
    start_s = heard.times_s[0] - heard.seconds_per_token / 2
    extent = (start_s, start_s + len(heard.times_s) * heard.seconds_per_token, 0.5, len(by_layer) + 0.5)
    image = axes.imshow(
        by_layer, origin="lower", aspect="auto", cmap="RdBu_r", vmin=-most, vmax=most, extent=extent,
        interpolation="nearest",
    )  # fmt: skip
    axes.set_ylabel("layer")
    axes.set_yticks(range(1, len(by_layer) + 1, 1 if len(by_layer) <= 6 else 2))
    axes.set_title("what the class token attends to, mean of the heads", loc="left", fontsize=10)
    axes.figure.colorbar(image, ax=axes, label="log₂ of an even share", pad=0.01, aspect=12)


def _onsets(
    axes: Axes,
    heard: SoundLayers,
    mel: np.ndarray,
    seconds_per_frame: float,
    head: tuple[int, int] | None,
    onsets_s: np.ndarray | None,
) -> None:
    flux, times_s = spectral_flux(mel), np.arange(mel.shape[1]) * seconds_per_frame
    chosen = head or flux_head(heard, np.interp(heard.times_s, times_s, flux))
    attention = heard.received[chosen[0] - 1, chosen[1] - 1]
    note = "" if head else " (the head most like the flux)"
    named = (
        (f"attention received, layer {chosen[0]}, head {chosen[1]}{note}", attention, heard.times_s, ATTENTION_COLOUR),
        ("spectral flux", flux, times_s, FLUX_COLOUR),
    )
    for base, (name, curve, moments, colour) in zip((1.15, 0.0), named, strict=True):
        low, high = np.percentile(curve, (1, 99.8))
        scaled = base + np.clip((curve - low) / max(float(high - low), 1e-12), -0.02, 1.05)
        peaks = pick_peaks(curve, moments)
        score = "" if onsets_s is None else f": onset F {onset_f(peaks, onsets_s):.2f}"
        axes.plot(moments, scaled, color=colour, linewidth=0.9, label=f"{name}{score}")
        axes.plot(peaks, np.interp(peaks, moments, scaled), "o", color=colour, markersize=3)
    if onsets_s is not None:
        axes.vlines(onsets_s, -0.16, -0.06, color=TRUTH_COLOUR, linewidth=0.9, label="true onsets")
    axes.set_yticks([])
    axes.set_ylim(-0.2, 2.75)
    axes.legend(loc="upper right", ncols=3, fontsize=8, frameon=False)
    axes.set_title("onset curves, each scaled to its own range; dots are the picked peaks", loc="left", fontsize=10)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _similarities(
    figure: Figure, heard: SoundLayers, mel: np.ndarray, seconds_per_frame: float, layers: Sequence[int]
) -> None:
    panels = [
        ("log-mel", mel.T),
        *((f"layer {layer}" if layer else "patches", heard.tokens[layer]) for layer in layers),
    ]
    grid = figure.subplots(1, len(panels), sharey=True)
    end_s = mel.shape[1] * seconds_per_frame
    matrices = [self_similarity(_averaged(tokens, MATRIX_SIDE), centre=True) for _, tokens in panels]
    low, high = np.percentile(matrices[0], 2), np.percentile(matrices[0], 98)
    for number, (axes, (name, _), matrix) in enumerate(zip(grid, panels, matrices, strict=True)):
        image = axes.imshow(matrix, origin="lower", cmap="viridis", vmin=low, vmax=high, extent=(0, end_s, 0, end_s))
        axes.set_title(name, fontsize=10)
        axes.locator_params(nbins=6, integer=True)
        axes.set_xlabel("time (s)")
        if number == 0:
            axes.set_ylabel("time (s)")
    figure.suptitle("self-similarity: cosine of centred moments", x=0.01, ha="left", fontsize=10)
    figure.colorbar(image, ax=list(grid), label="cosine", extend="both", pad=0.01, aspect=20, shrink=0.8)


def _averaged(tokens: np.ndarray, most: int) -> np.ndarray:
    """(N, D) means of neighbours of tokens (T, D), at most `most`."""
    joined = -(-len(tokens) // most)
    starts = np.arange(0, len(tokens), joined)
    return np.add.reduceat(tokens, starts) / np.diff(np.append(starts, len(tokens)))[:, None]
