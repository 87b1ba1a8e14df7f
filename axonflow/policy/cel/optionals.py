"""Optional values. Source: cel-spec and cel-go, the optionals extension."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from axonflow.policy.cel.values import NONE, CelError, Optional, Value, kind_of, some

__all__ = [
    "as_optional",
    "has_value",
    "non_zero",
    "opt_flat_map",
    "opt_map",
    "optional_entries",
    "optional_items",
    "or_optional",
    "or_value",
    "unwrapped",
    "value_of",
]

_YEAR_1: Final = datetime(1, 1, 1, tzinfo=UTC)


def non_zero(value: Value) -> Optional:
    """`value`, if it is not what its kind has as a default: null, false, 0, "", [], {}."""
    is_zero = value == _YEAR_1 if isinstance(value, datetime) else value == NONE or not value
    return NONE if is_zero else some(value)


def as_optional(value: Value) -> Optional:
    if isinstance(value, Optional):
        return value
    raise CelError(f"expected optional, found {kind_of(value)}")


def has_value(value: Optional) -> bool:
    return value.present


def value_of(value: Optional) -> Value:
    if value.present:
        return value.value
    raise CelError("an optional without a value")


def or_optional(value: Optional, other: Callable[[], Optional]) -> Optional:
    return value if value.present else other()


def or_value(value: Optional, other: Callable[[], Value]) -> Value:
    return value.value if value.present else other()


def opt_map(value: Optional, convert: Callable[[Value], Value]) -> Optional:
    return some(convert(value.value)) if value.present else NONE


def opt_flat_map(value: Optional, convert: Callable[[Value], Optional]) -> Optional:
    return convert(value.value) if value.present else NONE


def optional_items(value: Optional) -> tuple[Value, ...]:
    return (value.value,) if value.present else ()


def optional_entries(key: Value, value: Optional) -> tuple[tuple[Value, Value], ...]:
    return ((key, value.value),) if value.present else ()


def unwrapped(values: Sequence[Value]) -> list[Value]:
    """The values of those optionals of a list that have one."""
    return [value.value for value in map(as_optional, values) if value.present]
