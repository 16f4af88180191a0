"""How well signal processing alone does on rendered clips: what a trained network has to beat.

    python -m partimento.tasks.audio.rendered_baselines FOLDER --side test

Scores on rendered sound are not comparable to scores on recordings.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from partimento.audio import read_audio
from partimento.corpus import frame_labels
from partimento.corpus.datasets.rendered import RATE_HZ, RenderedClip, read_rendered
from partimento.tasks.audio import music_metrics, signal_baselines
from partimento.tasks.audio.beat_tracking import choose_downbeats

FLUX_RATE_HZ = RATE_HZ / signal_baselines.FLUX_HOP


def scores_of(clip: RenderedClip) -> dict[str, float]:
    """Every score of a clip, NaN where its labels do not tell: keys by two profiles, chords, onsets, beats, tempo.

    Chord scores are shares of the frames of the clip, ten a second.
    """
    samples, labels = read_audio(clip.path, RATE_HZ), clip.labels
    heard, flux = signal_baselines.chroma(samples), signal_baselines.spectral_flux(samples)
    found: dict[str, float] = {}
    key = np.array([frame_labels.key_of(labels)])
    for profile in ("krumhansl", "temperley"):
        estimated = np.array([signal_baselines.find_key(heard, profile)])
        for both in (False, True):
            name = f"key, {profile}{', both fifths' if both else ''}"
            known = bool(key[0] >= 0)
            found[name] = float(music_metrics.key_scores(key, estimated, both)[0]) if known else float("nan")
    times_s = np.arange(len(heard)) * (signal_baselines.CHROMA_HOP / RATE_HZ)
    chord, root = frame_labels.chords(labels, times_s), frame_labels.chord_roots(labels, times_s)
    right = music_metrics.chord_accuracy(chord, root, signal_baselines.find_chords(heard))
    found |= {name if name == "chord" else f"chord {name}": value for name, value in right.items()}
    beats = signal_baselines.find_beats(flux)
    found["onset F"] = music_metrics.onset_f(labels.onset_s, signal_baselines.find_onsets(flux))
    found["beat F"] = music_metrics.beat_f(labels.beat_s, beats)
    found["downbeat F"] = music_metrics.beat_f(labels.downbeat_s, choose_downbeats(beats, flux, FLUX_RATE_HZ))
    tempi = np.array([clip.bpm]), np.array([music_metrics.tempo_of(beats)])
    first, second = music_metrics.tempo_right(*tempi)
    found["tempo accuracy 1"] = float(first[0]) if clip.bpm else float("nan")
    found["tempo accuracy 2"] = float(second[0]) if clip.bpm else float("nan")
    return found


def mean_scores(clips: Sequence[RenderedClip]) -> dict[str, float]:
    """The mean of every score over the clips that have it; scores that none has are left out.

    Raises:
        ValueError: if there are no clips.
    """
    if not clips:
        raise ValueError("no clips to score; is the side spelt train, valid or test, and is it rendered?")
    rows = [scores_of(clip) for clip in tqdm(clips, unit="clip")]
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return {name: float(np.nanmean(values)) for name, values in columns.items() if np.isfinite(values).any()}


def main() -> None:
    """Print the scores of a rendered folder, of all clips and of those of each soundfont."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder with labels.csv, as runs/render.sh makes it")
    parser.add_argument("--side", default="test")
    options = parser.parse_args()
    clips = read_rendered(options.folder, options.side)
    groups = {"all": clips} | {
        font: [clip for clip in clips if clip.soundfont == font] for font in sorted({clip.soundfont for clip in clips})
    }
    means = {name: mean_scores(group) for name, group in groups.items()}
    print("|  | " + " | ".join(f"{name} ({len(group)})" for name, group in groups.items()) + " |")
    print("| --- |" + " --- |" * len(groups))
    for score in means["all"]:
        print(f"| {score} | " + " | ".join(f"{100 * each[score]:.1f}" for each in means.values()) + " |")


if __name__ == "__main__":
    main()
