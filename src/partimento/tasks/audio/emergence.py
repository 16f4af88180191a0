"""What emerges in a ViT-1D that has learned from its class token alone (Kong et al., ISMIR 2025), in figures.

Four questions: which token stands best for a whole recording, what a linear head finds in each layer's tokens, whether
the attention that moments receive peaks at onsets, and whether tokens of one label are alike far apart in time.

Shapes: N recordings or clips, S seeds, L layers, H heads, T moments, D features, K outputs, C candidates, F mel bands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from partimento.analysis.attention_onsets import attention_onset_f
from partimento.analysis.self_similarity import label_auc, self_similarity
from partimento.analysis.sound_layers import SoundLayers
from partimento.audio_model import Frames
from partimento.corpus.datasets.rendered import UNKNOWN, TimedLabels
from partimento.corpus.frame_labels import at
from partimento.networks.vit1d import Pool, ViT1D, pooled
from partimento.tasks.intervals import over_seeds, song_weights
from partimento.tasks.measure import Measured
from partimento.tasks.task import Fold, Task

POOLS: dict[Pool, str] = {
    "class": "class token",
    "mean": "mean of all tokens",
    "sequence": "mean of the sequence",
    "both": "class token and mean of the sequence",
}
PENALTIES = (1e-3, 1e-2, 0.1, 1.0)  # of a linear head, times the frames it learns from
BATCH = 64


@torch.inference_mode()
def pooled_vectors(vit: ViT1D, windows: Sequence[Tensor]) -> dict[Pool, np.ndarray]:
    """(N, D) float32 vectors by pool, 2 D wide of "both", the mean over the windows (W, F, T) of each recording."""
    owner = np.repeat(np.arange(len(windows)), [len(some) for some in windows])
    parts: dict[Pool, list[np.ndarray]] = {pool: [] for pool in POOLS}
    for batch in torch.cat(list(windows)).split(BATCH):
        hidden = vit.hidden(batch).float()
        for pool, found in parts.items():
            found.append(pooled(hidden, None, pool).cpu().numpy())
    counts = np.bincount(owner)[:, None]
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    return {pool: np.add.reduceat(np.concatenate(found), starts) / counts for pool, found in parts.items()}


def thinned(task: Task, most: int, seed: int = 0) -> Task:
    """The task with at most so many of its examples, drawn evenly at random; folds keep their sides."""
    count = min(most, len(task.examples))
    chosen = np.sort(np.random.default_rng(seed).choice(len(task.examples), count, replace=False))
    place = np.full(len(task.examples), -1)
    place[chosen] = np.arange(len(chosen))

    def kept(side: np.ndarray) -> np.ndarray:
        return place[side][place[side] >= 0]

    folds = tuple(Fold(fold.name, kept(fold.train), kept(fold.valid), kept(fold.test)) for fold in task.folds)
    targets = None if task.targets is None else task.targets[chosen]
    note = f"{len(chosen):,} of {len(task.examples):,} recordings; {task.note}".removesuffix("; ")
    return replace(task, examples=tuple(task.examples[i] for i in chosen), folds=folds, targets=targets, note=note)


def layer_frames(heard: SoundLayers, layer: int) -> Frames:
    """The tokens of one layer, 0 for what enters the first."""
    return Frames(heard.tokens[layer], heard.times_s)


def column_frames(mel: np.ndarray, like: SoundLayers, smooth_s: float = 0.0) -> Frames:
    """Log-mel (F, T) at the moments of tokens: the columns (T', stride · F) that a token is made from.

    Args:
        mel: of the whole recording.
        like: its tokens.
        smooth_s: give each moment the mean of the columns of so many seconds around it, as attention could.
    """
    from scipy.ndimage import uniform_filter1d

    count = len(like.times_s)
    stride = -(-mel.shape[1] // count)
    columns = np.pad(mel, ((0, 0), (0, count * stride - mel.shape[1])), mode="edge").T.reshape(count, -1)
    if smooth_s:
        columns = uniform_filter1d(columns, 2 * round(smooth_s / like.seconds_per_token / 2) + 1, axis=0)
    return Frames(columns.astype(np.float32), like.times_s)


@dataclass(frozen=True, eq=False)
class LinearHead:
    """A head by least squares: outputs of a frame from its features and those of its neighbours.

    Args:
        mean, deviation: (D,) of the frames it learned from.
        weights: ((2 context + 1) · D + 1, K), last the constant.
        context: frames on either side.
    """

    mean: np.ndarray
    deviation: np.ndarray
    weights: np.ndarray
    context: int

    def outputs(self, frames: Frames) -> np.ndarray:
        """(T, K) for each frame."""
        return _features(frames, self.mean, self.deviation, self.context) @ self.weights


def fit_linear(clips: Sequence[Frames], targets: Sequence[np.ndarray], context: int = 0) -> LinearHead:
    """Ridge regression on standardised features; its penalty is what errs least on every third clip.

    In closed form, so that a head for each layer of several networks costs little. There is no chance in it.

    Args:
        clips: at least three, in an order that is the same for all representations.
        targets: (T, K) of each clip.
        context: frames on either side that are seen too.

    Raises:
        ValueError: if there are fewer than three clips.
    """
    if len(clips) < 3:
        raise ValueError(f"{len(clips)} clips; every third chooses the penalty, so three are needed")
    every = np.concatenate([clip.vectors for clip in clips])
    mean, deviation = every.mean(0), np.maximum(every.std(0), 1e-6)

    def sums(number: int) -> tuple[np.ndarray, np.ndarray, float]:
        x = _features(clips[number], mean, deviation, context)
        y = targets[number].astype(np.float32)
        return x.T @ x, x.T @ y, float((y**2).sum())

    learn, judge = ([i for i in range(len(clips)) if (i % 3 == 2) == last] for last in (False, True))
    gram, cross = _total([sums(i)[:2] for i in learn])
    judge_gram, judge_cross = _total([sums(i)[:2] for i in judge])

    def solve(gram: np.ndarray, cross: np.ndarray, penalty: float) -> np.ndarray:
        strength = np.full(len(gram), penalty * gram[-1, -1])  # the last feature is 1: the frames
        strength[-1] = 1e-9
        solved: np.ndarray = np.linalg.solve(gram + np.diag(strength), cross)
        return solved

    def error(penalty: float) -> float:
        """Squared error on the clips that judge, less what no head can change."""
        weights = solve(gram, cross, penalty)
        return float((weights * (judge_gram @ weights)).sum() - 2 * (weights * judge_cross).sum())

    best = min(PENALTIES, key=error)
    return LinearHead(mean, deviation, solve(gram + judge_gram, cross + judge_cross, best), context)


def _total(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    gram, cross = zip(*parts, strict=True)
    return np.stack(gram).sum(0, dtype=np.float64), np.stack(cross).sum(0, dtype=np.float64)


def _features(frames: Frames, mean: np.ndarray, deviation: np.ndarray, context: int) -> np.ndarray:
    """(T, (2 context + 1) · D + 1) float32, frames at the ends repeated, last a 1."""
    scaled = ((frames.vectors - mean) / deviation).astype(np.float32)
    padded = np.pad(scaled, ((context, context), (0, 0)), mode="edge")
    beside = [padded[shift : shift + len(scaled)] for shift in range(2 * context + 1)]
    return np.concatenate([*beside, np.ones((len(scaled), 1), np.float32)], axis=1)


def onset_scores(heard: SoundLayers, truth_s: np.ndarray) -> np.ndarray:
    """(L, 2 H) onset F of the attention that each head's moments receive, then of its rise."""
    both = [attention_onset_f(heard, truth_s, curve) for curve in ("received", "received rise")]
    return np.concatenate(both, axis=1)


def chosen_elsewhere(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each song the score of the candidate that is best on all the other songs, and which it is.

    Args:
        scores: (N, C).

    Returns:
        (N,) scores and (N,) indices of candidates.
    """
    chosen = (scores.sum(0) - scores).argmax(1)
    return np.take_along_axis(scores, chosen[:, None], axis=1)[:, 0], chosen


def beat_places(labels: TimedLabels, times_s: np.ndarray) -> np.ndarray:
    """(T,) int64 which beat of its bar each moment is in, 1 the first; UNKNOWN outside of the beats."""
    place = at(labels.beat_s[:-1], labels.beat_s[1:], labels.beat_position[:-1], times_s)
    return np.where(place > 0, place, UNKNOWN)


def label_aucs(tokens: np.ndarray, labels: np.ndarray, apart: Sequence[int]) -> np.ndarray:
    """(L, A) how far moments of one label are more alike than others, centred, for each least distance.

    Args:
        tokens: (L, T, D) of each layer.
        labels: (T,), below 0 where there is none.
        apart: A least distances, in moments.
    """
    matrices = self_similarity(tokens, centre=True)
    return np.array([[label_auc(matrix, labels, least) for least in apart] for matrix in matrices])


def joined(tokens: np.ndarray, count: int) -> np.ndarray:
    """(..., T // count, D) means of neighbouring tokens (..., T, D); what is left at the end is dropped."""
    whole = tokens.shape[-2] // count * count
    parts = tokens[..., :whole, :].reshape(*tokens.shape[:-2], -1, count, tokens.shape[-1])
    means: np.ndarray = parts.mean(-2)
    return means


def over_songs(
    metric: str, sums: np.ndarray, counts: np.ndarray, data: str, songs: Sequence[str], seconds: float = 0.0
) -> Measured:
    """The mean over clips with draws for its interval.

    Args:
        metric: its name.
        sums: (S, N) what each clip adds, such as frames that are right or an F-measure; NaN where it has none.
        counts: (S, N) by how much it counts, such as frames with a label, or 1.
        data: the set.
        songs: of each clip.
        seconds: how long it took.
    """
    weights = np.concatenate([np.ones((1, len(songs))), song_weights(data, songs)])
    known = np.isfinite(sums)
    values = np.where(known, sums, 0) @ weights.T / (np.where(known, counts, 0) @ weights.T)  # (S, 1 + draws)
    return Measured({metric: values[:, 0]}, {metric: over_seeds(values[:, 1:])}, seconds)


def difference(first: Measured, second: Measured, metric: str) -> Measured:
    """By how much the first is above the second, draw by draw: their songs weigh the same in each."""
    value = np.array([first.values[metric].mean() - second.values[metric].mean()])
    return Measured({metric: value}, {metric: first.draws[metric] - second.draws[metric]}, 0.0)
