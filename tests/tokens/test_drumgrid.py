"""The drum grid: what lies where, what is refused, and back to notes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.midi import read_midi, to_bytes
from partimento.notes import Notes
from partimento.tokens.drum_kit import CLASSES, FAMILIES, FAMILY, GENERAL_MIDI, KIT, ROLAND_TD11
from partimento.tokens.drum_lines import SWING, TRIPLETS, grid_fit
from partimento.tokens.drumgrid import LINES, STEPS, DrumGrid, drum_notes, to_grid, with_drums

Row = tuple[int, int, int, int, int]  # onset, duration, pitch, velocity, program; -1 is a drum
BAR = 1920
STEP = 60
NAMES = [drum.name for drum in CLASSES]
DRUM = -1


def piece(*rows: Row, ticks_per_quarter: int = 480, metre: tuple[tuple[int, int, int], ...] = ((0, 4, 4),)) -> Notes:
    """Notes of rows, a track an instrument."""
    table = np.array(sorted(rows), dtype=np.int32).reshape(-1, 5)
    onset, duration, pitch, velocity, program = table.T
    _, track = np.unique(program, return_inverse=True)
    at, numerator, denominator = np.array(metre, dtype=np.int32).T
    return Notes(
        *(onset, duration, pitch, velocity, np.maximum(program, 0), program == DRUM, track.astype(np.int32)),
        track_names=("",) * max(1, len(np.unique(track))),
        ticks_per_quarter=ticks_per_quarter,
        metre_tick=at,
        metre_numerator=numerator,
        metre_denominator=denominator,
    )


def cell(grid: DrumGrid, bar: int, step: int, name: str) -> tuple[int, float]:
    drum = NAMES.index(name)
    return int(grid.velocity[bar, step, drum]), float(grid.shift[bar, step, drum])


def drummed(velocity: np.ndarray, shift: np.ndarray) -> Notes:
    """A piece of piano chords on the bar lines and the drums of a grid."""
    bars = len(velocity)
    song = piece(*((bar * BAR, 480, 60, 80, 0) for bar in range(bars)), ((bars - 1) * BAR + 960, 60, 60, 80, 0))
    grid = to_grid(song)
    return with_drums(song, DrumGrid(velocity, shift, grid.others, grid.bar_ticks))


def test_a_hit_has_its_cell_its_velocity_and_its_distance_from_the_step() -> None:
    grid = to_grid(piece((0, 10, 36, 100, DRUM), (480 + 15, 10, 38, 70, DRUM), (BAR - 12, 10, 49, 90, DRUM)))
    assert len(grid) == 2
    assert cell(grid, 0, 0, "kick") == (100, 0.0)
    assert cell(grid, 0, 8, "snare") == (70, 0.25)
    assert cell(grid, 1, 0, "crash") == (90, pytest.approx(-0.2))  # a little early, still the next bar's
    assert int(grid.hits.sum()) == 3
    assert grid.bar_ticks.tolist() == [0, BAR, 2 * BAR]


def test_sounds_of_one_drum_are_one_class_and_others_are_left_out() -> None:
    both = [(0, 10, pitch, 64, DRUM) for pitch in (35, 36, 38, 40, 51, 59, 49, 57, 45, 47)]
    others = [(0, 10, pitch, 64, DRUM) for pitch in (37, 39, 52, 53, 60, 75, 81)]
    grid = to_grid(piece(*both, *others))
    assert [NAMES[drum] for drum in np.flatnonzero(grid.hits[0, 0])] == ["kick", "snare", "ride", "crash", "low tom"]
    assert sorted(pitch for drum in CLASSES for pitch in drum.pitches) == np.flatnonzero(GENERAL_MIDI >= 0).tolist()
    assert [int(GENERAL_MIDI[pitch]) for pitch in KIT] == list(range(16))
    assert to_grid(piece((0, 10, 22, 64, DRUM)), ROLAND_TD11).hits[0, 0, NAMES.index("closed hi-hat")]


def test_the_loudest_of_one_cell_counts() -> None:
    grid = to_grid(piece((0, 10, 38, 50, DRUM), (6, 10, 40, 90, DRUM), (12, 10, 38, 70, DRUM)))
    assert cell(grid, 0, 0, "snare") == (90, pytest.approx(0.1))
    chord = to_grid(piece((0, 120, 60, 90, 0), (60, 240, 60, 40, 0))).others[0, :, 0, 60 - 20]
    assert chord[:6].tolist() == [90, 90, 40, 40, 40, 0]


def test_the_others_are_held_as_long_as_they_sound() -> None:
    song = piece((0, 240, 60, 80, 4), (120, 0, 40, 60, 33), (0, 60, 84, 80, 0), (0, 60, 20, 80, 0), (0, 60, 64, 80, 56))
    others = to_grid(song).others[0]
    piano, _, bass, strings = range(len(FAMILIES))
    assert others.shape == (STEPS, len(FAMILIES), LINES)
    assert others[:6, piano, 60 - 20].tolist() == [80, 80, 80, 80, 0, 0]
    assert others[:4, bass, 40 - 20].tolist() == [0, 0, 60, 0]  # of no length, still heard
    assert others[:6, piano, 0].tolist() == [0, 0, 0, 0, 1, 1]  # the silent flag
    assert others[:4, bass, 0].tolist() == [1, 1, 0, 1]
    assert others[:, strings, 0].all()
    assert np.count_nonzero(others[..., 1:]) == 5  # nothing beyond pitches 21-83 or of other families
    families = {
        0: "piano",
        7: "piano",
        24: "guitar",
        31: "guitar",
        32: "bass",
        39: "bass",
        40: "strings",
        51: "strings",
    }
    assert {program: FAMILIES[FAMILY[program]] for program in families} == families
    assert set(FAMILY[[8, 23, 52, 127]].tolist()) == {-1}


def test_the_dense_grid_equals_a_plain_loop() -> None:
    random = np.random.default_rng(0)
    rows = [
        (
            int(onset) * 15,
            int(random.integers(0, 900)),
            int(random.integers(18, 90)),
            int(random.integers(1, 128)),
            int(p),
        )
        for onset, p in zip(random.integers(0, 400, 300), random.choice([DRUM, 0, 25, 33, 48, 60], 300), strict=True)
    ]
    song = piece(*rows)
    grid = to_grid(song, least_strength=0)
    velocity, others = np.zeros_like(grid.velocity), np.zeros_like(grid.others)
    steps = others.reshape(-1, len(FAMILIES), LINES)
    for onset, duration, pitch, loudness, program in rows:
        first = int(np.floor(onset / STEP + 0.5))
        if program == DRUM:
            if (drum := GENERAL_MIDI[pitch]) >= 0:
                found = velocity.reshape(-1, 16)
                found[first, drum] = max(found[first, drum], loudness)
        elif FAMILY[program] >= 0 and 21 <= pitch <= 83:
            for step in range(first, max(first + 1, int(np.floor((onset + duration) / STEP + 0.5)))):
                if step < len(steps):
                    held = steps[step, FAMILY[program]]
                    held[pitch - 20] = max(held[pitch - 20], loudness)
    steps[..., 0] = ~steps[..., 1:].any(-1)
    assert (grid.velocity == velocity).all()
    assert (grid.others == others).all()


@settings(max_examples=40, deadline=None)
@given(
    bars=st.integers(1, 3),
    ticks=st.sampled_from([8, 24, 100, 480, 960]),
    density=st.floats(0, 0.3),
    edge=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_grid_to_notes_and_back_is_idempotent(bars: int, ticks: int, density: float, edge: bool, seed: int) -> None:
    random = np.random.default_rng(seed)
    velocity = random.integers(1, 128, (bars * STEPS, 16)).astype(np.uint8)
    velocity[random.random(velocity.shape) >= density] = 0
    shift = random.uniform(-0.5, 0.5, velocity.shape).astype(np.float32)
    shift = np.where(shift > 0, np.float32(0.4999999), np.float32(-0.5)) if edge else shift
    shift[0] = np.maximum(shift[0], 0)  # nothing comes before the file
    shift[velocity == 0] = 0
    song = piece(*((bar * 4 * ticks, ticks, 60, 80, 0) for bar in range(bars)), ticks_per_quarter=ticks)
    empty = to_grid(song)
    drawn = DrumGrid(velocity.reshape(bars, STEPS, 16), shift.reshape(bars, STEPS, 16), empty.others, empty.bar_ticks)
    once = with_drums(song, drawn)
    read = to_grid(once, least_strength=0)
    assert (read.velocity == drawn.velocity).all()
    width = ticks / 8
    assert np.abs(read.shift - drawn.shift).max() <= 1 / width + 1e-6  # to the tick, and inside its cell
    twice = with_drums(once, read, replace=True)
    again = to_grid(twice, least_strength=0)
    assert (again.velocity == read.velocity).all()
    assert (again.shift == read.shift).all()
    assert (again.others == empty.others).all()


def test_drums_survive_a_midi_file() -> None:
    random = np.random.default_rng(1)
    velocity = np.where(random.random((4, STEPS, 16)) < 0.2, random.integers(1, 128, (4, STEPS, 16)), 0).astype(
        np.uint8
    )
    shift = np.where(velocity > 0, random.uniform(-0.49, 0.49, velocity.shape), 0).astype(np.float32)
    shift[0, 0] = np.abs(shift[0, 0])
    song = drummed(velocity, shift)
    read = to_grid(read_midi(to_bytes(song)), least_strength=0)
    assert (read.velocity == velocity).all()
    assert np.abs(read.shift - shift).max() <= 0.5 / STEP + 1e-6
    drums = song.select(song.is_drum)
    assert song.track_names[drums.track[0]] == "Drums"
    for pitch in KIT:  # no note of a drum runs into its next one
        mine = drums.select(drums.pitch == pitch)
        assert (mine.onset[1:] >= (mine.onset + mine.duration)[:-1]).all()


def test_drums_give_way_only_where_they_are_told_to() -> None:
    song = piece(
        *((bar * BAR, 60, 36, 100, DRUM) for bar in range(3)), (0, BAR, 60, 80, 0), (BAR + 7, 50, 64, 90, DRUM)
    )
    grid = to_grid(song)
    with pytest.raises(ValueError, match="the piece has 4 drum notes already"):
        with_drums(song, grid)
    snares = np.zeros_like(grid.velocity)
    snares[:, 8, NAMES.index("snare")] = 77
    drawn = replace(grid, velocity=snares, shift=np.zeros_like(grid.shift))
    whole = to_grid(with_drums(song, drawn, replace=True))
    assert (whole.velocity == snares).all()
    mixed = with_drums(song, drawn, replace=np.array([False, False, True]))
    drums = mixed.select(mixed.is_drum)
    # what the classes have no name for stays too, in a bar that stays
    assert list(zip(drums.onset.tolist(), drums.pitch.tolist(), strict=True)) == [
        *((0, 36), (BAR, 36), (BAR + 7, 64), (2 * BAR + 480, 38))
    ]


def test_a_kit_of_ones_own() -> None:
    velocity = np.zeros((1, STEPS, 16), dtype=np.uint8)
    velocity[0, 0, :3] = (90, 100, 110)
    kit = (20, 20, *KIT[2:])
    notes = drum_notes(velocity, np.zeros(velocity.shape), np.array([0, BAR]), 480, kit)
    assert (notes.pitch.tolist(), notes.velocity.tolist()) == ([20, 42], [100, 110])  # one pitch, one note
    with pytest.raises(ValueError, match="a pitch from 0 to 127 for each of the 16 classes"):
        drum_notes(velocity, np.zeros(velocity.shape), np.array([0, BAR]), 480, KIT[:3])
    with pytest.raises(ValueError, match="1 bar lines for 1 bars"):
        drum_notes(velocity, np.zeros(velocity.shape), np.array([0]), 480)


def test_other_metres_are_refused_by_name_and_place() -> None:
    rows = [(tick, 60, 36, 90, DRUM) for tick in range(0, 4 * BAR, 480)]
    with pytest.raises(ValueError, match=r"the metre is 3/4 from 0:00 on \(tick 0\); the drum grid takes 4/4 alone"):
        to_grid(piece(*rows, metre=((0, 3, 4),)))
    with pytest.raises(ValueError, match=r"the metre is 2/4 from 0:04 on \(tick 3840\)"):
        to_grid(piece(*rows, metre=((0, 4, 4), (2 * BAR, 2, 4))))
    assert len(to_grid(piece(*rows, metre=((0, 2, 2),)))) == 4
    assert len(to_grid(piece(*rows, metre=((0, 4, 4), (9 * BAR, 3, 4))))) == 4  # after the end
    late = [(tick + 480, *rest) for tick, *rest in rows]
    counted_in = to_grid(piece(*late, metre=((0, 1, 4), (480, 4, 4))))
    assert counted_in.bar_ticks.tolist() == [480 + bar * BAR for bar in range(5)]
    assert (counted_in.velocity == to_grid(piece(*rows)).velocity).all()


def test_what_cannot_be_laid_on_a_grid_is_refused_with_the_reason() -> None:
    random = np.random.default_rng(0)
    loose = [(int(tick), 60, 60, 90, 0) for tick in random.integers(0, 40 * BAR, 400)]
    with pytest.raises(ValueError, match=r"do not lie on the file's own beats .* strength 0\.\d\d; at least 0\.25"):
        to_grid(piece(*loose))
    assert len(to_grid(piece(*loose), least_strength=0)) in (39, 40, 41)
    steady = [(tick, 60, 36, 90, DRUM) for tick in range(0, 40 * BAR, 240)]
    assert to_grid(piece(*loose, *steady)).hits.any()  # the drums keep time
    with pytest.raises(ValueError, match="4 ticks a quarter note; the grid needs at least 8"):
        to_grid(piece((0, 4, 60, 90, 0), ticks_per_quarter=4))
    nothing = piece((0, 4, 60, 90, 0)).select(np.zeros(0, dtype=int))
    with pytest.raises(ValueError, match="no notes"):
        to_grid(nothing)


@pytest.mark.parametrize(
    ("parts", "feel"),
    [
        ((0, 240), "straight"),
        ((0, 120, 240, 360), "straight"),
        ((0, 320), SWING),
        ((0, 160, 320), TRIPLETS),
        ((0, 160, 240, 400), "swung sixteenths"),
        ((0, 60, 240, 300), "straight"),
    ],
)
def test_the_feel_is_noticed(parts: tuple[int, ...], feel: str) -> None:
    fit = grid_fit(piece(*((beat * 480 + part, 30, 42, 80, DRUM) for beat in range(32) for part in parts)))
    assert fit.feel == feel
    off = np.abs(np.array(parts) / STEP - np.rint(np.array(parts) / STEP))
    assert fit.deviation == pytest.approx(off.mean())
    assert fit.strength > 0.3


def test_triplets_keep_their_place_in_the_shift() -> None:
    song = piece(*((beat * 480 + part, 30, 42, 80, DRUM) for beat in range(8) for part in (0, 160, 320)))
    grid = to_grid(song)
    hats = grid.shift[..., NAMES.index("closed hi-hat")][grid.hits[..., NAMES.index("closed hi-hat")]]
    assert hats[:3].tolist() == pytest.approx([0, -1 / 3, 1 / 3])
    again = with_drums(song, grid, replace=True)
    assert again.onset.tolist() == song.onset.tolist()


def test_the_deviation_is_that_of_the_index_of_multitrack(raw: Callable[[str], Path]) -> None:
    folder = raw("multitrack")
    known = {"freedoom/d_map09.mid": 0.0, "freedoom/d_e2m1.mid": 0.001, "freedoom/d_dm30.mid": 0.151}
    for path, deviation in known.items():
        assert grid_fit(read_midi(folder / path)).deviation == pytest.approx(deviation, abs=6e-4)
