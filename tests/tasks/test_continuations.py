"""Continuations beside human ones: what is continued, what it costs, what comes out of a whole evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from partimento.corpus.store import Corpus, Piece, write_corpus
from partimento.networks.decoder import Decoder, DecoderConfig
from partimento.networks.transformer import TransformerConfig
from partimento.notes import Notes, from_ms
from partimento.piano_model import PianoModel
from partimento.search.copies import open_index
from partimento.tasks import continuations
from partimento.tasks.continuations import LATER, OTHER, REPEATED, TRUE, cases, evaluate, human, nats_after
from partimento.tasks.results import read
from partimento.tokens.performance import PerformanceTokenizer
from partimento.tokens.vocabulary import PIANO


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> PianoModel:
    """A tiny language model of random weights that waits often, so that half a minute is some dozens of notes."""
    torch.manual_seed(0)
    network = Decoder(DecoderConfig(TransformerConfig(16, 2, 1, 32), PIANO.size, context=512))
    network.initialise()
    with torch.no_grad():
        network.head.weight.mul_(40)
        network.transformer.norm.bias.fill_(0.5)
        network.head.weight[PIANO.time_step] = 1.2
    weights = tmp_path_factory.mktemp("model") / "model.safetensors"
    weights.write_bytes(b"random")
    return PianoModel({}, "tiny", weights, network.eval(), PerformanceTokenizer(PIANO))


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> float:
    """Continuations of 6 s instead of 30."""
    monkeypatch.setattr(continuations, "NEW_S", 6.0)
    return 6.0


def piece(seed: int, seconds: float = 95.0) -> Notes:
    """Four notes a second in a rhythm and a range of its own."""
    generator = np.random.default_rng(seed)
    onset = np.sort(generator.integers(0, int(seconds * 1e3) - 500, int(4 * seconds)))
    pitch = generator.integers(40 + seed % 20, 70 + seed % 20, len(onset))
    return from_ms(onset, generator.integers(80, 500, len(onset)), pitch, generator.integers(30, 100, len(onset)))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Two sets; twelve test songs, one of two pieces, one too short; four training songs."""
    rows: list[tuple[str, str, str, Notes]] = [
        *((f"left/{k:02}", "left", "test", piece(k)) for k in range(8)),
        *((f"right/{k:02}", "right", "test", piece(20 + k)) for k in range(3)),
        ("right/00b", "right", "test", piece(40)),
        ("right/short", "right", "test", piece(41, 70.0)),
        *((f"train/{k:02}", "left", "train", piece(50 + k)) for k in range(4)),
    ]
    pieces = [
        Piece(path, f"{number:064}", notes.seconds, {"set": name, "song": path[:8], "split": side}, notes)
        for number, (path, name, side, notes) in enumerate(rows)
    ]
    return write_corpus(tmp_path_factory.mktemp("corpora") / "corpus", pieces)


def test_cases_are_of_different_songs_and_sets_in_turn(corpus: Corpus) -> None:
    chosen = cases(corpus, 5, seed=3)
    assert [case.path.split("/")[0] for case in chosen] == ["left", "right", "left", "right", "left"]
    by_notes = {tuple(item.notes.onset_ms): item.path for item in corpus}
    others = [by_notes[tuple(case.other.onset_ms)] for case in chosen]
    songs = [path[:8] for path in (*(case.path for case in chosen), *others)]
    assert len(set(songs)) == 10
    assert "right/short" not in others
    assert [case.path for case in cases(corpus, 5, seed=3)] == [case.path for case in chosen]
    assert [case.path for case in cases(corpus, 5, seed=4)] != [case.path for case in chosen]
    with pytest.raises(ValueError, match="6 pieces to continue need 12"):
        cases(corpus, 6)


def test_human_continuations_are_where_they_belong(corpus: Corpus) -> None:
    case = cases(corpus, 4)[0]
    onset_ms = case.notes.onset_ms

    def at(start_s: float, stop_s: float, notes: Notes = case.notes) -> list[tuple[int, int]]:
        pairs = zip(notes.onset_ms.tolist(), notes.pitch.tolist(), strict=True)
        return [(ms - round(start_s * 1e3), pitch) for ms, pitch in pairs if start_s * 1e3 <= ms < stop_s * 1e3]

    def content(notes: Notes) -> list[tuple[int, int]]:
        return list(zip(notes.onset_ms.tolist(), notes.pitch.tolist(), strict=True))

    found = human(case, 15.0)
    assert content(found[TRUE]) == at(30, 60)
    assert content(found[LATER]) == at(60, 90)
    assert content(found[OTHER]) == at(30, 60, case.other)
    assert content(found[REPEATED]) == [*at(15, 30), *((ms + 15_000, pitch) for ms, pitch in at(15, 30))]
    seven = human(case, 7.0)[REPEATED]  # four times and 2 s of a fifth
    assert len(seven) == 4 * len(at(23, 30)) + len(at(23, 25))
    assert len(onset_ms) > len(seven)


def test_a_prompt_changes_nothing_but_what_is_heard(corpus: Corpus, model: PianoModel, brief: float) -> None:
    case = cases(corpus, 4)[1]
    first, again = (continuations.continued(model, case, 5.0, variations=2, seed=1) for _ in range(2))
    assert [take.pitch.tolist() for take in first] == [take.pitch.tolist() for take in again]
    assert first[0].pitch.tolist() != first[1].pitch.tolist()
    # what lies outside the five seconds is not heard
    kept = (case.notes.onset_ms >= 25_000) & (case.notes.onset_ms < 30_000)
    alone = continuations.Case(case.path, case.notes.select(kept | (case.notes.onset_ms > 60_000)), case.other)
    assert continuations.continued(model, alone, 5.0, seed=1)[0].pitch.tolist() == first[0].pitch.tolist()
    longer = continuations.continued(model, case, 15.0, seed=1)[0]
    assert longer.pitch.tolist() != first[0].pitch.tolist()
    assert all(take.onset_ms.max(initial=0) < brief * 1e3 for take in first)


