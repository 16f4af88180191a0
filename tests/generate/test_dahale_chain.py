from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_published import BASIC, INFILL, infill_stage, locator_sizes, songs

from partimento.checkpoint import CheckpointError
from partimento.generate import dahale
from partimento.generate.dahale import (
    Published,
    accompany,
    basic_pattern,
    improvised_chances,
    infilled_cells,
    load_basic,
    load_published,
    passes,
    told_tokens,
)
from partimento.networks.dahale.basic import BasicDrums
from partimento.networks.dahale.blocks import melody_values
from partimento.networks.dahale.infill import Infill
from partimento.networks.dahale.location import Locator
from partimento.systems import dahale as system
from partimento.tokens.drum_serial import SHIFT, SILENCE
from partimento.training.dahale import save_stage


@pytest.fixture(scope="module")
def published() -> Published:
    torch.manual_seed(0)
    basic = BasicDrums(BASIC).eval()
    with torch.no_grad():
        basic.head.bias[SILENCE] += 1.0
        basic.head.bias[SHIFT] += 4.0  # so that a window comes to its end soon
    return Published(basic, Locator(locator_sizes("mini-bert")).eval(), Infill(INFILL).eval(), 0.5, 0.5)


@pytest.fixture(scope="module")
def others() -> np.ndarray:
    return songs(1, bars=24)[0].others


def test_sampled_tokens_end_and_greedy_ones_are_the_likeliest(
    published: Published, others: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dahale, "MOST_TOKENS", 40)
    windows = torch.from_numpy(others[:22]).reshape(2, 352, 4, 64)
    told = told_tokens(published.basic, windows, 0, torch.Generator())
    with torch.inference_mode():
        assert torch.equal(published.basic(melody_values(windows), told).argmax(2), told)


def test_rows_that_end_leave_the_others_as_they_are(published: Published, others: np.ndarray) -> None:
    torch.manual_seed(1)
    windows = torch.from_numpy(others[:22]).reshape(2, 352, 4, 64)
    told = told_tokens(published.basic, windows, 1.0, torch.Generator().manual_seed(3))
    ends = [int(((row == SHIFT).cumsum(0) < 352).sum()) for row in told]
    assert ends[0] != ends[1]  # so one went on alone
    with torch.inference_mode():
        logits = published.basic(melody_values(windows), told[:, : max(ends) + 1]).log_softmax(2)
    for row, end in enumerate(ends):
        nats = -logits[row, : end + 1].gather(1, told[row, : end + 1, None]).mean()
        assert nats < np.log(18)  # drawn from these chances, not from others
        assert (told[row, end + 1 :] == SHIFT).all() or end == max(ends)


def test_bars_are_changed_only_where_they_are_improvised(published: Published, others: np.ndarray) -> None:
    chance = improvised_chances(published.location, others)
    assert np.isnan(chance[:5]).all()
    assert np.isnan(chance[-5:]).all()
    middle = float(np.median(chance[5:-5]))
    half = Published(published.basic, published.location, published.infill, middle, 0.45)
    found = accompany(half, others, seed=1)
    assert found.hits.shape == found.basic.shape == (24, 32, 16)
    assert (found.improvised == (np.nan_to_num(chance, nan=-1) >= middle)).all()
    assert 0 < found.improvised.sum() < 14
    assert (found.hits == found.basic)[~found.improvised].all()
    bars = np.flatnonzero(found.improvised)
    assert (found.hits[bars] == (infilled_cells(published.infill, others, found.basic, bars) >= 0.45)).all()
    never = Published(published.basic, published.location, published.infill, 1.1, 0.5)
    assert (accompany(never, others, seed=1).hits == found.basic).all()


def test_a_seed_is_a_pattern(published: Published, others: np.ndarray) -> None:
    first, again, other = (basic_pattern(published.basic, others[:9], seed=seed) for seed in (1, 1, 2))
    assert first.shape == (9, 32, 16)
    assert (first == again).all()
    assert (first != other).any()


def test_the_filter_wants_bars_that_sound_alike() -> None:
    steady = np.zeros((11, 32, 16), dtype=bool)
    steady[:, ::8, 0] = True
    assert passes(steady)
    silent = steady.copy()
    silent[:4] = False
    assert passes(silent)
    silent[4] = False
    assert not passes(silent)
    uneven = steady.copy()
    uneven[0] = True
    assert not passes(uneven)


def test_only_failing_windows_are_told_again(
    published: Published, others: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def told(_: BasicDrums, windows: torch.Tensor, *__: object) -> torch.Tensor:
        calls.append(len(windows))
        ids = torch.full((len(windows), 352), SHIFT)  # silent: fails
        if len(calls) == 1:
            ids = torch.stack([torch.tensor([0, SHIFT] * 352), torch.tensor([SHIFT] * 704)])
        return ids

    monkeypatch.setattr(dahale, "told_tokens", told)
    basic_pattern(published.basic, others[:22])
    assert calls == [2]
    calls.clear()
    hits = basic_pattern(published.basic, others[:22], attempts=3)
    assert calls == [2, 1, 1]
    assert hits[:11, :, 0].all()


def test_loading_says_what_is_wrong(published: Published, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"thresholds.json has no threshold"):
        load_published(tmp_path)
    facts = {"step": 1, "tokens": 11, "valid_loss": 0.1}
    save_stage(system.INFILL, infill_stage(1), {"name": "tiny"}, published.infill, tmp_path / "infill", facts)
    with pytest.raises(CheckpointError, match="of the system 'dahale-infill'"):
        load_basic(tmp_path / "infill", "cpu")
