"""Crops of recordings for training, in an order that a seed decides and a position resumes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from partimento.objectives.crops import CropPairs
from partimento.objectives.tags import TaggedCrops
from partimento.systems.sound import CropsConfig

READERS = 4  # threads; decoding leaves the interpreter free

Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]


class Sounds(Protocol):
    """What crops are cut from: `partimento.corpus.recordings.Recordings` is such."""

    @property
    def seconds(self) -> np.ndarray: ...
    def window(self, index: int, start_s: float, seconds: float, rate_hz: int) -> np.ndarray: ...


@dataclass(frozen=True)
class Cropping:
    """How crops of a recording are drawn.

    Args:
        sounds: the recordings.
        config: which stretches.
        samples: of a crop.
        rate_hz: samples a second.
        augment: what is done to a waveform; None for nothing.
    """

    sounds: Sounds
    config: CropsConfig
    samples: int
    rate_hz: int
    augment: Augment | None = None

    def crop(self, index: int, start_s: float, generator: np.random.Generator) -> np.ndarray:
        """(S,) float32, with silence where the recording has ended."""
        seconds = self.samples / self.rate_hz
        sound = self.sounds.window(index, start_s, seconds, self.rate_hz)
        return sound if self.augment is None else self.augment(sound, generator)

    def starts(self, index: int, generator: np.random.Generator) -> tuple[float, float]:
        """Where the two crops of a pair begin, in seconds."""
        seconds = self.samples / self.rate_hz
        room = max(0.0, float(self.sounds.seconds[index]) - seconds)
        low, high = 0.0, room
        if self.config.within_s is not None and (reach := max(0.0, self.config.within_s - seconds)) < room:
            low = generator.uniform(0.0, room - reach)
            high = low + reach
        first = generator.uniform(low, high)
        apart = self.config.apart_s
        if apart is not None:
            low, high = max(low, first - apart), min(high, first + apart)
        return first, generator.uniform(low, high)

    def pair(self, index: int, generator: np.random.Generator) -> np.ndarray:
        """(2, S) float32 two crops of a recording."""
        return np.stack([self.crop(index, start_s, generator) for start_s in self.starts(index, generator)])


class CropStream:
    """The endless order of recordings: every epoch each of them once, each with random numbers of its own.

    Args:
        recordings: which of the sounds.
        seed: decides order and crops.
    """

    def __init__(self, recordings: Sequence[int], cropping: Cropping, seed: int) -> None:
        if not recordings:
            raise ValueError("no recordings to train on: the corpus, or the part of it that was selected, is empty")
        self.recordings, self.cropping, self.seed = recordings, cropping, seed
        self.drawn = 0
        self._order: tuple[int, np.ndarray] = (-1, np.empty(0))

    def draw(self, count: int) -> list[tuple[int, np.random.Generator]]:
        """The next `count` recordings, as places in `recordings`, each with its generator."""
        found = []
        for number in range(self.drawn, self.drawn + count):
            epoch, place = divmod(number, len(self.recordings))
            if self._order[0] != epoch:
                self._order = (epoch, np.random.default_rng((self.seed, epoch)).permutation(len(self.recordings)))
            which = int(self._order[1][place])
            found.append((which, np.random.default_rng((self.seed, epoch, which))))
        self.drawn += count
        return found

    def state(self) -> dict[str, int]:
        """What `restore` needs to go on from here."""
        return {"drawn": self.drawn}

    def restore(self, state: dict[str, int]) -> None:
        """Go on from a saved state."""
        self.drawn = state["drawn"]


class PairBatches(CropStream):
    """Pairs of crops; `songs` has the song of each recording, the others as `CropStream`."""

    def __init__(self, recordings: Sequence[int], songs: Sequence[int], cropping: Cropping, seed: int) -> None:
        super().__init__(recordings, cropping, seed)
        if len(set(songs)) < 2:
            raise ValueError(f"{len(recordings)} recordings of {len(set(songs))} songs to train on; two are needed")
        self.songs = songs

    def rows(self, count: int) -> CropPairs:
        """The next `count` pairs."""
        drawn = self.draw(count)
        sound = read_all(lambda one: self.cropping.pair(self.recordings[one[0]], one[1]), drawn)
        return CropPairs(torch.from_numpy(sound), torch.tensor([self.songs[which] for which, _ in drawn]))


class TagBatches(CropStream):
    """Single crops with the tags (recordings, C) of their recordings; the others as `CropStream`."""

    def __init__(self, recordings: Sequence[int], tags: np.ndarray, cropping: Cropping, seed: int) -> None:
        super().__init__(recordings, cropping, seed)
        self.tags = tags.astype(np.float32)

    def rows(self, count: int) -> TaggedCrops:
        """The next `count` crops."""
        drawn = self.draw(count)
        sound = read_all(self._crop, drawn)
        return TaggedCrops(torch.from_numpy(sound), torch.from_numpy(self.tags[[which for which, _ in drawn]]))

    def _crop(self, one: tuple[int, np.random.Generator]) -> np.ndarray:
        which, generator = one
        start_s, _ = self.cropping.starts(self.recordings[which], generator)
        return self.cropping.crop(self.recordings[which], start_s, generator)


def read_all(
    read: Callable[[tuple[int, np.random.Generator]], np.ndarray], drawn: list[tuple[int, np.random.Generator]]
) -> np.ndarray:
    """What `read` gives of each, stacked; read by several threads, in order."""
    with ThreadPoolExecutor(READERS) as pool:
        return np.stack(list(pool.map(read, drawn)))


def validation_pairs(cropping: Cropping, recordings: Sequence[int], songs: Sequence[int], most: int) -> CropPairs:
    """One pair of crops, unaugmented, of up to `most` held-out recordings, the same for every run; one a song.

    Raises:
        ValueError: if the recordings are of one song.
    """
    one_a_song = list({song: index for index, song in zip(reversed(recordings), reversed(songs), strict=True)}.items())
    if len(one_a_song) < 2:
        raise ValueError(f"{len(recordings)} recording(s) of one song to validate on; two songs at least are needed")
    chosen = [one_a_song[i] for i in np.linspace(0, len(one_a_song) - 1, min(most, len(one_a_song))).astype(int)]
    plain = Cropping(cropping.sounds, cropping.config, cropping.samples, cropping.rate_hz)
    sound = np.stack([plain.pair(index, np.random.default_rng((0, index))) for _, index in chosen])
    return CropPairs(torch.from_numpy(sound), torch.tensor([song for song, _ in chosen]))


def validation_tags(cropping: Cropping, recordings: Sequence[int], tags: np.ndarray, most: int) -> TaggedCrops:
    """One crop, unaugmented, of up to `most` held-out recordings, the same for every run."""
    chosen = np.linspace(0, len(recordings) - 1, min(most, len(recordings))).astype(int)
    plain = TagBatches(
        [recordings[i] for i in chosen],
        tags[chosen],
        Cropping(cropping.sounds, cropping.config, cropping.samples, cropping.rate_hz),
        0,
    )
    return plain.rows(len(chosen))
