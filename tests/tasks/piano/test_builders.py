"""The tasks of solo piano on the real sets: files, sides, and what pretraining may have heard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from partimento.corpus.datasets.solo_piano import SAME_SONG, solo_piano
from partimento.midi import read_midi
from partimento.tasks.piano import BUILDERS
from partimento.tasks.piano.classical import MOST_PERFORMANCES, pieces
from partimento.tasks.piano.composer import COMPOSERS
from partimento.tasks.piano.form import movement_files, movement_labels
from partimento.tasks.task import Fold, Task

SETS = (
    *("pianist8", "midibert", "emopia", "vgmidi", "asap", "piano_midi_de", "acpas_meta"),
    *("sonata_form_labels", "difficulty"),
)


@pytest.fixture(scope="module")
def root(raw: Callable[[str], Path]) -> Path:
    folders = [raw(name) for name in SETS]  # skips where one is missing
    return folders[0].parent


@pytest.fixture(scope="module")
def tasks(root: Path) -> dict[tuple[str, str], Task]:
    return {(task.name, task.split): task for builder in BUILDERS for task in builder(root)}


def shared(task: Task, fold: Fold) -> tuple[int, int, int]:
    """Groups on train and valid, on train and test, on valid and test."""
    train, valid, test = ({task.examples[i].group for i in side} for side in (fold.train, fold.valid, fold.test))
    return len(train & valid), len(train & test), len(valid & test)


def test_the_tasks(tasks: dict[tuple[str, str], Task]) -> None:
    found = {name: (task.kind, len(task.examples), len(task.classes), len(task.folds)) for name, task in tasks.items()}
    assert found == {
        ("pianist", "MIDI-BERT"): ("classes", 411, 8, 1),
        ("pianist", "5 folds by song"): ("classes", 411, 8, 5),
        ("emotion", "MIDI-BERT"): ("classes", 1078, 4, 1),
        ("emotion", "EMOPIA_cls"): ("classes", 1051, 4, 1),
        ("game emotion", "5 folds by game series"): ("classes", 197, 4, 5),
        ("composer", "ACPAS by piece"): ("classes", 638, 8, 1),
        ("composer", "ACPAS by work"): ("classes", 453, 8, 1),
        ("period", "ACPAS by piece"): ("classes", 840, 4, 1),
        ("period", "ACPAS by work"): ("classes", 613, 4, 1),
        ("movement form", "5 folds by work"): ("classes", 243, 4, 5),
        ("piece type", "5 folds by work"): ("classes", 624, 6, 5),
        ("difficulty", "CIPI"): ("grades", 291, 7, 5),
        ("same piece", "ACPAS test pieces"): ("retrieval", 192, 50, 0),
        ("duplicates", "one of each, ACPAS test pieces"): ("duplicates", 107, 88, 0),
        ("duplicates", "transposed and stretched copies"): ("duplicates", 264, 88, 0),
    }


def test_every_example_is_a_file_with_a_known_label(tasks: dict[tuple[str, str], Task]) -> None:
    for task in tasks.values():
        assert all(example.path.is_file() for example in task.examples)
        assert {example.label for example in task.examples} == set(task.classes)
        assert len({(e.path, e.semitones, e.stretch) for e in task.examples}) == len(task.examples)
        assert all(example.path.name != "midi_score.mid" for example in task.examples)


def test_sides_hold_each_example_at_most_once_and_all_classes_can_be_learned(
    tasks: dict[tuple[str, str], Task],
) -> None:
    for task in tasks.values():
        for fold in task.folds:
            used = np.concatenate([fold.train, fold.valid, fold.test])
            assert len(np.unique(used)) == len(used)
            assert min(len(fold.train), len(fold.valid), len(fold.test)) > 0
            if task.kind == "classes":
                assert {task.examples[i].label for i in fold.train} == set(task.classes)
                assert {task.examples[i].label for i in fold.test} == set(task.classes)


def test_groups_are_on_one_side_but_for_the_published_splits_that_leak(tasks: dict[tuple[str, str], Task]) -> None:
    torn = {name: [shared(task, fold) for fold in task.folds] for name, task in tasks.items()}
    torn = {name: counts for name, counts in torn.items() if np.any(counts)}
    assert torn == {
        ("pianist", "MIDI-BERT"): [(0, 1, 0)],
        ("emotion", "MIDI-BERT"): [(68, 84, 23)],
        ("composer", "ACPAS by piece"): [(21, 27, 7)],
        ("period", "ACPAS by piece"): [(33, 34, 12)],
    }
    assert "1 of 37 test pieces" in tasks["pianist", "MIDI-BERT"].note
    assert "93 of 107 test clips" in tasks["emotion", "MIDI-BERT"].note
    assert "99 of 151 test files" in tasks["composer", "ACPAS by piece"].note


def test_cross_validation_tests_on_everything_once(tasks: dict[tuple[str, str], Task]) -> None:
    for (_, split), task in tasks.items():
        if split.startswith("5 folds"):
            tested = np.sort(np.concatenate([fold.test for fold in task.folds]))
            assert np.array_equal(tested, np.arange(len(task.examples)))


def test_published_sides_have_their_published_sizes(tasks: dict[tuple[str, str], Task]) -> None:
    def sizes(name: str, split: str) -> list[int]:
        (fold,) = tasks[name, split].folds
        return [len(fold.train), len(fold.valid), len(fold.test)]

    assert sizes("pianist", "MIDI-BERT") == [337, 37, 37]
    assert sizes("emotion", "MIDI-BERT") == [864, 107, 107]
    assert sizes("emotion", "EMOPIA_cls") == [767, 198, 86]


def test_pretraining_on_the_open_sets_has_heard_no_song_or_work_of_a_test_side(
    tasks: dict[tuple[str, str], Task], root: Path
) -> None:
    rows = [row for row in solo_piano(root) if row.split in ("train", "valid")]
    paths = {root / row.path for row in rows}
    songs = {(row.set, row.song) for row in rows}
    work = {path: piece.work for piece in pieces(root) for path in piece.sequences}
    works = {work[path] for path in paths & set(work)}
    assert len(works) > 50  # the join of both tables is not empty
    for published in [("emotion", "MIDI-BERT"), ("emotion", "EMOPIA_cls"), ("pianist", "MIDI-BERT")]:
        tested = [tasks[published].examples[i] for i in tasks[published].folds[0].test]
        assert not paths & {example.path for example in tested}
        assert not songs & {(example.path.relative_to(root).parts[0], example.group) for example in tested}
    for (name, _), task in tasks.items():
        if name in ("composer", "period", "same piece", "duplicates"):
            where = task.folds[0].test if task.folds else range(len(task.examples))
            tested = [task.examples[i] for i in where]
            assert not paths & {example.path for example in tested}
            assert not works & {example.group for example in tested}


def test_files_of_one_song_of_pianist8_are_one_group(tasks: dict[tuple[str, str], Task]) -> None:
    group = {f"{e.label}/{e.path.name}": e.group for e in tasks["pianist", "5 folds by song"].examples}
    assert len({group[file] for file, song in SAME_SONG["pianist8"].items() if song == "Hisaishi_medley"}) == 1
    assert group["Yiruma/Yiruma_Unknown_5.mid"] == group["Yiruma/Yiruma_Dream_a_Little_Dream_of_Me.mid"]
    assert group["Clayderman/Clayderman_L_for_love.mid"] == group["Clayderman/Clayderman_A_Comme_Amour.mid"]


def test_composers_are_those_with_enough_to_test_and_to_learn_from(root: Path) -> None:
    every = pieces(root)
    tested = Counter(piece.composer for piece in every if piece.side == "test")
    tested_works = {piece.work for piece in every if piece.side == "test"}
    free = {(piece.composer, piece.work) for piece in every if piece.work not in tested_works}
    works = Counter(composer for composer, _ in free)
    enough = {composer for composer in tested if tested[composer] >= 3 and works[composer] >= 2}
    assert enough - {"Christmas"} == set(COMPOSERS)


def test_a_piece_with_many_performances_counts_for_few(tasks: dict[tuple[str, str], Task], root: Path) -> None:
    used = {example.path for example in tasks["composer", "ACPAS by piece"].examples}
    counts = [len(used & set(piece.performances)) for piece in pieces(root) if piece.composer in COMPOSERS]
    assert max(counts) == MOST_PERFORMANCES
    assert sum(counts) > 350


def test_variants_of_a_piece_are_one_piece(root: Path) -> None:
    performances = {piece.name: len(piece.performances) for piece in pieces(root)}
    assert performances["Schumann Toccata"] == 6  # of which two with a repeat
    assert performances["Prokofiev Toccata"] == 8
    assert performances["Beethoven Piano_Sonatas_21-1"] == 27
    assert sum(performances.values()) == 1067


def test_the_two_versions_of_a_duplicate_have_the_same_pitch_classes(tasks: dict[tuple[str, str], Task]) -> None:
    versions: dict[str, list[Path]] = {}
    for example in tasks["duplicates", "one of each, ACPAS test pieces"].examples:
        versions.setdefault(example.label, []).append(example.path)
    pairs = [paths for paths in versions.values() if len(paths) > 1]
    assert len(pairs) == 19
    assert all(len(pair) == 2 for pair in pairs)
    assert min(_alike(*pair) for pair in pairs) > 0.95


def test_copies_are_transposed_and_stretched_within_bounds(tasks: dict[tuple[str, str], Task]) -> None:
    task = tasks["duplicates", "transposed and stretched copies"]
    assert Counter(example.label for example in task.examples) == dict.fromkeys(task.classes, 3)
    kinds = Counter((bool(example.semitones), example.stretch != 1) for example in task.examples)
    assert kinds == {(False, False): 88, (True, False): 88, (False, True): 88}
    assert {example.semitones for example in task.examples} == set(range(-5, 6))
    assert {example.stretch for example in task.examples} == {0.8, 0.85, 0.9, 1.0, 1.1, 1.15, 1.2, 1.25}


def test_files_joined_to_one_movement_have_the_same_pitch_classes(root: Path) -> None:
    """A wrong catalogue number or movement would join pieces in other keys."""
    files = movement_files(root)
    labels = movement_labels(root)
    assert len(labels.keys() & files.keys()) == 151
    several = {movement: paths for movement, paths in files.items() if len(paths) > 1}
    alike = {movement: min(_alike(paths[0], other) for other in paths[1:]) for movement, paths in several.items()}
    assert len(alike) > 60
    assert {movement: value for movement, value in alike.items() if value < 0.94} == {}
    assert labels["Mozart", 332, 2] == "sonata form"
    assert labels["Beethoven", 8, 3] == "rondo"  # two analysts say Rondo, one says Rondo-Sonata
    assert ("Haydn", 24, 2) not in labels  # one says Sonata, one says Scherzo


def _alike(a: Path, b: Path) -> float:
    """Correlation of the counts of the twelve pitch classes."""
    one, other = (np.bincount(read_midi(path).pitch % 12, minlength=12) for path in (a, b))
    return float(np.corrcoef(one, other)[0, 1])
