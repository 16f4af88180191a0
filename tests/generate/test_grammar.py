"""What may follow what: the cursor against the tokenizer's own ids, and random networks against the cursor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partimento.generate.grammar import MAX_NOTES_IN_SEGMENT, MAX_STEPS_IN_SEQUENCE, Cursor, Expect, Grammar
from partimento.generate.options import ContinueOptions
from partimento.generate.sampler import Sampler
from partimento.generate.step import Stepper
from partimento.generate.voices import Voice, sample
from partimento.networks.decoder import Decoder
from partimento.notes import Notes
from partimento.tokens.performance import PerformanceTokenizer
from partimento.tokens.vocabulary import FULL, PEDAL, PIANO, Vocabulary

VOCABULARIES = {"full": FULL, "pedal": PEDAL, "piano": PIANO}


@pytest.mark.parametrize("vocabulary", VOCABULARIES.values(), ids=VOCABULARIES)
def test_columns_are_the_words_that_piano_can_use(vocabulary: Vocabulary) -> None:
    events, onsets, durations = ([vocabulary.word(i) for i in ids] for ids in Grammar(vocabulary).columns)
    assert events[0] == ("<T>",)
    assert events[-1] == ("<E>",)
    assert events[1:-1] == [("piano", pitch, velocity) for pitch in range(128) for velocity in range(10, 130, 10)]
    assert onsets == [("onset", ms) for ms in range(0, 5000, 10)]
    assert durations == [("duration", ms) for ms in range(10, 5010, 10)]


@pytest.mark.parametrize("vocabulary", VOCABULARIES.values(), ids=VOCABULARIES)
def test_reading_encoded_notes_gives_what_decoding_gives(vocabulary: Vocabulary, piece: Notes) -> None:
    tokenizer = PerformanceTokenizer(vocabulary)
    ids = tokenizer.encode(piece)
    cursor = Cursor(Grammar(vocabulary))
    read = [note for note in map(cursor.read, ids[1:].tolist()) if note]
    decoded = tokenizer.decode(ids)
    assert [n.onset_ms for n in read] == decoded.onset.tolist()
    assert [n.duration_ms for n in read] == decoded.duration.tolist()
    assert [n.pitch for n in read] == decoded.pitch.tolist()
    assert [n.velocity for n in read] == decoded.velocity.tolist()


def test_an_impossible_token_is_named() -> None:
    cursor = Cursor(Grammar(PIANO))
    with pytest.raises(ValueError, match=r"'onset', 0.*event is expected"):
        cursor.read(PIANO.onset_first)
    cursor.read(PIANO.piano_first + 60 * 13 + 8)
    cursor.read(PIANO.onset_first + 100)
    cursor.read(PIANO.duration_first + 10)
    cursor.read(PIANO.piano_first + 60 * 13 + 8)
    with pytest.raises(ValueError, match="onset is expected"):
        cursor.read(PIANO.onset_first + 99)


@pytest.mark.parametrize(
    ("time_ms", "steps", "onset_ms"), [(0, 0, 0), (2345, 0, 2350), (4995, 1, 5000), (12_000, 2, 12_000)]
)
def test_waiting_writes_the_steps_and_bars_earlier_onsets(time_ms: float, steps: int, onset_ms: int) -> None:
    cursor = Cursor(Grammar(PIANO))
    assert cursor.wait_until(time_ms) == [PIANO.time_step] * steps
    assert cursor.onset_ms == onset_ms


def legal_slowly(vocabulary: Vocabulary, ids: list[int], may_end: bool) -> set[int]:
    """The ids that may follow whole music tokens, told from the words alone."""
    words = [vocabulary.word(i) for i in ids]
    last = words[-1][0] if words else "<T>"
    segment = max((i + 1 for i, word in enumerate(words) if word[0] == "<T>"), default=0)
    if last == "piano":
        earliest = max((int(w[1]) for w in words[segment:] if w[0] == "onset"), default=0)
        return {vocabulary.onset_first + ms // 10 for ms in range(earliest, 5000, 10)}
    if last == "onset":
        return {vocabulary.duration_first + ms // 10 for ms in range(10, 5010, 10)}
    legal = {vocabulary.end} if may_end else set()
    silence = next((i for i, word in enumerate(reversed(words)) if word[0] != "<T>"), len(words))
    if silence < MAX_STEPS_IN_SEQUENCE:
        legal.add(vocabulary.time_step)
    if sum(word[0] == "piano" for word in words[segment:]) < MAX_NOTES_IN_SEGMENT:
        legal |= {vocabulary.piano_first + p * 13 + v for p in range(128) for v in range(1, 13)}
    return legal


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(sorted(VOCABULARIES)),
    seed=st.integers(0, 10_000),
    std=st.sampled_from([0.0, 0.2, 5.0, 1e4]),
    temperature=st.sampled_from([0.0, 1e-6, 0.5, 1.0, 3.0, 1e6]),
    top_k=st.sampled_from([None, 1, 7, 10_000]),
    top_p=st.sampled_from([None, 1e-6, 0.9, 1.0]),
    min_p=st.sampled_from([0.0, 0.05, 1.0]),
    penalty=st.sampled_from([0.0, 8.0, -8.0]),
    may_end=st.booleans(),
)
def test_no_illegal_id_is_ever_drawn(
    tiny: Callable[..., Decoder],
    name: str,
    seed: int,
    std: float,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    min_p: float,
    penalty: float,
    may_end: bool,
) -> None:
    vocabulary = VOCABULARIES[name]
    options = ContinueOptions(temperature, top_k, top_p, min_p, min_p, penalty)
    network, grammar = tiny(vocabulary.size, 256, seed, std), Grammar(vocabulary)
    sampler, rng = Sampler(network, grammar, options), np.random.default_rng(seed)
    cursors, drawn = [Cursor(grammar) for _ in range(3)], [[], [], []]  # type: ignore[var-annotated]
    edges = [0.0, float(np.float32(1 - 2**-24))]
    with torch.inference_mode():
        stepper = Stepper(network, [vocabulary.prefix["piano"], vocabulary.start], 3, 256)
        for turn in range(25):
            uniform = [*edges, float(rng.random(dtype=np.float32))]
            tokens = sampler(stepper.hidden, cursors, [may_end] * 3, [uniform[(turn + row) % 3] for row in range(3)])
            for cursor, ids, token in zip(cursors, drawn, tokens, strict=True):
                assert token in legal_slowly(vocabulary, ids, may_end)
                if token != vocabulary.end:
                    cursor.read(token)
                    ids.append(token)
            stepper.step(tokens)


def test_limits_on_silence_and_crowd_hold_in_long_runs(tiny: Callable[..., Decoder]) -> None:
    network, grammar = tiny(context=512), Grammar(PIANO)
    step_row = network.head.weight.data[PIANO.time_step]
    for scale, limit in ((50.0, "silence"), (-50.0, "crowd")):
        hidden = network.hidden(torch.tensor([[PIANO.start]]))[0, 0].detach()
        step_row.copy_(scale * hidden)  # <T> is always, or never, what this network wants
        voice = Voice(0, [6, PIANO.start], Cursor(grammar), np.random.default_rng(0), 40_000.0)
        options = ContinueOptions(min_p=0.0, time_step_penalty=-1e4 if limit == "silence" else 1e4)
        for _ in sample(network, [voice], options):
            assert voice.cursor.silence <= MAX_STEPS_IN_SEQUENCE
            assert voice.cursor.crowd <= MAX_NOTES_IN_SEGMENT
        words = "".join("T" if i == PIANO.time_step else "n" for i in voice.ids[2:] if i < PIANO.duration_first)
        if limit == "silence":
            assert words.startswith("T" * MAX_STEPS_IN_SEQUENCE + "n")
        else:
            assert words.startswith("n" * MAX_NOTES_IN_SEGMENT + "T")


def test_rows_in_different_states_are_drawn_together(tiny: Callable[..., Decoder]) -> None:
    network, grammar = tiny(), Grammar(PIANO)
    sampler = Sampler(network, grammar, ContinueOptions(min_p=0.0))
    hidden = torch.randn(4, 32, generator=torch.Generator().manual_seed(0))
    start = Cursor(grammar)
    cursors = [
        start,
        replace(start, expect=Expect.ONSET, earliest=490),
        replace(start, expect=Expect.DURATION),
        replace(start, silence=MAX_STEPS_IN_SEQUENCE),
    ]
    uniform = [0.1, 0.5, 0.7, 0.9]
    with torch.inference_mode():
        together = sampler(hidden, cursors, [True] * 4, uniform)
        alone = [sampler(hidden[i : i + 1], [cursors[i]], [True], [uniform[i]])[0] for i in range(4)]
    assert together == alone


def test_a_network_of_no_numbers_is_refused(tiny: Callable[..., Decoder]) -> None:
    network = tiny()
    network.head.weight.data.fill_(torch.nan)
    sampler = Sampler(network, Grammar(PIANO), ContinueOptions())
    with torch.inference_mode(), pytest.raises(ValueError, match="not numbers"):
        sampler(torch.ones(1, 32), [Cursor(Grammar(PIANO))], [False], [0.5])
