"""The kinds of CEL's values, and what happens when one is of the wrong kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from msgspec import Struct

from axonflow.policy.cel.addresses import Cidr, Ip
from axonflow.policy.cel.literals import INT_MAX, INT_MIN, UINT_MAX, Uint
from axonflow.policy.cel.versions import SemVer

__all__ = [
    "KIND_GUARDS",
    "LONGEST",
    "NONE",
    "NUMBERS",
    "TYPES",
    "CelError",
    "CelType",
    "ExhaustedError",
    "Optional",
    "Parts",
    "Uint",
    "Value",
    "as_bool",
    "as_list",
    "as_moment",
    "as_number",
    "as_string",
    "as_timestamp",
    "decided",
    "int64",
    "kind_of",
    "no_overload",
    "some",
    "type_of",
    "uint64",
]

Value = Any


class CelError(Exception):
    """An expression failed while it was evaluated. Its rule decides what that means; see the engine."""


class ExhaustedError(CelError):
    """A decision has done all the work it may. No ``&&`` or ``||`` absorbs this error, as they do others: what stands
    on the other side would only take more."""


NUMBERS: Final = frozenset({int, float, Uint})
_KIND_NAMES: Final = {
    bool: "bool",
    int: "int",
    Uint: "uint",
    float: "double",
    str: "string",
    bytes: "bytes",
    list: "list",
    tuple: "list",
    dict: "map",
    type(None): "null",
    datetime: "timestamp",
    timedelta: "duration",
    Ip: "ip",
    Cidr: "cidr",
    SemVer: "semver",
}


class CelType(Struct, frozen=True):
    """What ``type()`` gives, and what the name of a type denotes."""

    name: str


class Optional(Struct, frozen=True):
    """A value that may be there or not: what ``.?field`` and ``optional.of(x)`` give."""

    value: Any = None
    present: bool = False


NONE: Final = Optional()


def some(value: Value) -> Optional:
    return Optional(value, present=True)


_KIND_NAMES[CelType] = "type"
_KIND_NAMES[Optional] = "optional"
TYPES: Final = {
    name: CelType(name)
    for name in (
        *("bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type", "optional_type"),
        *("google.protobuf.Timestamp", "google.protobuf.Duration", "net.IP", "net.CIDR", "semver"),
    )
}
_TYPE_NAMES: Final = {
    "null": "null_type",
    "optional": "optional_type",
    "timestamp": "google.protobuf.Timestamp",
    "duration": "google.protobuf.Duration",
    "ip": "net.IP",
    "cidr": "net.CIDR",
}


def type_of(value: Value) -> CelType:
    kind = kind_of(value)
    return CelType(_TYPE_NAMES.get(kind, kind))


def kind_of(value: Value) -> str:
    return _KIND_NAMES.get(type(value), type(value).__name__)


def no_overload(symbol: str, *values: Value) -> CelError:
    return CelError(f"{symbol} does not take {' and '.join(kind_of(value) for value in values)}")


LONGEST: Final = timedelta(microseconds=INT_MAX // 1000)
"""292 years: a duration is a count of nanoseconds in 64 bits, of which we keep the microseconds."""


def int64(value: int) -> int:
    if INT_MIN <= value <= INT_MAX:
        return value
    raise CelError("integer overflow")


def uint64(value: int) -> Uint:
    if 0 <= value <= UINT_MAX:
        return Uint(value)
    raise CelError("unsigned integer overflow")


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
    if value.__class__ is int or value.__class__ is float or value.__class__ is Uint:
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


class Parts(NamedTuple):
    """A duration under the names of a moment's parts: hours, minutes and seconds are totals."""

    hour: int
    minute: int
    second: int
    microsecond: int


def as_moment(value: Value) -> datetime | Parts:
    """A timestamp, or the parts of a duration, cut towards zero."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, timedelta):
        total_us = abs(value) // timedelta(microseconds=1)
        sign = -1 if value < timedelta(0) else 1
        seconds = total_us // 1_000_000
        return Parts(sign * (seconds // 3600), sign * (seconds // 60), sign * seconds, sign * (total_us % 1_000_000))
    raise CelError(f"expected timestamp or duration, found {kind_of(value)}")


def decided(operands: Iterable[Callable[[], Value]], *, deciding: bool) -> bool:
    """`deciding` if any operand is that; else the first error, if there is one; else the opposite."""
    failure: Exception | None = None
    for operand in operands:
        try:
            if as_bool(operand()) is deciding:
                return deciding
        except ExhaustedError:
            raise
        except Exception as error:  # noqa: BLE001  a detector may fail in any way, and the other side may still decide
            failure = failure or error
    if failure is not None:
        raise failure
    return not deciding


def _guard(kind: str) -> Callable[[Value], Value]:
    def guard(value: Value) -> Value:
        if kind_of(value) == kind:
            return value
        raise CelError(f"expected {kind}, found {kind_of(value)}")

    return guard


KIND_GUARDS: Final = {
    f"as_{kind}": _guard(kind)
    for kind in ("int", "uint", "double", "bytes", "map", "duration", "type", "ip", "cidr", "semver")
}
"""The guards of the kinds that need no conversion, by the names that compiled expressions call them."""
