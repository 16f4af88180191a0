"""Render POP909, single notes and ASAP with FluidSynth: 16 kHz mono FLAC with exact labels. Goes on where it stopped.

    python runs/render.py FOLDER_OF_DATA_SETS -o FOLDER

FOLDER gets `pop909` and `notes` (open data and soundfonts), and `asap` (non-commercial: for evaluation alone). In
each, valid and test come first, then training songs in random order. Every clip depends on its name and the seed alone.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from tqdm import tqdm

from partimento.corpus.datasets.rendered import KEYS, RATE_HZ, UNKNOWN, TimedLabels
from partimento.corpus.frame_labels import key_of
from partimento.report.render import SAMPLE_RATE_HZ, SOUNDFONT_FOLDERS, RenderError, Room, render_samples
from partimento.tasks.audio import single_notes
from partimento.tasks.audio.to_render import (
    LEAD_S,
    Excerpt,
    asap_beats,
    asap_source,
    asap_sources,
    excerpt,
    pop909_songs,
    pop909_source,
    synthesizer_notes,
)

SEED = 0
SECONDS = 30.0
SOUNDFONTS = ("FluidR3_GM", "TimGM6mb")  # MIT and GPL-2
LEVELS_DB = (-32.0, -14.0)  # of the root mean square of a clip
PEAK = 0.97
COLUMNS = (
    *("path", "song", "side", "soundfont", "seconds", "key", "key_share", "bpm", "metre", "programs", "start_s"),
    *("transposed", "speed", "level_db", "reverb_level", "reverb_size", "reverb_damp", "chorus_level", "chorus_depth"),
    *("tier", "notes"),
)


def main() -> None:
    """Render what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="folder of the unpacked data sets")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=["pop909", "notes", "asap"], choices=["pop909", "notes", "asap"])
    parser.add_argument("--excerpts", type=int, default=2, help="of a training song")
    parser.add_argument("--songs", type=int, help="at most so many training songs")
    parser.add_argument("--notes-of-program", type=int, default=16)
    options = parser.parse_args()
    fonts = find_soundfonts()
    for name in options.sets:
        folder = Folder(options.output / name)
        begin, seconds = time.perf_counter(), 0.0
        match name:
            case "pop909":
                clips = pop909(options.root, folder, options.songs, options.excerpts)
            case "asap":
                clips = asap(options.root, folder)
            case _:
                clips = notes(folder, options.notes_of_program)
        for clip in clips:
            seconds += folder.add(clip, fonts[clip.font])
        spent = time.perf_counter() - begin
        print(f"{name}: {seconds / 3600:.2f} h of sound in {spent:.0f} s, {seconds / max(spent, 1e-9):.0f} x real time")


def find_soundfonts() -> dict[str, Path]:
    """The two soundfonts by name.

    Raises:
        RenderError: if one is missing.
    """
    found = {}
    for name in SOUNDFONTS:
        paths = [Path(folder) / f"{name}.sf2" for folder in SOUNDFONT_FOLDERS]
        there = [path for path in paths if path.is_file()]
        if not there:
            raise RenderError(f"{name}.sf2 is missing; on Debian: apt install fluid-soundfont-gm timgm6mb-soundfont")
        found[name] = there[0]
    return found


@dataclass(frozen=True, eq=False)
class Clip:
    """What is to be rendered: the name of its files, what sounds, side, song, soundfont and random numbers."""

    name: str
    excerpt: Excerpt
    side: str
    song: str
    font: str
    rng: np.random.Generator


def pop909(root: Path, folder: Folder, songs: int | None, excerpts: int) -> Iterator[Clip]:
    """Clips of POP909-CL: one of each validation song, two of each test song, `excerpts` of each training song.

    Even excerpts are played by the first soundfont, odd ones by the second; on the validation side songs take turns.
    """
    sides = pop909_songs(root)
    order = np.random.default_rng(SEED).permutation(sorted(sides))
    train = [song for song in order if sides[song] == "train"][:songs]
    wanted = [(song, [0]) for song in sorted(sides) if sides[song] == "valid"]
    wanted += [(song, [0, 1]) for song in sorted(sides) if sides[song] == "test"]
    wanted += [(song, [take]) for take in range(excerpts) for song in train]
    for song, takes in tqdm(wanted, unit="song", desc="pop909"):
        missing = [take for take in takes if f"{song}-{take}" not in folder]
        if not missing or (source := pop909_source(root, song, sides[song])) is None:
            continue
        for take in missing:
            name = f"{song}-{take}"
            rng = rng_of("pop909", name)
            found = excerpt(source, SECONDS, source.side == "train", rng)
            turn = int(song) if source.side == "valid" else take
            yield Clip(name, found, source.side, song, SOUNDFONTS[turn % len(SOUNDFONTS)], rng)


def asap(root: Path, folder: Folder) -> Iterator[Clip]:
    """A clip of each score and of two performances of ACPAS's test pieces, each by one of the soundfonts."""
    beats = asap_beats(root)
    for song, path in tqdm(list(asap_sources(root)), unit="file", desc="asap"):
        name = "-".join(path.relative_to(root / "asap").with_suffix("").parts)
        if name not in folder and (source := asap_source(root, song, path, beats)):
            rng, font = rng_of("asap", name), SOUNDFONTS[zlib.crc32(name.encode()) % len(SOUNDFONTS)]
            yield Clip(name, excerpt(source, SECONDS, False, rng), "test", song, font, rng)


