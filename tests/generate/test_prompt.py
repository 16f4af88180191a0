"""What of a piece becomes the prompt: the boundary, silence, held notes, pedal, other instruments."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest

from partimento.generate.grammar import Cursor, Grammar
from partimento.generate.prompt import prompt_of, ticks_at
from partimento.notes import Notes, from_ms
from partimento.tokens.performance import PerformanceTokenizer
from partimento.tokens.vocabulary import FULL, PIANO

TOKENIZER = PerformanceTokenizer(PIANO)


def words(ids: list[int]) -> list[tuple[str | int, ...]]:
    return [PIANO.word(i) for i in ids]


def test_ids_are_the_tokenizers_own_up_to_the_boundary(piece: Notes) -> None:
    prompt = prompt_of(piece, TOKENIZER, None)
    whole = [*TOKENIZER.prefix(piece), *TOKENIZER.encode(piece)[:-1].tolist()]
    assert prompt.ids[: len(whole)] == whole
    assert set(prompt.ids[len(whole) :]) <= {PIANO.time_step}
    half = prompt_of(piece, TOKENIZER, 6.0)
    assert half.ids[: len(half.ids)] == whole[: len(half.ids)]
    assert len(half.notes) == int((piece.onset < 6000).sum())
    assert half.seconds == pytest.approx(6.0, abs=1e-3)


@pytest.mark.parametrize(("seconds", "steps", "earliest_ms"), [(3.0, 0, 2000), (6.0, 1, 5000), (17.0, 3, 16_000)])
def test_trailing_silence_is_told_and_barred(seconds: float, steps: int, earliest_ms: int) -> None:
    notes = from_ms(np.array([1000, 30_000]), np.array([400, 400]), np.array([60, 62]), np.array([80, 80]))
    prompt = prompt_of(notes, TOKENIZER, seconds)
    assert [w[0] for w in words(prompt.ids)] == ["prefix", "<S>", "piano", "onset", "duration"] + ["<T>"] * steps
    assert prompt.cursor.onset_ms == earliest_ms
    assert prompt.first_s == pytest.approx(1.0)


def test_a_prompt_longer_than_the_piece_ends_with_its_last_note(piece: Notes) -> None:
    assert prompt_of(piece, TOKENIZER, 99.0).seconds == pytest.approx(piece.seconds)


def test_a_held_key_keeps_its_length() -> None:
    notes = from_ms(np.array([0, 900]), np.array([4000, 2000]), np.array([60, 62]), np.array([80, 80]))
    prompt = prompt_of(notes, TOKENIZER, 1.0)
    assert prompt.notes.duration_ms.tolist() == [4000, 2000]
    assert ("duration", 4000) in words(prompt.ids)


@pytest.mark.parametrize(("lifted_ms", "rings_ms"), [(3000, 2900), (9000, 5000)])
def test_a_held_pedal_becomes_length_and_is_lifted(lifted_ms: int, rings_ms: int) -> None:
    notes = from_ms(np.array([100, 800, 9500]), np.array([300, 100, 100]), np.array([60, 62, 64]), np.full(3, 80))
    notes = replace(
        notes,
        pedal_tick=np.array([50, lifted_ms], dtype=np.int32),
        pedal_value=np.array([127, 0], dtype=np.int32),
        pedal_track=np.zeros(2, dtype=np.int32),
    )
    prompt = prompt_of(notes, TOKENIZER, 1.0)
    assert prompt.notes.duration_ms.tolist()[0] == rings_ms
    assert list(zip(prompt.notes.pedal_tick, prompt.notes.pedal_value, strict=True)) == [(50, 127), (1000, 0)]
    as_told = TOKENIZER.decode(np.array(prompt.ids))
    np.testing.assert_array_equal(prompt.notes.duration_ms, as_told.duration_ms)


def test_other_instruments_are_left_out_with_a_notice(caplog: pytest.LogCaptureFixture) -> None:
    notes = from_ms(
        np.array([0, 100, 200]),
        np.full(3, 100),
        np.array([60, 38, 50]),
        np.full(3, 80),
        program=np.array([0, 0, 33]),
        is_drum=np.array([False, True, False]),
    )
    with caplog.at_level(logging.WARNING, "partimento"):
        prompt = prompt_of(notes, PerformanceTokenizer(FULL), None)
    assert prompt.notes.pitch.tolist() == [60]
    assert "2 notes in 2 tracks" in caplog.text
    assert prompt.ids[:2] == [FULL.prefix["piano"], FULL.start]


def test_no_piano_and_no_music_in_time_are_refused(piece: Notes) -> None:
    drums = replace(piece, is_drum=np.ones(len(piece), dtype=bool))
    with pytest.raises(ValueError, match=r"no piano note to continue from \(40 notes of other instruments\)"):
        prompt_of(drums, TOKENIZER, 15.0)
    with pytest.raises(ValueError, match=r"no piano note in the first 1.2 s \(the first begins at 1.50 s\)"):
        prompt_of(piece, TOKENIZER, 1.2)


def test_coarse_ticks_are_made_finer_at_the_same_times() -> None:
    notes = replace(
        from_ms(np.array([0, 24, 60]), np.array([24, 24, 48]), np.array([60, 62, 64]), np.full(3, 80)),
        ticks_per_quarter=24,
        tempo_tick=np.array([0, 30], dtype=np.int32),
        tempo_us=np.array([500_000, 900_000], dtype=np.int32),
    )
    prompt = prompt_of(notes, TOKENIZER, None)
    assert 900_000 / prompt.notes.ticks_per_quarter <= 2000
    np.testing.assert_allclose(prompt.notes.seconds_at(prompt.notes.onset), notes.seconds_at(notes.onset))
    seconds = np.array([0.0, 0.3, 0.625, 2.0])
    ticks = ticks_at(prompt.notes, seconds)
    np.testing.assert_allclose(prompt.notes.seconds_at(ticks), seconds, atol=0.001)


def test_the_cursor_stands_after_the_ids(piece: Notes) -> None:
    prompt = prompt_of(piece, TOKENIZER, 9.0)
    cursor = Cursor(Grammar(PIANO))
    for token in prompt.ids[2:]:
        cursor.read(token)
    assert (cursor.segment, cursor.expect) == (prompt.cursor.segment, prompt.cursor.expect)
    assert prompt.cursor.onset_ms == 7500  # 9 s less the silence before the first note
