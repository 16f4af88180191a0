"""Melody completion and accompaniment suggestion put to learners and to baselines in one run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from partimento.networks.labeller import Labeller
from partimento.tasks import results
from partimento.tasks.pairs import bar_images, baselines, melody2vec
from partimento.tasks.pairs.groups import Group, Kind, Pair, groups_to_rank, pairs_to_learn, write_groups
from partimento.tasks.pairs.phrases import Song
from partimento.tasks.pairs.ranking import Scorer, figures, scores_of
from partimento.tasks.pairs.scoring import pair_words, score_pairs
from partimento.tasks.pairs.songs import multitrack, pop909
from partimento.tasks.results import Result
from partimento.tasks.words.learn import Learner, trained
from partimento.tasks.words.suite import FINE_TUNED, NO_NETWORK, SUITE, Plan
from partimento.training.labels import LabelledSequences

NAMES: dict[Kind, str] = {"next": "melody completion", "acc": "accompaniment suggestion"}
PUBLISHED: dict[Kind, dict[str, str]] = {
    "next": {"MusicBERT base": "98.5 (Lakh)", "tonnetz": "68.3 (Lakh)", "piano roll": "76.2 (Lakh)"},
    "acc": {"MusicBERT base": "94.6 (Lakh)", "tonnetz": "42.3 (Lakh)", "piano roll": "56.7 (Lakh)"},
}
SONGS: dict[str, Callable[[Path], list[Song]]] = {"POP909": pop909, "multitrack": multitrack}
PAIRS = 16_000  # that a learner is given, right and wrong ones
VALID_PAIRS = 1_000
GROUPS = 300  # that are ranked


def pair_tasks(wanted: Sequence[str] = ()) -> list[tuple[str, Kind]]:
    """Data and kind of the pair tasks among names such as "melody-completion" or "accompaniment-suggestion:POP909".

    Raises:
        ValueError: if there is no such data.
    """
    kinds = {name.replace(" ", "-"): kind for kind, name in NAMES.items()}
    found = []
    for entry in wanted or kinds:
        name, _, chosen = entry.partition(":")
        if name not in kinds:
            continue
        for data in chosen.split(",") if chosen else SONGS:
            if data not in SONGS:
                raise ValueError(f"{entry!r}: there is no data {data!r}; there are {', '.join(SONGS)}")
            found.append((data, kinds[name]))
    return found


def run(
    plan: Plan,
    songs: Sequence[Song],
    data: str,
    kinds: Sequence[Kind],
    learners: Sequence[Learner],
    controls: bool = True,
    pairs: int = PAIRS,
    groups: int = GROUPS,
) -> list[Result]:
    """What every learner and, with controls, every baseline finds of the test side's groups.

    The groups are those of seed 0, the same for all; they are written to `plan.runs`.

    Args:
        data: the set, as a table names it.
        pairs: to learn from.
        groups: to rank.
    """
    found: list[Result] = []
    for kind in kinds:
        learned = pairs_to_learn(songs, kind, "train", most=pairs)
        asked = groups_to_rank(songs, kind, most=groups)
        place = plan.runs / f"{NAMES[kind]}-{data}".replace(" ", "_")
        write_groups(asked, data, place / "groups.json")
        if controls:
            for name, scorer in _baselines(songs, kind, learned).items():
                begun_s = time.perf_counter()
                scores = [scores_of(asked, scorer())]
                found += _keep(plan, kind, data, asked, scores, (name, "", NO_NETWORK), begun_s)
        chosen = pairs_to_learn(songs, kind, "valid", most=VALID_PAIRS)
        for learner in learners:
            begun_s = time.perf_counter()
            scores = []
            for seed in range(plan.seeds):
                judge = learn_pairs(learned, chosen, learner, seed, place / learner.name.replace(" ", "-"), data)
                scores.append(scores_of(asked, partial(score_pairs, judge)))
            found += _keep(plan, kind, data, asked, scores, (learner.name, learner.checkpoint, FINE_TUNED), begun_s)
    return found


def learn_pairs(
    train: Sequence[Pair],
    valid: Sequence[Pair],
    learner: Learner,
    seed: int,
    folder: Path,
    data: str = "",
    licence: str = "unknown",
    name: str = "",
) -> Labeller:
    """A judge of pairs, fine-tuned or, where the folder has it, read back.

    Args:
        data, licence, name: for the checkpoints.
        folder: of the learner's runs on these pairs.
    """
    words = [pair_words(pair) for pair in (*train, *valid)]
    labels = [np.array([pair.label]) for pair in (*train, *valid)]
    split = list(range(len(train))), list(range(len(train), len(words)))
    sequences = LabelledSequences(words, labels, *split)
    head = {"name": "accompaniment" if train[0].kind == "acc" else "continuation", "classes": ["wrong", "right"]}
    return trained(learner, sequences, "sequence", (2,), seed, folder / f"seed-{seed}", data, licence, [head], name)


def _baselines(songs: Sequence[Song], kind: Kind, learned: Sequence[Pair]) -> dict[str, Callable[[], Scorer]]:
    made: dict[str, Callable[[], Scorer]] = {
        "chance": baselines.chance,
        "music theory": lambda: baselines.theory,
        "trees on music theory": lambda: baselines.grown_trees(learned),
        "piano-roll CNN": lambda: bar_images.learned_images(learned, bar_images.pianorolls),
        "tonnetz CNN": lambda: bar_images.learned_images(learned, bar_images.tonnetz_planes),
    }
    if kind == "next":
        made["melody2vec"] = lambda: melody2vec.melody2vec(songs)
    return made


def _keep(
    plan: Plan,
    kind: Kind,
    data: str,
    asked: Sequence[Group],
    scores: Sequence[Sequence[np.ndarray]],
    system: tuple[str, str, str],
    begun_s: float,
) -> list[Result]:
    metrics: dict[str, float] = {}
    for name, figure in figures(asked, scores, data).items():
        metrics |= {name: figure.value, f"{name}_low": figure.low, f"{name}_high": figure.high}
    name, checkpoint, probe = system
    line = Result(
        *(name, checkpoint, NAMES[kind], data, f"groups of 50, {len(asked)} queries", 0, metrics),
        seconds=round(time.perf_counter() - begun_s, 3),
        suite=SUITE,
        probe=probe,
        main="MAP",
        note="groups built as PiRhDy's, by song; wrong candidates are of other songs",
        paper=PUBLISHED[kind],
        about={"seeds": len(scores)},
    )
    if plan.results:
        results.append([line], plan.results)
    return [line]
