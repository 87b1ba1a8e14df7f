"""The extension for strings, and format()."""

# ruff: noqa: E501  rows of a table

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow import Request
from axonflow.errors import ExpressionError
from axonflow.policy.cel.functions import formatting, strings
from axonflow.policy.cel.values import CelError, Uint
from tests.unit.policy.cel.expressions import value

TEXT = st.text("abä", max_size=12)
PART = st.text("abä", max_size=3)
TRUE = [
    "'tacocat'.charAt(0) == 't' && 'ab'.charAt(2) == '' && ''.charAt(0) == '' && 'äö'.charAt(1) == 'ö'",
    "'tacocat'.indexOf('') == 0 && 'tacocat'.indexOf('c', 7) == -1 && ''.indexOf('') == 0 && 'a'.indexOf('', 1) == 1",
    "'tacocat'.lastIndexOf('t') == 6 && 'tacocat'.lastIndexOf('t', 5) == 0 && 'tacocat'.lastIndexOf('tacocats') == -1",
    "'tacocat'.substring(4) == 'cat' && 'tacocat'.substring(0, 0) == '' && 'ä'.substring(0, 1) == 'ä'",
    "'aaa'.replace('a', 'b', 0) == 'aaa' && 'aaa'.replace('a', 'b', -1) == 'bbb' && 'aaa'.replace('a', 'b', 9) == 'bbb'",
    "'ab'.replace('', '-') == '-a-b-' && 'ab'.replace('', '-', 2) == '-a-b' && ''.replace('', 'x') == 'x'",
    "'a b'.split(' ') == ['a', 'b'] && 'a'.split('b') == ['a'] && ''.split('a') == [''] && 'abc'.split('') == ['a', 'b', 'c']",
    "'a,b,c'.split(',', 0) == [] && 'a,b,c'.split(',', 1) == ['a,b,c'] && 'a,b,c'.split(',', -1) == ['a', 'b', 'c']",
    "'abc'.split('', 2) == ['a', 'bc'] && 'abc'.split('', 3) == ['a', 'b', 'c'] && 'abc'.split('', 9) == ['a', 'b', 'c']",
    "''.split('') == [] && 'abc'.split('', 1) == ['abc'] && 'abc'.split('', 0) == []",
    r"' \t\n\u00a0x\u3000'.trim() == 'x' && '\u001cx\u001f'.trim() == '\u001cx\u001f' && ''.trim() == ''",
    "'abc'.reverse() == 'cba' && dyn('abc').reverse() == 'cba' && ''.reverse() == ''",
    r"""strings.quote('a"b\\') == '"a\\"b\\\\"'""",
    "'%d%%'.format([50]) == '50%' && ''.format([]) == '' && '%s'.format(['%s']) == '%s'",
    "'%x %X %x %x'.format([255, 255u, -255, 'ä']) == 'ff FF -ff c3a4' && '%b %o %b'.format([-5, 8u, false]) == '-101 10 0'",
    "'%e %.2e %.0f %f'.format([1, 1234.5, 2.5, 3u]) == '1.000000e+00 1.23e+03 2 3.000000'",
    "'%d %f %e'.format([0.0 / 0.0, 1.0 / 0.0, -1.0 / 0.0]) == 'NaN Infinity -Infinity'",
    "'%s %s %s %s'.format([1.0, 1.5, b'a', duration('1.5s')]) == '1 1.5 a 1.5s'",
    "'%s'.format([{'b': [], 'a': {}, 2: [null, true]}]) == '{2: [null, true], a: {}, b: []}'",
    "'%s'.format([[[1.0 / 0.0], type(1)]]) == '[[Infinity], int]'",
    "'%.3f'.format(dyn([1])) == '1.000' && dyn('%s').format([context.env]) == 'prod'",
]
FAILS = [
    ("'a'.charAt(2)", "index out of range"),
    ("'a'.charAt(-1)", "index out of range"),
    ("'a'.indexOf('', 2)", "index out of range"),
    ("'a'.indexOf('a', -1)", "index out of range"),
    ("'a'.lastIndexOf('a', 2)", "index out of range"),
    ("'abc'.substring(2, 1)", "index out of range"),
    ("'abc'.substring(-1, 1)", "index out of range"),
    ("'abc'.substring(1, 4)", "index out of range"),
    ("[dyn(1)].join()", "expected string, found int"),
    ("dyn(1).reverse()", "reverse() does not take int"),
    ("'%'.format([1])", "a clause of format() is one of"),
    ("'%d %'.format([1, 2])", "a clause of format() is one of"),
    ("'%.2'.format([1])", "a clause of format() is one of"),
    ("'%.2s'.format([1])", "a clause of format() is one of"),
    ("'%.2d'.format([1])", "a clause of format() is one of"),
    ("'%.2x'.format([1])", "a clause of format() is one of"),
    ("'%.f'.format([1])", "a precision in format() has 1 to 3 digits"),
    ("'%.1000f'.format([1])", "a precision in format() has 1 to 3 digits"),
    ("'%s'.format([])", "more clauses than arguments"),
    ("'%s'.format([1, 2])", "more arguments than clauses"),
    ("'%d'.format([1.5])", "%d in format() does not take double"),
    ("'%d'.format([true])", "%d in format() does not take bool"),
    ("'%o'.format([true])", "%o in format() does not take bool"),
    ("'%f'.format(['1'])", "%f in format() does not take string"),
    ("'%x'.format([1.5])", "%x in format() does not take double"),
    ("'%s'.format([b'\\xff'])", "not UTF-8"),
    ("'%s'.format(context.env)", "expected list, found string"),
    ("context.risk.charAt(0)", "expected string, found int"),
    ("'a'.charAt(context.env)", "expected int, found string"),
]
REFUSED = [
    ("'a'.charAt('b')", 11, "wrong kind for charAt(): expected int, found string"),
    ("1.charAt(0)", 0, "wrong kind for charAt(): expected string, found int"),
    ("'a'.charAt()", 4, "charAt() is not called like this: expected value.charAt(1 arguments), found 1 in all"),
    ("1.reverse()", 0, "wrong kind for reverse(): expected string or list(A), found int"),
    ("strings.qoute('a')", 8, "unknown function: found strings.qoute()"),
    ("strings.qoute('a')", 8, "Did you mean strings.quote?"),
    ("strings", 0, "unknown name"),
    ("strings.quote()", 8, "strings.quote() is not called like this"),
]