@pytest.mark.parametrize(("first", "window"), [(1, 200), (40, 30), (7, 16), (99, 30)])
def test_nats_after_equals_one_token_at_a_time(model: PianoModel, first: int, window: int) -> None:
    ids = np.random.default_rng(0).integers(0, PIANO.size, 100)
    expected = []
    with torch.no_grad():
        for at in range(first, len(ids)):
            block = first + (at - first) // (window // 2) * (window // 2)
            start = max(0, min(block + window // 2, len(ids)) - 1 - window)
            logits = model.network(torch.from_numpy(ids[None, start:at]))[0, -1]
            expected.append(-float(logits.log_softmax(-1)[ids[at]]))
            assert at - start >= min(at, window // 2)
    np.testing.assert_allclose(nats_after(model.network, ids, first, window), expected, atol=2e-5)


def test_a_continuation_costs_its_own_tokens_alone(corpus: Corpus, model: PianoModel) -> None:
    case = cases(corpus, 4)[0]
    prompt = continuations.excerpt(case.notes, 15.0, 30.0)
    true = human(case, 15.0)[TRUE].window(0.0, 4.0)
    cost = continuations.nats_of_continuation(model, prompt, true, 15.0)
    tokenizer = model.tokenizer
    prefix = [*tokenizer.prefix(prompt)]
    both = np.array([*prefix, *tokenizer.encode(continuations.one_after_the_other(prompt, true, 15.0))[:-1]])
    heard = len(prefix) + len(tokenizer.encode(prompt)) - 1
    new = len(both) - heard
    assert 3 * len(true) <= new <= 3 * len(true) + 2  # three tokens a note, and time steps
    with torch.no_grad():
        logp = model.network(torch.from_numpy(both[None, :-1]))[0].log_softmax(-1)
    assert cost == pytest.approx(-float(logp[np.arange(heard - 1, len(both) - 1), both[heard:]].sum()), rel=1e-4)


@pytest.mark.usefixtures("brief")
def test_evaluation_has_every_row_and_knows_a_copy(corpus: Corpus, model: PianoModel, tmp_path: Path) -> None:
    everything = open_index(corpus, None, tmp_path / "index")  # the test pieces too, so that the true ones are copies
    found = evaluate(corpus, model, everything, tmp_path / "results", pieces=4, prompts_s=(5.0, 15.0), variations=2)
    assert read(tmp_path / "results") == found
    rows = [(r.system, r.data, r.seed) for r in found]
    each = [(TRUE, 0), (LATER, 0), (OTHER, 0), (REPEATED, 0), ("tiny", 0), ("tiny", 1)]
    assert rows == [(system, data, seed) for data in ("5 s prompt", "15 s prompt") for system, seed in each]
    true, later, other, repeated, drawn, _ = (r.metrics for r in found[:6])
    assert true["note_density_error"] == true["pitch_classes_error"] == 0.0
    assert later["pitch_classes_error"] > 0
    assert other["note_length_error"] > 0
    assert true["copied_notes_over_16"] == later["copied_notes_over_16"] == 1.0
    assert 16 < true["copied_distinct"] < 40
    assert drawn["copied_notes"] < 12
    assert drawn["copied_notes_over_16"] == 0.0
    assert 0.4 < drawn["copied_notes_over_16_high"] < 0.7  # none of four says little
    assert repeated["nats_per_note"] > 0
    same = {r.data: r.metrics["groove"] for r in found if r.system == TRUE}
    assert len(set(same.values())) == 1  # the same true music whatever the prompt
    assert [r.checkpoint for r in found[:6]] == ["", "", "", "", model.hash, model.hash]


@pytest.mark.usefixtures("brief")
def test_processes_play_what_one_process_plays(
    corpus: Corpus, model: PianoModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def played(rows: Sequence[list[continuations.Played]]) -> list[list[tuple[str, int, list[int], float]]]:
        return [[(one.system, one.seed, one.notes.pitch.tolist(), one.nats) for one in row] for row in rows]

    chosen = cases(corpus, 2)
    monkeypatch.setattr(continuations, "_loaded", lambda *key: {(model.weights, "cpu"): model}[key])
    by_name = [continuations._play_in_process(model.weights, "tiny", "cpu", 5.0, 1, 0, case) for case in chosen]
    assert played(by_name) == played(list(continuations._play_all(model, chosen, 5.0, 1, 0, jobs=1)))


@pytest.mark.usefixtures("brief")
def test_blind_pairs_begin_alike(corpus: Corpus, model: PianoModel) -> None:
    chosen = cases(corpus, 4)[:2]
    for case, pair in zip(chosen, continuations.blind_pairs(model, chosen, 5.0), strict=True):
        assert pair.title == case.path
        heard = [notes.window(0.0, pair.prompt_seconds - 0.02) for notes in (pair.true, pair.drawn)]
        assert heard[0].pitch.tolist() == heard[1].pitch.tolist()
        assert heard[0].onset_ms.tolist() == heard[1].onset_ms.tolist()
        assert len(heard[0]) == pytest.approx(len(continuations.excerpt(case.notes, 25.0, 30.0)), abs=1)
        new = human(case, 5.0)[TRUE]
        assert len(pair.true.window(pair.prompt_seconds - 0.02, np.inf)) == pytest.approx(len(new), abs=1)
        assert pair.true.pitch.tolist() != pair.drawn.pitch.tolist()
        for name in ("track", "program"):
            assert set(getattr(pair.true, name)) == set(getattr(pair.drawn, name)) == {0}
