"""Windows of single pieces: where they lie, their endings, their order, and who sees a condition."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from two_kinds import two_kinds

from partimento.corpus.store import Corpus
from partimento.objectives.next_token import FILLER
from partimento.objectives.piece_rows import PieceRows
from partimento.tokens.performance import PerformanceTokenizer
from partimento.tokens.vocabulary import PIANO
from partimento.training.piece_batches import (
    PieceBatches,
    encode_with_ending,
    piece_rows,
    validation_pieces,
    window,
    windows_of,
)

LENGTH = 64


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return two_kinds(tmp_path_factory.mktemp("corpus"))


def encoding(corpus: Corpus, share: float = 1.0) -> partial[np.ndarray]:
    return partial(encode_with_ending, corpus, PerformanceTokenizer(PIANO), share)


def batches(corpus: Corpus, dropout: float = 0.5) -> PieceBatches:
    pieces = list(range(4))
    conditions = np.arange(8, dtype=np.float32).reshape(4, 2)
    windows = windows_of(corpus, pieces, LENGTH, from_start=False)
    return PieceBatches(pieces, windows, encoding(corpus), LENGTH, 3, conditions, dropout)


def test_windows_cover_a_piece_from_its_start_to_its_end() -> None:
    for size, count in ((300, 5), (65, 1), (40, 1), (129, 2), (130, 3)):
        ids = np.arange(size)
        parts = [window(ids, number, count, LENGTH) for number in range(count)]
        assert parts[0][0] == 0
        assert count == 1 or parts[-1][-1] == size - 1
        assert all(len(part) == min(size, LENGTH + 1) for part in parts)
        if size <= count * LENGTH + 1:
            assert set(np.concatenate(parts)) == set(range(size))


def test_pieces_have_as_many_windows_as_they_need(corpus: Corpus) -> None:
    notes = int(corpus.note_counts[0])
    assert notes == 62
    windows = windows_of(corpus, [0, 5], LENGTH, from_start=False)
    assert windows.tolist() == [[0, 0, 3], [0, 1, 3], [0, 2, 3], [1, 0, 3], [1, 1, 3], [1, 2, 3]]
    assert windows_of(corpus, [0, 5], LENGTH, from_start=True).tolist() == [[0, 0, 1], [1, 0, 1]]


def test_the_end_is_announced_between_notes_a_hundred_tokens_before_it(corpus: Corpus) -> None:
    encode, places = encoding(corpus), set()
    for seed in range(40):
        ids = encode(0, np.random.default_rng(seed))
        (at,) = np.flatnonzero(ids == PIANO.diminish)
        places.add(len(ids) - 1 - int(at))
        assert ids[at - 1] == PIANO.time_step or PIANO.duration_first <= ids[at - 1] <= PIANO.duration_last
        assert not PIANO.duration_first <= ids[at + 1] <= PIANO.onset_last
        assert ids[0] == PIANO.prefix["piano"]
        assert ids[-1] == PIANO.end
    assert 88 <= min(places) < 95 < 105 < max(places) <= 111
    assert encode(0, None).tolist() == encode(0, None).tolist()
    short = partial(encode_with_ending, two_kinds_short(corpus), PerformanceTokenizer(PIANO), 1.0)
    assert PIANO.diminish not in short(0, None)


def two_kinds_short(corpus: Corpus) -> Corpus:
    from partimento.corpus.store import Piece, write_corpus

    piece = corpus[0]
    few = piece.notes.select(np.arange(40))
    folder = corpus.folder.parent / "short"
    return write_corpus(folder, [Piece(piece.path, piece.content_hash, 1.0, {}, few)])


def test_every_window_comes_once_an_epoch_and_anew_in_the_next(corpus: Corpus) -> None:
    stream = batches(corpus)
    first, second = stream.rows(12), stream.rows(12)
    plain = batches(corpus)
    assert torch.equal(plain.rows(12).rows.ids, first.rows.ids)
    starts = [int((rows.rows.ids[:, 0] == PIANO.prefix["piano"]).sum()) for rows in (first, second)]
    ends = [int((rows.rows.ids == PIANO.end).sum()) for rows in (first, second)]
    assert starts == ends == [4, 4]  # one window of each piece has its start, one its end
    assert first.condition is not None
    assert first.condition[:, 0].sort().values.tolist() == [0, 0, 0, 2, 2, 2, 4, 4, 4, 6, 6, 6]
    assert not torch.equal(first.rows.ids.sort(0).values, second.rows.ids.sort(0).values)  # augmented


def test_it_goes_on_from_a_saved_position(corpus: Corpus) -> None:
    stream = batches(corpus)
    stream.rows(17)
    saved = stream.state()
    expected = stream.rows(9)
    again = batches(corpus)
    again.restore(saved)
    found = again.rows(9)
    assert torch.equal(found.rows.ids, expected.rows.ids)
    assert torch.equal(seen(found), seen(expected))


def seen(rows: PieceRows) -> torch.Tensor:
    assert rows.seen is not None
    return rows.seen


def test_conditions_are_dropped_row_by_row(corpus: Corpus) -> None:
    stream = batches(corpus, dropout=0.3)
    drawn = seen(stream.rows(600))
    assert 0.64 < drawn.float().mean() < 0.76
    assert seen(batches(corpus, dropout=0.0).rows(50)).all()
    by_twelve = drawn.reshape(-1, 12)
    assert (by_twelve.any(1) & ~by_twelve.all(1)).float().mean() > 0.9  # both kinds in one batch


def test_rows_are_filled_up_and_validation_has_both_kinds(corpus: Corpus) -> None:
    rows = piece_rows([np.arange(10), np.arange(65)], LENGTH, None, [True, True])
    assert rows.rows.documents[0].tolist() == [0] * 10 + [FILLER] * 55
    assert (rows.condition, rows.seen) == (None, None)
    pieces = [1, 3, 5]
    windows = windows_of(corpus, pieces, LENGTH, from_start=False)
    conditions = np.arange(6, dtype=np.float32).reshape(3, 2)
    held = validation_pieces(pieces, windows, encoding(corpus), LENGTH, 5, conditions)
    assert len(held) == 5
    assert seen(held).tolist() == [True, False, True, False, True]
    assert held.condition is not None
    assert held.condition[[0, 4]].tolist() == [[0, 1], [4, 5]]
