"""Drums drawn for a song: what is kept stays, what is wished is obeyed, the draws have the chances of the network."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_drums import SIZES, tiny_checkpoint, tiny_song

from partimento.analysis.novelty import bar_distance
from partimento.drum_model import DrumModel, load_drummer
from partimento.generate import drum_drawer
from partimento.generate.drum_cells import CellWeights, Rules, draw_patch
from partimento.generate.drum_fill import drums_for, fill, likeliest_fills, stream, wanted_of
from partimento.generate.drum_options import DrumOptions, drum_classes
from partimento.generate.playable import violations
from partimento.networks.drum_windows import FILL, NO_FILL, UNSAID
from partimento.tokens.drumgrid import DrumGrid, to_grid

BARS = 11


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> DrumModel:
    return load_drummer(tiny_checkpoint(tmp_path_factory.mktemp("drummer") / "tiny"), "cpu")


@pytest.fixture(scope="module")
def grid() -> DrumGrid:
    return to_grid(tiny_song(BARS))


def test_the_likeliest_part_is_the_networks_own(model: DrumModel, grid: DrumGrid) -> None:
    options = DrumOptions(temperature=0, limbs=False, humanize=0, fills="none")
    made = fill(model, grid, options)[0]
    chances = model.cell_probabilities(made, wanted_of(model, grid, options)).astype(np.float64)
    assert 0 < made.hits.mean() < 1
    for cells, hits in zip(chances.reshape(-1, 16), made.hits.reshape(-1, 16), strict=True):
        first = 0  # from one hit to the next the chances are those of the same state
        while first < 16:
            rest = np.cumprod(np.append(1.0, 1 - cells[first:]))
            after = first + int(hits[first:].argmax()) if hits[first:].any() else 16
            assert rest[-1] < 0.5 + 1e-4 or after == 16 or abs(rest[-1] - 0.5) < 1e-4
            if after == 16:  # cells after the last hit were all seen at rest
                assert rest[-1] > 0.5 - 1e-4
                break
            chance_of_it = rest[after - first] * cells[after]
            assert chance_of_it >= (rest[: after - first + 1] * cells[first : after + 1]).max() - 1e-6
            first = after + 1


def test_every_way_to_play_a_step_is_as_frequent_as_it_is_likely() -> None:
    random = np.random.default_rng(0)
    weights = CellWeights(
        np.zeros((1, 5, 1, 16)), random.normal(size=(16, 5)), random.normal(size=(16, 5)), np.full(16, -0.5)
    )
    before, straight = random.normal(size=(1, 5)), random.normal(size=(1, 16))
    known = np.ones(16, dtype=bool)
    known[[2, 5, 9]] = False
    given = np.zeros((1, 16), dtype=bool)
    given[0, 7] = True  # what is known is played, and changes the chances of what comes after
    expected = {}
    for ways in range(8):
        hits, state, chance = given[0].copy(), before[0], 1.0
        hits[[2, 5, 9]] = [ways & 1, ways & 2, ways & 4]
        for drum in range(16):
            logit = weights.out[drum] @ (state / (1 + np.exp(-state))) + weights.bias[drum] + straight[0, drum]
            hit = 1 / (1 + np.exp(-logit))
            if not known[drum]:
                chance *= hit if hits[drum] else 1 - hit
            state = state + weights.within[drum] if hits[drum] else state
        expected[hits.tobytes()] = chance
    assert sum(expected.values()) == pytest.approx(1.0)
    rules, count = Rules(1.0, np.ones(16, dtype=bool), False), dict.fromkeys(expected, 0)
    for _ in range(4000):
        count[draw_patch(weights, before.copy(), straight, given, known, rules, random)[0].tobytes()] += 1
    for way, chance in expected.items():
        assert count[way] / 4000 == pytest.approx(chance, abs=4 * (chance * (1 - chance) / 4000) ** 0.5 + 1e-9)


def test_cold_steps_that_may_be_hit_in_many_ways_are_not_silent() -> None:
    weights = CellWeights(np.zeros((1, 1, 1, 16)), np.zeros((16, 1)), np.zeros((16, 1)), np.full(16, -2.0))
    rules = Rules(0.0, np.ones(16, dtype=bool), False)
    free, nothing = np.zeros(16, dtype=bool), np.zeros((1, 16), dtype=bool)
    straight = np.zeros((1, 16))
    straight[0, 6] = 1.5
    hits = draw_patch(weights, np.zeros((1, 1)), straight, nothing, free, rules, np.random.default_rng(0))
    assert hits[0].nonzero()[0].tolist()[0] == 6  # each less likely than not, but not all together


def test_drawn_hits_are_as_frequent_as_they_are_likely(model: DrumModel) -> None:
    grid = to_grid(tiny_song(1))
    takes = fill(model, grid, DrumOptions(temperature=1, limbs=False, seed=1, variations=24, fills="none"))
    wanted = wanted_of(model, grid, DrumOptions(fills="none"))
    hits = np.array([take.hits.sum() for take in takes])
    chances = np.array([model.cell_probabilities(take, wanted).sum() for take in takes])
    # a hit and its chance differ by a martingale: the sums agree on average
    deviation = (hits - chances).std() / len(takes) ** 0.5
    assert abs((hits - chances).mean()) < 3.5 * deviation


def test_the_seed_decides_and_variations_do_not_hang_on_their_number(model: DrumModel, grid: DrumGrid) -> None:
    two = fill(model, grid, DrumOptions(seed=3, variations=2))
    one = fill(model, grid, DrumOptions(seed=3))[0]
    assert np.array_equal(one.velocity, two[0].velocity)
    assert not np.array_equal(two[0].hits, two[1].hits)
    assert not np.array_equal(one.hits, fill(model, grid, DrumOptions(seed=4))[0].hits)


def test_the_drums_that_were_there_do_not_matter(model: DrumModel, grid: DrumGrid) -> None:
    silent = replace(grid, velocity=np.zeros_like(grid.velocity), shift=np.zeros_like(grid.shift))
    one, other = (fill(model, g, DrumOptions(seed=3))[0] for g in (grid, silent))
    assert np.array_equal(one.velocity, other.velocity)


def test_kept_bars_and_voices_stay_and_are_heard(model: DrumModel, grid: DrumGrid) -> None:
    options = DrumOptions(seed=1, keep_bars="3-4,11", keep=("kick",), limbs=False)
    made = fill(model, grid, options)[0]
    assert np.array_equal(made.velocity[[2, 3, 10]], grid.velocity[[2, 3, 10]])
    kick = drum_classes(("kick",))
    assert np.array_equal(made.velocity[..., kick], grid.velocity[..., kick])
    assert np.array_equal(made.shift[..., kick], grid.shift[..., kick])
    assert not np.array_equal(made.hits, grid.hits)
    free = fill(model, grid, DrumOptions(seed=1, limbs=False))[0]
    assert not np.array_equal(made.hits[0][:, ~kick], free.hits[0][:, ~kick])


def test_the_kit_and_the_limbs(model: DrumModel, grid: DrumGrid) -> None:
    made = fill(model, grid, DrumOptions(seed=1, kit=("kick", "hats"), temperature=3))[0]
    assert made.hits.any()
    assert not made.hits[..., ~drum_classes(("kick", "hats"))].any()
    wild = DrumOptions(seed=1, temperature=5)
    assert not violations(fill(model, grid, wild)[0].hits).any()
    assert violations(fill(model, grid, replace(wild, limbs=False))[0].hits).any()


def test_bars_come_one_by_one(model: DrumModel, grid: DrumGrid) -> None:
    options = DrumOptions(seed=5, keep_bars="2")
    bars = stream(model, grid, options)
    first = next(bars)
    rest = list(bars)
    assert [first.bar, *(bar.bar for bar in rest)] == [0, *range(2, BARS)]
    whole = fill(model, grid, options)[0]
    assert np.array_equal(first.velocity[0], whole.velocity[0])
    assert np.array_equal(rest[-1].shift[0], whole.shift[-1])


def test_humanize_scales_velocity_and_timing(model: DrumModel, grid: DrumGrid) -> None:
    options = DrumOptions(seed=1, temperature=0)
    spread = []
    for humanize in (0.0, 0.5, 1.0):
        made = fill(model, grid, replace(options, humanize=humanize))[0]
        spread.append((np.std(made.velocity[made.hits].astype(float)), np.std(made.shift[made.hits])))
    assert spread[0][0] < spread[1][0] < spread[2][0]
    assert spread[0][1] < spread[2][1]


def test_without_touch_there_is_one_velocity(tmp_path_factory: pytest.TempPathFactory, grid: DrumGrid) -> None:
    folder = tiny_checkpoint(tmp_path_factory.mktemp("plain") / "tiny", replace(SIZES, touch=False))
    made = fill(load_drummer(folder, "cpu"), grid, DrumOptions(seed=1))[0]
    assert set(made.velocity[made.hits].tolist()) == {96}
    assert not made.shift.any()


def test_where_fills_are_wished(model: DrumModel, grid: DrumGrid) -> None:
    def plan(fills: str) -> list[int]:
        return wanted_of(model, grid, DrumOptions(fills=fills)).fill.tolist()

    assert plan("none") == [NO_FILL] * BARS
    assert [bar for bar, wish in enumerate(plan("every 4")) if wish == FILL] == [3, 7]
    assert [bar for bar, wish in enumerate(plan("bars 2,11")) if wish == FILL] == [1, 10]
    assert set(plan("auto")) <= {UNSAID, FILL}
    assert plan("auto")[:3] == [UNSAID] * 3
    with pytest.raises(ValueError, match="bar 12 is beyond the end"):
        plan("bars 12")
    assert likeliest_fills(np.array([0.1, 0.9, 0.8, 0.1, 0.7, 0.2])) == [1, 4]
    kept = wanted_of(model, grid, DrumOptions(density=1.0, fills="bars 3"))
    assert kept.density.tolist() == [8, 8, UNSAID] + [8] * 8
    with pytest.raises(ValueError, match="feel 'odd'"):
        wanted_of(model, grid, DrumOptions(), "odd")


def test_notes_in_and_out(model: DrumModel) -> None:
    song = tiny_song(BARS, drums=False)
    counted: list[tuple[int, int]] = []
    takes = drums_for(model, song, DrumOptions(seed=2, variations=2), on_bar=lambda *done: counted.append(done))
    assert counted == [(bar, BARS) for bar in range(1, BARS + 1)]
    for take in takes:
        others = take.notes.select(~take.notes.is_drum)
        assert np.array_equal(others.pitch, song.pitch)
        assert np.array_equal(others.onset, song.onset)
        assert take.notes.is_drum.any()
        assert np.array_equal(to_grid(take.notes, least_strength=0).velocity, take.grid.velocity)
    with_kit = drums_for(model, song, DrumOptions(seed=2), kit=(60,) * 16)[0]
    assert set(with_kit.notes.pitch[with_kit.notes.is_drum].tolist()) == {60}


def test_drums_that_are_there_give_way_only_if_it_is_said(model: DrumModel) -> None:
    song = tiny_song(BARS)
    with pytest.raises(ValueError, match="drum notes already"):
        drums_for(model, song)
    kept = drums_for(model, song, DrumOptions(seed=1, keep_bars="1-4"))[0]
    before, after = (n.select(n.is_drum & (n.onset < 4 * 480 - 8)) for n in (song, kept.notes))
    assert np.array_equal(np.sort(before.onset), np.sort(after.onset))
    assert np.array_equal(before.velocity.sum(), after.velocity.sum())
    replaced = drums_for(model, song, DrumOptions(seed=1), replace_drums=True)[0]
    assert replaced.seed == 1
    assert not np.array_equal(replaced.grid.hits, to_grid(song).hits)


def test_the_odds_lean_to_the_density_that_is_wished(
    model: DrumModel, grid: DrumGrid, monkeypatch: pytest.MonkeyPatch
) -> None:
    short, network = grid.bars(0, 3), copy.deepcopy(model.network)
    with torch.no_grad():
        network.cells.out.bias -= 3.0
    model = replace(model, network=network)
    options = DrumOptions(seed=1, density=0.0, fills="none", temperature=1, variations=2)
    takes = fill(model, short, options)
    alone = fill(model, short, replace(options, variations=1))[0]
    assert np.array_equal(alone.velocity, takes[0].velocity)
    monkeypatch.setattr(drum_drawer, "MOST_LEAN", 0.0)
    level = fill(model, short, options)
    assert sum(take.hits.sum() for take in takes) < 0.5 * sum(take.hits.sum() for take in level)


def test_fills_that_are_wished_stand_out(model: DrumModel, grid: DrumGrid, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(options: DrumOptions) -> float:
        made = fill(model, grid.bars(0, 4), options)
        return float(np.mean([bar_distance(take.hits[3], take.hits[2]) for take in made]))

    options = DrumOptions(seed=1, fills="bars 4", variations=3, keep_bars="1-3", temperature=0.3)
    alone, together = (fill(model, grid.bars(0, 4), replace(options, variations=n))[0] for n in (1, 3))
    assert np.array_equal(alone.velocity, together.velocity)
    monkeypatch.setattr(drum_drawer, "LEAST_NEW", 1.1)
    most = change(options)
    monkeypatch.setattr(drum_drawer, "COPYING", (1.0,))
    assert most != change(options)
