"""The kinds of CEL's values, and what happens when one is of the wrong kind."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from axonflow.policy.cel.literals import INT_MAX, INT_MIN

__all__ = [
    "LONGEST",
    "NUMBERS",
    "CelError",
    "Value",
    "as_bool",
    "as_list",
    "as_number",
    "as_string",
    "as_timestamp",
    "int64",
    "kind_of",
    "no_overload",
]

Value = Any


class CelError(Exception):
    """An expression failed while it was evaluated. Its rule decides what that means; see the engine."""


NUMBERS: Final = frozenset({int, float})
_KIND_NAMES: Final = {
    bool: "bool",
    int: "int",
    float: "double",
    str: "string",
    bytes: "bytes",
    list: "list",
    tuple: "list",
    dict: "map",
    type(None): "null",
    datetime: "timestamp",
    timedelta: "duration",
}


def kind_of(value: Value) -> str:
    return _KIND_NAMES.get(type(value), type(value).__name__)


def no_overload(symbol: str, *values: Value) -> CelError:
    return CelError(f"{symbol} does not take {' and '.join(kind_of(value) for value in values)}")


LONGEST: Final = timedelta(seconds=315_576_000_000)
"""10,000 years: the bound of a duration (protobuf's duration.proto)."""


def int64(value: int) -> int:
    if INT_MIN <= value <= INT_MAX:
        return value
    raise CelError("integer overflow")


# -- guards: the value, if it is of the kind that the function declares


def as_bool(value: Value) -> bool:
    if value is True or value is False:
        return value is True
    raise CelError(f"expected bool, found {kind_of(value)}")


def as_string(value: Value) -> str:
    if isinstance(value, str):
        return value
    raise CelError(f"expected string, found {kind_of(value)}")


def as_number(value: Value) -> int | float:
    if value.__class__ is int or value.__class__ is float:
        return value
    raise CelError(f"expected int or double, found {kind_of(value)}")


def as_list(value: Value) -> list[Value] | tuple[Value, ...]:
    if isinstance(value, (list, tuple)):
        return value
    raise CelError(f"expected list, found {kind_of(value)}")


def as_timestamp(value: Value) -> datetime:
    if isinstance(value, datetime):
        return value
    raise CelError(f"expected timestamp, found {kind_of(value)}")
