"""Nats a note: the window protocol, the network against a naive loop, closed forms of the summary."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.corpus.store import Corpus, Piece, write_corpus
from partimento.networks.decoder import Decoder, DecoderConfig
from partimento.networks.transformer import TransformerConfig
from partimento.notes import from_ms
from partimento.tasks import language_modelling as lm
from partimento.tasks import ngram
from partimento.tasks.results import read
from partimento.tokens.performance import PerformanceTokenizer
from partimento.tokens.vocabulary import FULL, PIANO


@pytest.fixture(scope="module")
def network() -> Decoder:
    torch.manual_seed(0)
    transformer = TransformerConfig(width=16, heads=2, layers=2, feedforward=32)
    network = Decoder(DecoderConfig(transformer, vocabulary=PIANO.size, context=64))
    network.initialise()
    with torch.no_grad():  # far from uniform, so that a wrong context shows
        network.head.weight.mul_(20)
    return network.eval()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Twelve short pieces: two sets, each with training and test pieces of two notes to forty."""
    generator = np.random.default_rng(1)
    pieces = []
    for number in range(12):
        count = 2 + 3 * number
        columns = (generator.integers(0, 20_000, count), generator.integers(50, 900, count))
        pitch, velocity = generator.integers(40, 80, count), generator.integers(30, 100, count)
        order = np.argsort(columns[0], kind="stable")
        notes = from_ms(columns[0][order], columns[1], pitch, velocity)
        labels = {
            "set": "left" if number % 2 else "right",
            "song": f"song {number // 4}",
            "split": "train" if number < 4 else "test",
        }
        pieces.append(Piece(f"{number:02}.mid", f"{number:064}", 20.0, labels, notes))
    return write_corpus(tmp_path_factory.mktemp("corpora") / "corpus", pieces)


@given(st.integers(0, 200), st.integers(1, 50))
@settings(deadline=None, max_examples=60)
def test_windows_predict_every_token_but_the_first_once(tokens: int, length: int) -> None:
    ids = np.arange(tokens)
    cuts = list(lm.windows(ids, length))
    assert np.concatenate([np.empty(0, int), *(targets for _, targets in cuts)]).tolist() == ids[1:].tolist()
    for inputs, targets in cuts:
        assert 1 <= len(inputs) <= length
        assert (targets == inputs + 1).all()


@pytest.mark.parametrize("rows", [1, 3, None])
def test_network_equals_one_window_at_a_time(network: Decoder, rows: int | None) -> None:
    generator = np.random.default_rng(0)
    pieces = [generator.integers(0, PIANO.size, n) for n in (70, 2, 1, 33, 32, 100)]
    found = lm.network_nats(network, pieces, length=32, rows=rows)
    for ids, nats in zip(pieces, found, strict=True):
        expected = []
        for start in range(0, len(ids) - 1, 32):
            window = torch.from_numpy(ids[start : start + 33])
            with torch.no_grad():
                logp = network(window[None, :-1])[0].log_softmax(-1)
            expected += [-float(logp[i, token]) for i, token in enumerate(window[1:])]
        assert nats.shape == (len(ids) - 1,)
        np.testing.assert_allclose(nats, expected, atol=2e-5)


def test_bfloat16_is_near_float32(network: Decoder) -> None:
    pieces = [np.random.default_rng(0).integers(0, PIANO.size, 60)]
    (exact,) = lm.network_nats(network, pieces)
    (near,) = lm.network_nats(network, pieces, dtype=torch.bfloat16)
    assert not np.array_equal(exact, near)
    assert abs(exact.mean() - near.mean()) < 0.05


def test_a_network_that_predicts_no_tokens_is_refused() -> None:
    transformer = TransformerConfig(width=16, heads=2, layers=1, feedforward=32)
    network = Decoder(DecoderConfig(transformer, PIANO.size, context=64, head="embedding", outputs=8))
    with pytest.raises(ValueError, match="language model"):
        lm.network_nats(network, [np.arange(5)])


