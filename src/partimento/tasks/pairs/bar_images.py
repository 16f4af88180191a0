"""Two small convolutional networks that see the bars of two phrases as images: piano rolls, and tonnetz planes.

They are the networks "pianoroll" and "tonnetz" of the tables of PiRhDy and MusicBERT in kind; their sizes there are not
known. Each bar becomes a vector, the bars of a phrase together are the phrase, and a classifier sees both phrases.

Shapes: B phrases, C channels, H height, W width of an image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partimento.tasks.pairs.baselines import sounding_classes
from partimento.tasks.pairs.groups import Pair
from partimento.tasks.pairs.phrases import BARS, LENGTH, PITCH, STEP, STEPS, STEPS_PER_BAR, STEPS_PER_QUARTER, Phrase
from partimento.tasks.pairs.ranking import Scorer

Draw = Callable[[Phrase], np.ndarray]  # (BARS, C, H, W) float32: an image for each bar

LOWEST, KEYS = 24, 72  # rows of a piano roll; notes outside are octaves nearer
SIXTEENTH, EIGHTH = STEPS_PER_QUARTER // 4, STEPS_PER_QUARTER // 2
FIFTHS, THIRDS = 12, 6  # of the tonnetz plane: right a fifth, up a major third
PLANE = (7 * np.arange(FIFTHS)[None] + 4 * np.arange(THIRDS)[:, None]) % 12  # (THIRDS, FIFTHS) pitch classes
TALL = 24  # rows
FEATURES = 64  # of a bar
HIDDEN = 128
BATCH = 64  # pairs
RATE = 1e-3
EPOCHS = 4
PHRASES_AT_ONCE = 512


def pianorolls(phrase: Phrase) -> np.ndarray:
    """(BARS, 2, KEYS, sixteenths) float32: what begins, and how much of each sixteenth sounds."""
    pitch = phrase.notes[:, PITCH] - LOWEST
    outside = (pitch < 0) | (pitch >= KEYS)
    pitch = np.where(outside, np.where(pitch < 0, pitch % 12, KEYS - 12 + (pitch - KEYS) % 12), pitch)
    begin, end = phrase.notes[:, STEP], phrase.notes[:, STEP] + phrase.notes[:, LENGTH]
    change = np.zeros((KEYS, STEPS + 1), dtype=np.float32)
    np.add.at(change, (pitch, begin), 1)
    np.add.at(change, (pitch, end), -1)
    sounds = np.minimum(np.cumsum(change[:, :-1], axis=1), 1)
    image = np.zeros((2, KEYS, STEPS // SIXTEENTH), dtype=np.float32)
    image[0, pitch, begin // SIXTEENTH] = 1
    image[1] = sounds.reshape(KEYS, -1, SIXTEENTH).mean(2)
    return _by_bar(image)


def tonnetz_planes(phrase: Phrase) -> np.ndarray:
    """(BARS, eighths, THIRDS, FIFTHS) float32: how much of each eighth each node of the plane sounds."""
    sounds = np.minimum(sounding_classes(phrase), 1).reshape(12, -1, EIGHTH).mean(2)  # (12, eighths of the phrase)
    planes = sounds[PLANE].astype(np.float32)  # (THIRDS, FIFTHS, eighths)
    return np.moveaxis(planes, -1, 0).reshape(BARS, STEPS_PER_BAR // EIGHTH, THIRDS, FIFTHS)


class BarNetwork(nn.Module):
    """Images of the bars of two phrases, each (B, BARS, C, H, W), in; logits (B,) that they belong together out."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        """For images (C, H, W): tall ones are looked at in parts of an octave by a quarter, others node by node."""
        super().__init__()
        channels, height, _ = shape
        if height > TALL:
            convolutions = nn.Sequential(
                nn.Conv2d(channels, 16, (12, 4), stride=(3, 2), padding=(0, 1)),
                nn.ReLU(),
                nn.Conv2d(16, 32, (5, 4), stride=(2, 2), padding=(0, 1)),
                nn.ReLU(),
                nn.Flatten(),
            )
        else:
            convolutions = nn.Sequential(
                nn.Conv2d(channels, 32, 3, padding=1, padding_mode="circular"),
                nn.ReLU(),
                nn.MaxPool2d(2),
                nn.Conv2d(32, 32, 3, padding=1),
                nn.ReLU(),
                nn.Flatten(),
            )
        with torch.no_grad():
            flat = convolutions(torch.zeros(1, *shape)).shape[1]
        self.bar = nn.Sequential(convolutions, nn.Linear(flat, FEATURES), nn.ReLU())
        self.pair = nn.Sequential(
            nn.Linear(3 * BARS * FEATURES, HIDDEN), nn.ReLU(), nn.Dropout(0.2), nn.Linear(HIDDEN, 1)
        )

    def phrase(self, images: Tensor) -> Tensor:
        """(B, BARS * FEATURES) of images (B, BARS, C, H, W)."""
        return self.bar(images.flatten(0, 1)).unflatten(0, (len(images), BARS)).flatten(1)

    def together(self, first: Tensor, second: Tensor) -> Tensor:
        """(B,) logits of phrases (B, BARS * FEATURES)."""
        return self.pair(torch.cat([first, second, first * second], dim=1)).squeeze(1)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        both = self.phrase(torch.cat([first, second]))
        return self.together(*both.chunk(2))


def learned_images(train: Sequence[Pair], draw: Draw, seed: int = 0, epochs: int = EPOCHS) -> Scorer:
    """A network trained on these pairs; torch's random state is as before.

    Args:
        draw: `pianorolls` or `tonnetz_planes`.
        epochs: passes over the pairs at a rate that falls to 0.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = BarNetwork(draw(train[0].first).shape[1:])
        steps = max(1, epochs * len(train) // BATCH)
        optimizer = torch.optim.AdamW(network.parameters(), lr=RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        rng = np.random.default_rng(seed)
        order = np.concatenate([rng.permutation(len(train)) for _ in range(epochs)])
        for step in range(steps):
            batch = [train[i] for i in order[step * BATCH : (step + 1) * BATCH]]
            first, second = ([getattr(pair, side) for pair in batch] for side in ("first", "second"))
            logits = network(_images(draw, first), _images(draw, second))
            labels = torch.tensor([float(pair.label) for pair in batch])
            loss = F.binary_cross_entropy_with_logits(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    network.eval()
    return lambda pairs: _judged(network, draw, pairs)


@torch.inference_mode()
def _judged(network: BarNetwork, draw: Draw, pairs: Sequence[Pair]) -> np.ndarray:
    """(N,) logits; each phrase is seen once, in however many pairs it is."""
    phrases = list({phrase: None for pair in pairs for phrase in (pair.first, pair.second)})
    number = {phrase: i for i, phrase in enumerate(phrases)}
    parts = [phrases[start : start + PHRASES_AT_ONCE] for start in range(0, len(phrases), PHRASES_AT_ONCE)]
    seen = torch.cat([network.phrase(_images(draw, part)) for part in parts])
    first, second = (
        torch.tensor([number[getattr(pair, side)] for pair in pairs]).split(16 * PHRASES_AT_ONCE)
        for side in ("first", "second")
    )
    logits = [network.together(seen[a], seen[b]) for a, b in zip(first, second, strict=True)]
    return torch.cat(logits).double().numpy()


def _images(draw: Draw, phrases: Sequence[Phrase]) -> Tensor:
    """(B, BARS, C, H, W)."""
    return torch.from_numpy(np.stack([draw(phrase) for phrase in phrases]))


def _by_bar(image: np.ndarray) -> np.ndarray:
    """(BARS, C, H, W) of an image (C, H, BARS * W) of a phrase."""
    channels, height, width = image.shape
    return np.moveaxis(image.reshape(channels, height, BARS, width // BARS), 2, 0)
