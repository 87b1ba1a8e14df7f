"""What compiled expressions call: CEL's semantics where they differ from Python's.

CEL separates bool from int, refuses overflow and mixed arithmetic, compares across number types by value, and
lets ``&&`` and ``||`` absorb an error on one side when the other side decides. Source: cel-spec doc/langdef.md.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from axonflow.policy.cel import values
from axonflow.policy.cel.functions import IMPLEMENTATIONS
from axonflow.policy.cel.functions.limits import MAX_BUILT
from axonflow.policy.cel.values import (
    LONGEST,
    NUMBERS,
    CelError,
    Exhausted,
    Uint,
    Value,
    as_bool,
    as_list,
    int64,
    kind_of,
    no_overload,
    uint64,
)
from axonflow.policy.cel.versions import SemVer

__all__ = ["RUNTIME"]


# -- fields and elements


def present(value: Value, name: str) -> Value:
    if value is None:
        raise CelError(f"{name} is missing")
    return value


def select(value: Value, field: str, name: str) -> Value:
    if not isinstance(value, dict):
        raise CelError(f"{name} is missing: {kind_of(value)} has no fields")
    if field not in value:
        raise CelError(f"{name} is missing")
    return value[field]


def has(value: Value, field: str) -> bool:
    if not isinstance(value, dict):
        raise CelError(f"{kind_of(value)} has no fields")
    return field in value


def index(value: Value, key: Value) -> Value:
    if isinstance(value, dict):
        if not isinstance(key, (str, int, float)):
            raise no_overload("[]", value, key)
        for known, item in value.items() if key.__class__ is not str else ():
            if equal(known, key):
                return item
        if key.__class__ is str and key in value:
            return value[key]
        raise CelError("no such key")
    if isinstance(value, (list, tuple)):
        if key.__class__ is Uint or (key.__class__ is float and key.is_integer()):
            key = int(key)
        if key.__class__ is not int:
            raise no_overload("[]", value, key)
        if not 0 <= key < len(value):
            raise CelError("index out of range")
        return value[key]
    raise no_overload("[]", value, key)


def make_map(*entries: tuple[Value, Value]) -> dict[Value, Value]:
    out: dict[Value, Value] = {}
    for key, value in entries:
        if not isinstance(key, (str, bool, int)):
            raise CelError(f"{kind_of(key)} is not a map key")
        if key in out:
            known = next(known for known in out if known == key)
            raise CelError(
                "repeated map key" if equal(known, key) else "a map cannot have both a bool and its number as keys"
            )
        out[key] = value
    return out


# -- comparison


def equal(left: Value, right: Value) -> bool:
    """Equality across kinds is false, across number types by value (cel-spec, Equality)."""
    left_class, right_class = left.__class__, right.__class__
    if left_class is right_class and left_class not in {list, dict, tuple}:
        return bool(left == right)
    if left_class in NUMBERS and right_class in NUMBERS:
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
    raise no_overload("in", item, container)


def _orderable(left: Value, right: Value, symbol: str) -> None:
    if left.__class__ in NUMBERS and right.__class__ in NUMBERS:
        return
    if left.__class__ is right.__class__ and isinstance(left, (str, bytes, bool, datetime, timedelta, SemVer)):
        return
    raise no_overload(symbol, left, right)


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


def _same_number(left: Value, right: Value) -> bool:
    return left.__class__ is right.__class__ and left.__class__ in NUMBERS


def _sized(number: Value, result: Value) -> Value:
    """`result` of an operation on numbers of `number`'s kind; raises where it overflows."""
    if number.__class__ is int:
        return int64(result)
    return uint64(result) if number.__class__ is Uint else result


def _moment(operate: Callable[[Value, Value], Value], left: Value, right: Value) -> Value:
    try:
        result = operate(left, right)
    except OverflowError:
        raise CelError("time out of range") from None
    return _bounded(result) if isinstance(result, timedelta) else result


def _bounded(duration: timedelta) -> timedelta:
    if abs(duration) > LONGEST:
        raise CelError("duration out of range")
    return duration