def test_uniform_costs_the_logarithm_of_the_vocabulary_each_token(corpus: Corpus) -> None:
    tokenizer = PerformanceTokenizer(PIANO)
    found = lm.nats_per_note(ngram.fit([], PIANO.size, 0), tokenizer, corpus)
    assert list(found) == ["left", "right"]
    for name, metrics in found.items():
        test = corpus.where(set=name, split="test")
        tokens = sum(len(tokenizer.encode(piece.notes)) for piece in test)  # the prefix word instead of the first <S>
        assert metrics["tokens"] == tokens
        assert metrics["notes"] == test.note_counts.sum()
        assert metrics["pieces"] == len(test)
        assert metrics["nats_per_token"] == pytest.approx(math.log(PIANO.size))
        assert metrics["nats_per_note"] == pytest.approx(math.log(PIANO.size) * tokens / test.note_counts.sum())


def test_kinds_add_up_and_stand_where_they_belong() -> None:
    tokenizer = PerformanceTokenizer(FULL)
    notes = from_ms(*np.array([[0, 6000], [480, 480], [60, 64], [80, 80]]))
    ids = np.concatenate([tokenizer.prefix(notes), tokenizer.encode(notes)])
    expected = ["other", "other", "note", "onset", "duration", "time_step", "note", "onset", "duration", "other"]
    assert [lm.KINDS[kind] for kind in lm.kinds(ids, FULL)] == expected
    drums = tokenizer.encode(from_ms(*np.array([[0], [100], [38], [80], [0], [1]])))
    assert [lm.KINDS[kind] for kind in lm.kinds(drums, FULL)] == ["other", "note", "onset", "other"]

    costs = {"note": 4.0, "onset": 3.0, "duration": 2.0, "time_step": 1.0, "other": 0.5}
    nats = np.array([costs[name] for name in expected[1:]])
    metrics = lm.summary(lm.Held([ids], ["song"]), [nats], FULL)
    parts = {name: metrics[f"nats_per_note_{name}"] for name in lm.KINDS}
    assert parts == {"note": 4.0, "onset": 3.0, "duration": 2.0, "time_step": 0.5, "other": 0.5}
    assert metrics["nats_per_note"] == pytest.approx(sum(parts.values()))
    assert metrics["nats_per_token"] == pytest.approx(nats.mean())


def test_bootstrap_draws_whole_songs_and_is_seeded() -> None:
    generator = np.random.default_rng(0)
    notes = np.full(400, 10.0)
    nats = notes * generator.normal(10, 1, 400)
    each = [str(i) for i in range(400)]
    low, high = lm.bootstrap_ratio(nats, notes, each, seed=3)
    assert (low, high) == lm.bootstrap_ratio(nats, notes, each, seed=3)
    # the interval of a mean of 400 values with a deviation of 1
    assert high - low == pytest.approx(2 * 1.96 / 20, rel=0.15)
    assert low < nats.sum() / notes.sum() < high
    copies = lm.bootstrap_ratio(np.repeat(nats, 4), np.repeat(notes, 4), np.repeat(each, 4).tolist(), seed=3)
    assert copies == pytest.approx((low, high))  # four clips of a song are no more evidence than one


def test_evaluate_appends_what_it_found(corpus: Corpus, tmp_path: Path) -> None:
    found = lm.evaluate(corpus, folder=tmp_path)
    assert read(tmp_path) == found
    assert [(r.system, r.data) for r in found] == [
        (system, data) for system in ("uniform", "unigram", "3-gram") for data in ("left", "right")
    ]
    by_system = {r.system: r.metrics["nats_per_note"] for r in found if r.data == "left"}
    assert by_system["3-gram"] < by_system["uniform"]
    assert len({r.checkpoint for r in found if r.system != "uniform"}) == 1


def test_a_corpus_without_such_a_side_is_named(corpus: Corpus) -> None:
    with pytest.raises(ValueError, match="no piece labelled split=valid"):
        lm.held_out(corpus, PerformanceTokenizer(PIANO), "valid")


def test_a_network_is_measured_set_by_set(corpus: Corpus, network: Decoder) -> None:
    tokenizer = PerformanceTokenizer(PIANO)
    found = lm.nats_per_note(network, tokenizer, corpus)
    for name, metrics in found.items():
        ids = lm.held_out(corpus, tokenizer)[name].ids
        total = sum(float(nats.sum()) for nats in lm.network_nats(network, ids, rows=1))
        assert metrics["nats_per_note"] == pytest.approx(total / metrics["notes"], rel=1e-6)
