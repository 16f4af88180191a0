"""A piano roll as a matplotlib picture, for documents and notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from partimento.notes import Notes
from partimento.report.instruments import parts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PROMPT_COLOUR = "#6d7f9c"
NEW_COLOUR = "#bf3f26"
PART_COLOURS = ("#2c6591", "#bf3f26", "#3b8158", "#b07d1e", "#77489a", "#23878a", "#b03a72", "#5c62a8", "#7d8a2e")
BLACK_KEYS = (1, 3, 6, 8, 10)


def piano_roll(notes: Notes, ax: Axes | None = None, prompt_seconds: float | None = None) -> Axes:
    """Draws the notes into `ax` (a new one by default) and gives it back.

    Time in seconds runs to the right, pitch upwards with the names of its octaves; the harder a note is struck, the
    darker it is. Drums are ticks in a lane below. Notes that begin before `prompt_seconds` have a colour of their own
    and a dashed line at their end; without it colours are instruments, or hands.
    """
    import matplotlib.pyplot as plt
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import to_rgb

    if ax is None:
        ax = plt.subplots(figsize=(9, 3), layout="constrained")[1]
    start_s = notes.seconds_at(notes.onset)
    length_s = np.maximum(notes.seconds_at(notes.onset + notes.duration) - start_s, 0.03)
    pitched = notes.pitch[~notes.is_drum]
    low = (int(pitched.min()) if len(pitched) else 60) - 2
    high = (int(pitched.max()) if len(pitched) else 72) + 2
    low -= max(0, 24 - (high - low)) // 2
    high += max(0, 24 - (high - low))

    its_parts, part_of = parts(notes, by_track=prompt_seconds is None)
    if prompt_seconds is not None and len(its_parts) < 2:
        colour = np.where((start_s < prompt_seconds)[:, None], to_rgb(PROMPT_COLOUR), to_rgb(NEW_COLOUR))
    else:
        colour = np.array([to_rgb(c) for c in PART_COLOURS])[part_of % len(PART_COLOURS)]
        if prompt_seconds is not None:
            faded = 0.45 * colour + 0.55 * np.array(to_rgb(PROMPT_COLOUR))
            colour = np.where((start_s < prompt_seconds)[:, None], faded, colour)
    # Opacity is velocity: pianissimo at a third, everything from forte on in full.
    alpha = np.clip(0.33 + 0.67 * (notes.velocity / 105.0) ** 1.3, 0, 1)

    lane = np.where(notes.is_drum, low - 3.0, notes.pitch.astype(np.float64))
    height = np.where(notes.is_drum, 2.4, 0.84)
    right = start_s + np.where(notes.is_drum, 0.06, length_s)
    bottom, top = lane - height / 2, lane + height / 2
    corners = np.stack(
        [np.stack([start_s, right, right, start_s], axis=1), np.stack([bottom, bottom, top, top], axis=1)], axis=2
    )  # (N, 4, 2)
    ax.add_collection(
        PolyCollection(list(corners), facecolors=np.column_stack([colour, alpha]), edgecolors="none", zorder=3)
    )

    for pitch in range(low, high + 1):
        if pitch % 12 in BLACK_KEYS:
            ax.axhspan(pitch - 0.5, pitch + 0.5, color="#8a7a55", alpha=0.08, linewidth=0, zorder=0)
    octaves = [pitch for pitch in range(low, high + 1) if pitch % 12 == 0]
    ticks, labels = list[float](octaves), [f"C{pitch // 12 - 1}" for pitch in octaves]
    if notes.is_drum.any():
        ticks, labels = [low - 3.0, *ticks], ["drums", *labels]
    ax.set_yticks(ticks, labels)
    ax.grid(axis="y", color="#d8d2c4", linewidth=0.6, zorder=1)
    ax.set_axisbelow(True)
    if prompt_seconds is not None:
        ax.axvline(prompt_seconds, color="#555", linestyle="--", linewidth=1, zorder=4)
    ax.set_xlim(0, max(notes.seconds, 1.0))
    ax.set_ylim(low - (5 if notes.is_drum.any() else 0.5), high + 0.5)
    ax.set_xlabel("seconds")
    ax.spines[["top", "right"]].set_visible(False)
    return ax
