"""What emerges in a ViT-1D beside the same network at random weights, log-mel, spectral flux and nearness in time.

Adds lines to RESULTS/emergence.jsonl, prints their tables and draws three clips:

    python runs/emergence.py MODEL RENDERED_POP909 FOLDER_OF_SETS -o results --name "ViT-1D, NT-Xent alone"
    python runs/emergence.py --tables results/emergence.jsonl
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from partimento.analysis.attention_onsets import onset_f, pick_peaks, spectral_flux
from partimento.analysis.self_similarity import label_auc, nearness
from partimento.analysis.sound_layers import SoundLayers, sound_layers
from partimento.analysis.sound_pictures import draw
from partimento.audio import read_audio
from partimento.audio_model import AudioModel, Frames, load_audio, random_like
from partimento.corpus.datasets.rendered import NO_CHORD, RenderedClip, TimedLabels, read_rendered
from partimento.corpus.frame_labels import FAMILIES, chords, event_targets, families
from partimento.networks.logmel import LogMel
from partimento.networks.slicing import Slicing, slices
from partimento.networks.vit1d import ViT1D
from partimento.tasks import results
from partimento.tasks.audio import emergence, philharmonia
from partimento.tasks.audio.beat_tracking import track_beats
from partimento.tasks.audio.emergence import POOLS, difference, over_songs
from partimento.tasks.audio.mdb_drums import mdb_drums
from partimento.tasks.audio.music_metrics import beat_f
from partimento.tasks.measure import SEEDS, Measured, System, measure
from partimento.tasks.metrics import MAIN
from partimento.tasks.probe import Probe
from partimento.tasks.results import Result
from partimento.tasks.suite import seed_lines
from partimento.tasks.task import Example, Fold, Task

SUITE = "emergence"
NONE, RANDOM = "no network", "random weights"
POP909, MDB = "POP909 rendered", "MDB Drums"
GRID_HZ = 100.0
APART_S, MOMENT_S = 4.0, 0.16  # between two moments of a pair; of a moment whose tokens are joined
SMOOTH_S = 1.0
PICTURE_PIXELS = 920
ONSET_NOTE = (
    "peaks of the attention received, or of its rise; which head and which of the two is chosen on the other songs; "
    "the control is spectral flux at the tokens' rate"
)
SECTIONS = ("instrument", "families", "chords", "beats", "onsets", "same chord", "same beat of the bar")


@dataclass(eq=False)
class Study:
    """A model, the same network at random weights, and where the figures go."""

    model: AudioModel
    randoms: list[AudioModel]
    name: str
    folder: Path
    lines: list[Result] = field(default_factory=list)
    controls: dict[str, Measured] = field(default_factory=dict)  # by question, what needs no network

    @property
    def networks(self) -> list[AudioModel]:
        return [self.model, *self.randoms]

    @property
    def vit(self) -> ViT1D:
        return vit_of(self.model)

    @property
    def front(self) -> LogMel:
        assert self.model.front.mel is not None
        return self.model.front.mel

    @property
    def hop_s(self) -> float:
        return self.model.column_s

    @torch.inference_mode()
    def mel(self, path: Path, start_s: float = 0.0, seconds: float | None = None) -> Tensor:
        """(F, T) of a part of a recording."""
        samples = read_audio(path, self.model.rate_hz, start_s, seconds)
        mel: Tensor = self.front(torch.from_numpy(samples)[None])[0]
        return mel

    def hear(self, model: AudioModel, mel: Tensor) -> SoundLayers:
        return sound_layers(vit_of(model), mel, self.hop_s, model.cut.frames, self.front.config.zscore_floor)

    def put(
        self,
        task: str,
        data: str,
        split: str,
        found: dict[str, Measured],
        main: str,
        probe: str = "",
        note: str = "",
        control: str = "",
    ) -> None:
        """Lines of a row: each system, and what the trained one is above random weights and above a control."""
        trained, at_random = self.name, f"{self.name}: {RANDOM}"
        if trained in found and at_random in found:
            found = found | {"trained less random": difference(found[trained], found[at_random], main)}
            if control:
                found["trained less control"] = difference(found[trained], self.controls[control], main)
        for system, measured in found.items():
            about: dict[str, float | str] = {"model": self.name, **self.model.config["trained"]}
            line = Result(
                *(system, self.model.hash, task, data, split, 0),
                suite=SUITE, probe=probe, main=main, note=note, about=about,
            )  # fmt: skip
            lines = seed_lines(line, measured)
            results.append(lines, self.folder)
            self.lines += lines

    def both(
        self, metric: str, sums: np.ndarray, counts: np.ndarray, data: str, songs: list[str]
    ) -> dict[str, Measured]:
        """Of (1 + randoms, N), first the trained network."""
        return {
            self.name: over_songs(metric, sums[:1], counts[:1], data, songs),
            f"{self.name}: {RANDOM}": over_songs(metric, sums[1:], counts[1:], data, songs),
        }


def vit_of(model: AudioModel) -> ViT1D:
    """The network of a model.

    Raises:
        ValueError: if it is of another kind.
    """
    if not isinstance(model.network, ViT1D):
        raise ValueError(f"{model.name} is no ViT-1D; layers and attention are asked of that network")
    return model.network


def whole_recordings(
    study: Study, task: Task, probe: Probe, windows: dict[Path, Tensor], bands: dict[Path, np.ndarray]
) -> None:
    """Which token stands best for a recording: class token, means, both, beside log-mel statistics."""
    paths = [example.path for example in task.examples]
    found = [emergence.pooled_vectors(vit_of(one), [windows[path] for path in paths]) for one in study.networks]
    main = MAIN[task.kind]

    def measured(vectors: Sequence[np.ndarray], name: str, mixed_units: bool = False) -> Measured:
        def of(examples: Sequence[Example], seed: int) -> np.ndarray:
            return vectors[seed % len(vectors)]

        system = System(name, study.model.hash, of, (probe,), seeded=len(vectors) > 1, mixed_units=mixed_units)
        return measure(task, system, SEEDS)[str(probe)]

    rows = {
        pool: {
            study.name: measured([found[0][pool]], study.name),
            f"{study.name}: {RANDOM}": measured([one[pool] for one in found[1:]], "random"),
        }
        for pool in POOLS
    }
    statistics = [np.concatenate([bands[path].mean(1), bands[path].std(1)]) for path in paths]
    control = measured([np.stack(statistics).astype(np.float32)], NONE, mixed_units=True)
    study.controls[task.name] = control
    about = (task.data, task.split)
    rest = (main, str(probe), task.note)
    study.put(f"{task.name}, log-mel statistics", *about, {NONE: control}, *rest)
    for pool, row in rows.items():
        study.put(f"{task.name}, {POOLS[pool]}", *about, row, *rest, control=task.name)
    for pool in ("mean", "sequence", "both"):
        less = {name: difference(rows[pool][name], rows["class"][name], main) for name in rows[pool]}
        study.put(f"{task.name}, {POOLS[pool]} less class token", *about, less, *rest)


def notes(study: Study, root: Path, most: int, probe: Probe) -> None:
    """The instrument of Philharmonia's notes, on pitches that were not in training."""
    task = emergence.thinned(philharmonia.instrument(root)[0], most)
    cut, floor = study.model.cut, study.front.config.zscore_floor
    bands = {example.path: study.mel(example.path)[:, : cut.frames] for example in task.examples}
    windows = {path: slices(mel, cut, floor)[:1] for path, mel in bands.items()}
    whole_recordings(study, task, probe, windows, {path: mel.numpy() for path, mel in bands.items()})


