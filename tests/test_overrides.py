"""key=value settings put into nested dataclasses."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from partimento.overrides import override
from partimento.systems.aria import small


@dataclass(frozen=True)
class Inner:
    rate: float = 1.0


@dataclass(frozen=True)
class Outer:
    one: Inner = Inner()
    two: Inner = Inner()


def test_values_of_every_kind() -> None:
    config = override(
        small(),
        [
            "recipe.schedule.steps=100",
            "schedule.warmup = 7",
            "optimizer.lr=1e-4",
            "clip_norm=0",
            "kind=adamw",
            "betas=0.8,0.99",
            "bf16=false",
            "compile=True",
            "network.condition=512",
            "network.head=embedding",
            "outputs=512",
        ],
    )
    assert (config.recipe.schedule.steps, config.recipe.schedule.warmup) == (100, 7)
    assert config.recipe.optimizer.lr == 1e-4
    assert isinstance(config.recipe.optimizer.clip_norm, float)
    assert config.recipe.optimizer.kind == "adamw"
    assert config.recipe.optimizer.betas == (0.8, 0.99)
    assert (config.recipe.bf16, config.recipe.compile) == (False, True)
    assert (config.network.condition, config.network.head, config.network.outputs) == (512, "embedding", 512)
    assert override(config, ["condition=none"]).network.condition is None


def test_nothing_given_changes_nothing() -> None:
    assert override(small(), []) == small()


def test_settings_that_only_fit_together() -> None:
    config = override(small(), ["batch.micro_rows=3", "batch.rows=9"])
    assert (config.recipe.batch.rows, config.recipe.batch.micro_rows) == (9, 3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["schedule.steps"], r"'schedule.steps' is not of the form key=value"),
        (["stepps=5"], r"no setting 'stepps', did you mean 'steps'\? The settings are\n"),
        (["stepps=5"], r"recipe.schedule.steps: whole number\n"),
        (["stepps=5"], r"recipe.optimizer.kind: adamw or muon\n"),
        (["stepps=5"], r"network.condition: whole number or none\n"),
        (["recipe.optimizer=5"], "no setting 'recipe.optimizer'"),
        (["steps=5", "schedule.steps=6"], "recipe.schedule.steps is set twice, by 'steps=5' and 'schedule.steps=6'"),
        (["steps=many"], r"steps=many: recipe.schedule.steps is 'many'; it must be of type int"),
        (["steps=1.5"], "must be of type int"),
        (["bf16=1"], "must be of type bool"),
        (["kind=sgd"], "it must be one of 'adamw', 'muon'"),
        (["betas=0.9"], "must be a list of 2 values"),
        (["steps=0"], "schedule.steps is 0; it must be at least 1"),
        (["rows=3"], r"rows=3: batch.rows 3 must be a multiple of batch.micro_rows 4"),
    ],
)
def test_errors_say_what_would_do(settings: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        override(small(), settings)


def test_a_short_name_of_two_settings_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'rate' may be one.rate or two.rate; write more of it"):
        override(Outer(), ["rate=2"])
    assert override(Outer(), ["two.rate=2"]).two.rate == 2.0
