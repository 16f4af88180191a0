"""Settings from the command line, `optimizer.lr=1e-4`, put into nested frozen dataclasses."""

from __future__ import annotations

import json
import types
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from partimento.configuration import from_plain, to_plain

T = TypeVar("T")

WORDS = {"true": True, "false": False, "none": None, "null": None}


def override(config: T, settings: Sequence[str]) -> T:
    """The config with some values replaced.

    >>> from partimento.systems.aria import small
    >>> override(small(), ["schedule.steps=100", "optimizer.betas=0.9,0.99"]).recipe.schedule.steps
    100

    Args:
        config: a dataclass of settings, which may be nested.
        settings: "key=value" each. A key is the path of a value ("recipe.schedule.steps") or so much of its end as no
            other path has ("schedule.steps", "steps").

    Raises:
        ValueError: if a setting has no "=", its key is unknown, ambiguous or given twice, or its value does not fit.
    """
    kinds = _kinds(type(config))
    given: dict[str, str] = {}
    plain = to_plain(config)
    for setting in settings:
        key, equals, text = (part.strip() for part in setting.partition("="))
        if not equals:
            raise ValueError(f"{setting!r} is not of the form key=value, such as {next(iter(kinds))}=...")
        name = _whole_name(key, kinds)
        if name in given:
            raise ValueError(f"{name} is set twice, by {given[name]!r} and {setting!r}")
        given[name] = setting
        *path, last = name.split(".")
        place = plain
        for part in path:
            place = place[part]
        place[last] = _parse(text, kinds[name])
    try:
        return from_plain(type(config), plain)
    except ValueError as error:
        raise ValueError(f"{', '.join(given.values())}: {error}") from None


def _kinds(config: Any, where: str = "") -> dict[str, Any]:
    """The type of every value by its path."""
    hints = get_type_hints(config)
    kinds: dict[str, Any] = {}
    for field in fields(config):
        kind, name = hints[field.name], f"{where}{field.name}"
        kinds |= _kinds(kind, f"{name}.") if is_dataclass(kind) else {name: kind}
    return kinds


def _whole_name(key: str, kinds: dict[str, Any]) -> str:
    if key in kinds:
        return key
    fitting = [name for name in kinds if name.endswith(f".{key}")]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise ValueError(f"{key!r} may be {' or '.join(fitting)}; write more of it")
    near = get_close_matches(key, [*kinds, *(name.rpartition(".")[2] for name in kinds)], n=1)
    hint = f", did you mean {near[0]!r}?" if near else "."
    known = "\n".join(f"  {name}: {_spelled(kind)}" for name, kind in kinds.items())
    raise ValueError(f"there is no setting {key!r}{hint} The settings are\n{known}")


def _parse(text: str, kind: Any) -> Any:
    """A value as JSON would have it; `from_plain` checks that it fits."""
    if get_origin(kind) is Literal or kind is str:
        return text
    is_tuple = get_origin(kind) is tuple
    if is_tuple:
        inside = text[1:-1] if text[:1] + text[-1:] in ("[]", "()") else text
        if get_args(kind)[0] is str or get_origin(get_args(kind)[0]) is Literal:
            return [part.strip(" '\"") for part in inside.split(",") if part.strip()]
        text = f"[{inside}]"
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    try:
        return json.loads(text)
    except ValueError:
        return text


def _spelled(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(get_args(kind))
    if get_origin(kind) is tuple:
        return ",".join("..." if part is Ellipsis else _spelled(part) for part in get_args(kind))
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join("none" if part is type(None) else _spelled(part) for part in get_args(kind))
    return {bool: "true or false", int: "whole number", float: "number"}.get(kind, getattr(kind, "__name__", str(kind)))
