"""The floors: copied bars, single features, counted frequencies; fills set into beats."""

from __future__ import annotations

import numpy as np
import pytest

from partimento.corpus.datasets.drums import DrumPiece, DrumSet
from partimento.tasks.drums.drum_metrics import f1, on_sixteenths
from partimento.tasks.drums.fill_labels import check_fills
from partimento.tasks.drums.floors import another_part, copied_counts, counted_bits, feature_scores
from partimento.tokens.drum_columns import DrumColumns
from partimento.tokens.drumgrid import DrumGrid


def beat(bars: int = 20) -> np.ndarray:
    hits = np.zeros((bars, 32, 16), dtype=bool)
    hits[:, ::16, 0] = hits[:, 8::16, 1] = hits[:, ::4, 2] = True
    return hits


def fill_bar() -> np.ndarray:
    hits = np.zeros((32, 16), dtype=bool)
    hits[1::2, 9] = hits[16::2, 7] = True
    return hits


def columns_of(hits: np.ndarray) -> DrumColumns:
    step, drum = np.nonzero(hits.reshape(-1, 16))
    nothing = np.zeros(0, dtype=np.int32)
    ones, zeros = np.full(len(step), 80, np.uint8), np.zeros(len(step), np.float32)
    lines = 1920 * np.arange(len(hits) + 1, dtype=np.int64)
    return DrumColumns(step.astype(np.int32), drum.astype(np.uint8), ones, zeros, *(nothing,) * 5, lines)


def test_copied_bars() -> None:
    hits = beat()
    hits[9] = hits[14] = fill_bar()
    hits[11, 1] = True  # 16 hits more two bars later
    counts = copied_counts(hits, np.arange(20) == 9)
    own = int(hits[9].sum())
    plain = int(hits[8].sum())
    assert counts["copy previous"].tolist() == [0, plain, own]
    assert counts["copy next"].tolist() == [0, plain, own]
    assert counts["majority of ten"].tolist() == [0, plain, own]
    assert counts["best of ten (oracle)"].tolist() == [own, own, own]  # the same fill five bars later
    two = copied_counts(hits, np.isin(np.arange(20), [8, 9]))
    assert two["copy previous"].tolist() == [plain, 2 * plain, plain + own]
    assert f1(two["best of ten (oracle)"]) == 1
    assert copied_counts(hits, np.zeros(20, bool))["copy next"].tolist() == [0, 0, 0]


def test_features_point_at_a_change_of_the_melody() -> None:
    hits = np.concatenate([np.zeros((2, 32, 16), dtype=bool), beat(24)])
    others = np.zeros((26, 32, 4, 64), dtype=np.uint8)
    others[:, :, 0, 40] = 80
    others[14:, :, 0, 40] = 0
    others[14:, :, 1, 30] = 80
    grid = DrumGrid(hits.astype(np.uint8), np.zeros(hits.shape, np.float32), others, 1920 * np.arange(27))
    scores = feature_scores(grid)
    assert scores["melody distance to next bar"].argmax() == 13
    assert scores["melody contrast of 4-bar means"].argmax() == 13
    assert scores["melody contrast of 4-bar means"][13] == pytest.approx(1)
    assert set(np.flatnonzero(scores["melody novelty"] > 0.35).tolist()) == {13, 14}
    assert np.flatnonzero(scores["4th of 4 bars"]).tolist() == [5, 9, 13, 17, 21, 25]  # from the first drum bar on
    assert np.flatnonzero(scores["8th of 8 bars"]).tolist() == [9, 17, 25]
    assert all((values[:2] == 0).all() for values in scores.values())


def test_counted_bits() -> None:
    part = beat(8)
    always, bars = counted_bits([beat(4000)], [part])["frequencies"]
    assert bars == 8
    assert 0 < always / bars < 0.2  # what is sure costs next to nothing
    half = np.zeros((20_000, 32, 16), dtype=bool)
    half[::2, 0, 0] = half[0::1, 4, 0] = True  # a cell that is hit in every other bar
    bits = counted_bits([half], [half[:100]])
    assert bits["frequencies"][0] / bits["frequencies"][1] == pytest.approx(1, abs=0.1)
    assert bits["frequencies given previous bar"][0] / 100 < 0.2


def test_another_song_goes_on_as_long_as_is_needed() -> None:
    other = np.concatenate([np.zeros((3, 32, 16), dtype=bool), np.cumsum(beat(4), axis=0) > 0])
    other[4, 1, 5] = True
    made = another_part([other], 10, np.random.default_rng(0))
    assert (made == other[3 + np.arange(10) % 4]).all()


def groove(kinds: dict[str, np.ndarray]) -> DrumSet:
    """Beats and fills of one session; the first word of a name says which it is."""
    pieces = tuple(
        DrumPiece(name, "groove", group="s", kind=name.split()[0], style="rock/x", tempo_bpm=90) for name in kinds
    )
    return DrumSet(pieces, tuple(columns_of(hits) for hits in kinds.values()))


def test_labelled_fills_are_found_in_their_beats() -> None:
    other = np.roll(beat(16), 4, axis=1)
    found = check_fills(groove({"beat": beat(24), "beat 2": other, "fill": fill_bar()[None]}))
    assert (found.fills, found.auc, found.recall) == (1, 1.0, 1.0)
    assert (found.precision, found.false_alarms) == (1.0, 0.0)
    assert found.bars == 3 * 14
    assert found.auc_foreign == 1.0  # a fill is newer than a bar of another beat
    same = check_fills(groove({"beat": beat(24), "beat 2": other, "fill": beat(1)}), on_sixteenths)
    assert (same.recall, same.precision) == (0, 0)  # a fill that is the beat itself
    with pytest.raises(ValueError, match="no fill has a beat"):
        check_fills(groove({"beat": beat(24)}))