def bands_of_clips(study: Study, clips: Sequence[RenderedClip], probe: Probe) -> None:
    """Which families of instruments play in rendered clips, of which three windows are heard."""
    cut, floor = study.model.cut, study.front.config.zscore_floor
    apart = Slicing(cut.frames, 2 * cut.frames, cut.frames)
    bands = {clip.path: study.mel(clip.path, 4.0, 6 * cut.frames * study.hop_s) for clip in clips}
    windows = {path: slices(mel, apart, floor)[:3] for path, mel in bands.items()}
    side = np.array([clip.side for clip in clips])
    fold = Fold("sides", *(np.flatnonzero(side == name) for name in ("train", "valid", "test")))
    targets = np.array([families(clip.labels) for clip in clips], np.float32)
    examples = tuple(Example(clip.path, "", clip.song) for clip in clips)
    counts = ", ".join(f"{(side == name).sum()} clips to {verb}" for name, verb in SIDES)
    note = f"which of General MIDI's families play; {counts}, three windows of each; rendered sound"
    task = Task("families", POP909, "by song", "tags", FAMILIES, examples, (fold,), note, targets=targets)
    whole_recordings(study, task, probe, windows, {path: mel.numpy() for path, mel in bands.items()})


SIDES = (("train", "learn from"), ("valid", "choose on"), ("test", "test on"))


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a rendered clip with its labels."""

    song: str
    mel: Tensor
    labels: TimedLabels


def parts_of(study: Study, clips: Sequence[RenderedClip], seconds: float) -> list[Part]:
    """The beginning of each clip."""
    return [Part(c.song, study.mel(c.path, 0.0, seconds), c.labels.cut(0.0, seconds)) for c in tqdm(clips, "log-mel")]


def heads(learn: Sequence[tuple[Frames, Part]], test: Sequence[tuple[Frames, Part]]) -> dict[str, np.ndarray]:
    """(2, N) sum and count of chords and beats: frames that are right, F-measures."""
    one_hot = np.eye(NO_CHORD + 2, dtype=np.float32)[:, :-1]  # an unknown chord is no class
    frames = [some for some, _ in learn]
    chord_head = emergence.fit_linear(frames, [one_hot[chords(part.labels, some.times_s)] for some, part in learn])
    wanted = [event_targets(part.labels.beat_s, some.times_s)[:, None] for some, part in learn]
    beat_head = emergence.fit_linear(frames, wanted, context=1)
    found: dict[str, list[tuple[float, float]]] = {"chords": [], "beats": []}
    for some, part in test:
        true = chords(part.labels, some.times_s)
        guess = chord_head.outputs(some).argmax(1)
        found["chords"].append((float((guess == true)[true >= 0].sum()), float((true >= 0).sum())))
        grid_s = np.arange(some.times_s[0], some.times_s[-1], 1 / GRID_HZ)
        curve = np.interp(grid_s, some.times_s, beat_head.outputs(some)[:, 0])
        beats = track_beats(np.maximum(curve, 0), GRID_HZ, start_s=float(grid_s[0]))
        found["beats"].append((beat_f(part.labels.beat_s, beats), 1.0))
    return {name: np.array(pairs).T for name, pairs in found.items()}


def likeness(tokens: np.ndarray, part: Part, times_s: np.ndarray) -> dict[str, np.ndarray]:
    """(L, 2) areas of same chord and same beat, for pairs of any distance and for those APART_S apart."""
    step_s = float(times_s[1] - times_s[0])
    few = max(1, round(MOMENT_S / step_s))
    moment_s = emergence.joined(times_s[:, None], few)[:, 0]
    apart = (1, round(APART_S / (few * step_s)))
    some = emergence.joined(tokens, few)
    return {
        "same chord": emergence.label_aucs(some, chords(part.labels, moment_s), apart),
        "same beat of the bar": emergence.label_aucs(some, emergence.beat_places(part.labels, moment_s), apart),
    }


def frames_and_attention(study: Study, clips: dict[str, list[RenderedClip]], root: Path, seconds: float) -> None:
    """All that is asked of moments."""
    learn, test = (parts_of(study, clips[side], seconds) for side in ("train", "test"))
    songs = [part.song for part in test]
    real = mdb_drums(root).clips
    real_mel = [study.mel(clip.path) for clip in real]
    depth = study.vit.config.transformer.layers
    local: dict[str, list[np.ndarray]] = {}  # of each task and layer, a (2, N) for each network
    onsets: dict[str, list[np.ndarray]] = {POP909: [], MDB: []}  # (N, L, 2 H) for each network
    alike: dict[str, list[np.ndarray]] = {}  # (N, L, 2) for each network
    for number, model in enumerate(tqdm(study.networks, "networks")):
        trained = [study.hear(model, part.mel) for part in learn]
        tested = [study.hear(model, part.mel) for part in test]
        for layer in range(depth + 1):
            sides = [
                [(emergence.layer_frames(some, layer), part) for some, part in zip(heard, parts, strict=True)]
                for heard, parts in ((trained, learn), (tested, test))
            ]
            for name, pair in heads(*sides).items():
                local.setdefault(f"{name}, {of_layer(layer)}", []).append(pair)
        if not number:
            without_network(study, list(zip(trained, learn, strict=True)), list(zip(tested, test, strict=True)))
        each = [emergence.onset_scores(heard, part.labels.onset_s) for heard, part in zip(tested, test, strict=True)]
        onsets[POP909].append(np.stack(each))
        heard_real = (study.hear(model, mel) for mel in real_mel)
        each = [
            emergence.onset_scores(some, clip.events["onsets"]) for some, clip in zip(heard_real, real, strict=True)
        ]
        onsets[MDB].append(np.stack(each))
        of_clips = [likeness(some.tokens, part, some.times_s) for some, part in zip(tested, test, strict=True)]
        for name in of_clips[0]:
            alike.setdefault(name, []).append(np.stack([one[name] for one in of_clips]))

    said = f"{len(learn)} clips to learn from, {len(test)} to test on, {seconds:g} s each; rendered sound"
    for name, pairs in local.items():
        sums, counts = np.stack(pairs, axis=1)
        metric = metric_of(name)
        found = study.both(metric, sums, counts, POP909, songs)
        study.put(name, POP909, "by song", found, metric, "least squares", said, control=name.split(", ")[0])
    for data, of in ((POP909, songs), (MDB, [clip.group for clip in real])):
        mels = [part.mel for part in test] if data == POP909 else real_mel
        truths = [part.labels.onset_s for part in test] if data == POP909 else [clip.events["onsets"] for clip in real]
        flux_onsets(study, data, of, mels, truths)
        every = np.stack(onsets[data])  # (S, N, L, 2 H)
        rows = {of_layer(layer + 1): every[:, :, layer] for layer in range(depth)}
        rows["layer and head chosen"] = every.reshape(*every.shape[:2], -1)
        for name, scores in rows.items():
            picked = [emergence.chosen_elsewhere(one) for one in scores]
            sums = np.stack([found for found, _ in picked])
            both = study.both("f_measure", sums, np.ones_like(sums), data, of)
            note = f"{name}: {most_chosen(picked[0][1], every.shape[2:])}" if "chosen" in name else ONSET_NOTE
            study.put(
                f"onsets, {name}", data, "one song left out", both, "f_measure", note=note, control=f"onsets {data}"
            )
    for name, stacked in alike.items():
        for place, far in enumerate(("any distance", f"{APART_S:g} s apart or more")):
            for layer in range(depth + 1):
                sums = np.stack([one[:, layer, place] for one in stacked])
                found = study.both("roc_auc", sums, np.ones_like(sums), POP909, songs)
                task = f"{name}, {far}, {of_layer(layer)}"
                study.put(task, POP909, "by song", found, "roc_auc", note=said, control=f"{name}, {far}")


def without_network(study: Study, learn: list[tuple[SoundLayers, Part]], test: list[tuple[SoundLayers, Part]]) -> None:
    """The same heads on log-mel frames at the tokens' moments, the same areas of log-mel and of nearness in time."""
    songs = [part.song for _, part in test]
    for name, smooth_s in (("log-mel frames", 0.0), (f"log-mel, mean over {SMOOTH_S:g} s", SMOOTH_S)):
        sides = [
            [(emergence.column_frames(part.mel.numpy(), heard, smooth_s), part) for heard, part in side]
            for side in (learn, test)
        ]
        for task, (sums, counts) in heads(*sides).items():
            metric = metric_of(task)
            control = over_songs(metric, sums[None], counts[None], POP909, songs)
            study.controls.setdefault(task, control)
            study.put(f"{task}, {name}", POP909, "by song", {NONE: control}, metric, "least squares")
    alike: dict[str, list[np.ndarray]] = {}
    for heard, part in test:
        columns = [emergence.column_frames(part.mel.numpy(), heard, smooth_s) for smooth_s in (0.0, SMOOTH_S)]
        of_mel = likeness(np.stack([some.vectors for some in columns]), part, heard.times_s)
        few = round(MOMENT_S / heard.seconds_per_token)
        moment_s = emergence.joined(heard.times_s[:, None], few)[:, 0]
        near = nearness(len(moment_s))
        apart = (1, round(APART_S / (few * heard.seconds_per_token)))
        labels = {
            "same chord": chords(part.labels, moment_s),
            "same beat of the bar": emergence.beat_places(part.labels, moment_s),
        }
        for name, area in of_mel.items():
            by_time = [[label_auc(near, labels[name], least) for least in apart]]
            alike.setdefault(name, []).append(np.concatenate([area, by_time]))
    for name, areas in alike.items():
        for place, far in enumerate(("any distance", f"{APART_S:g} s apart or more")):
            kinds = ("log-mel frames", f"log-mel, mean over {SMOOTH_S:g} s", "nearness in time")
            for row, kind in enumerate(kinds):
                sums = np.stack(areas)[None, :, row, place]
                control = over_songs("roc_auc", sums, np.ones_like(sums), POP909, songs)
                study.controls.setdefault(f"{name}, {far}", control)
                study.put(f"{name}, {far}, {kind}", POP909, "by song", {NONE: control}, "roc_auc")


