"""Conversions and the parts of time. Source: cel-spec doc/langdef.md, List of Standard Definitions."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from axonflow.policy.cel.addresses import Cidr, Ip
from axonflow.policy.cel.literals import INT_MIN
from axonflow.policy.cel.values import (
    LONGEST,
    NUMBERS,
    CelError,
    Parts,
    Uint,
    Value,
    as_string,
    int64,
    kind_of,
    no_overload,
    uint64,
)
from axonflow.policy.cel.versions import SemVer
from axonflow.policy.cel.zones import time_zone

__all__ = [
    "day_of_week",
    "day_of_year",
    "in_zone",
    "millisecond",
    "size",
    "to_bool",
    "to_bytes",
    "to_double",
    "to_duration",
    "to_int",
    "to_string",
    "to_timestamp",
    "to_uint",
    "to_zone",
]


def size(value: Value) -> int:
    if isinstance(value, (str, bytes, list, tuple, dict)):
        return len(value)
    raise no_overload("size()", value)


_BOOL_WORDS: Final = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}


_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,19}", re.ASCII)
_UNSIGNED: Final = re.compile(r"[0-9]{1,20}", re.ASCII)
_DOUBLE: Final = re.compile(
    r"[-+]?(?:[0-9]{1,400}\.[0-9]{0,400}|[0-9]{1,800}|\.[0-9]{1,400})(?:e[-+]?[0-9]{1,4})?|[-+]?inf(?:inity)?|nan",
    re.ASCII | re.IGNORECASE,
)
"""What float() takes, less white space, underscores and the digits of other scripts."""


def to_bool(value: Value) -> bool:
    if value is True or value is False:
        return value is True
    if isinstance(value, str) and value in _BOOL_WORDS:
        return _BOOL_WORDS[value]
    raise CelError(f"bool() cannot convert this {kind_of(value)}")


def to_int(value: Value) -> int:
    if value.__class__ is int or value.__class__ is Uint:
        return int64(int(value))
    if value.__class__ is float and INT_MIN < value < -float(INT_MIN):  # false for NaN too
        return int(value)
    if isinstance(value, datetime):
        return int(value.timestamp())
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int64(int(value))
    raise CelError(f"int() cannot convert this {kind_of(value)}")


def to_uint(value: Value) -> Uint:
    if value.__class__ is int or value.__class__ is Uint:
        return uint64(value)
    if value.__class__ is float and -1 < value < 2.0**64:  # false for NaN too
        return uint64(int(value))
    if isinstance(value, str) and _UNSIGNED.fullmatch(value):
        return uint64(int(value))
    raise CelError(f"uint() cannot convert this {kind_of(value)}")


def to_bytes(value: Value) -> bytes:
    if isinstance(value, bytes):
        return value
    return as_string(value).encode()  # neither a request nor a literal holds a lone surrogate


def to_double(value: Value) -> float:
    if isinstance(value, (int, float)) and value.__class__ in NUMBERS:
        return float(value)
    if isinstance(value, str):
        if not _DOUBLE.fullmatch(value):
            raise CelError("double() cannot convert this string")
        return float(value)
    raise CelError(f"double() cannot convert {kind_of(value)}")


def to_string(value: Value) -> str:
    if isinstance(value, str):
        return value
    if value is True or value is False:
        return "true" if value else "false"
    if value.__class__ is int or value.__class__ is Uint:
        return str(value)
    if value.__class__ is float:
        return repr(value) if not value.is_integer() or abs(value) >= 1e16 else str(int(value))
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise CelError("string() found bytes that are not UTF-8") from None
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.6f}".rstrip("0").rstrip(".") + "s"
    if isinstance(value, (Ip, Cidr, SemVer)):
        return str(value)
    raise CelError(f"string() cannot convert {kind_of(value)}")


def to_timestamp(value: Value) -> datetime:
    """RFC 3339 text, or whole seconds since the epoch."""
    if isinstance(value, datetime):
        return value
    try:
        if value.__class__ is int:
            return datetime.fromtimestamp(value, UTC)
        moment = datetime.fromisoformat(as_string(value))
        if moment.tzinfo is None:
            raise CelError("an RFC 3339 timestamp names its offset, such as Z")
        return moment.astimezone(UTC)  # OverflowError: the first hours of year 1, east of Greenwich
    except (ValueError, OverflowError, OSError):
        raise CelError("not an RFC 3339 timestamp") from None


_UNIT_US: Final[dict[str, float]] = {
    "h": 3_600_000_000,
    "m": 60_000_000,
    "s": 1_000_000,
    "ms": 1_000,
    "us": 1,
    "ns": 0.001,
}


def to_duration(value: Value) -> timedelta:
    """Go's notation, such as ``1h30m`` or ``1.5s``; below a microsecond is cut off."""
    if isinstance(value, timedelta):
        return value
    text = as_string(value)
    if len(text) > 64:
        raise CelError("not a duration such as 1h30m")
    sign = -1 if text.startswith("-") else 1
    rest = text.removeprefix("-")
    total_us = 0.0
    while rest:
        digits = len(rest) - len(rest.lstrip("0123456789."))
        letters = len(rest[digits:]) - len(rest[digits:].lstrip("hmsun"))
        unit = _UNIT_US.get(rest[digits : digits + letters])
        if not digits or unit is None or rest[:digits].count(".") > 1 or rest[:digits] == ".":
            raise CelError("not a duration such as 1h30m")
        total_us += float(rest[:digits]) * unit
        rest = rest[digits + letters :]
    if not text.removeprefix("-"):
        raise CelError("not a duration such as 1h30m")
    if total_us > LONGEST / timedelta(microseconds=1):
        raise CelError("duration out of range")
    return timedelta(microseconds=sign * int(total_us))


def to_zone(name: str) -> tzinfo:
    """An IANA time zone that has been read (``Europe/Berlin``), or a fixed offset (``+02:00``)."""
    try:
        return time_zone(name)
    except ValueError as error:
        raise CelError(str(error)) from None


def in_zone(moment: datetime, zone: tzinfo) -> datetime:
    """`moment` as a clock in `zone` shows it."""
    try:
        return moment.astimezone(zone)
    except (ValueError, OverflowError):
        raise CelError("time out of range") from None


def millisecond(parts: Parts) -> int:
    """Of the parts of a duration, which are negative when it is, or those of a moment."""
    return parts.microsecond // 1000 if parts.microsecond >= 0 else -(-parts.microsecond // 1000)


def day_of_week(moment: datetime) -> int:
    return moment.isoweekday() % 7  # CEL: Sunday is 0


def day_of_year(moment: datetime) -> int:
    return moment.timetuple().tm_yday - 1
