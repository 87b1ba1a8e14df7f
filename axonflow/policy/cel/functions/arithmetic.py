"""The extension for numbers. Source: the cases of cel-spec, math_ext, and the documentation of cel-go's ext/math."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Final

from axonflow.policy.cel.literals import UINT_MAX
from axonflow.policy.cel.values import NUMBERS, CelError, Uint, Value, int64, no_overload

__all__ = [
    "absolute",
    "bit_and",
    "bit_not",
    "bit_or",
    "bit_xor",
    "ceiling",
    "floor",
    "greatest_of",
    "is_finite",
    "is_infinite",
    "is_nan",
    "least_of",
    "rounded",
    "shift_left",
    "shift_right",
    "sign",
    "square_root",
    "truncated",
]


# -- of several


def greatest_of(*values: Value) -> Value:
    """The first of the greatest."""
    return max(_numbers("math.greatest()", values))


def least_of(*values: Value) -> Value:
    """The first of the least."""
    return min(_numbers("math.least()", values))


def _numbers(function: str, values: Sequence[Value]) -> Sequence[Value]:
    """`values`, or the elements of the one list that they are; all of them comparable."""
    if len(values) == 1 and isinstance(values[0], (list, tuple)):
        values = values[0]
        if not values:
            raise CelError(f"{function} of an empty list")
    for value in values:
        if value.__class__ not in NUMBERS:
            raise no_overload(function, value)
        if value != value:  # noqa: PLR0124  as only NaN
            raise CelError(f"{function} does not take NaN")
    return values


# -- of a double


def ceiling(value: float) -> float:
    return float(math.ceil(value)) if math.isfinite(value) else value


def floor(value: float) -> float:
    return float(math.floor(value)) if math.isfinite(value) else value


def truncated(value: float) -> float:
    return float(math.trunc(value)) if math.isfinite(value) else value


def rounded(value: float) -> float:
    """Halves go away from zero, where Python's round() goes to the even number."""
    whole = truncated(value)
    return whole + math.copysign(1.0, value) if abs(value - whole) >= 0.5 else whole


def is_nan(value: float) -> bool:
    return math.isnan(value)


def is_infinite(value: float) -> bool:
    return math.isinf(value)


def is_finite(value: float) -> bool:
    return math.isfinite(value)


# -- of any number


def absolute(value: Value) -> Value:
    if value.__class__ is int:
        return int64(abs(value))
    if value.__class__ is Uint:
        return value
    if value.__class__ is float:
        return abs(value)
    raise no_overload("math.abs()", value)


def sign(value: Value) -> Value:
    if type(value) not in NUMBERS:
        raise no_overload("math.sign()", value)
    if value != value:  # noqa: PLR0124  as only NaN
        return value
    kind: type[Value] = value.__class__
    return kind((value > 0) - (value < 0))


def square_root(value: Value) -> float:
    if type(value) not in NUMBERS:
        raise no_overload("math.sqrt()", value)
    return math.sqrt(value) if value >= 0 else math.nan


# -- of bits


_BITS: Final = 64


def bit_and(left: Value, right: Value) -> Value:
    return _combined("math.bitAnd()", operator.and_, left, right)


def bit_or(left: Value, right: Value) -> Value:
    return _combined("math.bitOr()", operator.or_, left, right)


def bit_xor(left: Value, right: Value) -> Value:
    return _combined("math.bitXor()", operator.xor, left, right)


def _combined(function: str, combine: Callable[[int, int], int], left: Value, right: Value) -> Value:
    if left.__class__ is not right.__class__ or left.__class__ not in {int, Uint}:
        raise no_overload(function, left, right)
    kind: type[int] = left.__class__
    return kind(combine(left, right))


def bit_not(value: Value) -> Value:
    if value.__class__ is int:
        return ~value
    if value.__class__ is Uint:
        return Uint(value ^ UINT_MAX)
    raise no_overload("math.bitNot()", value)


def shift_left(value: Value, places: int) -> Value:
    return _shifted("math.bitShiftLeft()", value, places, left=True)


def shift_right(value: Value, places: int) -> Value:
    return _shifted("math.bitShiftRight()", value, places, left=False)


def _shifted(function: str, value: Value, places: int, *, left: bool) -> Value:
    """The 64 bits of `value` moved; whatever is shifted out is lost, and an int may change its sign."""
    if value.__class__ not in {int, Uint}:
        raise no_overload(function, value)
    if places < 0:
        raise CelError(f"{function} by a negative number of places")
    bits = value & UINT_MAX
    places = min(places, _BITS)
    moved = (bits << places) & UINT_MAX if left else bits >> places
    if value.__class__ is Uint:
        return Uint(moved)
    return moved - 2**_BITS if moved >> (_BITS - 1) else moved
