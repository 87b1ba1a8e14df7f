"""The extension for numbers."""

# ruff: noqa: E501  rows of a table

import math
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.errors import ExpressionError
from axonflow.policy.cel.functions import arithmetic
from axonflow.policy.cel.values import CelError, Uint
from tests.unit.policy.cel.expressions import value

INT = st.integers(-(2**63), 2**63 - 1)
UINT = st.integers(0, 2**64 - 1).map(Uint)
FINITE = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-20, 20).map(lambda halves: halves / 2)
TRUE = [
    "math.greatest(context.risk, 100) == 100 && math.least(context.risk, 100u, 7.5) == 7.5 && math.greatest(dyn(3)) == 3",
    "math.greatest([1, 2.5]) == 2.5 && math.least(context.deep.er) == 1 && math.greatest([dyn(1), dyn(2)]) == 2",
    "type(math.greatest(1, 2u)) == uint && type(math.greatest(1, 1u)) == int && type(math.least([2.0, 3])) == double",
    "math.ceil(-0.5) == 0.0 && math.round(-0.5) == -1.0 && math.round(0.49999999999999994) == 0.0",
    "math.isInf(math.floor(1.0 / 0.0)) && math.isNaN(math.ceil(0.0 / 0.0)) && math.isInf(math.trunc(-1.0 / 0.0))",
    "!math.isNaN(1.0) && !math.isInf(1.0) && !math.isFinite(-1.0 / 0.0) && math.isInf(math.round(1.0 / 0.0))",
    "math.abs(dyn(-2)) == 2 && math.abs(dyn(2u)) == 2u && math.abs(-2.5) == 2.5 && math.abs(-0.0) == 0.0",
    "math.sign(-3) == -1 && math.sign(dyn(-0.0)) == 0.0 && math.isNaN(math.sign(0.0 / 0.0)) && math.sign(0u) == 0u",
    "math.isNaN(math.sqrt(-1)) && math.isNaN(math.sqrt(0.0 / 0.0)) && math.sqrt(dyn(4u)) == 2.0",
    "math.bitShiftRight(-1, 1) == 9223372036854775807 && math.bitShiftRight(-1, 63) == 1 && math.bitShiftRight(-1, 64) == 0",
    "math.bitShiftLeft(1, 63) == -9223372036854775808 && math.bitShiftLeft(1, 64) == 0 && math.bitShiftLeft(3u, 63) == 9223372036854775808u",
    "math.bitAnd(dyn(6), dyn(-2)) == 6 && math.bitXor(dyn(5u), 1u) == 4u && math.bitNot(dyn(0)) == -1 && math.bitNot(dyn(0u)) == 18446744073709551615u",
    "[1].all(math, math == 1)",
]  # fmt: skip
FAILS = [
    ("math.greatest(dyn('a'))", "math.greatest() does not take string"),
    ("math.greatest(1, true)", "math.greatest() does not take bool"),
    ("math.least([])", "math.least() of an empty list"),
    ("math.least([0.0 / 0.0])", "math.least() does not take NaN"),
    ("math.greatest([1], [2])", "math.greatest() does not take list"),
    ("math.abs(dyn('a'))", "math.abs() does not take string"),
    ("math.abs(-9223372036854775808)", "integer overflow"),
    ("math.sign(dyn(null))", "math.sign() does not take null"),
    ("math.sqrt(dyn(true))", "math.sqrt() does not take bool"),
    ("math.ceil(dyn(1))", "expected double, found int"),
    ("math.bitAnd(dyn(1), dyn(1u))", "math.bitAnd() does not take int and uint"),
    ("math.bitOr(dyn(true), dyn(true))", "math.bitOr() does not take bool and bool"),
    ("math.bitNot(dyn(1.0))", "math.bitNot() does not take double"),
    ("math.bitShiftLeft(dyn(1.0), 1)", "math.bitShiftLeft() does not take double"),
    ("math.bitShiftRight(1, -1)", "math.bitShiftRight() by a negative number of places"),
    ("math.bitShiftRight(1, dyn(1u))", "expected int, found uint"),
]
REFUSED = [
    ("math.ceil(1)", 10, "wrong kind for math.ceil(): expected double, found int"),
    ("math.bitAnd(1, 1u)", 5, "wrong kinds for math.bitAnd(): expected (int, int) or (uint, uint), found (int, uint)"),
    ("math.greatest()", 5, "math.greatest(1 arguments or more)"),
    ("math.floor(1.0, 2.0)", 5, "not called like this"),
    ("math.pi", 0, "unknown name"),
]


@pytest.mark.parametrize("expression", TRUE)
def test_expression_with_numbers_is_true(expression):
    assert value(expression) is True


@pytest.mark.parametrize(("expression", "message"), FAILS)
def test_expression_with_numbers_that_has_no_value_says_why(expression, message):
    with pytest.raises(CelError) as raised:
        value(expression)
    assert message in str(raised.value)


@pytest.mark.parametrize(("expression", "offset", "message"), REFUSED)
def test_expression_that_calls_math_wrongly_is_refused_with_its_offset(expression, offset, message):
    with pytest.raises(ExpressionError) as raised:
        value(expression)
    assert message in str(raised.value)
    assert raised.value.offset == offset


@given(FINITE)
def test_rounded_double_is_what_decimal_arithmetic_says(number):
    exact = Decimal(number)
    for function, rounding in (
        (arithmetic.ceiling, ROUND_CEILING),
        (arithmetic.floor, ROUND_FLOOR),
        (arithmetic.truncated, ROUND_DOWN),
        (arithmetic.rounded, ROUND_HALF_UP),
    ):
        assert function(number) == exact.to_integral_value(rounding)


def as_bits(number):
    return [number >> place & 1 for place in range(64)]


def from_bits(bits, kind):
    number = sum(bit << place for place, bit in enumerate(bits))
    return Uint(number) if kind is Uint else number - (bits[63] << 64)


@given(st.tuples(INT, INT) | st.tuples(UINT, UINT), st.integers(0, 70))
def test_operations_on_bits_are_those_on_each_bit(pair, places):
    left, right = map(as_bits, pair)
    kind = type(pair[0])
    for function, operate in (
        (arithmetic.bit_and, min),
        (arithmetic.bit_or, max),
        (arithmetic.bit_xor, lambda one, other: int(one != other)),
    ):
        result = function(*pair)
        assert (type(result), result) == (kind, from_bits(list(map(operate, left, right)), kind))
    assert arithmetic.bit_not(pair[0]) == from_bits([1 - bit for bit in left], kind)
    assert arithmetic.shift_left(pair[0], places) == from_bits(([0] * places + left)[:64], kind)
    assert arithmetic.shift_right(pair[0], places) == from_bits((left + [0] * places)[places : places + 64], kind)


@given(st.lists(INT | UINT | FINITE, min_size=1))
def test_greatest_and_least_of_numbers_bound_them_all(numbers):
    greatest, least = arithmetic.greatest_of(numbers), arithmetic.least_of(*numbers, numbers[0])
    assert all(least <= number <= greatest for number in numbers)
    assert greatest in numbers
    assert least in numbers


def test_sign_of_a_number_is_of_its_kind():
    assert [(type(arithmetic.sign(number)), arithmetic.sign(number)) for number in (-2, Uint(2), -math.inf)] == [
        (int, -1),
        (Uint, 1),
        (float, -1.0),
    ]