@pytest.mark.parametrize("expression", TRUE)
def test_expression_with_strings_is_true(expression):
    assert value(expression) is True


@pytest.mark.parametrize(("expression", "message"), FAILS)
def test_expression_with_strings_that_has_no_value_says_why(expression, message):
    with pytest.raises(CelError) as raised:
        value(expression)
    assert message in str(raised.value)


@pytest.mark.parametrize(("expression", "offset", "message"), REFUSED)
def test_expression_that_calls_a_function_wrongly_is_refused_with_its_offset(expression, offset, message):
    with pytest.raises(ExpressionError) as raised:
        value(expression)
    assert message in str(raised.value)
    assert raised.value.offset == offset


def test_variable_named_like_a_namespace_is_a_variable():
    assert value("['a'].all(strings, strings.reverse() == 'a')") is True
    with pytest.raises(ExpressionError, match=r"unknown function: found quote\(\)"):
        value("['a'].all(strings, strings.quote('a') == '')")


# -- against what they mean, spelled out


@given(TEXT, PART, st.integers(-2, 14))
def test_index_of_a_part_is_the_first_and_the_last_place_where_it_stands(text, part, start):
    places = [place for place in range(len(text) + 1) if text[place : place + len(part)] == part]
    assert strings.index_of(text, part) == (places or [-1])[0]
    assert strings.last_index_of(text, part) == (places or [-1])[-1]
    if 0 <= start <= len(text):
        assert strings.index_of(text, part, start) == ([at for at in places if at >= start] or [-1])[0]
        assert strings.last_index_of(text, part, start) == ([at for at in places if at <= start] or [-1])[-1]
    else:
        for function in (strings.index_of, strings.last_index_of):
            with pytest.raises(CelError):
                function(text, part, start)


