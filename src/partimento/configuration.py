"""Frozen dataclasses of settings to plain JSON values and back, strictly: a key too many or too few is an error."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def to_plain(value: Any) -> Any:
    """The value as dicts, lists, numbers, strings, booleans and None; tuples become lists.

    >>> from partimento.recipe import ScheduleConfig
    >>> to_plain(ScheduleConfig(steps=10))["steps"]
    10
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: to_plain(item) for key, item in value.items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{value!r} has no plain form")


def from_plain(kind: type[T], data: Any, where: str = "") -> T:
    """A dataclass of this kind from what `to_plain` gave.

    Args:
        kind: the dataclass; fields are dataclasses, numbers, strings, booleans, tuples, literals, or these or None.
        where: the key that holds `data`, for the messages.

    Raises:
        ValueError: naming each unknown or missing key, or the key whose value has the wrong type.
    """
    if not isinstance(data, Mapping):
        raise ValueError(f"{where or kind.__name__} is {data!r}; it must be an object of {kind.__name__}'s keys")
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    wrong = [f"unknown {_path(where, key)}" for key in data if key not in names]
    wrong += [f"missing {_path(where, key)}" for key in names if key not in data]
    if wrong:
        raise ValueError(f"{', '.join(wrong)} (the keys of {kind.__name__} are {', '.join(names)})")
    return kind(**{name: _value(hints[name], data[name], _path(where, name)) for name in names})


def _path(where: str, key: str) -> str:
    return f"{where}.{key}" if where else str(key)


def _value(kind: Any, data: Any, where: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind) and isinstance(kind, type):
        return from_plain(kind, data, where)
    if origin in (Union, types.UnionType):
        if data is None and type(None) in arguments:
            return None
        (kind,) = (argument for argument in arguments if argument is not type(None))
        return _value(kind, data, where)
    if origin is Literal:
        if data not in arguments:
            raise ValueError(f"{where} is {data!r}; it must be one of {', '.join(map(repr, arguments))}")
        return data
    if origin is tuple:
        kinds = (arguments[0],) * len(data) if isinstance(data, list) and arguments[-1] is Ellipsis else arguments
        if not isinstance(data, list) or len(data) != len(kinds):
            raise ValueError(f"{where} is {data!r}; it must be a list of {len(kinds)} values")
        return tuple(_value(k, item, f"{where}[{i}]") for i, (k, item) in enumerate(zip(kinds, data, strict=True)))
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)  # JSON writers may drop the point
    if not isinstance(data, kind) or (isinstance(data, bool) and kind is not bool):
        raise ValueError(f"{where} is {data!r}; it must be of type {kind.__name__}")
    return data
