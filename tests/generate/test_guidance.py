"""Guided sampling against plain calls of the network on both rows, without a cache, token by token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from partimento.generate.continuation import continue_notes, stream
from partimento.generate.grammar import Expect, Grammar
from partimento.generate.guidance import mixed, needs_both, strength
from partimento.generate.options import ContinueOptions, GuidanceOptions
from partimento.generate.prompt import prompt_of
from partimento.generate.sampler import END_COLUMN, STEP_COLUMN, draw
from partimento.generate.step import Stepper
from partimento.generate.voices import latest
from partimento.networks.decoder import Decoder
from partimento.notes import Notes
from partimento.tokens.performance import PerformanceTokenizer
from partimento.tokens.vocabulary import PIANO

TOKENIZER = PerformanceTokenizer(PIANO)
OPTIONS = ContinueOptions(prompt_seconds=8.0, seconds=4.0, seed=5, min_p=0.0, time_step_penalty=-3.0)
CONDITION = np.random.default_rng(7).normal(size=6).astype(np.float32)


def guided_logits(network: Decoder, ids: list[int], options: ContinueOptions, drawn: int) -> torch.Tensor:
    """(V,) by the formula, the ramp counted anew."""
    conditioned = network(torch.tensor([ids]), condition=torch.from_numpy(CONDITION)[None])[0, -1]
    plain = network(torch.tensor([ids]))[0, -1]
    share = min(1.0, (drawn + 1) / options.guidance_ramp)
    gamma = options.guidance_from + share * (options.guidance - options.guidance_from)
    return gamma * conditioned + (1 - gamma) * plain


@torch.inference_mode()
def continued_slowly(network: Decoder, piece: Notes, options: ContinueOptions, variation: int) -> list[int]:
    """The ids of one variation; the past is cut where the fast sampler cuts it: when the context is full."""
    prompt = prompt_of(piece, TOKENIZER, options.prompt_seconds)
    assert options.seed is not None
    random = np.random.Generator(np.random.PCG64([options.seed, variation]))
    cursor, ids, whole = replace(prompt.cursor), list(prompt.ids), len(prompt.ids)
    capacity = network.config.context - 1  # the condition takes a position
    seen = list(latest(ids, PIANO, capacity))
    limit_ms = (prompt.seconds - prompt.first_s + options.seconds) * 1e3
    columns, drawn = Grammar(PIANO).columns, 0
    while cursor.onset_ms < limit_ms:
        logits = guided_logits(network, seen, options, drawn)[torch.as_tensor(columns[cursor.expect])]
        if cursor.expect == Expect.ONSET:
            logits[: cursor.earliest] = -torch.inf
        elif cursor.expect == Expect.EVENT:
            logits[END_COLUMN] = -torch.inf
            logits[STEP_COLUMN] -= options.time_step_penalty
            if not cursor.may_step:
                logits[STEP_COLUMN] = -torch.inf
        uniform = torch.tensor([float(random.random(dtype=np.float32))])
        token = int(columns[cursor.expect][int(draw(logits[None], uniform, options))])
        if len(seen) == capacity:
            seen = list(latest(ids, PIANO, capacity))
        cursor.read(token)
        ids.append(token)
        seen.append(token)
        drawn += 1
        if cursor.expect == Expect.EVENT and cursor.onset_ms < limit_ms:
            whole = len(ids)
    return ids[:whole]


@pytest.mark.parametrize("context", [4096, 90], ids=["one context", "sliding"])
@pytest.mark.parametrize(
    "guidance",
    [
        {"guidance": 2.5, "guidance_ramp": 20},
        {"guidance": 3.0, "guidance_from": 0.0, "guidance_ramp": 40},
        {"guidance": 0.4},
        {"guidance": 1.0},
    ],
    ids=["ramp from 1", "the original's ramp", "weak", "conditioned alone"],
)
def test_guided_music_is_that_of_plain_calls(
    tiny: Callable[..., Decoder], piece: Notes, guidance: dict[str, float], context: int
) -> None:
    network = tiny(context=context, condition=6)
    options = replace(OPTIONS, variations=2, **guidance)  # type: ignore[arg-type]
    made = continue_notes(network, TOKENIZER, piece, options, CONDITION)
    assert made[1].ids.tolist() == continued_slowly(network, piece, options, 1)
    (alone,) = continue_notes(network, TOKENIZER, piece, replace(options, variations=1), CONDITION)
    assert alone.ids.tolist() == made[0].ids.tolist()
    assert len(made[1].ids) > 92  # the shorter context did slide


def test_the_condition_and_its_strength_matter(tiny: Callable[..., Decoder], piece: Notes) -> None:
    network = tiny(condition=6)
    options = replace(OPTIONS, seconds=4.0, guidance_ramp=0)
    takes = [
        continue_notes(network, TOKENIZER, piece, replace(options, guidance=strength), condition)[0].ids.tolist()
        for strength, condition in ((1.0, CONDITION), (3.0, CONDITION), (1.0, -CONDITION), (1.0, None))
    ]
    assert len({tuple(ids) for ids in takes}) == 4
    none = continue_notes(network, TOKENIZER, piece, replace(options, guidance=0.0), CONDITION)[0]
    assert none.ids.tolist() == takes[3]


def test_a_conditioned_network_without_a_condition_is_the_plain_one(tiny: Callable[..., Decoder], piece: Notes) -> None:
    options = replace(OPTIONS, variations=2)
    plain = continue_notes(tiny(), TOKENIZER, piece, options)
    same = continue_notes(tiny(condition=6), TOKENIZER, piece, options)
    assert [one.ids.tolist() for one in plain] == [one.ids.tolist() for one in same]


def test_a_guided_stream_gives_the_notes_of_the_first_variation(tiny: Callable[..., Decoder], piece: Notes) -> None:
    network, options = tiny(condition=6), replace(OPTIONS, seconds=4.0, guidance=2.0)
    streamed = list(stream(network, TOKENIZER, piece, options, CONDITION))
    made = continue_notes(network, TOKENIZER, piece, options, CONDITION)[0]
    assert {(round(n.onset_s * 1e3), n.pitch) for n in streamed} == set(
        zip(made.new_notes.onset_ms.tolist(), made.new_notes.pitch.tolist(), strict=True)
    )


def test_an_ending_can_be_announced_under_guidance_and_is_never_drawn(
    tiny: Callable[..., Decoder], piece: Notes
) -> None:
    network = tiny(condition=6)
    with torch.no_grad():
        network.head.weight[PIANO.diminish] = network.head.weight.abs().max() * 10
    options = replace(OPTIONS, guidance=2.0)
    plain = continue_notes(network, TOKENIZER, piece, options, CONDITION)[0].ids.tolist()
    ending = replace(options, end=True, diminish=True)
    ended = continue_notes(network, TOKENIZER, piece, ending, CONDITION)[0].ids.tolist()
    assert PIANO.diminish not in plain
    assert ended.count(PIANO.diminish) == 1
    assert ended[-1] == PIANO.end


@pytest.mark.parametrize("batch", [1, 2, 4])
@torch.inference_mode()
def test_steps_of_both_rows_equal_the_network_without_a_cache(tiny: Callable[..., Decoder], batch: int) -> None:
    network, condition = tiny(condition=6), torch.from_numpy(CONDITION)
    generator = torch.Generator().manual_seed(1)

    def some(count: int) -> list[int]:
        return torch.randint(0, PIANO.size, (count,), generator=generator).tolist()

    start = some(9)
    rows = [list(start) for _ in range(batch)]
    stepper = Stepper(network, start, batch, 14, condition, guided=True)

    def check() -> None:
        seen = [network.hidden(torch.tensor([ids]), condition=condition[None])[:, -1] for ids in rows]
        plain = [network.hidden(torch.tensor([ids]))[:, -1] for ids in rows]
        torch.testing.assert_close(stepper.hidden, torch.cat(seen + plain), atol=1e-5, rtol=1e-4)

    def step() -> None:
        tokens = some(len(rows))
        for ids, token in zip(rows, tokens, strict=True):
            ids.append(token)
        stepper.step(tokens)
        check()

    check()
    for _ in range(3):
        step()
    if batch > 1:
        stepper.drop(0)
        rows[0] = rows.pop()
    step()
    step()
    assert all(stepper.full(row) for row in range(len(rows)))
    for row in range(len(rows)):
        rows[row] = rows[row][-(5 + row) :]
        stepper.renew(row, rows[row])
    step()
    step()


@torch.inference_mode()
def test_mixing_hidden_states_mixes_logits(tiny: Callable[..., Decoder]) -> None:
    network, hidden = tiny(), torch.randn(6, 32, generator=torch.Generator().manual_seed(0))
    conditioned, plain = network.head(hidden).chunk(2)
    for gamma in (0.0, 1.0, 2.5):
        expected = gamma * conditioned + (1 - gamma) * plain
        torch.testing.assert_close(network.head(mixed(hidden, gamma)), expected, atol=1e-4, rtol=1e-4)
    assert mixed(hidden.bfloat16(), 2.0).dtype == torch.bfloat16


def test_the_ramp() -> None:
    ours, originals = GuidanceOptions(guidance=3.0), GuidanceOptions(guidance=3.0, guidance_from=0.0)
    assert [strength(ours, drawn) for drawn in (124, 249, 250, 9999)] == [2.0, 3.0, 3.0, 3.0]
    assert [strength(originals, drawn) for drawn in (124, 249, 9999)] == [1.5, 3.0, 3.0]
    assert strength(GuidanceOptions(guidance=3.0, guidance_ramp=0), 0) == 3.0
    assert not needs_both(GuidanceOptions())
    assert needs_both(GuidanceOptions(guidance=1.0, guidance_from=0.0))


@pytest.mark.parametrize(
    ("field", "value"),
    [("guidance", -0.5), ("guidance", 10.5), ("guidance", float("nan")), ("guidance_from", 11), ("guidance_ramp", -1)],
)
def test_options_out_of_range_are_named(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{field} is {value}"):
        ContinueOptions(**{field: value})  # type: ignore[arg-type]


def test_conditions_that_do_not_fit_are_refused(tiny: Callable[..., Decoder], piece: Notes) -> None:
    with pytest.raises(ValueError, match="no adapter for a condition"):
        continue_notes(tiny(), TOKENIZER, piece, OPTIONS, CONDITION)
    with pytest.raises(ValueError, match=r"shape \(4,\) and the network's adapter takes \(6,\)"):
        continue_notes(tiny(condition=6), TOKENIZER, piece, OPTIONS, CONDITION[:4])
    with pytest.raises(ValueError, match="guidance 2 needs a condition"):
        continue_notes(tiny(condition=6), TOKENIZER, piece, replace(OPTIONS, guidance=2.0))
