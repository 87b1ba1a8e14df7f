"""What looks at attributes whose types are declared, when they are read."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from axonflow.policy.cel.types import DOUBLE, DYN, Type
from axonflow.policy.cel.values import CelError, Value, kind_of

__all__ = ["declared_guard"]

_Test = Callable[[Value], bool]
_Guard = Callable[[Value], Value]


@lru_cache(maxsize=1024)
def _is_of(kind: Type) -> _Test:
    """Whether a value is of `kind`, elements and all."""
    if kind == DYN:
        return lambda _value: True
    if kind.name == "list":
        return _is_list(kind.item)
    if kind.name == "map":
        return _is_map(*kind.parameters)
    return lambda value: kind_of(value) == kind.name


def _is_list(item: Type) -> _Test:
    if item == DYN:
        return lambda value: isinstance(value, (list, tuple))
    held = _is_of(item)
    return lambda value: isinstance(value, (list, tuple)) and all(map(held, value))


def _is_map(key: Type, item: Type) -> _Test:
    is_key, is_item = _is_of(key), _is_of(item)
    return lambda value: isinstance(value, dict) and all(is_key(name) and is_item(held) for name, held in value.items())


def declared_guard(kind: Type, path: str) -> _Guard:
    """The value of an attribute, if it is of `kind`, elements and all; `path` names it in errors. Raises CelError.

    A double may be written without a point.
    """
    convert = _converted if _has_double(kind) else None
    test = _is_of(kind)

    def guard(value: Value) -> Value:
        known = value if convert is None else convert(value, kind)
        if test(known):
            return known
        raise CelError(f"{path} is declared {kind}, found {kind_of(value)}")

    return guard


def _has_double(kind: Type) -> bool:
    return kind == DOUBLE or any(map(_has_double, kind.parameters))


def _converted(value: Any, kind: Type) -> Any:
    """JSON has one kind of number: an int where a double is declared is that double."""
    if kind == DOUBLE:
        return float(value) if value.__class__ is int else value
    if kind.name == "list" and isinstance(value, list):
        return [_converted(item, kind.item) for item in value]
    if kind.name == "map" and isinstance(value, dict):
        return {name: _converted(item, kind.parameters[1]) for name, item in value.items()}
    return value