def notes(folder: Folder, of_program: int) -> Iterator[Clip]:
    """Long clips of single notes, all by both soundfonts."""
    found = list(single_notes.single_notes(of_program, of_program // 2, SEED))
    for group, side, labels in tqdm(found, unit="clip", desc="notes"):
        for font in SOUNDFONTS:
            if (name := f"{group}-{font}") not in folder:
                sound = synthesizer_notes(single_notes.spread(labels), LEAD_S)
                yield Clip(name, Excerpt(sound, labels, {}), side, "", font, rng_of("notes", name))


class Folder:
    """A rendered folder that grows: sound and labels of a clip are written whole, then its row."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.table = path / "labels.csv"
        for part in ("audio", "frames"):
            (path / part).mkdir(parents=True, exist_ok=True)
        self.names: set[str] = set()
        if self.table.is_file():
            lines = self.table.read_text(encoding="utf-8").splitlines(keepends=True)
            if lines and not lines[-1].endswith("\n"):  # a run was stopped while it wrote
                self.table.write_text("".join(lines[:-1]), encoding="utf-8")
            with self.table.open(encoding="utf-8", newline="") as file:
                self.names = {Path(row["path"]).stem for row in csv.DictReader(file)}
        else:
            self.table.write_text(",".join(COLUMNS) + "\n", encoding="utf-8")

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def add(self, clip: Clip, soundfont: Path) -> float:
        """Render a clip and write it; returns its seconds."""
        labels, room = clip.excerpt.labels, random_room(clip.rng)
        rendered = render_samples(clip.excerpt.notes, soundfont, room).mean(axis=1)
        samples = np.asarray(soxr.resample(rendered, SAMPLE_RATE_HZ, RATE_HZ, quality="HQ"))
        if self.path.name == "notes":
            samples = single_notes.without_gaps(samples, RATE_HZ, len(labels.note_pitch), LEAD_S)
        else:
            length = round(SECONDS * RATE_HZ)
            samples = samples[round(LEAD_S * RATE_HZ) :][:length]
            samples = np.pad(samples, (0, length - len(samples)))
        samples, level_db = at_level(samples, float(clip.rng.uniform(*LEVELS_DB)))
        sound = self.path / "audio" / f"{clip.name}.flac"
        part = sound.with_suffix(".part.flac")
        soundfile.write(part, samples, RATE_HZ, subtype="PCM_16")
        labels.save(self.path / "frames" / f"{clip.name}.npz")
        part.replace(sound)
        seconds = len(samples) / RATE_HZ
        key, share = longest_key(labels, seconds)
        row = clip.excerpt.about | {name: f"{value:.3f}" for name, value in asdict(room).items()}
        row |= {"path": f"audio/{clip.name}.flac", "song": clip.song, "side": clip.side, "soundfont": clip.font}
        row |= {"seconds": f"{seconds:.3f}", "level_db": f"{level_db:.2f}", "key_share": f"{share:.3f}"}
        row |= {"key": KEYS[key] if key != UNKNOWN else "", "metre": str(labels.beat_position.max(initial=0) or "")}
        row |= {"tier": "non-commercial" if self.path.name == "asap" else "open"}
        row |= {"notes": str(int((labels.note_onset_s >= 0).sum()))}
        with self.table.open("a", encoding="utf-8", newline="") as file:
            csv.DictWriter(file, COLUMNS, lineterminator="\n").writerow(row)
            file.flush()
            os.fsync(file.fileno())
        self.names.add(clip.name)
        return seconds


def rng_of(set_name: str, name: str) -> np.random.Generator:
    """Random numbers of a clip, the same whatever was rendered before it."""
    return np.random.default_rng([SEED, zlib.crc32(f"{set_name}/{name}".encode())])


def random_room(rng: np.random.Generator) -> Room:
    """Reverb in four of five clips, chorus in half."""
    reverb = float(rng.uniform(0.1, 0.9)) if rng.random() < 0.8 else 0.0
    size, damp = (float(rng.uniform(0, high)) for high in (0.95, 1.0))
    chorus = float(rng.uniform(0.5, 3.0)) if rng.random() < 0.5 else 0.0
    return Room(reverb, size, damp, chorus, float(rng.uniform(2, 12)))


def at_level(samples: np.ndarray, level_db: float) -> tuple[np.ndarray, float]:
    """The samples at a level of their root mean square, softer where peaks would clip, and the level they got.

    Raises:
        RenderError: if they are silent.
    """
    square = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    if square < 1e-6:
        raise RenderError("a clip is silent; does the soundfont hold all General MIDI programs?")
    gain = min(10 ** (level_db / 20) / square, PEAK / float(np.abs(samples).max()))
    return (samples * gain).astype(np.float32), 20 * float(np.log10(square * gain))


def longest_key(labels: TimedLabels, seconds: float) -> tuple[int, float]:
    """The key that lasts longest and its part of the clip; UNKNOWN and 0 where there is none."""
    key = key_of(labels)
    mine = labels.key == key
    return key, float((labels.key_end_s - labels.key_start_s)[mine].sum()) / seconds if key != UNKNOWN else 0.0


if __name__ == "__main__":
    main()
