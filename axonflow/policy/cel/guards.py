"""What looks at values when the compiled code runs, where the checker could not know their types."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from axonflow.policy.cel.types import DOUBLE, SEVERAL, Type
from axonflow.policy.cel.values import CelError, Value, kind_of

__all__ = ["GUARDS", "declared_guard", "guard_of", "is_of"]

GUARDS: Final = {
    "bool": "as_bool",
    "string": "as_string",
    "timestamp": "as_timestamp",
    "moment": "as_moment",
    "number": "as_number",
}
"""The guards of RUNTIME by type. Those of all others are made by `guard_of`."""

_Test = Callable[[Value], bool]
_Guard = Callable[[Value], Value]


@lru_cache(maxsize=1024)
def is_of(kind: Type) -> _Test:
    """Whether a value is of `kind`, elements and all."""
    if kind.is_any:
        return lambda _value: True
    if kind.name in SEVERAL:
        names = {str(one) for one in SEVERAL[kind.name]}
        return lambda value: kind_of(value) in names
    if kind.name == "list":
        return _is_list(kind.item)
    if kind.name == "map":
        return _is_map(*kind.parameters)
    if kind.name == "optional":
        held = is_of(kind.item)
        return lambda value: kind_of(value) == "optional" and (not value.present or held(value.value))
    return lambda value: kind_of(value) == kind.name


def _is_list(item: Type) -> _Test:
    if item.is_any:
        return lambda value: isinstance(value, (list, tuple))
    held = is_of(item)
    return lambda value: isinstance(value, (list, tuple)) and all(map(held, value))


def _is_map(key: Type, item: Type) -> _Test:
    is_key, is_item = is_of(key), is_of(item)
    return lambda value: isinstance(value, dict) and all(is_key(name) and is_item(held) for name, held in value.items())


@lru_cache(maxsize=1024)
def guard_of(kind: Type) -> _Guard:
    """The value, if it is of `kind`. Raises CelError."""
    test = is_of(kind)

    def guard(value: Value) -> Value:
        if test(value):
            return value
        raise CelError(f"expected {kind}, found {kind_of(value)}")

    return guard


def declared_guard(kind: Type, path: str) -> _Guard:
    """The same of an attribute that is declared; `path` names it in errors. A double may be written without a point."""
    convert = _converted if _has_double(kind) else None
    test = is_of(kind)

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
