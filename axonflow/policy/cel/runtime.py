"""What compiled expressions call: CEL's semantics where they differ from Python's.

CEL separates bool from int, refuses overflow and mixed arithmetic, compares across number types by value, and
lets ``&&`` and ``||`` absorb an error on one side when the other side decides. Source: cel-spec doc/langdef.md.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from axonflow.policy.cel import elements, loops, optionals, values
from axonflow.policy.cel.functions import IMPLEMENTATIONS
from axonflow.policy.cel.functions.limits import MAX_BUILT
from axonflow.policy.cel.values import (
    LONGEST,
    NUMBERS,
    CelError,
    Uint,
    Value,
    decided,
    int64,
    no_overload,
    uint64,
)
from axonflow.policy.cel.versions import SemVer

__all__ = ["RUNTIME"]


# -- order


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
    return decided(operands, deciding=False)


def any_of(*operands: Callable[[], Value]) -> bool:
    """``||``: true if any operand is true, else the first error, else false."""
    return decided(operands, deciding=True)


RUNTIME: Final[dict[str, Any]] = {
    function.__name__: function
    for function in (
        *(less, less_equal, greater, greater_equal, add, subtract, multiply, divide, modulo, negate, all_of, any_of),
        *(getattr(module, name) for module in (elements, loops, optionals) for name in module.__all__),
        *(getattr(values, name) for name in values.__all__ if name.startswith("as_")),
        values.type_of,
        values.some,
    )
} | {
    **IMPLEMENTATIONS,
    **values.KIND_GUARDS,
    "int_class": int,
    "str_class": str,
    "bool_class": bool,
    "no_value": values.NONE,
}
