"""Copied passages: against a search that compares everything with everything, and what must not hide a copy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.corpus.store import Corpus, Piece, write_corpus
from partimento.notes import Notes, from_ms
from partimento.search.copies import (
    CHORD_MS,
    CopyIndex,
    build_index,
    distinct_notes,
    longest_shared_run,
    open_index,
    run_order,
    shared_runs,
    suffix_order,
)
from partimento.tokens.performance import PerformanceTokenizer
from partimento.tokens.vocabulary import PIANO


def melody(pitches: list[int] | np.ndarray, each_ms: int = 200) -> Notes:
    """One note after the other."""
    count = len(pitches)
    return from_ms(np.arange(count) * each_ms, np.full(count, each_ms), np.asarray(pitches), np.full(count, 70))


def corpus_of(pieces: list[Notes], folder: Path, splits: list[str] | None = None) -> Corpus:
    splits = splits or ["train"] * len(pieces)
    rows = [
        Piece(f"{number:02}.mid", f"{number:064}", notes.seconds, {"split": split}, notes)
        for number, (notes, split) in enumerate(zip(pieces, splits, strict=True))
    ]
    return write_corpus(folder, rows)


def piano(seed: int, count: int = 300) -> Notes:
    """A piece of random chords and single notes, about five notes a second."""
    generator = np.random.default_rng(seed)
    beat = np.sort(generator.integers(0, count // 2, count)) * 250
    onset = beat + generator.integers(0, 12, count)
    return from_ms(onset, generator.integers(80, 900, count), generator.integers(36, 90, count), np.full(count, 64))


def slow_lengths(pitches: list[np.ndarray], wanted: np.ndarray) -> list[int]:
    """For each note, the most intervals from there on that any of the sequences has too."""
    wanted_steps = np.diff(wanted).tolist()
    best = [0] * len(wanted_steps)
    for steps in (np.diff(pitch).tolist() for pitch in pitches):
        for at in range(len(wanted_steps)):
            for there in range(len(steps)):
                size = 0
                while (
                    at + size < len(wanted_steps)
                    and there + size < len(steps)
                    and wanted_steps[at + size] == steps[there + size]
                ):
                    size += 1
                best[at] = max(best[at], size)
    return best


@given(
    st.lists(st.lists(st.integers(60, 63), max_size=40), min_size=1, max_size=4),
    st.lists(st.integers(70, 73), max_size=40),
)
@settings(deadline=None, max_examples=80)
def test_runs_equal_those_of_a_search_through_everything(pieces: list[list[int]], wanted: list[int]) -> None:
    index = index_of([melody(pitches) for pitches in pieces])
    found = shared_runs(melody(wanted), index)
    expected = slow_lengths([np.array(pitches) for pitches in pieces], np.array(wanted))
    begins = [
        (at, length + 1) for at, length in enumerate(expected) if length and not (at and expected[at - 1] == length + 1)
    ]
    assert [(round(run.at_s / 0.2), run.notes) for run in found] == begins
    for run in found:  # what it points at is there, in that transposition
        at, there = round(run.at_s / 0.2), round(run.path_at_s / 0.2)
        mine = wanted[at : at + run.notes]
        theirs = pieces[int(run.path)][there : there + run.notes]
        assert [pitch + run.transposed_by for pitch in theirs] == mine
        steps = np.diff(mine).tolist()
        figures = {tuple(steps[k : k + 4]) for k in range(len(steps) - 3)}
        assert run.distinct == (len(figures) + 4 if figures else run.notes)


def index_of(pieces: list[Notes]) -> CopyIndex:
    """The index of pieces whose paths are their numbers, without a folder."""

    class Pieces(list):
        def column(self, name: str) -> list[str]:
            assert name == "path"
            return [str(number) for number in range(len(self))]

    rows = Pieces(Piece(str(number), "", 0.0, {}, notes) for number, notes in enumerate(pieces))
    return build_index(rows)  # type: ignore[arg-type]


@given(st.lists(st.integers(0, 2), max_size=120), st.integers(1, 12))
@settings(deadline=None, max_examples=80)
def test_suffixes_are_sorted(column: list[int], times: int) -> None:
    whole = bytes(column) * times  # repeats of any length
    order = suffix_order(np.frombuffer(whole, dtype=np.uint8))
    assert order.tolist() == sorted(range(len(whole)), key=lambda at: whole[at:])


def test_a_copy_is_found_in_another_key_tempo_and_touch(tmp_path: Path) -> None:
    pieces = [piano(seed) for seed in range(5)]
    index = build_index(corpus_of(pieces, tmp_path / "corpus"))
    generator = np.random.default_rng(9)
    part = pieces[3].window(10.0, 25.0)
    copied = part.transpose(-4).stretch(1.15).louder(9)
    # in the middle of other music
    onset = np.concatenate([melody(generator.integers(40, 80, 30)).onset_ms, 8000 + copied.onset_ms])
    pitch = np.concatenate([generator.integers(40, 80, 30), copied.pitch])
    found = longest_shared_run(from_ms(onset, np.full(len(onset), 100), pitch, np.full(len(onset), 60)), index)
    assert found
    assert found.path == "03.mid"
    assert found.transposed_by == -4
    assert found.notes >= len(run_order(part)) - 2  # a random note before it may join in
    assert found.distinct == found.notes
    assert found.path_at_s == pytest.approx(part.onset_ms[0] / 1e3, abs=0.5)
    assert found.at_s == pytest.approx((8000 + copied.onset_ms[0]) / 1e3, abs=0.5)


def test_tokens_do_not_hide_a_copy(tmp_path: Path) -> None:
    pieces = [piano(seed) for seed in range(3)]
    index = build_index(corpus_of(pieces, tmp_path / "corpus"))
    tokenizer = PerformanceTokenizer(PIANO)
    again = tokenizer.decode(tokenizer.encode(pieces[1].transpose(2)))
    found = longest_shared_run(again, index)
    assert found
    assert (found.path, found.transposed_by) == ("01.mid", 2)
    assert found.notes > 100


def test_chords_have_no_order_but_pitch() -> None:
    chords = [[60, 64, 67], [59, 62, 67], [57, 60, 65], [55, 59, 62, 67]]

    def played(seed: int) -> Notes:
        generator = np.random.default_rng(seed)
        rows = [(beat * 500 + generator.integers(0, CHORD_MS), p) for beat, chord in enumerate(chords) for p in chord]
        onset, pitch = np.array(rows).T
        return from_ms(onset, np.full(len(rows), 400), pitch, generator.integers(30, 90, len(rows)))

    for seed in range(5):
        notes = played(seed)
        assert notes.pitch[run_order(notes)].tolist() == [pitch for chord in chords for pitch in chord]
    found = longest_shared_run(played(1), index_of([played(2)]))
    assert found
    assert found.notes == 13


def test_drums_are_no_notes_and_a_key_struck_twice_at_once_is_one() -> None:
    columns = [[0, 5, 300, 310, 600], [100] * 5, [60, 60, 62, 36, 64], [70] * 5, [0] * 5]
    onset, duration, pitch, velocity, program = map(np.array, columns)
    notes = from_ms(onset, duration, pitch, velocity, program, np.array([False, False, False, True, False]))
    assert notes.pitch[run_order(notes)].tolist() == [60, 62, 64]


def test_figures_that_return_count_once() -> None:
    def length(pitches: list[int]) -> int:
        return distinct_notes((np.diff(pitches) + 128).astype(np.uint8))

    assert length([60] * 50) == 5
    assert length([60, 62] * 25) == 6
    assert length([60, 67, 64, 67] * 12) == 8
    assert length(list(range(40, 90))) == 5
    assert length(np.random.default_rng(0).integers(40, 80, 50).tolist()) == 50
    assert [length(list(range(60, 60 + n))) for n in (1, 2, 4, 5)] == [1, 2, 4, 5]


def test_a_long_trill_gives_way_to_a_shorter_melody() -> None:
    tune = [60, 64, 62, 67, 65, 71, 69, 76, 74, 60, 59, 66]
    index = index_of([melody([50, 51] * 30), melody(tune)])
    query = melody([80, 81] * 25 + [40] + [pitch + 5 for pitch in tune])
    found = longest_shared_run(query, index)
    assert found
    assert (found.path, found.notes, found.distinct, found.transposed_by) == ("1", 12, 12, 5)
    assert max(run.notes for run in shared_runs(query, index)) == 50


def test_nothing_shared() -> None:
    index = index_of([melody([60, 62, 64])])
    assert longest_shared_run(melody([]), index) is None
    assert longest_shared_run(melody([60]), index) is None
    assert longest_shared_run(melody([60, 71, 50]), index) is None
    assert longest_shared_run(melody([60, 62]), index_of([melody([])])) is None


def test_the_folder_is_kept_until_the_pieces_change(tmp_path: Path) -> None:
    pieces = [piano(seed, 60) for seed in range(4)]
    corpus = corpus_of(pieces, tmp_path / "corpus", ["train", "train", "test", "train"])
    first = open_index(corpus)
    assert first.paths == ("00.mid", "01.mid", "03.mid")
    kept = tmp_path / "corpus" / "copies" / "train"
    made = (kept / "order.npy").stat().st_mtime_ns
    again = open_index(corpus)
    assert (kept / "order.npy").stat().st_mtime_ns == made
    assert longest_shared_run(pieces[1], again) == longest_shared_run(pieces[1], first)
    found = longest_shared_run(pieces[2], again)
    assert found
    assert found.path != "02.mid"

    assert open_index(corpus, None).paths == ("00.mid", "01.mid", "02.mid", "03.mid")
    less = corpus_of(pieces[:2], tmp_path / "less")
    assert open_index(less, folder=kept).paths == ("00.mid", "01.mid")  # another corpus in the same place
    assert [path.name for path in kept.parent.iterdir() if path.name.startswith(".")] == []
    with pytest.raises(ValueError, match="no piece labelled split=valid"):
        open_index(corpus, "valid")
