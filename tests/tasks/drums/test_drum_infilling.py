"""Hidden bars: the figures are those of the product, and what is hidden is not seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tiny_drums import tiny_checkpoint, tiny_song

from partimento.drum_model import DrumModel, Wanted, load_drummer
from partimento.generate.drum_cells import Rules, weights_of
from partimento.generate.drum_fill import fill
from partimento.generate.drum_options import DrumOptions
from partimento.networks.drum_windows import CLASSES, FILL, UNSAID
from partimento.tasks.drums.infilling import asked_bars, hidden_bar, hidden_song, weighted_location
from partimento.tasks.drums.location import location_scores
from partimento.tokens.drumgrid import DrumGrid, to_grid

BARS, BAR = 11, 5
ALL = np.ones(CLASSES, dtype=bool)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> DrumModel:
    return load_drummer(tiny_checkpoint(tmp_path_factory.mktemp("drummer") / "tiny"), "cpu")


@pytest.fixture(scope="module")
def grid() -> DrumGrid:
    return to_grid(tiny_song(BARS))


def other_drums(grid: DrumGrid, bars: slice) -> DrumGrid:
    velocity = grid.velocity.copy()
    velocity[bars] = np.roll(velocity[bars], 3, axis=1)
    return replace(grid, velocity=velocity)


def test_a_hidden_song_is_as_the_model_has_it(model: DrumModel, grid: DrumGrid) -> None:
    bits, chance = hidden_song(model, grid)
    assert bits == pytest.approx(model.bits(grid))
    assert chance == pytest.approx(model.fill_probabilities(grid))
    assert hidden_song(model, grid, 1)[0] != pytest.approx(bits)  # another feel
    others = hidden_song(model, other_drums(grid, slice(None)))
    assert np.array_equal(chance, others[1])
    assert not np.allclose(bits, others[0])


def test_a_hidden_bar_is_not_seen_but_the_others_are(model: DrumModel, grid: DrumGrid) -> None:
    weights, rules = weights_of(model.network.cells), [Rules(1.0, ALL, True)] * 3
    one = hidden_bar(model, weights, grid, BAR, rules=rules)
    within = hidden_bar(model, weights, other_drums(grid, slice(BAR, BAR + 1)), BAR, rules=rules)
    around = hidden_bar(model, weights, other_drums(grid, slice(BAR - 2, BAR)), BAR, rules=rules)
    assert one.chance == within.chance
    assert np.array_equal(one.hits, within.hits)
    assert one.bits != pytest.approx(within.bits)
    assert one.chance != pytest.approx(around.chance)
    assert not np.array_equal(one.hits, around.hits)
    assert not np.array_equal(one.hits[0], one.hits[1])


@pytest.mark.parametrize("bar", [0, BAR, 7])
def test_the_bits_of_a_hidden_bar_are_those_of_the_network(model: DrumModel, grid: DrumGrid, bar: int) -> None:
    short = grid.bars(0, 8)
    known = np.ones((8, CLASSES), dtype=bool)
    known[bar] = False
    wanted = Wanted(known, np.full(8, UNSAID), np.full(8, UNSAID))
    one = hidden_bar(model, weights_of(model.network.cells), short, bar)
    assert one.bits == pytest.approx(model.bits(short, wanted)[bar], rel=1e-4)
    assert one.chance == pytest.approx(model.fill_probabilities(short, wanted)[bar], rel=1e-4)


def test_a_hidden_bar_is_drawn_by_its_rules_and_its_wish(model: DrumModel, grid: DrumGrid) -> None:
    weights = weights_of(model.network.cells)
    kit = np.arange(CLASSES) < 3
    made = hidden_bar(model, weights, grid, BAR, rules=[Rules(3.0, ALL, True), Rules(3.0, kit, True)]).hits
    assert made[0][:, ~kit].any()
    assert made[1].any()
    assert not made[1][:, ~kit].any()
    assert hidden_bar(model, weights, grid, BAR).hits.shape == (0, 32, CLASSES)
    plain, told = (hidden_bar(model, weights, grid, BAR, fill=wish).bits for wish in (UNSAID, FILL))
    assert plain != pytest.approx(told)


def test_one_pass_draws_what_the_drummer_draws(model: DrumModel, grid: DrumGrid) -> None:
    short = grid.bars(0, 8)  # one window
    keep = ",".join(str(bar + 1) for bar in range(8) if bar != BAR)
    alone = Rules(0.0, np.arange(CLASSES) == 0, True)  # of one class the velocity hardly matters
    made = hidden_bar(model, weights_of(model.network.cells), short, BAR, fill=FILL, rules=[alone, alone]).hits
    options = DrumOptions(keep_bars=keep, fills=f"bars {BAR + 1}", temperature=0, kit=("kick",), seed=0, humanize=1)
    product = fill(model, short, options)[0].hits[BAR]
    assert product.any()
    assert (product != made[0]).mean() < 0.01
    assert (product != made[1]).mean() < 0.01


def test_the_asked_bars_stand_for_all_that_have_a_value() -> None:
    marked = np.array([-2, 1, -1, -1, 0, -1, -1, 1, 0, -1, -2], dtype=np.int8)
    bars, stands = asked_bars(marked, 2, np.random.default_rng(0))
    assert len(set(bars.tolist())) == len(bars) == 6
    assert {1, 7, 4, 8} <= set(bars.tolist())
    assert stands.sum() == pytest.approx(9)
    assert (stands[marked[bars] == 1] == 1).all()
    assert len(asked_bars(marked, 99, np.random.default_rng(0))[0]) == 9
    assert len(asked_bars(np.full(4, -2), 2, np.random.default_rng(0))[0]) == 0


def test_weighted_location_of_all_bars_is_that_of_bars() -> None:
    random = np.random.default_rng(0)
    label, chance = random.integers(-1, 2, 200), random.random(200)
    plain = location_scores([chance], [label.astype(np.int8)])
    found = weighted_location(chance, label, np.ones(200))
    assert found == pytest.approx({name: plain[name] for name in found})
    twice = weighted_location(np.append(chance, 0.5), np.append(label, -1), np.ones(201))
    kept = np.append(np.ones(200), 3.0)
    thrice = weighted_location(np.append(chance, [0.5] * 3), np.append(label, [-1] * 3), np.ones(203))
    assert weighted_location(np.append(chance, 0.5), np.append(label, -1), kept) == pytest.approx(thrice)
    assert twice != pytest.approx(thrice)
    with pytest.raises(ValueError, match="improvised ones"):
        weighted_location(chance, np.zeros(200), np.ones(200))