def flux_onsets(
    study: Study, data: str, songs: list[str], mels: Sequence[Tensor], truths: Sequence[np.ndarray]
) -> None:
    """Peaks of spectral flux by the same rule, at the rate of the columns and, as control, at that of the tokens."""
    for stride in dict.fromkeys((1, study.vit.stride)):
        scores = []
        for mel, truth_s in zip(mels, truths, strict=True):
            columns = emergence.joined(mel.T.numpy(), stride)
            times_s = (np.arange(len(columns)) * stride + (stride - 1) / 2) * study.hop_s
            scores.append(onset_f(pick_peaks(spectral_flux(columns.T), times_s), truth_s))
        control = over_songs("f_measure", np.array([scores]), np.ones((1, len(scores))), data, songs)
        study.controls[f"onsets {data}"] = control
        name = f"onsets, spectral flux every {1e3 * stride * study.hop_s:g} ms"
        study.put(name, data, "one song left out", {NONE: control}, "f_measure", note=ONSET_NOTE)


def most_chosen(chosen: np.ndarray, shape: tuple[int, ...]) -> str:
    """Which layer, head and curve the trained network's choice falls on most often; shape (L, 2 H)."""
    most, times = max(zip(*np.unique(chosen, return_counts=True), strict=True), key=lambda pair: pair[1])
    layer, column = divmod(int(most), shape[1])
    kind, head = divmod(column, shape[1] // 2)
    curve = ("attention received", "rise of the attention received")[kind]
    return f"of the trained network most often layer {layer + 1}, head {head + 1}, {curve} ({times} of {len(chosen)})"


def of_layer(layer: int) -> str:
    return f"layer {layer}" if layer else "patches before layer 1"


def metric_of(task: str) -> str:
    return "accuracy" if task.startswith("chords") else "f_measure"


def one_a_song(clips: Sequence[RenderedClip], most: int, seed: int = 0) -> list[RenderedClip]:
    """At most so many clips, of different songs, drawn at random."""
    order = np.random.default_rng(seed).permutation(len(clips))
    first = {clips[i].song: clips[i] for i in reversed(order)}
    return [first[song] for song in dict.fromkeys(clips[i].song for i in order)][:most]


def pictures(study: Study, clips: Sequence[RenderedClip], folder: Path, seconds: float) -> Iterator[str]:
    """Draw clips that anybody may have."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, clip in enumerate([clip for clip in clips if clip.row["tier"] == "open"][:3], 1):
        mel = study.mel(clip.path, 0.0, seconds)
        title = f"{study.name}: POP909 song {clip.song}, rendered with {clip.soundfont}, {clip.row['programs']}"
        path = folder / f"emergence-{number}.png"
        onsets_s = clip.labels.cut(0.0, seconds).onset_s
        window = study.model.cut.frames
        draw(study.vit, mel, study.hop_s, path, window_frames=window, onsets_s=onsets_s, title=title)
        make_smaller(path)
        yield f"{path}: {path.stat().st_size / 1e3:.0f} kB"


def make_smaller(path: Path) -> None:
    """Fewer pixels and 256 colours: a picture of a page of documentation."""
    from PIL import Image

    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    size = (PICTURE_PIXELS, round(picture.height * PICTURE_PIXELS / picture.width))
    small = picture.resize(size, Image.Resampling.LANCZOS)
    small.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(path, optimize=True)


def tables(lines: Sequence[Result]) -> str:
    """Markdown: for each model, question and set a row for each layer or token; of equal lines the last counts."""
    parts = []
    for model in dict.fromkeys(str(line.about["model"]) for line in lines):
        for section in SECTIONS:
            for data in (POP909, MDB, philharmonia.DATA):
                found: dict[str, dict[str, dict[int, Result]]] = {}  # by row, system and seed
                for line in lines:
                    question, row = line.task.split(", ", 1)
                    if (line.about["model"], question, line.data) == (model, section, data):
                        seeds = found.setdefault(row, {}).setdefault(line.system, {})
                        if line.seed == 0:
                            seeds.clear()
                        seeds[line.seed] = line
                if found:
                    parts += [f"### {model}: {section}, {data}", "", _table(model, found), ""]
    return "\n".join(parts)


def _table(model: str, rows: dict[str, dict[str, dict[int, Result]]]) -> str:
    one = next(iter(next(iter(rows.values())).values()))[0]
    about = f"{one.main.replace('_', ' ')} x 100, {one.split}{f', {one.probe}' if one.probe else ''}"
    systems = (NONE, model, f"{model}: {RANDOM}", "trained less random", "trained less control")
    names = (NONE, "trained", RANDOM, *systems[3:])
    notes = dict.fromkeys(line.note for row in rows.values() for seeds in row.values() for line in seeds.values())
    table = [f"| {about} | {' | '.join(names)} |", f"|---|{'---:|' * len(names)}"]
    table += [
        f"| {name} | {' | '.join(_cell(row.get(system, {})) for system in systems)} |" for name, row in rows.items()
    ]
    return "\n".join([*(f"{note[0].upper()}{note[1:]}." for note in notes if note), "", *table])


def _cell(seeds: dict[int, Result]) -> str:
    if not seeds:
        return ""
    main, metrics = seeds[0].main, [line.metrics for line in seeds.values()]
    low, high = (100 * metrics[0][f"{main}_{end}"] for end in ("low", "high"))
    return f"{100 * np.mean([some[main] for some in metrics]):.1f} [{low:.1f}, {high:.1f}]"


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", help="folder of a ViT-1D")
    parser.add_argument("rendered", type=Path, nargs="?", help="rendered POP909, as runs/render.sh makes it")
    parser.add_argument("root", type=Path, nargs="?", help="folder of the unpacked sets")
    parser.add_argument("-o", "--out", type=Path, default=Path("results"))
    parser.add_argument("--name", default="ViT-1D")
    parser.add_argument("--tables", type=Path, help="print the tables of this file and do nothing else")
    parser.add_argument("--only", nargs="*", default=["frames", "notes", "families", "pictures"])
    parser.add_argument("--images", type=Path, default=Path("docs/images"))
    parser.add_argument("--seeds", type=int, default=3, help="networks at random weights")
    parser.add_argument("--learn", type=int, default=60, help="clips, of different songs, that frame heads learn from")
    parser.add_argument("--test", type=int, default=30, help="clips that frames are tested on")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each of them")
    parser.add_argument("--notes", type=int, default=1500, help="of Philharmonia")
    parser.add_argument("--clips", type=int, default=240, help="to learn families from")
    options = parser.parse_args()
    if options.tables:
        print(tables([line for line in results.read(options.tables.parent) if line.suite == SUITE]))
        return
    torch.set_num_threads(1)
    begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
    model = load_audio(options.model, device="cpu")
    randoms = [random_like(model, seed) for seed in range(options.seeds)]
    study = Study(model, randoms, options.name, options.out)
    every = {side: read_rendered(options.rendered, side) for side in ("train", "valid", "test")}
    few = {"train": one_a_song(every["train"], options.learn), "test": one_a_song(every["test"], options.test)}
    if "pictures" in options.only:
        print(*pictures(study, few["test"], options.images, options.seconds), sep="\n", flush=True)
    if "frames" in options.only:
        frames_and_attention(study, few, options.root, options.seconds)
    if "notes" in options.only:
        notes(study, options.root, options.notes, "logistic")
    if "families" in options.only:
        learn = one_a_song(every["train"], options.clips)
        bands_of_clips(study, [*learn, *one_a_song(every["valid"], 1000), *one_a_song(every["test"], 1000)], "knn")
    print(tables(study.lines))
    print(f"{time.process_time() - begun_cpu_s:.0f} s of CPU, {time.perf_counter() - begun_s:.0f} s")


if __name__ == "__main__":
    main()
