"""Training on rendered sound with its score (`objectives.scored`), from folders that `runs/render.sh` writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from partimento.audio import read_audio
from partimento.audio.augment import WaveformChain
from partimento.configuration import to_plain
from partimento.corpus.datasets.rendered import RenderedClip, TimedLabels, read_rendered
from partimento.corpus.frame_labels import chords, event_targets, key_of, pitch_roll
from partimento.networks.sound import Front
from partimento.networks.vit1d import ViT1D
from partimento.objectives.scored import PROGRAMS, UNKNOWN, ScoredLearner, ScoredPairs, scored_crops
from partimento.systems.vit1d import ScoredSystem
from partimento.training.distributed import World
from partimento.training.loop import Run, State, train
from partimento.training.saving import save_network

PERCUSSION = PROGRAMS - 1


@dataclass(frozen=True, eq=False)
class Source:
    """Something that pairs of crops are drawn from.

    Args:
        clip: the rendered clip.
        start_s, seconds: the stretch of it that crops lie in.
        song: pairs of one song are not set against each other.
    """

    clip: RenderedClip
    start_s: float
    seconds: float
    song: int


def song_sources(folder: Path, side: str) -> list[Source]:
    """The clips of rendered songs on a side."""
    clips = read_rendered(folder, side)
    songs = {song: number for number, song in enumerate(sorted({clip.song for clip in clips}))}
    return [Source(clip, 0.0, clip.seconds, songs[clip.song]) for clip in clips]


def note_sources(folder: Path, side: str, slot_s: float) -> list[Source]:
    """The slots of clips of single notes on a side; the notes of one program count as one song."""
    found = []
    for clip in read_rendered(folder, side):
        labels = clip.labels
        for onset_s, program in zip(labels.note_onset_s, labels.note_program, strict=True):
            found.append(Source(clip, onset_s // slot_s * slot_s, slot_s, -1 - int(program) % PROGRAMS))
    return found


@dataclass(frozen=True, eq=False)
class Scoring:
    """How crops with their scores are made.

    Args:
        samples: of a crop at `rate_hz`.
        times_s: (T',) the middle of each token, seconds from the start of a crop.
        apart_s: crops of a pair begin at most so far apart.
        detune_cents: a crop is played so much faster and higher, or slower and lower, at most.
        chain: what is done to waveforms; None for nothing.
    """

    samples: int
    rate_hz: int
    times_s: np.ndarray
    apart_s: float
    detune_cents: float
    chain: WaveformChain | None

    def pair(self, source: Source, generator: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Sound (2, S) of two crops, and the roll, events, chord, key and programs of each, stacked likewise."""
        seconds = self.samples / self.rate_hz
        room = max(0.0, source.seconds - seconds)
        first = generator.uniform(0.0, room)
        second = generator.uniform(max(0.0, first - self.apart_s), min(room, first + self.apart_s))
        crops = [self.crop(source, source.start_s + start_s, generator) for start_s in (first, second)]
        return tuple(np.stack(part) for part in zip(*crops, strict=True))

    def crop(self, source: Source, start_s: float, generator: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Sound (S,), roll (T', 88), events (T', 3), chord (T',), key () and programs (129,) of one crop."""
        speed = 2 ** (generator.uniform(-1, 1) * self.detune_cents / 1200) if self.detune_cents else 1.0
        seconds = self.samples / self.rate_hz * speed
        rate_hz = round(self.rate_hz / speed)
        sound = read_audio(source.clip.path, rate_hz, start_s, seconds)[: self.samples]
        sound = np.pad(sound, (0, self.samples - len(sound)))
        if self.chain is not None:
            sound = self.chain(sound, generator)
        score = source.clip.labels.cut(start_s, seconds)
        return (sound.astype(np.float32), *scores(score, self.times_s * speed))


def scores(labels: TimedLabels, times_s: np.ndarray) -> tuple[np.ndarray, ...]:
    """Roll, events, chord, key and programs of a crop at tokens around these times, as `ScoredPairs` has them."""
    beats_known = len(labels.beat_s) > 0
    bars_known = beats_known and bool(labels.beat_position.any())
    events = np.stack(
        [
            event_targets(labels.onset_s, times_s),
            event_targets(labels.beat_s, times_s) if beats_known else np.full(len(times_s), -1.0),
            event_targets(labels.downbeat_s, times_s) if bars_known else np.full(len(times_s), -1.0),
        ],
        axis=1,
    )
    programs = np.zeros(PROGRAMS, np.float32)
    programs[np.where(labels.note_program < 0, PERCUSSION, labels.note_program)] = 1
    return (
        pitch_roll(labels, times_s).astype(np.float32),
        events.astype(np.float32),
        chords(labels, times_s),
        np.array(key_of(labels)),
        programs,
    )


class ScoredBatches:
    """The endless stream: in every epoch one pair of each song source, and among them a share of single notes.

    Args:
        songs, notes: sources; notes may be none.
        share: of the pairs of a batch that are single notes.
        seed: decides order and crops.
    """

    def __init__(
        self, songs: Sequence[Source], notes: Sequence[Source], share: float, scoring: Scoring, seed: int
    ) -> None:
        if not songs:
            raise ValueError("no rendered songs to train on; runs/render.sh makes them")
        self.kinds = [songs, notes]
        self.share, self.scoring, self.seed = share if notes else 0.0, scoring, seed
        self.drawn = [0, 0]
        self._orders: list[tuple[int, np.ndarray]] = [(-1, np.empty(0))] * 2

    def rows(self, count: int) -> ScoredPairs:
        """The next `count` pairs."""
        notes = round(count * self.share)
        drawn = [self._next(kind) for kind, many in ((0, count - notes), (1, notes)) for _ in range(many)]
        return collate([source for source, _ in drawn], [self.scoring.pair(*one) for one in drawn])

    def state(self) -> dict[str, int]:
        """What `restore` needs to go on from here."""
        return {"songs": self.drawn[0], "notes": self.drawn[1]}

    def restore(self, state: dict[str, int]) -> None:
        """Go on from a saved state."""
        self.drawn = [state["songs"], state["notes"]]

    def _next(self, kind: int) -> tuple[Source, np.random.Generator]:
        sources = self.kinds[kind]
        epoch, place = divmod(self.drawn[kind], len(sources))
        if self._orders[kind][0] != epoch:
            order = np.random.default_rng((self.seed, kind, epoch)).permutation(len(sources))
            self._orders[kind] = (epoch, order)
        which = int(self._orders[kind][1][place])
        self.drawn[kind] += 1
        return sources[which], np.random.default_rng((self.seed, kind, epoch, which))


def collate(sources: Sequence[Source], pairs: Sequence[tuple[np.ndarray, ...]]) -> ScoredPairs:
    """Pairs as one batch."""
    sound, *scored = (torch.from_numpy(np.stack(part)) for part in zip(*pairs, strict=True))
    return ScoredPairs(sound, torch.tensor([source.song for source in sources]), *scored)


def scoring_of(config: ScoredSystem, front: Front, augment: bool) -> Scoring:
    """How a system's crops are made; without augmentation for validation."""
    stride_s = config.network.patch_frames * config.front.hop / config.front.rate_hz
    count = -(-config.windows.frames // config.network.patch_frames)
    middle = (config.network.patch_frames - 1) / 2 * config.front.hop / config.front.rate_hz
    chain = None
    if augment:
        chain = WaveformChain(config.front.rate_hz, 0.5, 0.2, 0.2, config.coloured, 0.0, 0.0, config.coloured)
    return Scoring(
        front.samples(config.windows),
        config.front.rate_hz,
        np.arange(count) * stride_s + middle,
        config.crops.apart_s if config.crops.apart_s is not None else np.inf,
        config.detune_cents if augment else 0.0,
        chain,
    )


def pretrain_scored(
    config: ScoredSystem, songs: Path, notes: Path | None, folder: Path, world: World, about: Mapping[str, Any]
) -> State:
    """Train a ViT-1D on rendered songs with their scores, and on single notes, or go on with an interrupted run.

    Args:
        songs: a rendered folder with sides "train" and "valid".
        notes: another one of single notes in slots of equal length; None for none.
        folder: of the run; made if it is not there.
        about: goes into every checkpoint's config.json: name, data, licence, preset.

    Returns:
        the state after the last step; its `step` is below `schedule.steps` if the run was asked to stop.

    Raises:
        ValueError: if a side is empty, rows cannot be shared out, or the folder holds something else or another run.
        FileNotFoundError: if a folder is not a rendered one.
    """
    per_process, rest = divmod(config.recipe.batch.rows, world.size)
    if rest:
        raise ValueError(f"batch.rows {config.recipe.batch.rows} must be a multiple of {world.size} processes")
    recipe = replace(config.recipe, batch=replace(config.recipe.batch, micro_rows=per_process))
    torch.manual_seed(recipe.seed)
    front = Front(config.front)
    network = ScoredLearner(front, ViT1D(config.network), config.projector)
    sides = {
        side: (song_sources(songs, side), note_sources(notes, side, config.slot_s) if notes else [])
        for side in ("train", "valid")
    }
    scoring = scoring_of(config, front, augment=True)
    batches = ScoredBatches(*sides["train"], config.notes, scoring, recipe.seed)
    validation = ScoredBatches(*sides["valid"], config.notes, scoring_of(config, front, augment=False), 0)
    kept = replace(config.network, pool="both")
    about = {
        **about,
        "rate_hz": config.front.rate_hz,
        "front": to_plain(config.front),
        "windows": to_plain(config.windows),
        "objective": {"kind": "scored", **{name: value for name, value in to_plain(config).items() if name in SAID}},
    }
    run = Run(
        network=network,
        objective=partial(scored_crops, temperature=config.pairs.temperature, weights=config.weights),
        batches=batches,
        validation=validation.rows(recipe.watch.validate_rows),
        recipe=recipe,
        folder=folder,
        config={
            "system": "vit1d",
            **about,
            "network": to_plain(config.network),
            "recipe": to_plain(recipe),
            "pieces": {side: {"songs": len(some), "notes": len(more)} for side, (some, more) in sides.items()},
        },
        save=lambda _, place, facts: save_network(kept, recipe, about, network.trunk, place, facts, "vit1d"),
        validation_part=recipe.watch.validate_rows,
    )
    return train(run, world)


SAID = ("crops", "pairs", "projector", "weights", "notes", "slot_s", "detune_cents", "coloured")
assert UNKNOWN == -1  # as the labels have it