@given(TEXT, PART, st.integers(-2, 14))
def test_split_text_joins_to_itself_and_has_no_more_parts_than_asked_for(text, separator, limit):
    parts = strings.split(text, separator, limit)
    assert strings.join(parts, separator) == (text if limit else "")
    assert limit < 0 or len(parts) <= limit
    if limit < 0 and separator:
        assert not any(separator in part for part in parts)


@given(TEXT, PART, PART, st.integers(-2, 14))
def test_replaced_text_is_what_its_parts_join_to(text, old, new, limit):
    if old:
        assert strings.replace(text, old, new, limit) == new.join(
            strings.split(text, old, limit + 1 if limit >= 0 else -1)
        )
    assert strings.replace(text, old, old, limit) == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_quoted_text_is_a_literal_of_itself(text):
    assert value(strings.quote(text)) == text


@given(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 2**64 - 1).map(Uint))
def test_formatted_integer_reads_as_itself(number):
    texts = formatting.format_text("%d %b %o %x %X", [number] * 5).split(" ")
    assert [int(text, base) for text, base in zip(texts, (10, 2, 8, 16, 16), strict=True)] == [number] * 5


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 20))
def test_formatted_double_is_near_itself_to_its_precision(number, precision):
    fixed = float(formatting.format_text(f"%.{precision}f", [number]))
    assert abs(fixed - number) <= 10.0**-precision or math.isclose(fixed, number, rel_tol=1e-12)
    assert math.isclose(float(formatting.format_text("%.17e", [number])), number, rel_tol=1e-15)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_letters_of_ascii_change_their_case_and_no_others_do(text):
    assert strings.lower_ascii(text) == "".join(one.lower() if one.isascii() else one for one in text)
    assert strings.upper_ascii(text) == "".join(one.upper() if one.isascii() else one for one in text)


# -- limits


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("content.replace('a', 'aaaaa')", "a text of more than 4194304 characters"),
        ("content.replace('', '-----')", "a text of more than 4194304 characters"),
        ("content.split('a')", "a list of more than 1048576 elements"),
        ("content.split('')", "a list of more than 1048576 elements"),
        ("[content, content, content].join()", "a text of more than 4194304 characters"),
        ("'%s%s%s'.format([content, content, content])", "a text of more than 4194304 characters"),
        ("'%x%x'.format([content, content])", "a text of more than 4194304 characters"),
        ("'%s'.format([[content, [content], content]])", "a text of more than 4194304 characters"),
        ("strings.quote(content.replace('a', '\"'))", "a text of more than 4194304 characters"),
        ("'%s'.format([context.doubling])", "a text of more than 4194304 characters"),
        ("'%s'.format([context.deep])", "nested too deep"),
        ("content.format([])", "of a text of more than 65536 characters"),
    ],
)
def test_function_that_would_build_a_huge_value_is_stopped(expression, message):
    request = Request("user:ann", "tool.call", "tool:x", {}, "a" * 2_100_000)
    doubling, deep = ["a" * 4_000], []
    for _ in range(60):
        doubling = [doubling, doubling]
    for _ in range(200):
        deep = [deep]
    request.context.update({"doubling": doubling, "deep": deep})
    with pytest.raises(CelError, match=message):
        value(expression, request)


def test_last_index_of_a_part_that_almost_stands_everywhere_takes_linear_time():
    assert strings.last_index_of("a" * 2_000_000, "b" + "a" * 100_000) == -1
    assert strings.index_of("a" * 2_000_000, "a" * 100_000 + "b") == -1
