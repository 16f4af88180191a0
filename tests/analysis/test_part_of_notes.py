"""A piece taken apart: no note is lost or changed, whatever track it goes to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_notes_models import Row, band, notes_of_rows, played, tiny_encoder, tiny_labeller
from tiny_words import song

from partimento.analysis.parts import DRUMS, PARTS, in_tracks, part_of_notes
from partimento.hub import BUNDLED
from partimento.midi import MidiError, read_midi, to_bytes
from partimento.notes import Notes, pedal_intervals
from partimento.notes_model import NotesModel, load_notes

NOTHING = band().select(np.zeros(len(band()), bool))


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> NotesModel:
    """A labeller at random weights."""
    return load_notes(tiny_labeller(tmp_path_factory.mktemp("models") / "parts"), "cpu")


def random_parts(notes: Notes, seed: int) -> np.ndarray:
    """A part for each note, drums theirs."""
    return np.where(notes.is_drum, 3, np.random.default_rng(seed).integers(0, 3, len(notes)))


def random_piece(seed: int) -> Notes:
    """A file's notes: few pitches on several tracks, so that many sound on."""
    generator = np.random.default_rng(seed)
    rows: list[Row] = []
    for track in range(4):
        for _ in range(40):
            onset, duration = int(generator.integers(0, 4000)), int(generator.integers(1, 900))
            pitch, program = int(generator.integers(58, 64)), (0, 0, 25, 0)[track]
            rows.append((onset, duration, pitch, int(generator.integers(1, 128)), program, int(track == 3), track))
    return read_midi(to_bytes(notes_of_rows(rows, ("a", "b", "c", "d"))))


def test_no_note_is_changed() -> None:
    notes = band()
    part = random_parts(notes, 0)
    split = in_tracks(notes, part)
    for name in ("onset", "duration", "pitch", "velocity", "program", "is_drum", "tempo_tick", "tempo_us"):
        np.testing.assert_array_equal(getattr(split, name), getattr(notes, name))
    assert split.ticks_per_quarter == notes.ticks_per_quarter
    names = np.array(split.track_names)[split.track]
    assert names.tolist() == [(*PARTS, DRUMS)[number] for number in part]
    kinds = np.stack([split.track, split.program, split.is_drum], axis=1)
    assert len(np.unique(kinds, axis=0)) == len(split.track_names)  # a track is one instrument


@pytest.mark.parametrize("seed", range(12))
def test_a_file_keeps_every_note_as_it_was(seed: int) -> None:
    notes = random_piece(seed) if seed else read_midi(to_bytes(band()))
    part = random_parts(notes, seed)
    back = read_midi(to_bytes(in_tracks(notes, part)))
    assert played(back) == played(notes)
    for number, name in enumerate(PARTS):
        of_part = [track for track, found in enumerate(back.track_names) if found == name]
        assert played(back.select(np.isin(back.track, of_part))) == played(notes.select(part == number))


def test_what_one_track_cannot_keep_gets_another() -> None:
    rows = [(0, 100, 60, 64, 0, 0, 0), (50, 10, 60, 65, 0, 0, 1), (120, 10, 60, 66, 0, 0, 0), (0, 90, 62, 64, 0, 0, 1)]
    split = in_tracks(notes_of_rows(rows, ("", "")), np.zeros(4, np.int64))
    assert split.track_names == ("melody", "melody")
    assert split.track[split.velocity == 65].tolist() == [1]
    assert (split.track[split.velocity != 65] == 0).all()
    together = in_tracks(notes_of_rows([row for row in rows if row[3] != 65], ("", "")), np.zeros(3, np.int64))
    assert together.track_names == ("melody",)


def test_tracks_are_in_the_order_of_the_parts() -> None:
    notes = band()
    part = np.where(notes.is_drum, 3, np.where(notes.program == 48, 0, 2))
    assert in_tracks(notes, part).track_names == ("melody", "accompaniment", "accompaniment", "drums")
    assert in_tracks(notes, part, names=("a", "b", "c", "d")).track_names == ("a", "c", "c", "d")
    mine = part == 2
    alone = in_tracks(notes.select(mine), part[mine])
    assert set(alone.track_names) == {"accompaniment"}
    assert played(alone) == played(notes.select(mine))
    nothing = in_tracks(NOTHING, np.zeros(0, np.int64))
    assert (len(nothing), nothing.track_names, len(nothing.pedal_tick)) == (0, (), 0)


