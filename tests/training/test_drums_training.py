"""Windows cut from songs, what is hidden of them, and a tiny run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_drums import tiny_song, tiny_system

from partimento.analysis.novelty import improvised_bars, novelty
from partimento.checkpoint import read_config, read_state
from partimento.corpus.datasets.drums import DrumPiece, DrumSet
from partimento.networks.drum_windows import FILL, NO_FILL, UNSAID
from partimento.systems.drummer import Changes, Hiding
from partimento.tokens.drum_columns import drum_columns
from partimento.tokens.drumgrid import dense
from partimento.training.distributed import World
from partimento.training.drum_cutting import Song, changed, cut, density_class, hidden_classes, starts_of, window_of
from partimento.training.drums import DrumBatches, pretrain_drummer, songs_of, validation_windows
from partimento.training.stopping import StopRequest

WORLD = World(0, 1, torch.device("cpu"))
ABOUT = {"name": "tiny", "preset": "small", "data": "made up", "licence": "CC0-1.0"}


def pieces(count: int = 3, bars: int = 20) -> DrumSet:
    made = [drum_columns(tiny_song(bars, seed=seed)) for seed in range(count)]
    about = [DrumPiece(f"multitrack/{k}.mid", "multitrack", feel="straight") for k in range(count)]
    return DrumSet(tuple(about), tuple(made))


@pytest.fixture(scope="module")
def song() -> Song:
    return songs_of(pieces(1))[0]


def test_labels_are_those_of_the_published_rule(song: Song) -> None:
    hits = pieces(1).hits(0)
    values = novelty(hits)
    assert np.array_equal(song.is_fill == -1, np.isnan(values))
    assert np.array_equal(song.is_fill == 1, improvised_bars(hits))
    assert song.is_fill[7] == 1
    assert (song.feel, song.played, song.touch) == (1, False, True)
    fills = replace(pieces(1), pieces=(DrumPiece("groove/1.mid", "groove", kind="fill"),))
    assert (songs_of(fills)[0].is_fill == 1).all()
    assert songs_of(fills)[0].played


@pytest.mark.parametrize(("start", "bars"), [(0, 20), (5, 8), (-3, 8), (15, 8)])
def test_a_cut_is_the_dense_grid_cut(song: Song, start: int, bars: int) -> None:
    whole, part = dense(song.columns), cut(song.columns, start, bars)
    for place in range(bars):
        bar = start + place
        if 0 <= bar < song.bars:
            for name in ("velocity", "shift", "others"):
                assert np.array_equal(getattr(part, name)[place], getattr(whole, name)[bar])
        else:
            assert not part.velocity[place].any()
            assert (part.others[place, ..., 0] == 1).all()
            assert not part.others[place, ..., 1:].any()


def test_windows_cover_a_song_about_once(song: Song) -> None:
    generator = np.random.default_rng(0)
    counts = np.zeros(song.bars)
    for _ in range(400):
        for start in starts_of(song, 8, generator):
            counts[max(0, start) : start + 8] += 1 / 400
    assert counts.mean() == pytest.approx(1.0, abs=0.15)
    assert counts.min() > 0.4


def test_a_window_without_a_generator_hides_everything_and_says_nothing(song: Song) -> None:
    window = window_of(song, 15, 8, None, None)
    assert window.inside[0].tolist() == [True] * 5 + [False] * 3
    assert torch.equal(window.known[0], ~window.inside[0][:, None].expand(8, 16))
    assert window.fill.sum() == window.density.sum() == 0
    assert window.phrase[0, :5].tolist() == [15, 16, 17, 18, 19]
    assert window.left[0].tolist() == [4, 3, 2, 1, 0, 0, 0, 0]
    assert window.is_fill[0, 5:].tolist() == [-1, -1, -1]


def test_what_is_said_is_true(song: Song) -> None:
    system = tiny_system()
    said = set()
    for seed in range(60):
        window = window_of(song, 4, 8, system, np.random.default_rng(seed))
        assert window.hidden[0].any()
        for fill, truth in zip(window.fill[0].tolist(), song.is_fill[4:12].tolist(), strict=True):
            said.add(fill)
            assert fill in {1: (UNSAID, FILL), 0: (UNSAID, NO_FILL), -1: (UNSAID,)}[truth]
        density, truth = window.density[0].numpy(), density_class(window.hits[0].sum((1, 2)).numpy())
        assert np.isin(density, (UNSAID, *truth)).all()
        assert (density == truth)[density != UNSAID].all()
    assert said == {UNSAID, FILL, NO_FILL}


def test_density_classes() -> None:
    assert density_class(np.array([0, 1, 5, 6, 23, 24, 99])).tolist() == [1, 2, 2, 3, 7, 8, 8]


@pytest.mark.parametrize("kind", ["whole", "rest", "runs", "single", "voices"])
def test_each_way_of_hiding(kind: str) -> None:
    shares = dict.fromkeys(("whole", "rest", "runs", "single", "voices"), 0.0) | {kind: 1.0}
    inside = np.array([False] + [True] * 9 + [False])
    generator = np.random.default_rng(0)
    for _ in range(20):
        hidden = hidden_classes(Hiding(**shares), inside, generator)
        bars = np.flatnonzero(hidden.any(1))
        assert len(bars)
        assert inside[bars].all()
        if kind == "whole":
            assert len(bars) == 9
        if kind == "rest":
            assert bars.tolist() == list(range(bars[0], 10))
        if kind != "voices":
            assert hidden[bars].all()
        else:
            assert (hidden[bars] == hidden[bars[0]]).all()


def test_shares_must_add_up() -> None:
    with pytest.raises(ValueError, match="add up to 1"):
        Hiding(whole=0.9)


def test_others_are_transposed_and_silenced_and_drums_are_not(song: Song) -> None:
    generator = np.random.default_rng(0)
    lines = song.columns.note_line.astype(int)
    moved = changed(song.columns, Changes(semitones=5, silenced=0.0, alone=0.0), generator).note_line.astype(int)
    assert len(set((moved - lines).tolist())) == 1
    families = changed(song.columns, Changes(silenced=1.0, alone=0.0), np.random.default_rng(3)).note_family
    assert len(families) < len(lines)
    alone = changed(song.columns, Changes(alone=1.0), generator)
    assert not len(alone.note_line)
    assert np.array_equal(alone.hit_step, song.columns.hit_step)


def test_a_restored_stream_goes_on_as_if_nothing_had_happened() -> None:
    songs, system = songs_of(pieces()), tiny_system()
    one, other = DrumBatches(songs, system), DrumBatches(songs, system)
    for _ in range(5):
        one.rows(4)
    other.restore(one.state())
    for _ in range(3):
        a, b = one.rows(3), other.rows(3)
        assert torch.equal(a.velocity, b.velocity)
        assert torch.equal(a.known, b.known)
        assert torch.equal(a.others, b.others)
    assert one.state()["epoch"] > 0


def test_no_songs_are_refused() -> None:
    empty = pieces(0)
    with pytest.raises(ValueError, match="to train on"):
        DrumBatches(songs_of(empty), tiny_system())
    with pytest.raises(ValueError, match="to validate on"):
        validation_windows([], 8, 4)


def test_a_stopped_run_goes_on_and_its_checkpoint_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    train, valid = pieces(2), pieces(1, 12)
    state = pretrain_drummer(tiny_system(4), train, valid, whole, WORLD, ABOUT)
    assert state.step == 4
    stop_after(monkeypatch, 2)
    assert pretrain_drummer(tiny_system(4), train, valid, halves, WORLD, ABOUT).step == 2
    monkeypatch.undo()
    assert pretrain_drummer(tiny_system(4), train, valid, halves, WORLD, ABOUT).step == 4
    first, second = (read_state(folder / "checkpoints" / "last") for folder in (whole, halves))
    assert all(torch.equal(first[name], second[name]) for name in first)
    config = read_config(whole / "checkpoints" / "best")
    assert (config["system"], config["network"]["bars"]) == ("drummer", 8)
    assert "bits a bar" in (whole / "checkpoints" / "best" / "README.md").read_text()


def stop_after(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """A run is asked to stop after so many steps."""
    steps = iter(range(1, 100))
    monkeypatch.setattr(StopRequest, "anywhere", lambda self, world: next(steps) >= step)