def add(left: Value, right: Value) -> Value:
    if _same_number(left, right):
        return int64(left + right) if left.__class__ is int else _sized(left, left + right)
    if left.__class__ is right.__class__ and isinstance(left, (str, bytes, list)):
        if len(left) + len(right) > MAX_BUILT:
            raise CelError(f"a value of more than {MAX_BUILT} elements")
        return left + right
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return add(list(left), list(right))
    moments = (datetime, timedelta)
    if isinstance(left, moments) and isinstance(right, moments) and timedelta in {type(left), type(right)}:
        return _moment(operator.add, left, right)
    raise no_overload("+", left, right)


def subtract(left: Value, right: Value) -> Value:
    if _same_number(left, right):
        return int64(left - right) if left.__class__ is int else _sized(left, left - right)
    if isinstance(left, datetime) and isinstance(right, (datetime, timedelta)):
        return _moment(operator.sub, left, right)
    if isinstance(left, timedelta) and isinstance(right, timedelta):
        return _moment(operator.sub, left, right)
    raise no_overload("-", left, right)


def multiply(left: Value, right: Value) -> Value:
    if _same_number(left, right):
        return int64(left * right) if left.__class__ is int else _sized(left, left * right)
    raise no_overload("*", left, right)


def divide(left: Value, right: Value) -> Value:
    if not _same_number(left, right):
        raise no_overload("/", left, right)
    if left.__class__ is not float:
        if right == 0:
            raise CelError("division by zero")
        quotient = abs(left) // abs(right)  # CEL truncates towards zero, Python floors
        return _sized(left, quotient if (left < 0) == (right < 0) else -quotient)
    if right == 0:  # IEEE 754
        if left == 0 or math.isnan(left):
            return math.nan
        return math.copysign(math.inf, math.copysign(1, left) * math.copysign(1, right))
    return left / right


def modulo(left: Value, right: Value) -> Value:
    if not _same_number(left, right) or left.__class__ is float:
        raise no_overload("%", left, right)
    if right == 0:
        raise CelError("modulus by zero")
    remainder = abs(left) % abs(right)
    return _sized(left, remainder if left >= 0 else -remainder)


def negate(value: Value) -> Value:
    if value.__class__ is int:
        return int64(-value)
    if value.__class__ is float:
        return -value
    raise no_overload("-", value)


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
        except Exhausted:
            raise
        except Exception as error:  # noqa: BLE001  a detector may fail in any way, and the other side may still decide
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


CHARS_A_STEP: Final = 4_096
VALUES_A_STEP: Final = 4
DEAR_CHARS_A_STEP: Final = 16


def charged(evaluation: Value, value: Value, chars: int = CHARS_A_STEP, values: int = VALUES_A_STEP) -> Value:
    """`value`, which a function in a loop reads or makes as a whole: paid for in steps, or a loop would multiply its
    size. `chars` and `values` are what one step pays for."""
    if isinstance(value, (str, bytes)):
        evaluation.spend(len(value) // chars)
        return value
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, (str, bytes)):
            if len(item) >= chars:
                evaluation.spend(len(item) // chars)
        elif isinstance(item, (dict, list, tuple)):
            evaluation.spend(len(item) // values)
            pending.extend(item.values() if isinstance(item, dict) else item)
    return value


def charged_dear(evaluation: Value, value: Value) -> Value:
    """The same for a function that takes steps of Python."""
    return charged(evaluation, value, DEAR_CHARS_A_STEP, 1)


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


RUNTIME: Final[dict[str, Any]] = {
    function.__name__: function
    for function in (
        *(present, select, has, index, make_map, equal, contains, less, less_equal, greater, greater_equal),
        *(add, subtract, multiply, divide, modulo, negate, all_of, any_of),
        *(charged, charged_dear, exists, for_all, exists_one, keep, transform),
        *(getattr(values, name) for name in values.__all__ if name.startswith("as_")),
        values.type_of,
    )
} | {**IMPLEMENTATIONS, **values.KIND_GUARDS, "int_class": int}