def test_pedal_follows_the_notes() -> None:
    notes = band()  # its two hands have a pedal each, the left one 7 ticks later
    hand = np.where(notes.is_drum, 3, np.where(notes.program == 48, 2, notes.track))
    apart = in_tracks(notes, hand)
    assert apart.track_names == ("melody", "bridge", "accompaniment", "drums")
    for track in (0, 1):
        np.testing.assert_array_equal(pedal_intervals(apart, track), pedal_intervals(notes, track))
    assert not np.isin(apart.pedal_track, (2, 3)).any()
    both = in_tracks(notes, np.where(notes.is_drum, 3, 0))
    for track in range(len(both.track_names)):
        tick = both.pedal_tick[both.pedal_track == track]
        assert (np.diff(tick) >= 0).all()
        if both.program[both.track == track][0] == 0 and not both.is_drum[both.track == track][0]:
            assert set(tick.tolist()) & {100, 107}
    assert sorted(both.pedal_tick[both.pedal_track == 0].tolist()) == sorted(notes.pedal_tick.tolist())
    back = read_midi(to_bytes(apart))
    lead = back.track_names.index("melody")
    np.testing.assert_array_equal(pedal_intervals(back, lead), pedal_intervals(notes, 0))


def test_what_two_tracks_say_of_one_pedal_is_said_once() -> None:
    notes = band()
    same = replace(notes, pedal_tick=np.where(notes.pedal_track == 1, notes.pedal_tick - 7, notes.pedal_tick))
    both = in_tracks(same, np.where(notes.is_drum, 3, 0))
    once = same.pedal_track == 0
    np.testing.assert_array_equal(both.pedal_tick[both.pedal_track == 0], same.pedal_tick[once])
    np.testing.assert_array_equal(both.pedal_value[both.pedal_track == 0], same.pedal_value[once])


def test_programs_that_a_file_leaves_at_its_end_do_not_stay() -> None:
    notes = replace(band(), last_program=(0, 0, 50, 0))
    assert in_tracks(notes, random_parts(notes, 1)).last_program == ()


def test_the_labels_decide(model: NotesModel) -> None:
    notes = band()
    part = part_of_notes(model, notes)
    assert part.shape == (len(notes),)
    assert (part[notes.is_drum] == len(PARTS)).all()
    pitched = ~notes.is_drum
    on_piano = replace(notes, program=np.zeros_like(notes.program)).select(pitched)
    np.testing.assert_array_equal(part[pitched], model.label_notes(on_piano).argmax(1))
    assert len(set(part[pitched].tolist())) > 1
    np.testing.assert_array_equal(part_of_notes(model, replace(notes, program=notes.program + 20)), part)
    without = part_of_notes(model, notes.select(pitched))  # drums change nothing
    np.testing.assert_array_equal(without, part[pitched])
    assert part_of_notes(model, notes.select(np.array([0]))).shape == (1,)


def test_where_there_is_no_melody(model: NotesModel) -> None:
    with pytest.raises(MidiError, match=r"^it has no notes$"):
        part_of_notes(model, NOTHING)
    with pytest.raises(MidiError, match="all its notes are drums; there is no melody to find"):
        part_of_notes(model, band().select(band().is_drum))


def test_models_of_other_labels_are_refused(tmp_path: Path) -> None:
    others = [
        tiny_encoder(tmp_path / "encoder"),
        tiny_labeller(tmp_path / "vocal", classes=("vocal", "bridge", "accompaniment")),
        tiny_labeller(tmp_path / "nameless", headed=False),
    ]
    for folder in others:
        with pytest.raises(ValueError, match=f"{folder.name} does not tell melody, bridge, .*understanding-small-mel"):
            part_of_notes(load_notes(folder, "cpu"), band())


def test_the_bundled_model_finds_a_plain_tune() -> None:
    if not (BUNDLED / "understanding-small-melody").is_dir():
        pytest.skip("understanding-small-melody is not bundled here")
    model = load_notes("understanding-small-melody", "cpu")
    pieces = [song(number, bars=16) for number in range(6)]  # a tune over chords
    # which of melody and bridge a lone line of eighths is, is anybody's guess; the chords are accompaniment
    right = [(part_of_notes(model, piece) != PARTS.index("accompaniment")) == (piece.track == 0) for piece in pieces]
    assert np.concatenate(right).mean() > 0.9
