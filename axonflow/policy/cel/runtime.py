"""What compiled expressions call: CEL's semantics where they differ from Python's.

CEL separates bool from int, refuses overflow and mixed arithmetic, compares across number types by value, and
lets ``&&`` and ``||`` absorb an error on one side when the other side decides. Source: cel-spec doc/langdef.md.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from typing import Any, Final
from zoneinfo import ZoneInfo

from axonflow.policy.cel.literals import INT_MAX, INT_MIN
from axonflow.policy.json_value import MAX_TEXT_CHARS

__all__ = ["RUNTIME", "CelError"]

Value = Any


class CelError(Exception):
    """An expression failed while it was evaluated. Its rule decides what that means; see the engine."""


_NUMBERS: Final = frozenset({int, float})
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


def _kind(value: Value) -> str:
    return _KIND_NAMES.get(type(value), type(value).__name__)


def _no_overload(symbol: str, *values: Value) -> CelError:
    return CelError(f"{symbol} does not take {' and '.join(_kind(value) for value in values)}")


# -- guards: the value, if it is of the kind that the function declares


def as_bool(value: Value) -> bool:
    if value is True or value is False:
        return value is True
    raise CelError(f"expected bool, found {_kind(value)}")


def as_string(value: Value) -> str:
    if isinstance(value, str):
        return value
    raise CelError(f"expected string, found {_kind(value)}")


def as_int(value: Value) -> int:
    if value.__class__ is int:
        return int(value)
    raise CelError(f"expected int, found {_kind(value)}")


def as_number(value: Value) -> int | float:
    if value.__class__ is int or value.__class__ is float:
        return value
    raise CelError(f"expected int or double, found {_kind(value)}")


def as_list(value: Value) -> list[Value] | tuple[Value, ...]:
    if isinstance(value, (list, tuple)):
        return value
    raise CelError(f"expected list, found {_kind(value)}")


def as_timestamp(value: Value) -> datetime:
    if isinstance(value, datetime):
        return value
    raise CelError(f"expected timestamp, found {_kind(value)}")


def as_duration(value: Value) -> timedelta:
    if isinstance(value, timedelta):
        return value
    raise CelError(f"expected duration, found {_kind(value)}")


# -- fields and elements


def present(value: Value, name: str) -> Value:
    if value is None:
        raise CelError(f"{name} is missing")
    return value


def select(value: Value, field: str, name: str) -> Value:
    if not isinstance(value, dict):
        raise CelError(f"{name} is missing: {_kind(value)} has no fields")
    if field not in value:
        raise CelError(f"{name} is missing")
    return value[field]


def has(value: Value, field: str) -> bool:
    if not isinstance(value, dict):
        raise CelError(f"{_kind(value)} has no fields")
    return field in value


def index(value: Value, key: Value) -> Value:
    if isinstance(value, dict):
        if not isinstance(key, (str, int, float)):
            raise _no_overload("[]", value, key)
        for known, item in value.items() if key.__class__ is not str else ():
            if equal(known, key):
                return item
        if key.__class__ is str and key in value:
            return value[key]
        raise CelError("no such key")
    if isinstance(value, (list, tuple)):
        if key.__class__ is float and key.is_integer():
            key = int(key)
        if key.__class__ is not int:
            raise _no_overload("[]", value, key)
        if not 0 <= key < len(value):
            raise CelError("index out of range")
        return value[key]
    raise _no_overload("[]", value, key)


def make_map(*entries: tuple[Value, Value]) -> dict[Value, Value]:
    out: dict[Value, Value] = {}
    for key, value in entries:
        if not isinstance(key, (str, bool, int)):
            raise CelError(f"{_kind(key)} is not a map key")
        if any(equal(known, key) for known in out):
            raise CelError("repeated map key")
        out[key] = value
    return out


# -- comparison


def equal(left: Value, right: Value) -> bool:
    """Equality across kinds is false, across number types by value (cel-spec, Equality)."""
    left_class, right_class = left.__class__, right.__class__
    if left_class is right_class and left_class not in {list, dict, tuple}:
        return bool(left == right)
    if left_class in _NUMBERS and right_class in _NUMBERS:
        return bool(left == right)
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return len(left) == len(right) and all(
            contains(right, key) and equal(left[key], index(right, key)) for key in left
        )
    return False


def contains(container: Value, item: Value) -> bool:
    """``item in container``"""
    if isinstance(container, (list, tuple)):
        return any(equal(item, element) for element in container)
    if isinstance(container, dict):
        if item.__class__ is str:
            return item in container
        return any(equal(item, key) for key in container)
    raise _no_overload("in", item, container)


def _orderable(left: Value, right: Value, symbol: str) -> None:
    if left.__class__ in _NUMBERS and right.__class__ in _NUMBERS:
        return
    if left.__class__ is right.__class__ and isinstance(left, (str, bytes, bool, datetime, timedelta)):
        return
    raise _no_overload(symbol, left, right)


def less(left: Value, right: Value) -> bool:
    _orderable(left, right, "<")
    return bool(left < right)


def less_equal(left: Value, right: Value) -> bool:
    _orderable(left, right, "<=")
    return bool(left <= right)


def greater(left: Value, right: Value) -> bool:
    _orderable(left, right, ">")
    return bool(left > right)


def greater_equal(left: Value, right: Value) -> bool:
    _orderable(left, right, ">=")
    return bool(left >= right)


# -- arithmetic


def _int64(value: int) -> int:
    if INT_MIN <= value <= INT_MAX:
        return value
    raise CelError("integer overflow")


def _same_number(left: Value, right: Value) -> bool:
    return left.__class__ is right.__class__ and left.__class__ in _NUMBERS


_LONGEST: Final = timedelta(seconds=315_576_000_000)
"""10,000 years: the bound of a duration (protobuf's duration.proto)."""


def _moment(operate: Callable[[Value, Value], Value], left: Value, right: Value) -> Value:
    try:
        result = operate(left, right)
    except OverflowError:
        raise CelError("time out of range") from None
    return _bounded(result) if isinstance(result, timedelta) else result


def _bounded(duration: timedelta) -> timedelta:
    if abs(duration) > _LONGEST:
        raise CelError("duration out of range")
    return duration


MAX_BUILT = 1_048_576
"""Characters or elements of a value that an expression builds by concatenation."""


def add(left: Value, right: Value) -> Value:
    if _same_number(left, right):
        return _int64(left + right) if left.__class__ is int else left + right
    if left.__class__ is right.__class__ and isinstance(left, (str, bytes, list)):
        if len(left) + len(right) > MAX_BUILT:
            raise CelError(f"a value of more than {MAX_BUILT} elements")
        return left + right
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return add(list(left), list(right))
    moments = (datetime, timedelta)
    if isinstance(left, moments) and isinstance(right, moments) and timedelta in {type(left), type(right)}:
        return _moment(operator.add, left, right)
    raise _no_overload("+", left, right)


def subtract(left: Value, right: Value) -> Value:
    if _same_number(left, right):
        return _int64(left - right) if left.__class__ is int else left - right
    if isinstance(left, datetime) and isinstance(right, (datetime, timedelta)):
        return _moment(operator.sub, left, right)
    if isinstance(left, timedelta) and isinstance(right, timedelta):
        return _moment(operator.sub, left, right)
    raise _no_overload("-", left, right)


def multiply(left: Value, right: Value) -> Value:
    if _same_number(left, right):
        return _int64(left * right) if left.__class__ is int else left * right
    raise _no_overload("*", left, right)


def divide(left: Value, right: Value) -> Value:
    if not _same_number(left, right):
        raise _no_overload("/", left, right)
    if left.__class__ is int:
        if right == 0:
            raise CelError("division by zero")
        quotient = abs(left) // abs(right)  # CEL truncates towards zero, Python floors
        return _int64(quotient if (left < 0) == (right < 0) else -quotient)
    if right == 0:  # IEEE 754
        if left == 0 or math.isnan(left):
            return math.nan
        return math.copysign(math.inf, math.copysign(1, left) * math.copysign(1, right))
    return left / right


def modulo(left: Value, right: Value) -> Value:
    if left.__class__ is not int or right.__class__ is not int:
        raise _no_overload("%", left, right)
    if right == 0:
        raise CelError("modulus by zero")
    remainder = abs(left) % abs(right)
    return remainder if left >= 0 else -remainder


def negate(value: Value) -> Value:
    if value.__class__ is int:
        return _int64(-value)
    if value.__class__ is float:
        return -value
    raise _no_overload("-", value)


# -- logic with commutative errors, for expressions whose quick evaluation failed


def all_of(*operands: Callable[[], Value]) -> bool:
    """``&&``: false if any operand is false, else the first error, else true."""
    return _decided(operands, deciding=False)


def any_of(*operands: Callable[[], Value]) -> bool:
    """``||``: true if any operand is true, else the first error, else false."""
    return _decided(operands, deciding=True)


def _decided(operands: Iterable[Callable[[], Value]], *, deciding: bool) -> bool:
    failure: Exception | None = None
    for operand in operands:
        try:
            if as_bool(operand()) is deciding:
                return deciding
        except (CelError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            failure = failure or error
    if failure is not None:
        raise failure
    return not deciding


# -- loops


def elements(value: Value) -> list[Value] | tuple[Value, ...]:
    """What a macro ranges over: a list's items, a map's keys."""
    if isinstance(value, dict):
        return list(value)
    return as_list(value)


def exists(evaluation: Value, test: Callable[[Value], Value], over: Value) -> bool:
    items = elements(over)
    evaluation.spend(len(items))
    return _decided((partial(test, item) for item in items), deciding=True)


def for_all(evaluation: Value, test: Callable[[Value], Value], over: Value) -> bool:
    items = elements(over)
    evaluation.spend(len(items))
    return _decided((partial(test, item) for item in items), deciding=False)


def exists_one(evaluation: Value, test: Callable[[Value], Value], over: Value) -> bool:
    items = elements(over)
    evaluation.spend(len(items))
    return sum(as_bool(test(item)) for item in items) == 1


def keep(evaluation: Value, test: Callable[[Value], Value], over: Value) -> list[Value]:
    items = elements(over)
    evaluation.spend(len(items))
    return [item for item in items if as_bool(test(item))]


def transform(evaluation: Value, convert: Callable[[Value], Value], over: Value) -> list[Value]:
    items = elements(over)
    evaluation.spend(len(items))
    return [convert(item) for item in items]


# -- functions


def size(value: Value) -> int:
    if isinstance(value, (str, bytes, list, tuple, dict)):
        return len(value)
    raise _no_overload("size()", value)


_BOOL_WORDS: Final = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}


def to_bool(value: Value) -> bool:
    if value is True or value is False:
        return value is True
    if isinstance(value, str) and value in _BOOL_WORDS:
        return _BOOL_WORDS[value]
    raise CelError(f"bool() cannot convert this {_kind(value)}")


def to_int(value: Value) -> int:
    if value.__class__ is int:
        return int(value)
    if value.__class__ is float and INT_MIN < value < -float(INT_MIN):  # false for NaN too
        return int(value)
    if isinstance(value, datetime):
        return int(value.timestamp())
    if isinstance(value, str) and value.isascii() and value.lstrip("+-").isdigit() and len(value) <= 20:
        return _int64(int(value))
    raise CelError(f"int() cannot convert this {_kind(value)}")


def to_double(value: Value) -> float:
    if isinstance(value, (int, float)) and value.__class__ in _NUMBERS:
        return float(value)
    if isinstance(value, str) and len(value) <= 64 and "_" not in value:
        try:
            return float(value)
        except ValueError:
            raise CelError("double() cannot convert this string") from None
    raise CelError(f"double() cannot convert {_kind(value)}")


def to_string(value: Value) -> str:
    if isinstance(value, str):
        return value
    if value is True or value is False:
        return "true" if value else "false"
    if value.__class__ is int:
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
    raise CelError(f"string() cannot convert {_kind(value)}")


def to_timestamp(value: Value) -> datetime:
    """RFC 3339 text, or whole seconds since the epoch."""
    if isinstance(value, datetime):
        return value
    try:
        if value.__class__ is int:
            return datetime.fromtimestamp(value, UTC)
        moment = datetime.fromisoformat(as_string(value))
    except (ValueError, OverflowError, OSError):
        raise CelError("not an RFC 3339 timestamp") from None
    if moment.tzinfo is None:
        raise CelError("an RFC 3339 timestamp names its offset, such as Z")
    return moment.astimezone(UTC)


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
    if total_us > _LONGEST / timedelta(microseconds=1):
        raise CelError("duration out of range")
    return timedelta(microseconds=sign * int(total_us))


@lru_cache(maxsize=64)
def _zone(name: str) -> Any:
    if name[:1] in {"+", "-"} or name[:1].isdigit():
        shift = datetime.fromisoformat(f"2000-01-01T00:00:00{name if name[0] in '+-' else '+' + name}")
        return shift.tzinfo
    return ZoneInfo(name)


def in_zone(moment: datetime, name: str) -> datetime:
    """`moment` in an IANA time zone (``Europe/Berlin``) or at a fixed offset (``+02:00``)."""
    try:
        return moment.astimezone(_zone(name))
    except (KeyError, ValueError, OSError, OverflowError):
        raise CelError("unknown time zone") from None


def day_of_week(moment: datetime) -> int:
    return moment.isoweekday() % 7  # CEL: Sunday is 0


def day_of_year(moment: datetime) -> int:
    return moment.timetuple().tm_yday - 1


_TO_LOWER: Final = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_TO_UPPER: Final = {lower: upper for upper, lower in _TO_LOWER.items()}


def lower_ascii(value: str) -> str:
    return value.translate(_TO_LOWER)


def upper_ascii(value: str) -> str:
    return value.translate(_TO_UPPER)


def join(values: Value, separator: str) -> str:
    if sum(len(as_string(value)) + len(separator) for value in values) > MAX_TEXT_CHARS:
        raise CelError(f"a text of more than {MAX_TEXT_CHARS} characters")
    return separator.join(values)


# -- AxonFlow's own functions on JSON content


def texts(value: Value) -> list[str]:
    """All strings in `value`, at any depth, keys included."""
    out: list[str] = []
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            out.append(item)
        elif isinstance(item, dict):
            out.extend(key for key in item if isinstance(key, str))
            pending.extend(reversed(item.values()))
        elif isinstance(item, (list, tuple)):
            pending.extend(reversed(item))
    return out


def chars(value: Value) -> int:
    """Characters in all strings of `value` together."""
    return len(value) if isinstance(value, str) else sum(map(len, texts(value)))


RUNTIME: Final[dict[str, Any]] = {
    function.__name__: function
    for function in (
        *(as_bool, as_string, as_int, as_number, as_list, as_timestamp, as_duration),
        *(present, select, has, index, make_map, equal, contains, less, less_equal, greater, greater_equal),
        *(add, subtract, multiply, divide, modulo, negate, all_of, any_of),
        *(exists, for_all, exists_one, keep, transform),
        *(size, to_bool, to_int, to_double, to_string, to_timestamp, to_duration, in_zone, day_of_week, day_of_year),
        *(lower_ascii, upper_ascii, join, texts, chars),
    )
} | {"int_class": int, "float_class": float, "length": len}
