"""Settings to JSON and back, strictly."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from partimento.configuration import from_plain, to_plain
from partimento.networks.decoder import DecoderConfig
from partimento.networks.transformer import TransformerConfig
from partimento.recipe import Recipe
from partimento.systems.aria import PRESETS, AriaConfig


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_comes_back_from_json_as_it_was(preset: str) -> None:
    config = PRESETS[preset]()
    assert from_plain(AriaConfig, json.loads(json.dumps(to_plain(config)))) == config


def test_optional_fields_come_back() -> None:
    config = DecoderConfig(TransformerConfig(8, 2, 1, 16), 50, 32, head="classes", outputs=4, condition=3)
    assert from_plain(DecoderConfig, to_plain(config)) == config
    assert from_plain(DecoderConfig, to_plain(replace(config, condition=None))).condition is None


def test_unknown_and_missing_keys_are_named() -> None:
    data = to_plain(PRESETS["small"]())
    data["recipe"]["optimizer"]["learning_rate"] = 1.0
    del data["recipe"]["optimizer"]["lr"]
    with pytest.raises(ValueError, match=r"unknown recipe\.optimizer\.learning_rate, missing recipe\.optimizer\.lr"):
        from_plain(AriaConfig, data)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("network", "vocabulary"), "many", r"network\.vocabulary is 'many'; it must be of type int"),
        (("network", "context"), True, r"network\.context is True; it must be of type int"),
        (("network", "context"), 10.5, r"network\.context is 10\.5"),
        (("network", "head"), "tail", r"network\.head is 'tail'; it must be one of 'next_token'"),
        (("network", "transformer"), None, r"network\.transformer is None; it must be an object"),
        (("recipe", "bf16"), 1, r"recipe\.bf16 is 1; it must be of type bool"),
        (("recipe", "optimizer", "betas"), [0.9], r"recipe\.optimizer\.betas is \[0\.9\]; it must be a list of 2"),
        (("recipe", "optimizer", "betas"), [0.9, "x"], r"recipe\.optimizer\.betas\[1\] is 'x'"),
    ],
)
def test_a_value_of_the_wrong_type_is_named(path: tuple[str, ...], value: object, message: str) -> None:
    data = to_plain(PRESETS["small"]())
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ValueError, match=message):
        from_plain(AriaConfig, data)


def test_whole_numbers_serve_as_floats() -> None:
    data = to_plain(PRESETS["small"]().recipe)
    data["optimizer"]["weight_decay"] = 0
    weight_decay = from_plain(Recipe, data).optimizer.weight_decay
    assert weight_decay == 0.0
    assert isinstance(weight_decay, float)


def test_what_json_cannot_hold_is_refused() -> None:
    with pytest.raises(TypeError, match="no plain form"):
        to_plain({"x": object()})
