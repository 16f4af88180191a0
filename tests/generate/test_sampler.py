"""Each filter against plain Python, and drawing against the probabilities it should have."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.generate.grammar import Cursor, Grammar
from partimento.generate.options import SamplingOptions
from partimento.generate.sampler import Sampler, draw, keep_min_p, keep_top_k, keep_top_p
from partimento.networks.decoder import Decoder
from partimento.tokens.vocabulary import PIANO


def probabilities(logits: list[float]) -> list[float]:
    largest = max(logits)
    weights = [math.exp(x - largest) for x in logits]
    return [w / sum(weights) for w in weights]


def kept_slowly(logits: list[float], options: SamplingOptions) -> dict[int, float]:
    """Column -> probability of what the options leave, one filter after another."""
    left = {i: x / options.temperature for i, x in enumerate(logits)}
    if options.top_k is not None:
        left = dict(sorted(left.items(), key=lambda item: -item[1])[: options.top_k])
    if options.top_p is not None:
        ranked = sorted(zip(left, probabilities(list(left.values())), strict=True), key=lambda item: -item[1])
        mass, enough = 0.0, []
        for column, probability in ranked:
            enough.append(column)
            mass += probability
            if mass >= options.top_p:
                break
        left = {column: left[column] for column in enough}
    if options.min_p:
        chances = dict(zip(left, probabilities(list(left.values())), strict=True))
        least = options.min_p * max(chances.values())
        left = {column: x for column, x in left.items() if chances[column] >= least}
    return dict(zip(left, probabilities(list(left.values())), strict=True))


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    temperature=st.floats(0.2, 3),
    top_k=st.none() | st.integers(1, 30),
    top_p=st.none() | st.floats(0.05, 0.99),
    min_p=st.sampled_from([0.0, 0.02, 0.3]),
)
def test_draws_spread_as_the_filters_say(
    seed: int, temperature: float, top_k: int | None, top_p: float | None, min_p: float
) -> None:
    options = SamplingOptions(temperature, top_k, top_p, min_p)
    logits = np.random.default_rng(seed).normal(0, 2, 20).astype(np.float32)
    expected = kept_slowly(logits.tolist(), options)
    count = 4000  # evenly spaced marks: each column gets its share to within one draw
    uniform = torch.arange(count, dtype=torch.float32) / count
    columns = draw(torch.from_numpy(logits).expand(count, -1), uniform, options)
    share = torch.bincount(columns, minlength=20).double() / count
    for column in range(20):
        assert share[column] == pytest.approx(expected.get(column, 0.0), abs=2.5 / count)


def test_each_filter_alone() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.15, 0.1], [0.1, 0.2, 0.3, 0.4]]))
    assert keep_top_k(logits, 2).isfinite().tolist() == [[True, True, False, False], [False, False, True, True]]
    assert keep_top_p(logits, 0.7).isfinite().tolist() == [[True, True, False, False], [False, False, True, True]]
    assert keep_top_p(logits, 1e-9).isfinite().sum(-1).tolist() == [1, 1]
    assert keep_min_p(logits, 0.4).isfinite().tolist() == [[True, True, False, False], [False, True, True, True]]


def test_temperature_zero_is_the_likeliest_whatever_the_rest() -> None:
    logits = torch.tensor([[0.0, 3.0, 1.0], [2.0, -torch.inf, 1.0]])
    for uniform in (0.0, 0.999):
        columns = draw(logits, torch.full((2,), uniform), SamplingOptions(temperature=0, top_k=3, min_p=0))
        assert columns.tolist() == [1, 0]


def test_the_penalty_is_on_the_step_alone(tiny: Callable[..., Decoder]) -> None:
    network, grammar = tiny(), Grammar(PIANO)
    hidden = torch.randn(1, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        plain, dense = (
            Sampler(network, grammar, SamplingOptions(time_step_penalty=p)).logits(
                hidden, [0], [Cursor(grammar)], [True]
            )
            for p in (0.0, 3.0)
        )
        whole = network.head(hidden)[0, torch.as_tensor(grammar.columns[0])]
    torch.testing.assert_close(plain[0], whole)
    assert (plain - dense)[0, 0].item() == pytest.approx(3.0)
    torch.testing.assert_close(plain[0, 1:], dense[0, 1:])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("temperature", -0.1), ("temperature", math.nan), ("top_k", 0), ("top_p", 0.0), ("top_p", 1.1)),
        *(("min_p", -0.1), ("min_p", 1.5), ("time_step_penalty", math.inf)),
    ],
)
def test_options_out_of_range_are_named(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{field} is {value}"):
        SamplingOptions(**{field: value})  # type: ignore[arg-type]
